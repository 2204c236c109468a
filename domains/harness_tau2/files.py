"""Read and write JSON files that others made or will read: clear errors, never half a file."""

from __future__ import annotations

import codecs
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic_core import PydanticSerializationError, from_json, to_json

from harness.errors import FormatError
from harness.runtime.inside import opened
from harness.types import Json

_MARKS: Mapping[bytes, str] = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
"""Encodings by byte order mark; that of UTF-16 begins that of UTF-32, and so comes later."""

EOF = "EOF"
"""How the parser's message begins where a file breaks off."""

HEAD_BYTES = 8192
"""How much of a file is looked at to recognise it."""


def head(path: Path) -> bytes:
    """The first bytes of a file as UTF-8, without a byte order mark; b"" for what is no readable
    file.
    """
    try:
        with path.open("rb") as file:
            return _unmarked(file.read(HEAD_BYTES), errors="ignore").lstrip()
    except OSError:
        return b""


def read_json(path: Path) -> Json:
    """What the file holds, in UTF-8 or in what a byte order mark says.

    Half of a surrogate pair, which is no character, becomes U+FFFD. Raises ``FormatError`` if the
    file cannot be read or is not whole JSON.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FormatError(f"cannot read {path}: {error.strerror}", hint="Check the path.") from None
    try:
        text = _unmarked(data)
    except UnicodeDecodeError as error:
        raise _not_text(path, error) from None
    if not text.strip():
        raise FormatError(f"{path} is empty", hint="Copy it again, or import another file.")
    try:
        value: Json = from_json(text)
    except ValueError as error:
        return _with_half_surrogates(path, text, error)
    return value


def write_json(value: Json, path: Path) -> None:
    """Write the value, indented: the file is there whole or not at all. Half of a surrogate pair
    is written as U+FFFD.
    """
    try:
        written = to_json(value, indent=2)
    except PydanticSerializationError:
        written = to_json(_characters(value), indent=2)
    scratch = path.with_name(path.name + ".part")
    scratch.unlink(missing_ok=True)
    try:
        with opened(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as file:
            file.write(written + b"\n")
        os.replace(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)


def _unmarked(data: bytes, errors: str = "surrogatepass") -> bytes:
    """The text as UTF-8 without its byte order mark. Raises ``UnicodeDecodeError``."""
    for mark, encoding in _MARKS.items():
        if data.startswith(mark):
            text = data[len(mark) :].decode(encoding, errors)
            return text.encode("utf-8", errors)
    return data


def _with_half_surrogates(path: Path, data: bytes, problem: ValueError) -> Json:
    """The JSON with U+FFFD for halves of surrogate pairs; raises ``FormatError`` for others."""
    if str(problem).startswith(EOF):
        raise _not_json(path, data, str(problem)) from None
    try:
        value: Json = json.loads(data.decode("utf-8", "surrogatepass"))
    except UnicodeDecodeError as error:
        raise _not_text(path, error) from None
    except json.JSONDecodeError as error:
        breaks_off = error.pos >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated")
        found = f"{EOF}: {error}" if breaks_off else str(problem)
        raise _not_json(path, data, found) from None
    except RecursionError:
        raise _not_json(path, data, str(problem)) from None
    return _characters(value)


def _characters(value: Json) -> Json:
    """The value with every half of a surrogate pair as U+FFFD, and every pair as its character."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_characters(entry) for entry in value]
    if isinstance(value, dict):
        return {str(_characters(key)): _characters(entry) for key, entry in value.items()}
    return value


def _not_text(path: Path, error: UnicodeDecodeError) -> FormatError:
    return FormatError(
        f"{path} is not {error.encoding.upper()}: {error.reason} at byte {error.start}",
        hint="Copy it again, or save it in UTF-8.",
    )


def _not_json(path: Path, data: bytes, problem: str) -> FormatError:
    if not problem.startswith(EOF):
        return FormatError(
            f"{path} is not JSON: {problem}",
            hint="Import the results.json that tau2 wrote, or the folder it lies in.",
        )
    return FormatError(
        f"{path} is cut off: it ends at byte {len(data)} ({problem})",
        hint=f"{_whole(data)}Copy it again. If the run that wrote it was stopped, let that run "
        "resume and end first.",
    )


def _whole(data: bytes) -> str:
    """How much of a results file is there before it breaks off."""
    try:
        partial: Any = from_json(data, allow_partial=True)
    except ValueError:
        return ""
    simulations = partial.get("simulations") if isinstance(partial, dict) else None
    if not isinstance(simulations, list) or not simulations:
        return ""
    return f"The last of {len(simulations)} simulations, or what follows it, is not whole. "
