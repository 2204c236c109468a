"""Say that a format is for reading."""

from __future__ import annotations

from harness.errors import FormatError


def refuse_writing(name: str) -> FormatError:
    return FormatError(
        f"{name} is read here, not written",
        hint="Export as tau2, or read the run folder's evals/*/trajectories.jsonl.",
    )
