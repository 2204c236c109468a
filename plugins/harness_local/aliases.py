"""Replace ids, names and places by one-token aliases in a conversation, and reverse that."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass
from functools import lru_cache

_PLACE = re.compile(r"\b\d{1,4}(?: [A-Z][a-z]+){2}\b|\b[A-Z][a-z]+ \d{1,3}\b")
_CANDIDATE = re.compile(
    r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"  # an email
    rf"|{_PLACE.pattern}"
    r"|#?\w(?:(?:[\w.-]|(?<=\d):(?=\d))*\w)?"
)
_NAME = re.compile(r"[A-Z][a-z]+|[A-Z]{2,3}")
_SENTENCE_ENDS = ".!?\n"
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_CODE = re.compile(r"#?(?=[A-Z]*\d)(?=\d*[A-Z])[A-Z0-9]{6,}")
_NUMBERED = re.compile(r"#?(?=[\d.-]*[^\W\d])[\w.-]*\d{4}|\w+_\d{3,}")
_NUMBER = re.compile(r"#?\d[\dT:-]{4,}")
_TIME = re.compile(r"\d{1,2}:\d\d(?::\d\d)?")


@dataclass(frozen=True, slots=True)
class Alias:
    """The number of a handle in the table; ``glued`` if no space stood before it."""

    number: int
    glued: bool


@lru_cache(maxsize=16_384)
def is_handle(text: str) -> bool:
    """Whether the whole text is to be copied rather than read: an id, email, code, long number.

    Prices are not, nor are quantities with a unit and times of day.
    """
    if _NUMBER.fullmatch(text) and not _TIME.fullmatch(text):
        return sum(map(str.isdigit, text)) >= 5
    return any(shape.fullmatch(text) for shape in (_EMAIL, _CODE, _NUMBERED))


class Aliases:
    """Handles numbered in order of first appearance, up to ``size``; later ones stay unchanged."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._handles: list[str] = []
        self._numbers: dict[str, int] = {}

    def learn(
        self, text: str, *, names: bool = False, places: Container[str] | None = None
    ) -> None:
        """Number the handles in the text that are new: ids and street lines, and where ``names``
        says so also words in capitals, the first of a sentence only if the next is one too.

        ``places``: what may be a street line ("Suite 84", unlike the "Laptop 15" of a laptop of 15
        inches); None: whatever looks like one.
        """
        for found in _CANDIDATE.finditer(text):
            handle = found.group()
            if handle in self._numbers or len(self._handles) == self._size:
                continue
            if (
                is_handle(handle)
                or (_PLACE.fullmatch(handle) and (places is None or handle in places))
                or (names and _is_name(text, found.start(), found.end()))
            ):
                self._numbers[handle] = len(self._handles)
                self._handles.append(handle)

    def split(self, text: str) -> Iterator[str | Alias]:
        """The text with known handles as aliases, each of which swallows one space before it."""
        start = 0
        for found in _CANDIDATE.finditer(text):
            number = self._numbers.get(found.group())
            if number is None:
                continue
            before = text[start : found.start()]
            glued = not before.endswith(" ")
            if before := before if glued else before[:-1]:
                yield before
            yield Alias(number, glued)
            start = found.end()
        if start < len(text):
            yield text[start:]

    def handle(self, number: int) -> str:
        """What the alias stands for; ``@number`` if it stands for nothing."""
        return self._handles[number] if number < len(self._handles) else f"@{number}"


def _is_name(text: str, start: int, end: int) -> bool:
    if not _NAME.fullmatch(text, start, end):
        return False
    before = text[:start].rstrip(" ")
    opens_sentence = not before or before[-1] in _SENTENCE_ENDS
    return not opens_sentence or _NAME.match(text, end + 1) is not None
