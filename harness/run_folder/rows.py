"""What a line of ``episodes.jsonl`` is: a conversation as a whole, or what it came to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from harness.runtime.json_lines import adapter
from harness.types import (
    FAULTS,
    NOT_GRADEABLE,
    Ended,
    Episode,
    Grade,
    Json,
    Score,
    Trajectory,
    Usage,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeRow:
    """An episode without its task, which is kept once for all trials."""

    trajectory: Trajectory
    grade: Grade
    score: Score

    @property
    def uncounted(self) -> str:
        """As ``Episode.uncounted``."""
        if self.trajectory.is_fault:
            return self.trajectory.ended
        return "" if self.grade.is_decided else NOT_GRADEABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class TrajectoryOutline:
    """A trajectory without what was said."""

    id: str
    task_id: str
    trial: int = 0
    ended: Ended
    fault: str = ""
    usage: Mapping[str, Usage] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class GradeOutline:
    """Whether a grade is a verdict."""

    unjudged: tuple[str, ...] = ()
    ungradeable: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """What a conversation came to: quick to read, for those who count."""

    trajectory: TrajectoryOutline
    grade: GradeOutline = field(default_factory=GradeOutline)
    score: Score

    @property
    def uncounted(self) -> str:
        """As ``Episode.uncounted``."""
        if self.trajectory.ended in FAULTS:
            return self.trajectory.ended
        return NOT_GRADEABLE if self.grade.unjudged or self.grade.ungradeable else ""


Kind = TypeVar("Kind", EpisodeRow, Outline)


def plain_row(episode: Episode) -> dict[str, Json]:
    """The episode as a JSON object of the shape ``EpisodeRow``."""
    row = EpisodeRow(trajectory=episode.trajectory, grade=episode.grade, score=episode.score)
    plain: dict[str, Json] = adapter(EpisodeRow).dump_python(row, mode="json")
    return plain


def once(rows: Iterable[Kind]) -> list[Kind]:
    """The rows in order, of several for one conversation the last, in the place of the first."""
    found = {(r.trajectory.task_id, r.trajectory.trial, r.trajectory.id): r for r in rows}
    return list(found.values())
