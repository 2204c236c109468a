"""The chain from a failure to the rollouts on tasks made for it and to its recovery, both ways."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pytest
from rich.console import Console

from harness.assembly.components import Components
from harness.assembly.config import load_config
from harness.errors import RunError
from harness.injection.pool import tasks_of_round
from harness.llm.roles import open_registry
from harness.loop import discover, evaluate_once, inject
from harness.report.why import GROUPS, why_tree, why_values
from harness.results.lineage import lineage
from harness.results.rollout_groups import courses, rollout_groups
from harness.run_folder import RunFolder
from harness.training.rollout_log import RolloutLog
from harness.types import Checkpoint, ErrorPattern, Task

SIZES = {
    "policy": "noisy:0.8", "executor": "asyncio", "validation_tasks": 12, "validation_trials": 2,
    "targeted_tasks": 6,
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A round up to its training, and the next round's discovery on the same conversations."""
    options = {"admission": {"off": ["targeted"]}}
    config = load_config(preset="quick", flags={**SIZES, "options": options})
    parts = Components(config, open_registry())
    store = RunFolder.create(tmp_path_factory.mktemp("lineage") / "run", config.plain())
    evaluate_once(parts, store, "validation")
    discover(parts, store, 1, "policy-validation")
    inject(parts, store, 1)
    log = RolloutLog(parts, store, "rl-1")
    for step, policy in enumerate(("noop", "noop", "expert", "expert"), start=1):
        trained = tasks_of_round(store, 1)[: 2 + step]
        jobs = [(task, trial, step) for task in trained for trial in range(2)]
        log.run(parts.named_policy(policy), jobs)
        log.finish(step)
    store.write_checkpoint("rl-1", Checkpoint(id="c", policy="noisy", path=""))
    discover(parts, store, 2, "policy-validation")
    return store


def targeted(store: RunFolder) -> list[Task]:
    return tasks_of_round(store, 1)


def drawn(store: RunFolder, id: str, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(why_tree(lineage(store, id)))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_targeted_task_leads_on_to_its_rollouts_by_step_and_group(run: RunFolder) -> None:
    task = targeted(run)[0]
    found = lineage(run, task.id)
    assert [(g.arm, g.step, g.group) for g in found.practised] == [
        ("rl-1", step, 0) for step in (1, 2, 3, 4)
    ]
    assert [(g.successes, g.trials) for g in found.practised] == [(0, 2), (0, 2), (2, 2), (2, 2)]
    first, last = found.practised[0], found.practised[-1]
    assert first.total < last.total
    assert last.terms["task_success"] == 1.0
    assert len(set(first.trajectories)) == 2
    shown = drawn(run, task.id)
    assert f"rl-1, step 3, group 0, task {task.id}: 2 of 2 succeeded, reward" in shown
    assert "task success 1.00" in shown


def test_a_rollout_leads_back_to_task_pattern_and_failure(run: RunFolder) -> None:
    task = targeted(run)[1]
    [group, *_] = lineage(run, task.id).practised
    found = lineage(run, group.trajectories[1])
    assert (found.what, found.practised) == ("rollout", [group])
    assert task.origin is not None
    assert [made.task_id for made in found.tasks] == [task.id]
    assert task.origin.pattern_id in {seen.pattern.id for seen in found.patterns}
    assert task.origin.trajectory_id in {one.diagnosis.trajectory_id for one in found.failures}


def test_a_failure_and_a_pattern_lead_on_to_the_rollouts(run: RunFolder) -> None:
    origins = {task.id: task.origin for task in targeted(run) if task.origin}
    for id in {origin.trajectory_id for origin in origins.values()}:
        made = [key for key, origin in origins.items() if origin.trajectory_id == id]
        assert {g.task_id for g in lineage(run, id).practised} == _practised(run, made)
    for id in {origin.pattern_id for origin in origins.values()}:
        made = [key for key, origin in origins.items() if origin.pattern_id == id]
        assert {g.task_id for g in lineage(run, id).practised} == _practised(run, made)


def test_many_groups_are_told_by_halves_of_the_training(run: RunFolder) -> None:
    groups = rollout_groups(run)
    assert len(groups) > GROUPS
    [course] = courses(groups)
    assert (course.arm, course.groups, course.trials) == ("rl-1", len(groups), 2 * len(groups))
    assert (course.first, course.second) == (0.0, 100.0)
    [short] = courses([group for group in groups if group.step == 1])
    assert (short.first, short.second) == (0.0, None)


def test_recovery_tells_a_patterns_failures_from_round_to_round(run: RunFolder) -> None:
    pattern = run.read_values("rounds/1/patterns.jsonl", ErrorPattern)[0]
    found = lineage(run, pattern.id)
    [change] = found.recovered
    assert (change.before_round, change.after_round, change.sure) == (1, 2, False)
    assert change.before == change.after == len(pattern.members)
    assert "round 1 to 2: same, 0 [0, 0] per 100 conversations" in " ".join(
        drawn(run, pattern.id).split()
    )


def test_all_of_it_is_there_as_plain_values_and_no_line_is_too_wide(run: RunFolder) -> None:
    task = targeted(run)[0]
    plain = why_values(lineage(run, task.id))
    practised_rows = plain["practised"]
    assert isinstance(practised_rows, list)
    assert {"arm", "step", "group", "successes", "trials", "terms"} <= set(practised_rows[0])  # type: ignore[arg-type]
    assert all(len(line) <= 80 for line in drawn(run, task.id, width=80).splitlines())


def test_an_id_of_nothing_is_refused(run: RunFolder) -> None:
    with pytest.raises(RunError, match="training rollout 'zzz'"):
        lineage(run, "zzz")


def _practised(store: RunFolder, tasks: Sequence[str]) -> set[str]:
    trained = {task.id for task in targeted(store)[:6]}
    return set(tasks) & trained
