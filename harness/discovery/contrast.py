"""Turn signs of mistakes in failures and successes into which patterns can be causes.

A pattern whose signs are as frequent where all went well is no cause: the contrast is that of TRACE
(arXiv:2604.05336), with signs read by rules or a judge.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from statistics import NormalDist
from typing import Any

from harness.errors import RolloutFault, awaited, plugin_boundary
from harness.evaluation.foreign_calls import episode_without_foreign_calls, tool_names
from harness.evaluation.in_order import in_order
from harness.evaluation.metrics import CONFIDENCE
from harness.protocols import NO_PLUGINS, Domain, Executor, Judge, PluginNames, SignReader
from harness.types import Episode, ErrorPattern, Interval

_COLLECTIONS: tuple[type[Any], ...] = (frozenset, set, list, tuple)

Signs = Mapping[str, Collection[str]]
"""The kinds of mistakes that a conversation shows, by trajectory id."""

Z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 200)
"""``CONFIDENCE`` percent of the standard normal distribution lie within."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """What a pattern needs to be a cause: ``coverage`` of the agent's failures, as a share, and
    more than ``gap`` percentage points more often in failures than in successes.
    """

    coverage: float
    gap: float


def read_signs(
    episodes: Sequence[Episode],
    judge: Judge,
    domain: Domain,
    executor: Executor,
    plugins: PluginNames = NO_PLUGINS,
) -> Signs | None:
    """What each conversation shows, failed or not; None if the judge cannot say.

    A conversation on which the judge raises ``RolloutFault`` is left out. The judge does not see
    calls of tools that the domain does not have.
    """
    if not isinstance(judge, SignReader):
        return None
    reader: SignReader = judge
    known = tool_names(domain)

    async def one(episode: Episode) -> Collection[str] | None:
        seen, _ = episode_without_foreign_calls(episode, known)
        try:
            with plugin_boundary(plugins.judge, f"signs of {episode.trajectory.id}", faults=True):
                signs: Collection[str]
                signs = await awaited(_COLLECTIONS, reader.signs(seen, domain), "signs()")
                return signs
        except RolloutFault:
            return None

    found = in_order(executor, one, episodes, stays_here=True, plugin=plugins.executor)
    read = zip(episodes, found, strict=True)
    return {e.trajectory.id: signs for e, signs in read if signs is not None}


def contrasted(
    patterns: Sequence[ErrorPattern], failed: Signs, succeeded: Signs
) -> list[ErrorPattern]:
    """The patterns with coverage and gap; unchanged where there are no successes to compare with.

    failed: the agent's failures; succeeded: the successes of the same evaluation.
    """
    if not failed or not succeeded:
        return list(patterns)
    return [_contrasted(pattern, failed, succeeded) for pattern in patterns]


def split(
    patterns: Sequence[ErrorPattern], thresholds: Thresholds
) -> tuple[list[ErrorPattern], list[ErrorPattern]]:
    """The patterns that can be causes, and those that are filtered out; one not compared can be."""
    causes = [pattern for pattern in patterns if _is_cause(pattern, thresholds)]
    filtered = [pattern for pattern in patterns if not _is_cause(pattern, thresholds)]
    return causes, filtered


def difference(hits: int, of: int, other_hits: int, other_of: int) -> Interval:
    """How much the first share is above the second, in percentage points, with a 95% interval.

    Newcombe's hybrid score interval for independent proportions (Statistics in Medicine 1998,
    method 10).
    """
    first, second = hits / of, other_hits / other_of
    (low, high), (other_low, other_high) = wilson(hits, of), wilson(other_hits, other_of)
    below = sqrt((first - low) ** 2 + (other_high - second) ** 2)
    above = sqrt((high - first) ** 2 + (second - other_low) ** 2)
    gap = first - second
    return Interval(value=100 * gap, low=100 * (gap - below), high=100 * (gap + above))


def wilson(hits: int, of: int) -> tuple[float, float]:
    """The 95% score interval of a share (Wilson 1927), in [0, 1]."""
    share, square = hits / of, Z * Z / of
    middle = (share + square / 2) / (1 + square)
    half = Z * sqrt(share * (1 - share) / of + square / (4 * of)) / (1 + square)
    return max(0.0, middle - half), min(1.0, middle + half)


def _contrasted(pattern: ErrorPattern, failed: Signs, succeeded: Signs) -> ErrorPattern:
    own = pattern.typical_kinds()
    inside = set(pattern.members)
    hits = sum(id in inside or bool(own & set(signs)) for id, signs in failed.items())
    other = sum(bool(own & set(signs)) for signs in succeeded.values())
    gap = difference(hits, len(failed), other, len(succeeded))
    return replace(pattern, coverage=hits / len(failed), gap=gap)


def _is_cause(pattern: ErrorPattern, thresholds: Thresholds) -> bool:
    if pattern.coverage is None or pattern.gap is None:
        return pattern.share >= thresholds.coverage
    return pattern.coverage >= thresholds.coverage and pattern.gap.value > thresholds.gap
