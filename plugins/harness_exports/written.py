"""What the formats share that are written and never read: the protocol, and warnings."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path

from harness.errors import FormatError
from harness.types import Json, Recording


class WriteOnly:
    """A format that other tools read. ``name`` is its own, ``suffix`` what its files end in."""

    name = ""
    suffix = ".jsonl"

    def recognises(self, path: Path) -> bool:
        """Never: such a file lacks what it takes to grade a conversation again."""
        return False

    def read(self, path: Path) -> Recording:
        """Raises ``FormatError``."""
        raise FormatError(
            f"{path} cannot be read as {self.name!r}, a format that is only written: its files "
            "lack the tasks and the state to grade their conversations again",
            hint="Import the file that the conversations came from, or use the run folder.",
        )


def warn_if_held_out(recording: Recording, what: str) -> None:
    """Warn where what is written to train on is of held-out tasks."""
    held_out = sorted({task.split for task in recording.tasks} - {"train"})
    if held_out:
        warnings.warn(
            f"{what} of {' and '.join(held_out)} tasks: a model trained on them cannot be "
            "evaluated on these tasks any more (`harness eval --split train` has others)",
            stacklevel=2,
        )


def write_lines(path: Path, rows: Iterable[Mapping[str, Json]]) -> None:
    """JSON objects, one a line."""
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8", errors="backslashreplace")
