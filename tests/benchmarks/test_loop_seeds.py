"""What several seeds of a loop come to: values by task, and paired differences in their mean."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from harness.evaluation.metrics import Outcome
from harness.types import Request, Scenario, Task


@pytest.fixture
def loop_seeds(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    before = set(sys.modules)
    yield import_module("loop_seeds")
    for name in set(sys.modules) - before:
        del sys.modules[name]


def tried(task: str, wins: str) -> list[Outcome]:
    return [Outcome(task_id=task, success=won == "1") for won in wins]


def test_each_task_has_its_own_pass_unless_too_few_trials_count(loop_seeds: Any) -> None:
    fault = Outcome(task_id="b", success=False, fault="user_fault")
    outcomes = [*tried("a", "1110"), *tried("b", "111"), fault]
    assert loop_seeds.task_passes(outcomes, 1) == {"a": 75.0, "b": 100.0}
    assert loop_seeds.task_passes(outcomes, 4) == {"a": 0.0}


def test_the_order_of_tasks_by_which_intervals_are_drawn_is_always_the_same(
    loop_seeds: Any,
) -> None:
    values = {f"task-{number}": float(number) for number in range(40)}
    assert [*loop_seeds._apart(values, values)] == sorted(values)


def test_differences_are_taken_within_seed_and_task_before_the_mean(loop_seeds: Any) -> None:
    runs = [
        loop_seeds.Run(seed=seed, passes={("sft", 1): sft, ("rl-1", 1): {"a": 50.0, "b": 100.0}})
        for seed, sft in [(1, {"a": 0.0, "b": 100.0}), (2, {"a": 50.0})]
    ]
    rows = {row["row"]: row for row in loop_seeds.table(runs)}
    row = rows["round 1 over SFT, Pass^1"]
    assert [seed["value"] for seed in row["seeds"]] == [25.0, 0.0]
    assert row["mean"]["value"] == 12.5
    assert rows["round 1 over generic control, Pass^1"]["mean"] is None


def task(key: str, *requests: tuple[str, str], tags: tuple[str, ...] = ()) -> Task:
    wanted = tuple(Request(kind=kind, says=(kind,), outcome=end) for kind, end in requests)  # type: ignore[arg-type]
    scenario = Scenario(reason="", requests=wanted)
    return Task(
        id=key, domain="shop", split="test", scenario=scenario, world={}, gold=(), tags=tags
    )


def test_success_by_kind_is_the_mean_of_all_tasks_and_seeds_that_count(loop_seeds: Any) -> None:
    tasks = [
        task("a", ("book", "done")),
        task("b", ("book", "refused")),
        task("c", ("book", "done"), ("move", "refused"), tags=("book", "withheld", "refuse_move")),
    ]
    runs = [
        loop_seeds.Run(seed=1, passes={("sft", 1): {"a": 100.0, "b": 0.0, "c": 50.0}}),
        loop_seeds.Run(seed=2, passes={("sft", 1): {"a": 50.0, "b": 100.0}}),
    ]
    rows = {row["row"]: (row["tasks"], row["arms"]) for row in loop_seeds.by_kind(runs, tasks)}
    sft = {group: (count, arms["sft"]) for group, (count, arms) in rows.items()}
    assert sft == {
        "all": (3, 60.0),
        "something is done": (2, 66.7),
        "only refused or handed over": (1, 50.0),
        "1 request": (2, 62.5),
        "2 requests": (1, 50.0),
        "0 features": (2, 62.5),
        "1 feature": (1, 50.0),
        "1 request: book": (1, 75.0),
        "1 request: book, refused": (1, 50.0),
    }
    assert rows["all"][1]["base"] is None
