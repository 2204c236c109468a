"""How hard a mix is: features that make tasks harder, counted by kind of request."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from harness.types import Request, Scenario, Task


def task(key: str, tags: str, *requests: tuple[str, str]) -> Task:
    wanted = tuple(Request(kind=kind, says=(kind,), outcome=end) for kind, end in requests)  # type: ignore[arg-type]
    scenario = Scenario(reason="", requests=wanted)
    kinds = tuple(tags.split())
    return Task(
        id=key, domain="shop", split="train", scenario=scenario, world={}, gold=(), tags=kinds
    )


def test_only_features_that_make_a_task_harder_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    found = import_module("mixes").measure(
        [
            task("a", "book payment_choice", ("book", "done")),
            task("b", "book cheapest withheld", ("book", "done")),
            task("c", "refuse_book pressure", ("book", "refused")),
            task("d", "book move multi_request", ("book", "done"), ("move", "done")),
        ]
    )
    assert found == {
        "1 request, %": 75.0,
        "2 requests, %": 25.0,
        "refused or handed over, %": 25.0,
        "features": 0.75,
        "1 request: features": 1.0,
        "book: tasks": 2,
        "book: features": 1.0,
        "book: none, %": 50.0,
        "book: one, %": 0.0,
    }
