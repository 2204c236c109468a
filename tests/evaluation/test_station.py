"""An evaluation read from the run folder: its own conversations, on the tasks of its own split."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.assembly.components import Components
from harness.assembly.config import load_config
from harness.errors import RunError
from harness.evaluation.station import evaluate_policy, read_evaluation
from harness.llm.roles import open_registry
from harness.run_folder import RunFolder
from harness.types import Ended, Episode, Grade, Scenario, Score, Split, Task, Trajectory


def task(split: Split) -> Task:
    return Task(
        id="0", domain="shop", split=split, scenario=Scenario(reason=f"of {split}"), world={}
    )


def episode(split: Split) -> Episode:
    trajectory = Trajectory(
        id=split, task_id="0", trial=0, policy="p", seed=1, messages=(), ended="user_stop"
    )
    return Episode(
        task=task(split),
        trajectory=trajectory,
        grade=Grade(success=False),
        score=Score(success=False),
    )


@pytest.fixture
def store(tmp_path: Path) -> RunFolder:
    """A run of a domain that counts the tasks of each split from 0."""
    store = RunFolder.create(tmp_path / "run", {})
    splits: tuple[Split, ...] = ("train", "validation", "test")
    for split in splits:
        store.write_values(f"tasks/{split}.jsonl", Task, [task(split)])
        store.write_episodes(f"sft-{split}", [episode(split)])
    return store


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_conversations_come_with_the_tasks_of_their_own_split(
    store: RunFolder, split: Split
) -> None:
    assert read_evaluation(store, f"sft-{split}") == [episode(split)]


def test_an_evaluation_without_a_split_in_its_name_is_an_error(store: RunFolder) -> None:
    store.write_episodes("mine", [episode("test")])
    with pytest.raises(RunError, match="'mine' does not say on which split") as raised:
        read_evaluation(store, "mine")
    assert "ARM-SPLIT" in raised.value.hint


def test_an_evaluation_that_is_not_there_is_named_with_those_that_are(store: RunFolder) -> None:
    with pytest.raises(RunError, match="no evaluation 'mine'") as raised:
        read_evaluation(store, "mine")
    assert "sft-test, sft-train, sft-validation" in str(raised.value)


@pytest.mark.parametrize(
    ("ended", "is_played_again"),
    [("infrastructure_fault", True), ("user_fault", False), ("context_overflow", False)],
)
def test_what_the_infrastructure_ended_is_played_again_when_a_run_goes_on(
    tmp_path: Path, ended: Ended, is_played_again: bool
) -> None:
    flags = {"policy": "noop", "executor": "asyncio", "validation_tasks": 3}
    config = load_config(preset="quick", flags={**flags, "validation_trials": 1})
    parts = Components(config, open_registry())
    store = RunFolder.create(tmp_path / "run", config.plain())

    def evaluated() -> list[Episode]:
        return evaluate_policy(parts, store, parts.policy(), "policy", "validation")

    first, *others = evaluated()
    lost = replace(first, trajectory=replace(first.trajectory, messages=(), ended=ended, fault="-"))
    store.write_episodes("policy-validation", [lost, *others])
    episodes = [first if is_played_again else lost, *others]
    assert evaluated() == read_evaluation(store, "policy-validation") == episodes
