"""Turn failed episodes into diagnoses: whose fault, and what went wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

from harness.errors import RolloutFault, RunError, awaited, plugin_boundary
from harness.evaluation.foreign_calls import episode_without_foreign_calls, tool_names
from harness.evaluation.in_order import in_order
from harness.protocols import NO_PLUGINS, Domain, Executor, Judge, PluginNames, ReviewedJudge
from harness.types import Blame, Diagnosis, Episode, Json


def failures(episodes: Sequence[Episode]) -> list[Episode]:
    """The episodes that failed through no fault of the machinery, whose grade is complete, and
    whose recording does not contradict itself.
    """
    return [e for e in explicable(episodes) if not e.score.success and not e.uncounted]


def explicable(episodes: Sequence[Episode]) -> list[Episode]:
    """The episodes whose verdict is one on their task: a cause of it can be looked for."""
    return [episode for episode in episodes if not episode.grade.contradicted]


def diagnose(
    failed: Sequence[Episode],
    judge: Judge,
    domain: Domain,
    executor: Executor,
    plugins: PluginNames = NO_PLUGINS,
) -> list[Diagnosis]:
    """The diagnoses of the failures, in their order.

    A failure on which the judge gives no usable verdict gets none. Raises ``RunError`` if that is
    so for every one of them.
    """
    diagnoses, faults = read_failures(failed, judge, domain, executor, plugins)
    if faults and not diagnoses:
        raise RunError(
            f"the judge gave no usable verdict on any of {len(failed)} failures: {faults[0]}",
            hint="Choose another judge or model, or repeat the command.",
        )
    return diagnoses


def read_failures(
    failed: Sequence[Episode],
    judge: Judge,
    domain: Domain,
    executor: Executor,
    plugins: PluginNames = NO_PLUGINS,
) -> tuple[list[Diagnosis], list[str]]:
    """The diagnoses of the failures, in their order, and the judge's faults in words: it raises
    ``RolloutFault`` where it has no usable verdict. The judge does not see calls of tools that the
    domain does not have.
    """
    known = tool_names(domain)

    async def one(episode: Episode) -> Diagnosis | str:
        seen, turns = episode_without_foreign_calls(episode, known)
        try:
            doing = f"diagnosis of {episode.trajectory.id}"
            with plugin_boundary(plugins.judge, doing, faults=True):
                found = await awaited(Diagnosis, judge.diagnose(seen, domain), "diagnose()")
                _check(found, seen)
        except RolloutFault as fault:
            return str(fault)
        in_view = 0 <= found.turn < len(turns)
        return replace(found, turn=turns[found.turn]) if in_view else found

    answers = in_order(executor, one, failed, stays_here=True, plugin=plugins.executor)
    diagnoses = [answer for answer in answers if isinstance(answer, Diagnosis)]
    return diagnoses, [answer for answer in answers if isinstance(answer, str)]


def _check(found: Diagnosis, failure: Episode) -> None:
    """Raises ``ValueError`` for a diagnosis that is of another failure or blames nobody known."""
    if found.trajectory_id != failure.trajectory.id:
        raise ValueError(f"it is of the trajectory {found.trajectory_id!r}")
    if found.blame not in get_args(Blame):
        raise ValueError(f"it blames {found.blame!r}, expected one of {', '.join(get_args(Blame))}")
    if not isinstance(found.kind, str) or not found.kind.strip():
        raise ValueError(f"its kind is {found.kind!r}, expected a word such as 'wrong_order'")


def account(
    failed: Sequence[Episode],
    diagnoses: Sequence[Diagnosis],
    judge: Judge,
    plugins: PluginNames = NO_PLUGINS,
) -> dict[str, Json]:
    """Facts about the diagnoses as a whole: blame by party, how many failures got none, and how far
    a second judge agreed where there was one.
    """
    known: dict[str, Json] = {
        "blame": dict(by_blame(diagnoses)),
        "undiagnosed": len(failed) - len(diagnoses),
    }
    if isinstance(judge, ReviewedJudge):
        with plugin_boundary(plugins.judge, "agreement"):
            read = {episode.trajectory.id for episode in failed}
            known["agreement"] = dict(judge.agreement(read))
    return known


def by_blame(diagnoses: Sequence[Diagnosis]) -> dict[str, int]:
    """How many failures each party is to blame for, most first."""
    return dict(Counter(d.blame for d in diagnoses).most_common())
