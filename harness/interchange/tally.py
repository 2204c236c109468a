"""Turn conversations that were graded again into rows, counts, and what must be known of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from harness.evaluation.metrics import Outcome, noise_floor, pass_table
from harness.interchange.replay import Regraded
from harness.types import Json

STATE = "DB"
"""The name in ``Grade.parts`` of what a domain says about the state itself, as tau2 calls it."""


def row(
    regraded: Regraded, *, data_version: str = "", original: Mapping[str, Json] | None = None
) -> dict[str, Json]:
    """The verdict as JSON values, as `harness rescore --json` prints it.

    ``reward`` is 1.0 or 0.0, and null without a verdict; ``termination_reason`` is in the words of
    the file's own record where it has one. ``unknown_tools`` and ``other_answers`` count, by tool,
    calls whose answers were taken as recorded.
    """
    trajectory, grade = regraded.episode.trajectory, regraded.grade
    reason = (original or {}).get("termination_reason")
    return {
        "id": trajectory.id,
        "task_id": trajectory.task_id,
        "trial": trajectory.trial,
        "success": regraded.success,
        "reward": _reward(regraded.success),
        "termination_reason": reason if isinstance(reason, str) else trajectory.ended,
        "db_match": None if grade is None else grade.parts.get(STATE, grade.wanted == grade.actual),
        "parts": {} if grade is None else dict(grade.parts),
        "gradeable": regraded.gradeable,
        "replayed": regraded.replayed,
        "problem": regraded.problem,
        "unknown_tools": dict(regraded.unknown_tools),
        "other_answers": dict(regraded.other_answers),
        "data_version": data_version,
        "recorded_reward": _reward(regraded.recorded),
    }


def tally(
    graded: Sequence[Regraded], failing_gold: Mapping[str, Sequence[str]] | None = None
) -> dict[str, Json]:
    """Counts over a whole recording, and the Pass^1 of what was graded again in percent with the
    bounds of its interval.

    ``kept`` conversations were not graded again and have a recorded verdict that can stand.
    ``not_replayed``, ``contradicted`` (by the file itself), ``no_verdict`` (replayed, but for other
    reasons without one) and ``differing`` (from the recorded verdict) list indices into the
    recording. ``unknown_tools`` and ``other_answers`` count calls by tool, ``taken_as_recorded``
    the conversations with such a call. ``failing_gold`` has the tasks, with the tools, of which a
    gold write fails, and how many new verdicts and successes are of them.
    """
    failing_gold = failing_gold or {}
    of_these = [one for one in graded if one.gradeable and one.episode.task.id in failing_gold]
    first = pass_table(outcomes_again(graded), (1,)).pass_.get(1)
    compared = [one for one in graded if one.gradeable and one.recorded is not None]
    kept = [one for one in graded if one.grade is None and not one.episode.uncounted]
    contradicted = [n for n, one in enumerate(graded) if one.episode.grade.contradicted]
    return {
        "conversations": len(graded),
        "tasks": len({one.episode.task.id for one in graded}),
        "graded": sum(one.gradeable for one in graded),
        "successes": sum(one.success or False for one in graded),
        "kept": len(kept),
        "kept_successes": sum(one.recorded or False for one in kept),
        "recorded_successes": sum(one.recorded or False for one in graded),
        "compared": len(compared),
        "agreeing": sum(one.success == one.recorded for one in compared),
        "differing": [
            index
            for index, one in enumerate(graded)
            if one.gradeable and one.recorded not in (None, one.success)
        ],
        "contradicted": list[Json](contradicted),
        "not_replayed": [
            index
            for index, one in enumerate(graded)
            if not one.replayed and index not in contradicted
        ],
        "no_verdict": [
            index for index, one in enumerate(graded) if one.replayed and not one.gradeable
        ],
        "unknown_tools": _by_tool(one.unknown_tools for one in graded),
        "other_answers": _by_tool(one.other_answers for one in graded),
        "taken_as_recorded": sum(bool(one.unknown_tools or one.other_answers) for one in graded),
        "endings": dict(Counter[str](one.episode.trajectory.ended for one in graded)),
        "pass_1": None
        if first is None
        else [round(first.value, 2), round(first.low, 2), round(first.high, 2)],
        "failing_gold": {
            "tasks": {task: list[Json](tools) for task, tools in failing_gold.items()},
            "graded": len(of_these),
            "successes": sum(one.success or False for one in of_these),
        },
        "noise": noise([outcomes_again(graded)]),
    }


def outcomes_again(graded: Iterable[Regraded]) -> list[Outcome]:
    """The new verdicts; what has none is a fault."""
    return [
        Outcome(task_id=one.episode.task.id, success=bool(one.success), fault=one.problem)
        for one in graded
    ]


def noise(runs: Sequence[Sequence[Outcome]]) -> dict[str, Json] | None:
    """The noise floor of one policy from its runs as JSON values (see ``NoiseFloor``), and the
    Pass^1 of each run in percent; None where no task has two trials that count.
    """
    found = noise_floor([outcome for run in runs for outcome in run], runs=len(runs))
    if found is None:
        return None
    each = [pass_table(run, (1,), resamples=1).pass_.get(1) for run in runs]
    return {
        "tasks": found.tasks,
        "unsteady": found.unsteady,
        "trials": round(found.trials, 2),
        "difference": round(found.difference, 2),
        "pass_1_by_run": [None if one is None else round(one.value, 2) for one in each],
    }


def doubts(graded: Sequence[Regraded]) -> Iterator[str]:
    """What must be known of new verdicts before all else: that most are others than were recorded,
    and that a recording contradicts itself.
    """
    compared = [one for one in graded if one.gradeable and one.recorded is not None]
    changed = [one for one in compared if one.success != one.recorded]
    if 2 * len(changed) > len(compared):
        yield (
            f"most verdicts change: {len(changed)} of {len(compared)} conversations graded again "
            "have another verdict than was recorded. The domain and its data may be others than "
            "those of the recording, or its tasks others than those it was made on"
        )
    contradicted = [one for one in graded if one.episode.grade.contradicted]
    if contradicted:
        first = contradicted[0].episode
        yield (
            f"the recording contradicts itself in {len(contradicted)} of {len(graded)} "
            f"conversations, the first of them {first.trajectory.id} on task {first.task.id!r}: "
            f"{first.grade.contradicted}. They get no new verdict, and nobody looks for causes of "
            "their failures"
        )


def _by_tool(counts: Iterable[Mapping[str, int]]) -> dict[str, Json]:
    """The sums, most first."""
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(total.most_common())


def _reward(success: bool | None) -> float | None:
    return None if success is None else float(success)
