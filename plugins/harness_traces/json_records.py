"""Turn a file of JSON, one value or one for each line, into its records."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from harness.errors import FormatError
from harness.llm.plain_json import loads, plain
from harness.types import Json

MEND = "Mend the line; if it is the last and cut off, remove it."


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
                f" at character {error.pos + 1}" if isinstance(error, json.JSONDecodeError) else ""
            )
            raise FormatError(
                f"{path}, line {number}: no JSON{where}"
                + (", or a file cut off there" if not line.endswith("\n") else ""),
                hint=hint,
            ) from None
