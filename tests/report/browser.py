"""A real browser without a window, for what a page does once scripts run in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip

GO = """address => new Promise(heard => {
  if (location.hash === `#${address}`) return heard();
  addEventListener("hashchange", () => setTimeout(heard), { once: true });
  location.hash = address;
})"""
"""Changes the address, and waits for the page's own listener, which was there before."""


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser of Playwright's; without a Chromium the test is skipped."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("there is no Chromium: `apt-get install chromium` gets one")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


class Viewer:
    """The page of a run, opened; ``errors`` are what it said on the console."""

    def __init__(self, browser: Any, address: str, **context: Any) -> None:
        self.context = browser.new_context(viewport={"width": 1300, "height": 800}, **context)
        self.context.set_default_timeout(10_000)
        self.page = self.context.new_page()
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._heard)
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(address)
        self.page.wait_for_selector("html[data-ready]", timeout=30_000)

    def _heard(self, message: Any) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def at(self, address: str) -> Any:
        """The page once it has heard what the part of the address after # asks for."""
        self.page.evaluate(GO, address)
        return self.page

    def count(self) -> int:
        """How many conversations the list says that it holds."""
        said: str = self.page.locator(".counted").inner_text()
        return int(said.split()[0].replace(",", ""))

    def wait_for_count(self, wanted: int) -> None:
        """Until the list holds so many."""
        self.page.wait_for_function(
            "wanted => document.querySelector('.counted').textContent"
            ".replaceAll(',', '').startsWith(`${wanted} `)",
            arg=wanted,
        )


def address_of(file: Path) -> str:
    """The file's address."""
    return file.resolve().as_uri()
