"""Turn a request's words into what they can mean: amounts, reasons, on or off, home or abroad."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from harness.types import Json, Request
from harness_telecom.features import QUESTION
from harness_telecom.targets import AMOUNTS, WHICH, WHY
from harness_telecom.troubles import PLACE

_AMOUNT = re.compile(r"(\d+(?:\.\d+)?) ?GB", re.IGNORECASE)
_NUMBER = re.compile(r"\d{3}-\d{4}")
_REASONS = {
    "travel": re.compile(r"travel|\btrip\b|\baway\b|abroad"),
    "unused": re.compile(r"not need|don't need|nobody uses|not use|unused"),
    "lost": re.compile(r"\blost\b|cannot find|can't find|stolen"),
}
_WAYS = {
    "enable_roaming": re.compile(r"\bon\b|enabled?\b|activate"),
    "disable_roaming": re.compile(r"\boff\b|disabled?\b|deactivate"),
}
_ABROAD = re.compile(r"(?<!not )\b(?:abroad|travelling|in another country)")
_HOME = re.compile(r"\bat home\b|not (?:travelling|abroad)")
_MOST_LINES = 4


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that a request's words can mean: the index of the line, that of the value, and
    whether its customer is abroad (None: as it says).
    """

    line: int = 0
    value: int = 0
    abroad: bool | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """The tool that a request about a line calls for ("" for none), and arguments but the line."""

    tool: str
    arguments: Mapping[str, Json] = field(default_factory=dict)


def meant(request: Request, number: int = 0) -> Wish | None:
    """One of the wishes that fit, 0 for the first; None if there are not so many."""
    return next(iter([*_wishes(request)][number : number + 1]), None)


def choices(request: Request) -> Iterator[Choice]:
    """What the words can mean besides the first, some of which the records may rule out."""
    if request.kind in ("refuel", "roaming", "suspend", "resume"):
        if not _NUMBER.search(_said(request, WHICH)):
            yield from (Choice(line=number) for number in range(1, _MOST_LINES))
        yield from (Choice(value=number) for number in range(1, len([*_wishes(request)])))
    elif request.kind in ("mobile_data", "picture_messages"):
        yield from (Choice(value=number) for number in range(1, len(amounts_in(request))))
        where = _said(request, PLACE)
        if not _ABROAD.search(where) and not _HOME.search(where):
            yield Choice(abroad=True)


def amounts_in(request: Request) -> list[float]:
    """The amounts of data that the customer can mean, in GB: any if it knows of one and names none,
    and if it is told to have more without one.
    """
    texts = [fact.says[0] for fact in request.facts if "gb_amount" in fact.needed_for]
    named = [float(found) for text in texts for found in _AMOUNT.findall(text)]
    asks = texts or request.kind == "refuel"
    return named or (list(AMOUNTS) if asks else [])


def is_abroad(request: Request) -> bool:
    return bool(_ABROAD.search(_said(request, PLACE)))


def _wishes(request: Request) -> Iterator[Wish]:
    if request.kind == QUESTION:
        yield Wish("")
    elif request.kind == "refuel":
        yield from (Wish("refuel_data", {"gb_amount": amount}) for amount in amounts_in(request))
    elif request.kind == "resume":
        yield Wish("resume_line")
    elif request.kind == "suspend":
        reasons = _named(_REASONS, _said(request, WHY))
        yield from (Wish("suspend_line", {"reason": reason}) for reason in reasons)
    elif request.kind == "roaming":
        yield from (Wish(tool) for tool in _named(_WAYS, request.says[0].lower()))


def _named(patterns: Mapping[str, re.Pattern[str]], text: str) -> list[str]:
    """Those that a text names; all of them if it names none."""
    return [name for name, pattern in patterns.items() if pattern.search(text)] or [*patterns]


def _said(request: Request, about: str) -> str:
    """What the customer says of it, in lower case."""
    return " ".join(fact.says[0] for fact in request.facts if fact.about == about).lower()
