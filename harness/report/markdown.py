"""Pieces of Markdown from Python values; text is escaped unless it is Markdown already."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from harness.runtime.foreign_text import clean

_SPECIAL = re.compile(r"[\\`*\[\]|~]|(?<!\w)_|_(?!\w)")
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


class Markdown(str):
    """Text that needs no escaping any more."""

    __slots__ = ()


def plain(value: object, limit: int = 400) -> Markdown:
    """The value as one line that shows what it says: no markup, HTML, link or cell of its own."""
    if isinstance(value, Markdown):
        return value
    text = _SPECIAL.sub(lambda sign: "\\" + sign[0], clean(value, limit))
    return Markdown("".join(_HTML.get(c, c) for c in text))


def code(value: object, limit: int = 400) -> Markdown:
    """The value in a span of code, also in a table; a backtick in it becomes an apostrophe."""
    text = clean(value, limit).replace("`", "'").replace("|", "\\|")
    return Markdown(f"`{text or ' '}`")


def joined(*parts: object) -> Markdown:
    """The parts one after the other, each escaped if it is plain text."""
    return Markdown("".join(part if isinstance(part, Markdown) else _inner(part) for part in parts))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Markdown:
    """A table; "" without rows."""
    lines = [_row(row) for row in rows]
    rule = "|" + "---|" * len(head)
    return Markdown("\n".join([_row(head), rule, *lines]) if lines else "")


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(map(plain, cells)) + " |"


def _inner(part: object) -> Markdown:
    """As ``plain``, with the spaces at its ends."""
    text = str(part)
    start, end = text[: len(text) - len(text.lstrip(" "))], text[len(text.rstrip(" ")) :]
    return Markdown(f"{start}{plain(text)}{end}" if text.strip() else text)
