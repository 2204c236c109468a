"""Read and write JSON files that others made or will read: clear errors, never half a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic_core import from_json, to_json

from harness.errors import FormatError
from harness.runtime.inside import opened
from harness.types import Json

HEAD_BYTES = 8192
"""How much of a file is looked at to recognise it."""


def head(path: Path) -> bytes:
    """The first bytes of a file; b"" for what is no readable file."""
    try:
        with path.open("rb") as file:
            return file.read(HEAD_BYTES).lstrip()
    except OSError:
        return b""


def read_json(path: Path) -> Json:
    """What the file holds. Raises ``FormatError`` if it cannot be read or is not whole JSON."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FormatError(f"cannot read {path}: {error.strerror}", hint="Check the path.") from None
    if not data.strip():
        raise FormatError(f"{path} is empty", hint="Copy it again, or import another file.")
    try:
        value: Json = from_json(data)
    except ValueError as error:
        raise _not_json(path, data, str(error)) from None
    return value


def write_json(value: Json, path: Path) -> None:
    """Write the value, indented: the file is there whole or not at all."""
    scratch = path.with_name(path.name + ".part")
    scratch.unlink(missing_ok=True)
    try:
        with opened(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as file:
            file.write(to_json(value, indent=2) + b"\n")
        os.replace(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)


def _not_json(path: Path, data: bytes, problem: str) -> FormatError:
    if not problem.startswith("EOF"):
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
    partial: Any = from_json(data, allow_partial=True)
    simulations = partial.get("simulations") if isinstance(partial, dict) else None
    if not isinstance(simulations, list) or not simulations:
        return ""
    return f"The last of {len(simulations)} simulations, or what follows it, is not whole. "
