"""The tasks of the controls."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest

from harness import loop
from harness.assembly.components import Components
from harness.assembly.config import load_config
from harness.errors import NothingToLearn
from harness.llm.roles import open_registry
from harness.protocols import Domain
from harness.run_folder import RunFolder
from harness.training.curricula import control_tasks, without_repeats
from harness.types import Recipe, Task, ToolCall
from tests.ears import Ear

ENOUGH = 1000
"""Whoever asks a generator for more tasks than this never stops."""


class Limited:
    """A domain whose generator offers the same few tasks again and again."""

    def __init__(self, domain: Domain, tasks: Sequence[Task]) -> None:
        self._domain, self._tasks = domain, tasks

    def generate(self, seed: int, recipe: Recipe) -> Iterator[Task]:
        yield from islice(cycle(self._tasks), ENOUGH)
        raise AssertionError("asked for tasks without end")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._domain, name)


def limited(count: int, *, split: str = "train") -> tuple[Components, Ear]:
    ear = Ear()
    config = load_config(preset="quick", flags={"domain": "retail"})
    parts = Components(config, open_registry(), (ear,))
    tasks: Any = parts.domain.tasks(split)[:count]  # type: ignore[arg-type]
    parts.domain = Limited(parts.domain, tasks)  # type: ignore[assignment]
    return parts, ear


def test_a_domain_with_too_few_tasks_gives_all_it_has_and_says_so() -> None:
    parts, ear = limited(6)
    found = control_tasks(parts, "generic", 50)
    assert 0 < len({task.id for task in found}) == len(found) <= 6
    [said] = ear.warnings
    assert f"the generic control trains on {len(found)} tasks, not 50" in said


def test_a_domain_with_enough_tasks_gives_as_many_as_asked_for() -> None:
    config = load_config(preset="quick", flags={"domain": "retail"})
    ear = Ear()
    found = control_tasks(Components(config, open_registry(), (ear,)), "oracle", 12)
    assert len({task.id for task in found}) == 12
    assert ear.warnings == []


def test_tasks_of_earlier_rounds_are_skipped() -> None:
    parts = Components(load_config(preset="quick", flags={"domain": "retail"}), open_registry())
    both, later = control_tasks(parts, "oracle", 9), control_tasks(parts, "oracle", 4, skip=5)
    assert [task.id for task in later] == [task.id for task in both[5:]]


def test_generic_tasks_are_as_easy_as_what_sft_was_shown_and_oracle_tasks_as_hard_as_the_test() -> (
    None
):
    config = load_config(preset="quick", flags={"domain": "retail"})
    parts = Components(config, open_registry())
    mixed = parts.changed(easy_demonstrations=0.0)

    def harder(tasks: Sequence[Task]) -> int:
        return sum(bool({"withheld", "same_but", "two_orders"} & {*t.tags}) for t in tasks)

    generic, oracle = (control_tasks(parts, kind, 40) for kind in ("generic", "oracle"))
    assert harder(generic) == 0
    assert harder(oracle) > 10
    assert harder(control_tasks(mixed, "generic", 40)) > 10
    assert not {task.id for task in generic} & {task.id for task in oracle}


def test_a_domain_without_an_admissible_task_has_no_control() -> None:
    parts, _ = limited(6, split="test")
    with pytest.raises(NothingToLearn, match="no task for the oracle control") as caught:
        control_tasks(parts, "oracle", 50)
    assert "control" in caught.value.hint


def test_a_generator_whose_tasks_are_all_refused_is_given_up() -> None:
    parts, _ = limited(1)
    [task] = parts.domain.tasks("train")[:1]
    unknown = [replace(task, gold=(ToolCall(name=f"tool_{n}", arguments={}),)) for n in range(200)]
    parts.domain = Limited(parts.domain, unknown)  # type: ignore[assignment]
    with pytest.raises(
        NothingToLearn, match="the gates refused 100 candidates, mostly: not well-formed"
    ):
        control_tasks(parts, "oracle", 5)


def test_the_checkpoint_says_on_how_many_tasks_the_control_was_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = limited(6)[0].changed(warm_start=False)
    said: list[str] = []
    monkeypatch.setattr(loop, "training_pool", lambda *_: [None] * 50)
    monkeypatch.setattr(loop, "train_on_tasks", lambda *told: said.append(told[-1]))
    loop.train_control(parts, RunFolder.create(tmp_path / "run", {}), 1, "oracle")
    assert said == [f"{len(control_tasks(parts, 'oracle', 50))} oracle tasks"]


def test_repeats_are_left_out_and_a_whole_round_of_them_is_the_end() -> None:
    tasks = limited(4)[0].domain.tasks("train")[:4]
    assert list(without_repeats(cycle(tasks))) == list(tasks)
    now_and_then = [tasks[0], tasks[1], tasks[0], tasks[2], tasks[2], tasks[3]]
    assert list(without_repeats(now_and_then)) == list(tasks)
