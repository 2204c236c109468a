"""The rollouts of a training, in the run folder."""

from pathlib import Path

import pytest

from harness.assembly.components import Components
from harness.assembly.config import load_config
from harness.llm.roles import open_registry
from harness.protocols import Policy
from harness.run_folder import RunFolder
from harness.training.rollout_log import RolloutLog, TrainingRollout, read_rollouts

FLAGS = {"domain": "retail", "executor": "asyncio"}


def begun(folder: Path, **flags: object) -> tuple[Components, RunFolder]:
    config = load_config(flags={**FLAGS, **flags})
    return Components(config, open_registry()), RunFolder.create(folder, config.plain())


def steps(log: RolloutLog, policy: Policy, *numbers: int) -> None:
    """Two tasks, twice each, and one of them again in place of another."""
    tasks = log.parts.domain.tasks("train")[:3]
    for number in numbers:
        for drawn in (tasks[:2], tasks[2:]):
            log.run(policy, [(task, trial, number) for task in drawn for trial in range(2)])
        log.finish(number)


def test_each_conversation_is_a_line_with_its_terms_and_counts(tmp_path: Path) -> None:
    parts, store = begun(tmp_path / "run")
    steps(RolloutLog(parts, store, "rl-1"), parts.named_policy("expert"), 1, 2)
    rows = read_rollouts(store, "rl-1")
    assert [(row.step, row.group, row.trial) for row in rows] == [
        (step, group, trial) for step in (1, 2) for group in (0, 1, 2) for trial in (0, 1)
    ]
    weights = parts.config.rewards
    for row in rows:
        assert row.total == pytest.approx(sum(weights[k] * v for k, v in row.terms.items()))
        assert row.success
        assert row.behaviour.calls > 0
        assert row.trajectory is None
    assert len({row.trajectory_id for row in rows}) == len(rows)


def test_a_step_that_is_made_again_replaces_what_was_there(tmp_path: Path) -> None:
    parts, store = begun(tmp_path / "run")
    policy = parts.named_policy("expert")
    steps(RolloutLog(parts, store, "rl-1"), policy, 1, 2, 3)
    whole = read_rollouts(store, "rl-1")
    steps(RolloutLog(parts, store, "rl-1"), policy, 2, 3)
    assert read_rollouts(store, "rl-1") == whole


def test_guided_rollouts_are_on_disk_but_not_among_the_policys_own(tmp_path: Path) -> None:
    parts, store = begun(tmp_path / "run")
    policy, tasks = parts.named_policy("expert"), parts.domain.tasks("train")[:2]
    for log in (RolloutLog(parts, store, "rl-1"), RolloutLog(parts, store, "rl-1")):
        for step in (1, 2):  # the second time as by a training that was killed after its first step
            jobs = [(task, trial, 1) for task in tasks for trial in range(2)]
            assert len(log.run(policy, jobs, guided=2)) == 4
            log.finish(step)
    rows = store.read_values("checkpoints/rl-1/rollouts.jsonl", TrainingRollout)
    assert [row.guided for row in rows] == [True, True, False, False] * 2
    own = read_rollouts(store, "rl-1")
    assert [row.task_id for row in own] == [tasks[1].id] * 4
    assert own == [row for row in rows if not row.guided]


def test_the_words_are_kept_where_that_is_asked_for(tmp_path: Path) -> None:
    parts, store = begun(tmp_path / "run", keep_trajectories=True)
    steps(RolloutLog(parts, store, "rl-1"), parts.named_policy("noop"), 1)
    kept: list[TrainingRollout] = read_rollouts(store, "rl-1")
    assert all(row.trajectory and row.trajectory.id == row.trajectory_id for row in kept)


def test_a_training_without_rollouts_leaves_no_file(tmp_path: Path) -> None:
    parts, store = begun(tmp_path / "run")
    RolloutLog(parts, store, "sft").finish(1)
    assert not (store.folder / "checkpoints").exists()
    assert read_rollouts(store, "sft") == []
