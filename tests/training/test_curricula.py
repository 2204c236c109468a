"""The untargeted tasks of the control."""

from collections.abc import Iterator, Sequence
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
from harness.training.curricula import untargeted, without_repeats
from harness.types import Recipe, Task
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
    found = untargeted(parts, 50)
    assert 0 < len({task.id for task in found}) == len(found) <= 6
    [said] = ear.warnings
    assert f"trains on {len(found)} untargeted tasks, not 50" in said


def test_a_domain_with_enough_tasks_gives_as_many_as_asked_for() -> None:
    config = load_config(preset="quick", flags={"domain": "retail"})
    ear = Ear()
    found = untargeted(Components(config, open_registry(), (ear,)), 12)
    assert len({task.id for task in found}) == 12
    assert ear.warnings == []


def test_a_domain_without_an_admissible_task_has_no_control() -> None:
    parts, _ = limited(6, split="test")
    with pytest.raises(NothingToLearn, match="no untargeted task") as caught:
        untargeted(parts, 50)
    assert "control" in caught.value.hint


def test_the_checkpoint_says_on_how_many_tasks_the_control_was_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts, _ = limited(6)
    said: list[str] = []
    monkeypatch.setattr(loop, "training_pool", lambda *_: [None] * 50)
    monkeypatch.setattr(loop, "train_on_tasks", lambda *told: said.append(told[-1]))
    loop.train_control(parts, RunFolder.create(tmp_path / "run", {}), 1)
    assert said == [f"{len(untargeted(parts, 50))} untargeted tasks"]


def test_repeats_are_left_out_and_a_whole_round_of_them_is_the_end() -> None:
    tasks = limited(4)[0].domain.tasks("train")[:4]
    assert list(without_repeats(cycle(tasks))) == list(tasks)
    now_and_then = [tasks[0], tasks[1], tasks[0], tasks[2], tasks[2], tasks[3]]
    assert list(without_repeats(now_and_then)) == list(tasks)
