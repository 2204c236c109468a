"""A run in trackio."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path

from harness.types import Json
from harness_trackers.tracking import Run


class TrackioTracker:
    """A local database: in the run folder, or where ``TRACKIO_DIR`` says. The library reads that
    once in a process.
    """

    def __init__(self, run: Run) -> None:
        os.environ.setdefault("TRACKIO_DIR", str(run.folder))
        with redirect_stdout(sys.stderr):  # it greets, and standard output is for the report
            import trackio

            self._trackio = trackio
            self._run = trackio.init(
                project=run.project,
                name=f"{run.name}-{run.id}",
                config=dict(run.config),
                resume="allow",
                embed=False,
                auto_log_gpu=False,
                auto_log_cpu=False,
            )

    def scalars(self, group: str, values: Mapping[str, float], step: int) -> None:
        self._run.log({f"{group}/{name}": value for name, value in values.items()}, step=step)

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Json]]) -> None:
        data = [list(row) for row in rows]
        self._run.log({name: self._trackio.Table(columns=list(columns), data=data)})

    def artifact(self, name: str, path: Path) -> None:
        with redirect_stdout(sys.stderr):
            kept = self._trackio.Artifact(f"{self._run.name}-{name}", type=name)
            if path.is_dir():
                kept.add_dir(str(path))
            else:
                kept.add_file(str(path))
            self._run.log_artifact(kept)

    def close(self) -> None:
        with redirect_stdout(sys.stderr):
            self._run.finish()
        current = self._trackio.context_vars.current_run
        if current.get() is self._run:  # else the library finishes it once more when Python ends
            current.set(None)
