"""Parts of the page that are asked for later: sampled tokens, rollouts behind a curve's points, and
parts that are damaged.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.assembly.components import Components
from harness.assembly.config import load_config
from harness.evaluation.station import evaluate_policy
from harness.llm.roles import open_registry
from harness.report.html import to_html
from harness.report.viewer.contents import contents
from harness.run_folder import RunFolder
from harness.training.rollout_log import RolloutLog, read_rollouts
from harness.types import Checkpoint, Task
from tests.report.browser import Viewer, address_of, chromium
from tests.speller import CHANCES, speller

FLAGS = {
    "domain": "retail", "executor": "asyncio", "validation_tasks": 20, "validation_trials": 2,
    "test_tasks": 2, "test_trials": 1, "keep_tokens": True,
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """40 conversations with tokens in two blocks, two without in a block of others, and a training
    of two steps of four rollouts.
    """
    config = load_config(flags=FLAGS)
    parts = Components(config, open_registry())
    store = RunFolder.create(tmp_path_factory.mktemp("parts") / "run", config.plain())
    evaluate_policy(parts, store, speller(parts), "policy", "validation")
    evaluate_policy(parts, store, parts.named_policy("expert"), "policy", "test")
    tasks = parts.domain.tasks("train")[:2]
    store.write_values("rounds/1/tasks.jsonl", Task, tasks)
    log = RolloutLog(parts, store, "rl-1")
    for step in (1, 2):
        log.run(speller(parts), [(task, trial, step) for task in tasks for trial in range(2)])
        log.finish(step)
    curve = [
        {"step": step, "loss": 0.013 - 0.051 * (step - 1), "kl": 0.00016 * step} for step in (1, 2)
    ]
    trained = Checkpoint(id="1", policy="tiny", path="elsewhere", record={"curve": curve})
    store.write_checkpoint("rl-1", trained)
    return store


@pytest.fixture(scope="module")
def page(run: RunFolder) -> str:
    found = contents(run)
    return to_html(found.document, found.maps, found.pack)


@pytest.fixture(scope="module")
def manifest(page: str) -> Any:
    found = re.search(r'<script[^>]*id="manifest"[^>]*>(.*?)</script>', page)
    assert found
    return json.loads(found[1])


@pytest.fixture(scope="module")
def browser(page: str) -> Iterator[Any]:
    """Opened after the run is made: while it is open, no event loop can run beside its own."""
    with chromium() as opened:
        yield opened


def shown(browser: Any, folder: Path, page: str) -> Viewer:
    file = folder / "page.html"
    file.write_text(page, encoding="utf-8")
    return Viewer(browser, address_of(file))


def damaged(page: str, part: str) -> str:
    """The page with another byte in the middle of what the part compresses."""
    found = re.search(rf'(<script[^>]*id="part-{part}"[^>]*>)([^<]*)', page)
    assert found
    raw = bytearray(base64.b64decode(found[2]))
    raw[len(raw) // 2] ^= 0xFF
    return page[: found.start(2)] + base64.b64encode(raw).decode() + page[found.end(2) :]


def of_kind(run: RunFolder, evaluation: str, place: int = 0) -> Any:
    return run.read_rows(f"evals/{evaluation}/episodes.jsonl")[place]["trajectory"]


def test_tokens_are_shown_on_demand_with_shade_number_and_weights(
    browser: Any, run: RunFolder, page: str, tmp_path: Path
) -> None:
    viewer = shown(browser, tmp_path, page)
    one = of_kind(run, "policy-validation")
    view = viewer.at(f"conversation={one['id']}")
    view.wait_for_selector(".message")
    assert view.locator(".token").count() == 0
    view.keyboard.press("t")
    view.wait_for_selector(".message .token")
    number = next(n for n, m in enumerate(one["messages"][1:], 1) if m["role"] == "assistant")
    message = one["messages"][number]
    said = message["content"] or message["calls"][0]["name"]
    tokens = view.locator(f"#turn-{number} .token")
    assert tokens.all_text_contents() == [c.replace("\n", "⏎\n") for c in said]
    shades = [re.search(r"p\d", kind)[0] for kind in  # type: ignore[index]
              tokens.evaluate_all("all => all.map(one => one.className)")]  # fmt: skip
    assert shades[: len(CHANCES)] == ["p0", "p1", "p2", "p3", "p4", "p5"]
    tokens.nth(1).focus()
    told = view.locator(".looked-at").inner_text()
    assert (
        told == f'"{said[1]}" · log-probability −0.357 (70.0%) · token {ord(said[1])} · weights 2'
    )
    assert "changes" in tokens.nth(1).get_attribute("class")
    assert "weights 1, 2" in view.locator(".legend").inner_text()
    view.locator(".tokens-switch").click()
    view.wait_for_selector(f"#turn-{number} :is(.said, .call)")
    assert view.locator(".token").count() == 0
    assert not viewer.errors
    viewer.context.close()


def test_a_conversation_without_tokens_offers_none(
    browser: Any, run: RunFolder, page: str, tmp_path: Path
) -> None:
    viewer = shown(browser, tmp_path, page)
    view = viewer.at(f"conversation={of_kind(run, 'policy-test')['id']}&tokens=1")
    view.wait_for_selector(".message")
    assert view.locator(".token, .tokens-switch").count() == 0
    viewer.context.close()


def test_search_says_what_it_could_not_read_and_finds_the_rest(
    browser: Any, run: RunFolder, page: str, manifest: Any, tmp_path: Path
) -> None:
    viewer = shown(browser, tmp_path, damaged(page, manifest["blocks"][0]))
    view = viewer.at("view=conversations&q=e")
    view.wait_for_selector(".counted:has-text('cannot be read')")
    said = view.locator(".counted").inner_text()
    assert "reading" not in said
    unread = int(re.search(r"(\d+) cannot be read", said)[1])  # type: ignore[index]
    assert 0 < unread < 50
    view.fill("input[type=search]", "refund")
    view.wait_for_selector(".counted:has-text('cannot be read')")
    viewer.context.close()


def test_a_conversation_that_cannot_be_read_is_said_and_the_next_one_shown(
    browser: Any, run: RunFolder, page: str, manifest: Any, tmp_path: Path
) -> None:
    viewer = shown(browser, tmp_path, damaged(page, manifest["blocks"][0]))
    lost = of_kind(run, "policy-validation")["id"]
    view = viewer.at(f"conversation={lost}")
    view.wait_for_selector(".unreadable")
    assert f"Conversation {lost} cannot be read" in view.locator(".unreadable").inner_text()
    viewer.at(f"conversation={of_kind(run, 'policy-validation', -1)['id']}")
    view.wait_for_selector(".message")
    assert not viewer.errors
    viewer.context.close()


def test_damaged_tokens_leave_the_text(
    browser: Any, run: RunFolder, page: str, manifest: Any, tmp_path: Path
) -> None:
    viewer = shown(browser, tmp_path, damaged(page, manifest["tokens"][0]))
    view = viewer.at(f"conversation={of_kind(run, 'policy-validation')['id']}&tokens=1")
    view.wait_for_selector(".unreadable")
    assert "tokens of this conversation cannot be read" in view.locator(".told").inner_text()
    assert view.locator(".said").count() > 0
    viewer.context.close()


def test_a_damaged_pool_is_said(browser: Any, page: str, manifest: Any, tmp_path: Path) -> None:
    viewer = shown(browser, tmp_path, damaged(page, manifest["pool"]))
    view = viewer.at("view=pool")
    view.wait_for_selector("#view .unreadable")
    viewer.at("view=conversations")
    viewer.wait_for_count(50)
    viewer.context.close()


def test_behind_a_point_of_a_curve_are_the_rollouts_of_its_step(
    browser: Any, run: RunFolder, page: str, tmp_path: Path
) -> None:
    viewer = shown(browser, tmp_path, page)
    view = viewer.at("view=training")
    view.wait_for_selector(".curve")
    told = view.locator("#view").inner_text()
    assert {"loss", "0.013", "−0.038", "1.6e−4", "3.2e−4"} <= set(told.split())
    cut = "all => all.filter(one => one.getBBox().x < 0).map(one => one.textContent)"
    assert view.locator(".curve text").evaluate_all(cut) == []
    view.locator(".curve a[href*='step=2']").first.click()
    view.wait_for_selector(".step .chip")
    wanted = [row.trajectory_id for row in read_rollouts(run, "rl-1") if row.step == 2]
    links = view.locator(".step .chip").evaluate_all("all => all.map(one => one.hash)")
    assert [link.partition("conversation=")[2] for link in links] == wanted
    view.locator(".step .chip").first.click()
    view.wait_for_selector(".conversation .message")
    assert "step 2" in view.locator(".facts").inner_text()
    view.keyboard.press("t")
    view.wait_for_selector(".message .token")
    assert not viewer.errors
    viewer.context.close()
