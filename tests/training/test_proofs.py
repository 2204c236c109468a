"""Proofs: the teacher's conversations on tasks to train on, made once and checked when read."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.assembly.components import Components
from harness.assembly.config import load_config
from harness.errors import NothingToLearn, RolloutFault, RunError
from harness.evaluation.rollout import run_rollouts
from harness.llm.roles import open_registry
from harness.protocols import Conversation, Policy, RolloutJob
from harness.run_folder import PROOFS, RunFolder
from harness.training import proofs as module
from harness.training.proofs import proofs_of
from harness.training.station import train_on_tasks, warm_start
from harness.types import Checkpoint, Episode, stable_seed
from harness.types.names import ArmName
from tests.ears import Ear


class Teacher:
    """The expert, except on some tasks, where it gives up; counts the tasks it was asked on."""

    def __init__(self, expert: Policy, fails_on: Sequence[str] = ()) -> None:
        self.id, self.expert, self.fails_on = "teacher", expert, fails_on
        self.asked: set[str] = set()
        self.down_on: Sequence[str] = ()

    async def act(self, conversation: Conversation, *, seed: int) -> Any:
        self.asked.add(conversation.task.id)
        if conversation.task.id in self.down_on:
            raise RolloutFault("infrastructure_fault", "'teacher' is down")
        turn = await self.expert.act(conversation, seed=seed)
        if conversation.task.id in self.fails_on:
            return type(turn)(
                message=type(turn.message)(role="assistant", content="Bye."), stop=True
            )
        return turn

    def forget(self, conversation_id: str) -> None:
        self.expert.forget(conversation_id)


class School:
    """A run with a teacher, and some tasks."""

    def __init__(self, folder: Path, count: int = 6, *, fails: int = 0) -> None:
        self.ear = Ear()
        config = load_config(preset="quick", flags={"domain": "retail", "executor": "asyncio"})
        self.parts = Components(config, open_registry(), (self.ear,))
        self.tasks = list(self.parts.domain.tasks("train")[:count])
        self.teacher = Teacher(self.parts.teacher, [task.id for task in self.tasks[:fails]])
        self.parts.teacher = self.teacher  # type: ignore[misc]
        self.folder = folder
        self.store = RunFolder.create(folder, config.plain())

    def proofs(self) -> dict[str, Episode]:
        return proofs_of(self.parts, self.store, self.tasks)


@pytest.fixture
def school(tmp_path: Path) -> School:
    return School(tmp_path / "run")


def test_each_proof_is_a_success_on_its_task_made_once(school: School) -> None:
    first = school.proofs()
    assert [*first] == [task.id for task in school.tasks]
    assert all(e.score.success and e.task.id == name for name, e in first.items())
    school.teacher.asked.clear()
    again = school.proofs()
    assert school.teacher.asked == set()
    assert {n: e.trajectory for n, e in again.items()} == {
        n: e.trajectory for n, e in first.items()
    }


def test_a_killed_run_asks_the_teacher_only_on_what_is_missing(school: School) -> None:
    school.proofs()
    file = school.folder / PROOFS
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:4]))
    school.teacher.asked.clear()
    assert len(school.proofs()) == 6
    assert len(school.teacher.asked) == 2


def test_proofs_are_on_disk_in_the_order_of_the_tasks_whichever_ended_first(school: School) -> None:
    school.proofs()
    file = school.folder / PROOFS
    whole = file.read_text()
    lines = whole.splitlines(keepends=True)
    ids = [json.loads(line)["trajectory"]["task_id"] for line in lines]
    assert ids == [task.id for task in school.tasks]
    cut, unordered = [lines[4], lines[1], lines[0]], lines[::-1]
    for had in (cut, unordered):
        file.write_text("".join(had))
        school.proofs()
        assert file.read_text() == whole


def test_the_user_of_a_proof_is_that_of_rollouts_on_the_task(school: School) -> None:
    """Whoever replays the agent's turns then hears the same replies."""
    task = school.tasks[0]
    job = RolloutJob(task=task, trial=3, seed=77, user_seed=stable_seed("user", task.id))
    [episode] = run_rollouts([job], school.teacher, school.parts.setup, school.parts.executor)
    said = [m.content for m in school.proofs()[task.id].trajectory.messages if m.role == "user"]
    assert [m.content for m in episode.trajectory.messages if m.role == "user"] == said


def test_tasks_that_the_teacher_fails_are_counted_in_one_warning(tmp_path: Path) -> None:
    school = School(tmp_path / "run", fails=3)
    assert [*school.proofs()] == [task.id for task in school.tasks[3:]]
    [said] = school.ear.warnings
    assert "3 of 6 tasks have no proof of the teacher 'teacher': it failed (3)" in said
    school.teacher.asked.clear()
    assert len(school.proofs()) == 3
    assert school.teacher.asked == set()


def test_a_proof_that_does_not_replay_is_none(school: School) -> None:
    school.proofs()
    file = school.folder / PROOFS
    first, *others = [json.loads(line) for line in file.read_text().splitlines()]
    result = next(m for m in first["trajectory"]["messages"] if m["role"] == "tool")
    result["content"] = "something else"
    file.write_text("".join(json.dumps(row) + "\n" for row in (first, *others)))
    assert first["trajectory"]["task_id"] not in school.proofs()
    assert "its calls have other results in a replay (1)" in school.ear.warnings[-1]


def test_what_ended_in_a_fault_is_tried_again_the_next_time(school: School) -> None:
    school.teacher.down_on = [task.id for task in school.tasks[:2]]
    assert [*school.proofs()] == [task.id for task in school.tasks[2:]]
    school.teacher.down_on = []
    school.teacher.asked.clear()
    assert [*school.proofs()] == [task.id for task in school.tasks]
    assert school.teacher.asked == {task.id for task in school.tasks[:2]}


def test_a_teacher_that_is_down_ends_the_run_and_not_the_warm_start(school: School) -> None:
    school.teacher.down_on = [task.id for task in school.tasks]
    with pytest.raises(RunError, match=r"all 6 conversations of the teacher .* 'teacher' is down"):
        school.proofs()
    school.teacher.down_on = []
    assert len(school.proofs()) == 6


def test_a_teacher_that_solves_nothing_is_not_asked_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK", 2)
    monkeypatch.setattr(module, "IN_VAIN", 4)
    school = School(tmp_path / "run", fails=6)
    assert school.proofs() == {}
    assert len(school.teacher.asked) == 4
    assert "it failed (4); not asked on, since it solved none (2)" in school.ear.warnings[0]


def test_without_a_proof_there_is_no_warm_start_and_nothing_to_imitate(tmp_path: Path) -> None:
    school = School(tmp_path / "run", fails=6)
    store, tasks = school.store, school.tasks
    store.write_checkpoint("sft", Checkpoint(id="sft", policy="tiny", path=""))
    arm = ArmName.targeted(1)
    warm_start(school.parts, store, arm, "sft", tasks, "6 targeted tasks")
    assert not store.has_checkpoint(arm.warm)
    assert school.ear.warnings[-1] == "rl-1 has no warm start: no task has a proof"
    imitating = school.parts.changed(trainer="sft")
    imitating.teacher = school.teacher  # type: ignore[misc]
    with pytest.raises(NothingToLearn, match="solved none of 6 tasks to imitate"):
        train_on_tasks(imitating, store, arm, "sft", tasks, "6 targeted tasks")


def test_a_trainer_gets_proofs_only_if_it_uses_them(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    got: list[Any] = []

    class Asks:
        needs = "tasks"

        def __init__(self, *, uses_proofs: bool) -> None:
            self.uses_proofs = uses_proofs

    def take(parts: object, store: object, **job: Any) -> None:
        got.append(len(job["proofs"]))

    monkeypatch.setattr("harness.training.station.train_arm", take)
    for uses in (False, True):
        trainer = Asks(uses_proofs=uses)
        monkeypatch.setattr(Components, "trainer", lambda self, name, t=trainer: t)
        train_on_tasks(school.parts, school.store, "rl-1", "sft", school.tasks, "tasks")
    assert got == [0, len(school.tasks)]


def test_proofs_that_are_in_order_stay_where_they_are(school: School) -> None:
    first, second = school.tasks[:3], school.tasks[3:]
    for tasks in (first, second, first):
        proofs_of(school.parts, school.store, tasks)
    rows = [row.trajectory.task_id for row in school.store.proof_outlines()]
    assert rows == [task.id for task in school.tasks]
    proofs_of(school.parts, school.store, [*reversed(first)])
    rows = [row.trajectory.task_id for row in school.store.proof_outlines()]
    assert rows == [task.id for task in (*second, *reversed(first))]
