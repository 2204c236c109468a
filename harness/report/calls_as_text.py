"""What is said of answers whose tool calls stood as text: no faults, but the tasks fail of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CallsAsText:
    """In how many ``answers`` of a role calls of tools stood as text; ``remedy`` is what to change,
    "" if that is not known.
    """

    role: str = ""
    dialect: str = ""
    answers: int = 0
    remedy: str = ""

    @property
    def said(self) -> str:
        answers = "one answer" if self.answers == 1 else f"{self.answers:,} answers"
        found = f"Tool calls stood as text in {answers} as {self.role} ({self.dialect})"
        return f"{found}, and nothing was called" + (f": {self.remedy}." if self.remedy else ".")
