"""Turn a number and a noun into words: "1 pattern", "12 patterns"."""

from __future__ import annotations

_HISSING = ("s", "x", "ch", "sh")


def counted(number: int, noun: str) -> str:
    """The number with its noun, which is given in the singular."""
    if number == 1:
        return f"1 {noun}"
    return f"{number:,} {noun}{'es' if noun.endswith(_HISSING) else 's'}"
