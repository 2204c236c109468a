"""What a report holds of what rounds fixed, as typed values that the renderers can trust.

Fields have the names of the report document, or those of their aliases, as in
``harness.report.model``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field

from harness.types import Difference, Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """Failures by one or several patterns: ``failures`` and ``per_100`` conversations by arm.

    ``differences``: ``per_100`` of the arm after minus that of another arm, paired by task, by the
    other.
    """

    id: str = ""
    name: str = ""
    failures: Mapping[str, int] = field(default_factory=dict)
    per_100: Mapping[str, Interval] = field(default_factory=dict)
    differences: Mapping[str, Difference] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """How many of an arm's trials on a task succeeded."""

    successes: int = 0
    trials: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One message of a conversation; ``calls`` as text."""

    role: str = ""
    content: str = ""
    calls: tuple[str, ...] = ()
    is_error: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A conversation; ``parts_at`` is the place of the turn where it parts from the other."""

    trajectory_id: str = ""
    trial: int = 0
    parts_at: int = 0
    turns: Annotated[tuple[Turn, ...], Field(validation_alias="messages")] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """Two conversations of one test task, which begin with ``shared`` turns that are the same.

    ``solved``: how each arm did on the task, by arm.
    """

    task_id: str = ""
    pattern_id: Annotated[str, Field(validation_alias="pattern")] = ""
    solved: Mapping[str, Solved] = field(default_factory=dict)
    shared: int = 0
    before: Told = Told()
    after: Told = Told()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """What a round did to failures on test tasks; ``why_not`` says why that is not known.

    ``patterns`` are those with targeted tasks, most failures first; ``targeted`` is their sum,
    ``others`` all other failures. Arms are names; ``tasks`` are those that all arms were tried on.
    """

    round: int = 0
    before: str = ""
    after: str = ""
    controls: tuple[str, ...] = ()
    why_not: str = ""
    tasks: int = 0
    patterns: tuple[Failing, ...] = ()
    targeted: Failing = Failing()
    others: Failing = Failing()
    example: Example | None = None

    @property
    def arms(self) -> tuple[str, ...]:
        """Before, after, then the controls."""
        return (self.before, self.after, *self.controls)

    @property
    def against(self) -> tuple[str, ...]:
        """What the arm after is compared with."""
        return (self.before, *self.controls)

    def name(self, pattern_id: str) -> str:
        """The pattern's name; its id if it is not described."""
        return next((p.name for p in self.patterns if p.id == pattern_id and p.name), pattern_id)
