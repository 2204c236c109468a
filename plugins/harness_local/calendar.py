"""Say days and times so that a small model can use them: one form for a day, and how far it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta

_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_NOW = re.compile(r"\b(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d)")
_SPOKEN = re.compile(rf"\b({'|'.join(_MONTHS)}) (\d{{1,2}})(?:st|nd|rd|th)?\b(?! \d{{4}})")
_STAMP = re.compile(r"\b(\d{4}-\d\d-\d\d)T(\d\d:\d\d):\d\d\b")
_DAY = re.compile(r"\b\d{4}-\d\d-\d\d\b(?!T)")
_NEAR = timedelta(days=366)
"""What is farther away, such as a birthday, is not said to be past."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """Days and times as seen from ``now``, local time; None: everything stays as it is."""

    now: datetime | None

    def heard(self, text: str) -> str:
        """What a user says, with days as tools have them: "May 17" is 2024-05-17 in 2024."""
        return text if self.now is None else _SPOKEN.sub(self._as_written, text)

    def noted(self, text: str) -> str:
        """What a tool says, with the past marked: days as such, points in time by their age."""
        if self.now is None:
            return text
        return _DAY.sub(self._with_past, _STAMP.sub(self._as_age, text))

    def _as_written(self, found: re.Match[str]) -> str:
        assert self.now is not None
        day = _day(f"{self.now.year}-{_MONTHS.index(found[1]) + 1:02}-{int(found[2]):02}")
        return found[0] if day is None else day.isoformat()

    def _with_past(self, found: re.Match[str]) -> str:
        assert self.now is not None
        day, today = _day(found[0]), self.now.date()
        if day is None or day > today or today - day > _NEAR:
            return found[0]
        return f"{found[0]} {'today' if day == today else 'past'}"

    def _as_age(self, found: re.Match[str]) -> str:
        assert self.now is not None
        then = _moment(found[0])
        if then is None or not timedelta() <= (age := self.now - then) <= _NEAR:
            return found[0]
        return f"{age.days} days ago" if age.days else f"{age.seconds // 3600} hours ago"


def calendar_of(policy: str) -> Calendar:
    """The calendar of a domain whose policy tells the time ("2024-05-15 15:00"), if it does."""
    found = _NOW.search(policy)
    return Calendar(_moment("T".join(found.groups())) if found else None)


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
