"""Turn error patterns into families of them, and into how much those amount to."""

from __future__ import annotations

from collections.abc import Sequence

from harness.report.model import Pattern

FILTERED = "Filtered out: as frequent in successes, or too rare; no tasks are made for these"


def by_family(
    patterns: Sequence[Pattern], newest: Sequence[int]
) -> list[tuple[str, list[Pattern]]]:
    """The patterns by family, the families by what they amount to in the newest round.

    Those that are filtered out come last, as a family of their own.
    """
    found: dict[str, list[Pattern]] = {}
    for pattern in patterns:
        found.setdefault(FILTERED if pattern.filtered else pattern.family, []).append(pattern)

    def amount(family: str) -> tuple[bool, float]:
        return family == FILTERED, -sum(together(found[family], number) for number in newest)

    return [(family, found[family]) for family in sorted(found, key=amount)]


def together(patterns: Sequence[Pattern], number: int) -> float:
    """The share of the agent's failures in a round that the patterns have together."""
    seen = (pattern.rounds.get(number) for pattern in patterns)
    return sum(share.fraction for share in seen if share)
