"""Turn what a run folder holds of its conversations into a list, and one of them into all that is
known of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.discovery.station import round_patterns
from harness.errors import RunError
from harness.evaluation.station import evaluation_tasks
from harness.injection.pool import rounds_of, tasks_of_round
from harness.results.history import round_numbers
from harness.results.originals import known_as, originals_of
from harness.results.outcomes import failures_of
from harness.run_folder import PROOFS, Outline, RunFolder
from harness.run_folder.rows import EpisodeRow
from harness.runtime.json_lines import adapter
from harness.training.rollout_log import TrainingRollout, rollouts_file
from harness.types import (
    NOT_GRADEABLE,
    Change,
    Changes,
    Diagnosis,
    Grade,
    Json,
    Score,
    Task,
    TermScore,
    Trajectory,
)

Row = dict[str, Json]

Only = Literal["failed", "solved", "faults"]

_PROOFS = "proofs"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    where: str
    trajectory: Trajectory
    grade: Grade
    score: Score


def conversation_list(
    store: RunFolder, *, evaluation: str = "", only: Only | None = None
) -> dict[str, Json]:
    """A row for each conversation of the run's evaluations, in order.

    Raises ``RunError`` if there is no such evaluation, or none at all.
    """
    known = store.evaluations()
    if evaluation and evaluation not in known:
        has = ", ".join(known) or "none"
        raise RunError(
            f"{store.folder} has no evaluation {evaluation!r} (it has {has})",
            hint="Choose one of these with --evaluation.",
        )
    if not known:
        raise RunError(
            f"{store.folder} has no evaluation yet", hint="Run `harness eval` or `harness loop`."
        )
    names = [evaluation] if evaluation else known
    rows = [row for name in names for row in _rows(store, name) if only in (None, row["result"])]
    return {
        "run": str(store.folder),
        "evaluations": list[Json](names),
        "conversations": list[Json](rows),
    }


def conversation(store: RunFolder, id: str) -> dict[str, Json]:
    """All that is known of a conversation of an evaluation, of a training whose text is kept, or of
    the teacher's proofs.

    An id may be cut short as long as it is the only one that begins so; one that was imported is
    also known by the id that its record has. Raises ``RunError`` if there is none or several.
    """
    found = _find(store, id)
    trajectory, grade = found.trajectory, found.grade
    task = _task(store, found)
    diagnosis = _diagnosis(store, found)
    plain = adapter(EpisodeRow).dump_python(
        EpisodeRow(trajectory=trajectory, grade=grade, score=found.score), mode="json"
    )
    uncounted = (
        trajectory.ended if trajectory.is_fault else "" if grade.is_decided else NOT_GRADEABLE
    )
    return {
        "run": str(store.folder),
        "where": found.where,
        **plain["trajectory"],
        "result": _result(found.score.success, uncounted),
        "success": found.score.success,
        "reward": found.score.total,
        "terms": plain["score"]["terms"],
        "grade": plain["grade"],
        "changes": list[Json](change_rows(grade.wanted, grade.actual)),
        "task": None if task is None else adapter(Task).dump_python(task, mode="json"),
        "diagnosis": None
        if diagnosis is None
        else adapter(Diagnosis).dump_python(diagnosis, mode="json"),
        "pattern": _pattern_names(store).get(trajectory.id, ""),
        "record": _record(store, trajectory.id),
    }


def change_rows(wanted: Changes, actual: Changes) -> list[Row]:
    """Each field that was to change or did, by its path: "done" as wanted, "missing", "extra", or
    "differs"; values before, wanted and actual.
    """
    want, have = ({change.path: change for change in side} for side in (wanted, actual))
    return [_change(want.get(path), have.get(path)) for path in sorted(want.keys() | have.keys())]


def _change(want: Change | None, have: Change | None) -> Row:
    one = want or have
    assert one is not None
    if want is None:
        state = "extra"
    elif have is None:
        state = "missing"
    else:
        state = "done" if want.after == have.after else "differs"
    return {
        "path": list(one.path),
        "state": state,
        "before": one.before,
        "wanted": want.after if want else one.before,
        "actual": have.after if have else one.before,
    }


def _rows(store: RunFolder, evaluation: str) -> list[Row]:
    mistakes = {d.trajectory_id: d for d in failures_of(store, evaluation) or ()}
    names = _pattern_names(store)
    return [_row(one, evaluation, mistakes, names) for one in store.read_outlines(evaluation)]


def _row(
    one: Outline, evaluation: str, mistakes: Mapping[str, Diagnosis], names: Mapping[str, str]
) -> Row:
    trajectory, mistake = one.trajectory, mistakes.get(one.trajectory.id)
    return {
        "id": trajectory.id,
        "evaluation": evaluation,
        "task_id": trajectory.task_id,
        "trial": trajectory.trial,
        "result": _result(one.score.success, one.uncounted),
        "ended": trajectory.ended,
        "blame": mistake.blame if mistake else "",
        "mistake": mistake.kind if mistake else "",
        "pattern": names.get(trajectory.id, ""),
    }


def _result(success: bool, uncounted: str) -> str:
    return "faults" if uncounted else "solved" if success else "failed"


def _pattern_names(store: RunFolder) -> dict[str, str]:
    """The name of its pattern by trajectory id, of the last round that has it."""
    return {
        member: pattern.name
        for number in round_numbers(store)
        for pattern in round_patterns(store, number)
        for member in pattern.members
    }


def _record(store: RunFolder, id: str) -> Json:
    """What the log that it was imported from said of it; None if it was not."""
    found = (o for name in store.evaluations() for o in originals_of(store, name))
    return next((original.record for original in found if original.trajectory_id == id), None)


def _find(store: RunFolder, id: str) -> _Found:
    own = known_as(store, id)
    found = [one for one in _all(store) if one.trajectory.id.startswith((id, *own))]
    exact = [one for one in found if one.trajectory.id == id]
    chosen = exact or [one for one in found if one.trajectory.id in own] or found
    ids = list(dict.fromkeys(found.trajectory.id for found in chosen))
    if not ids or not id:
        raise RunError(
            f"{store.folder} holds no conversation {id!r}",
            hint=f"`harness show {store.folder}` lists them.",
        )
    if len(ids) > 1:
        raise RunError(
            f"{len(ids)} conversations of {store.folder} have an id that begins with {id!r}: "
            f"{', '.join(ids[:3])}…",
            hint="Give more digits.",
        )
    return chosen[0]


def _all(store: RunFolder) -> Iterator[_Found]:
    places = {name: f"evals/{name}/episodes.jsonl" for name in store.evaluations()}
    for where, name in {**places, _PROOFS: PROOFS}.items():
        for row in store.read_values(name, EpisodeRow):
            yield _Found(where=where, trajectory=row.trajectory, grade=row.grade, score=row.score)
    for arm in _trained(store):
        for rollout in store.read_values(rollouts_file(arm), TrainingRollout):
            if rollout.trajectory is not None and rollout.grade is not None:
                yield _Found(
                    where=f"training of {arm}, step {rollout.step}",
                    trajectory=rollout.trajectory,
                    grade=rollout.grade,
                    score=Score(
                        success=rollout.success,
                        terms=tuple(TermScore(name=n, value=v) for n, v in rollout.terms.items()),
                        total=rollout.total,
                    ),
                )


def _trained(store: RunFolder) -> list[str]:
    paths = (store.folder / "checkpoints").glob("*/rollouts.jsonl")
    return sorted(path.parent.name for path in paths)


def _task(store: RunFolder, found: _Found) -> Task | None:
    """The task; None where the folder does not hold it, as those of demonstrations."""
    wanted = found.trajectory.task_id
    tasks: Sequence[Task] = (
        evaluation_tasks(store, found.where)
        if found.where in store.evaluations()
        else [task for number in rounds_of(store) for task in tasks_of_round(store, number)]
    )
    return next((task for task in tasks if task.id == wanted), None)


def _diagnosis(store: RunFolder, found: _Found) -> Diagnosis | None:
    if found.where not in store.evaluations():
        return None
    read = failures_of(store, found.where) or ()
    return next((d for d in read if d.trajectory_id == found.trajectory.id), None)
