"""An evaluation read from the run folder: its own conversations, on the tasks of its own split."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import RunError
from harness.evaluation.station import read_evaluation
from harness.run_folder import RunFolder
from harness.types import Episode, Grade, Scenario, Score, Split, Task, Trajectory


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
