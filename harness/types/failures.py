"""What went wrong: diagnoses of failed trajectories, and the error patterns they fall into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from harness.types.messages import Json

Blame = Literal["agent", "user_simulator", "task", "tool", "infrastructure"]

Severity = Literal["minor", "major", "critical"]

TYPICAL = 0.2
"""A kind of mistake is typical of a pattern if at least this share of its failures has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A point estimate with the bounds of its confidence interval, all in percent or all in the
    unit of value.
    """

    value: float
    low: float
    high: float


LEVEL = 0.05
"""The p-value under which chance is no explanation."""

Direction = Literal["higher", "lower", "no difference"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference(Interval):
    """How far something is above something else, and ``p``: how often chance alone would put them
    as far apart (0 where nobody asked: the interval decides).

    All reports say by ``direction`` whether there is a difference: the interval must leave out 0
    and ``p`` be under ``LEVEL``. Where few tasks differ, the interval alone finds too much.
    """

    p: float = 0.0

    @property
    def direction(self) -> Direction:
        if self.p >= LEVEL:
            return "no difference"
        return "higher" if self.low > 0 else "lower" if self.high < 0 else "no difference"

    @property
    def is_sure(self) -> bool:
        """Whether there is a difference."""
        return self.direction != "no difference"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """Whose fault a failed trajectory was and what went wrong.

    ``kind`` is a slug ("wrong_order"); ``turn`` the index into ``Trajectory.messages`` of the
    decisive mistake; ``evidence`` quotes the conversation or the diff.
    """

    trajectory_id: str
    task_id: str
    blame: Blame
    kind: str
    turn: int
    summary: str
    evidence: str = ""
    severity: Severity = "major"
    tool: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorPattern:
    """Failures that went wrong in the same way.

    ``members`` and ``exemplars`` are trajectory ids; ``share`` is the fraction of all the round's
    agent failures; ``kinds`` counts the members' mistake kinds. ``family`` is the family of
    patterns it belongs to. ``coverage`` is the share in [0, 1] of the agent's failures that show
    its signs, ``gap`` how much more often they do than successes, in percentage points; None where
    that was not looked at. ``typical`` are explanations by which a clusterer knows it again.
    ``named_by`` is the chat model that wrote name and description, "" where they are made of
    distinctive terms.
    """

    id: str
    name: str
    description: str
    members: tuple[str, ...]
    share: float
    exemplars: tuple[str, ...] = ()
    kinds: Mapping[str, int] = field(default_factory=dict)
    family: str = ""
    coverage: float | None = None
    gap: Interval | None = None
    typical: tuple[str, ...] = ()
    named_by: str = ""

    def typical_kinds(self) -> frozenset[str]:
        """The kinds that at least ``TYPICAL`` of the failures have; there may be none."""
        least = TYPICAL * sum(self.kinds.values())
        return frozenset(kind for kind, count in self.kinds.items() if count >= least)


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What a clusterer reports of a clustering besides its patterns.

    ``noise`` are the trajectory ids that are in no pattern; ``quality`` says how far to trust it
    (embedding, seed, stability, silhouette, ...); ``places`` are (x, y) in [0, 1] on a map of the
    failures, by trajectory id, of all of them or of some.
    """

    noise: tuple[str, ...] = ()
    quality: Mapping[str, Json] = field(default_factory=dict)
    places: Mapping[str, tuple[float, float]] = field(default_factory=dict)
