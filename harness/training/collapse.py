"""Turn the success rates of a run so far into whether the policy has collapsed."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, stdev

FIRST = 3
LAST = 5
SURE = 2.5
"""How many standard errors a fall must exceed."""


def rate_and_error(group_rates: Sequence[float]) -> tuple[float, float]:
    """The success rate of a step and its standard error, from the rates of its groups.

    Conversations of a group share a task, so only groups are independent. A single group says
    nothing about the error, which is then the largest possible.
    """
    if not group_rates:
        return 0.0, 0.5
    spread = stdev(group_rates) if len(group_rates) > 1 else 0.5
    return fmean(group_rates), spread / len(group_rates) ** 0.5


def has_collapsed(steps: Sequence[tuple[float, float]]) -> bool:
    """Whether success over the last 5 steps fell below half of that over the first 3, by more than
    2.5 standard errors of the difference.

    ``steps`` are success rates in [0, 1] with their standard errors, in order.
    """
    if len(steps) < FIRST + LAST:
        return False
    first, first_variance = _mean(steps[:FIRST])
    last, last_variance = _mean(steps[-LAST:])
    error: float = (first_variance + last_variance) ** 0.5
    return last < first / 2 and first - last > SURE * error


def _mean(steps: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return fmean(rate for rate, _ in steps), sum(e**2 for _, e in steps) / len(steps) ** 2
