"""Turn a file of JSON, one value or one for each line, into its records."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from harness.errors import FormatError
from harness.llm.plain_json import loads, plain
from harness.types import Json

MEND = "Mend the line; if it is the last and cut off, remove it."
HEAD = 2**17
"""Bytes of a long file that show what it is."""

_MARK = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[][{},"]', re.DOTALL)


def entries(path: Path, *, lenient: bool = False, hint: str = MEND) -> Iterator[tuple[str, Json]]:
    """Each record of a file of JSON Lines, of one JSON value, or of several in a row, and where it
    stands.

    A list is one record after the other, a list of messages one record. ``lenient``: a line that is
    no JSON is None; else raises ``FormatError`` with the hint.
    """
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        first = next((line for line in file if line.strip()), "")
        is_lines = first.lstrip()[:1] == "{" and _whole(first) is not None
        file.seek(0)
        found = None if is_lines else _whole(text := file.read()) or _in_a_row(text)
        if found is not None:
            yield from ((f"entry {number}", e) for number, e in enumerate(found, 1))
            return
        file.seek(0)
        yield from _lines(file, path, lenient=lenient, hint=hint)


def first_entry(path: Path) -> Json:
    """The first record of :func:`entries`; of one that begins a long file and goes on beyond its
    head, what the head holds. Raises ``FormatError``, or ``ValueError`` if it is no JSON.
    """
    with path.open("rb") as file:
        start = file.read(HEAD + 1)
    if len(start) <= HEAD:
        return next((entry for _, entry in entries(path)), None)
    found = _whole(_closed(start.decode("utf-8-sig", errors="replace")))
    if found is None:
        raise ValueError(f"{path} does not begin with a JSON value")
    return next(iter(found), None)


def _closed(text: str) -> str:
    """The JSON value that the text begins with. One that goes on beyond the text ends after the
    last whole element of the outermost list that is open there, or object if no list is.
    """
    # Of what is open: how it is closed, and where its last whole element ends, 0 if it has none.
    closers: list[str] = []
    ends: list[int] = []
    for mark in _MARK.finditer(text):
        match mark[0]:
            case "{" | "[" as opening:
                closers.append("}" if opening == "{" else "]")
                ends.append(0)
            case "}" | "]" if closers:
                closers.pop()
                ends.pop()
                if not closers:
                    return text[: mark.end()]
                ends[-1] = mark.end()
            case "," if ends:
                ends[-1] = mark.start()
            case '"':  # a text that is cut off
                break
    has_more = [at for at, end in enumerate(ends) if end]
    lists = [at for at in has_more if closers[at] == "]"]
    at = next(iter(lists or has_more), -1)
    return text[: ends[at]] + "".join(reversed(closers[: at + 1])) if has_more else ""


def _whole(text: str) -> list[Json] | None:
    """The entries of a text that is one JSON value; None if it is none."""
    try:
        value = loads(text)
    except ValueError:
        return None
    if not isinstance(value, list):
        return [value]
    is_one_chat = bool(value) and isinstance(value[0], dict) and "role" in value[0]
    return [value] if is_one_chat else value


def _in_a_row(text: str) -> list[Json] | None:
    """The values of a text that is several, each over many lines; None if it is not."""
    found: list[Json] = []
    at, decoder = 0, json.JSONDecoder()
    try:
        while rest := text[at:].lstrip():
            value, used = decoder.raw_decode(rest)
            found.append(plain(value))
            at = len(text) - len(rest) + used
    except (ValueError, RecursionError):
        return None
    return found or None


def _lines(
    file: Iterator[str], path: Path, *, lenient: bool, hint: str
) -> Iterator[tuple[str, Json]]:
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            yield f"line {number}", loads(line)
        except ValueError as error:
            if lenient:
                yield f"line {number}", None
                continue
            where = (
                f" at character {error.pos + 1}"
                if isinstance(error, json.JSONDecodeError)
                else f" ({error})"
            )
            raise FormatError(
                f"{path}, line {number}: no JSON{where}"
                + (", or a file cut off there" if not line.endswith("\n") else ""),
                hint=hint,
            ) from None
