"""What is to be known of a run's calls to chat models: no faults, but results may come of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CallNote:
    """A remark on the calls of a ``role``, and how many times there was cause for it."""

    role: str = ""
    note: str = ""
    times: int = 0

    @property
    def said(self) -> str:
        return f"{self.role}: {self.note}" + (f" ({self.times:,} times)" if self.times > 1 else "")
