"""A run in event files of TensorBoard."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.types import Json
from harness_trackers.tracking import Run


class TensorboardTracker:
    """Curves as scalars; settings, tables and the names of files as text."""

    def __init__(self, run: Run) -> None:
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self._writer = EventFileWriter(str(run.folder))
        self._text("config", "    " + json.dumps(run.config, indent=2).replace("\n", "\n    "))

    def scalars(self, group: str, values: Mapping[str, float], step: int) -> None:
        from tensorboard.plugins.scalar.summary_v2 import scalar_pb

        for name, value in values.items():
            self._add(scalar_pb(f"{group}/{name}", value), step)

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Json]]) -> None:
        lines = [columns, ["---"] * len(columns), *rows]
        self._text(name, "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines))

    def artifact(self, name: str, path: Path) -> None:
        self._text(name, str(path))

    def close(self) -> None:
        self._writer.close()

    def _text(self, tag: str, text: str) -> None:
        from tensorboard.plugins.text.summary_v2 import text_pb

        self._add(text_pb(tag, text), 0)

    def _add(self, summary: object, step: int) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        self._writer.add_event(Event(wall_time=time.time(), step=step, summary=summary))
