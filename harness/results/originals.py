"""What the files that conversations were imported from said of each beyond what a run keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.run_folder import RunFolder

IDS = ("id", "conversation_id", "session_id", "thread_id", "trace_id")
"""Fields by which a record of a log is known to its owner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """The rest of the record of one conversation."""

    trajectory_id: str
    record: Any

    def is_known_as(self, id: str) -> bool:
        """Whether its owner calls it that."""
        record = self.record if isinstance(self.record, dict) else {}
        return any(str(record[name]) == id for name in IDS if name in record)


def originals_of(store: RunFolder, evaluation: str) -> Sequence[Original]:
    """Those of an evaluation; none if it was not imported."""
    return list(store.read_values(f"evals/{evaluation}/originals.jsonl", Original))


def known_as(store: RunFolder, id: str) -> list[str]:
    """The conversations that their owner calls that."""
    return [
        original.trajectory_id
        for name in store.evaluations()
        for original in originals_of(store, name)
        if original.is_known_as(id)
    ]
