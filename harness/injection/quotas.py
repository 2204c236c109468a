"""Turn the shares of patterns into how many tasks each one gets."""

from __future__ import annotations

import math
from collections.abc import Mapping


def quotas(
    shares: Mapping[str, float], total: int, *, floor: int = 1, cap: float = 1.0
) -> dict[str, int]:
    """How many tasks each pattern gets: in proportion to its share, at least ``floor`` and at most
    the share ``cap`` of all, ``total`` together.

    Largest remainders decide the rounding; floor and cap give way where they leave no such deal.
    """
    weight = sum(shares.values())
    if not shares or weight <= 0 or total <= 0:
        return dict.fromkeys(shares, 0)
    floor = min(floor, total // len(shares))
    most = max(math.ceil(cap * total), math.ceil(total / len(shares)), floor)
    counts = dict.fromkeys(shares, floor)
    while spare := total - sum(counts.values()):
        open_ = {name: share for name, share in shares.items() if counts[name] < most}
        for name, more in _dealt(open_, spare).items():
            counts[name] = min(most, counts[name] + more)
    return counts


def _dealt(shares: Mapping[str, float], total: int) -> dict[str, int]:
    """Largest remainders: ``total`` in proportion to the shares."""
    weight = sum(shares.values())
    exact = {
        name: total * share / weight if weight > 0 else total / len(shares)
        for name, share in shares.items()
    }
    counts = {name: int(value) for name, value in exact.items()}
    by_remainder = sorted(exact, key=lambda name: (int(exact[name]) - exact[name], name))
    for name in by_remainder[: total - sum(counts.values())]:
        counts[name] += 1
    return counts
