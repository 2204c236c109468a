"""The latest rollouts of a training as conversations that discovery reads."""

from pathlib import Path

import pytest

from harness.assembly.components import Components
from harness.assembly.config import load_config
from harness.errors import RunError
from harness.evaluation.station import read_evaluation
from harness.llm.roles import open_registry
from harness.run_folder import RunFolder
from harness.training.practice import keep_practice, latest
from harness.training.rollout_log import RolloutLog, read_rollouts
from harness.types import Task

FLAGS = {
    "domain": "retail", "executor": "asyncio", "validation_tasks": 3, "validation_trials": 1,
}  # fmt: skip


def practised(folder: Path, policy: str, **flags: object) -> tuple[Components, RunFolder]:
    """A run whose first round trained on two tasks, in three steps of two rollouts each."""
    config = load_config(flags={**FLAGS, **flags})
    parts, store = Components(config, open_registry()), RunFolder.create(folder, config.plain())
    tasks = parts.domain.tasks("train")[:2]
    store.write_values("rounds/1/tasks.jsonl", Task, tasks)
    log = RolloutLog(parts, store, "rl-1")
    for step in (1, 2, 3):
        log.run(parts.named_policy(policy), [(tasks[step % 2], trial, step) for trial in (0, 1)])
        log.finish(step)
    return parts, store


def test_the_last_steps_are_read_until_there_are_as_many_as_on_validation(tmp_path: Path) -> None:
    parts, store = practised(tmp_path / "run", "noop", discover_from="rollouts")
    keep_practice(parts, store, "rl-1")
    rows = read_rollouts(store, "rl-1")
    found = read_evaluation(store, "rl-1-train")
    assert [e.trajectory for e in found] == [row.trajectory for row in rows if row.step > 1]
    assert [e.score.total for e in found] == pytest.approx([r.total for r in rows if r.step > 1])
    assert not any(e.score.success or e.grade.success for e in found)
    assert {e.task.id for e in found} == {row.task_id for row in rows}


def test_all_are_read_where_there_are_not_so_many(tmp_path: Path) -> None:
    _, store = practised(tmp_path / "run", "noop")
    rows = read_rollouts(store, "rl-1")
    assert latest(rows, 100) == rows
    assert {row.step for row in latest(rows, 2)} == {3}
    assert latest([], 2) == []


def test_what_is_read_again_is_what_was_scored(tmp_path: Path) -> None:
    parts, store = practised(tmp_path / "run", "expert", keep_trajectories=True)
    keep_practice(parts, store, "rl-1")
    assert all(e.score.success for e in read_evaluation(store, "rl-1-train"))


def test_without_the_text_of_rollouts_there_is_nothing_to_read(tmp_path: Path) -> None:
    parts, store = practised(tmp_path / "run", "noop")
    with pytest.raises(RunError, match=r"training of rl-1 .* left no rollouts with their text"):
        keep_practice(parts, store, "rl-1")
    assert store.evaluations() == []
