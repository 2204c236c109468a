"""Keep what each station of a run costs in CPU seconds, of this process and those it forked."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from harness.protocols import Event
from harness.run_folder import RunFolder
from harness.runtime import cpu_time
from harness.types.ids import stable_id

JOURNAL = "cpu.jsonl"

EVERY = 5.0
"""Seconds between entries within a station: no more than that is lost when a run is killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    station: str
    seconds: float
    process: str


class Meter:
    """An ``Observer`` that journals CPU seconds by station into the run folder."""

    def __init__(self, store: RunFolder) -> None:
        self._store = store
        self._process = stable_id(os.getpid(), time.time_ns())
        self._station = ""
        self._began = self._written = 0.0

    def notify(self, event: Event) -> None:
        if event.name == "station_started":
            self._station = str(event.data["station"])
            self._began, self._written = cpu_time.cpu_seconds(), time.monotonic()
            return
        ended = event.name == "station_finished"
        if self._station and (ended or time.monotonic() - self._written >= EVERY):
            self._write()
        if ended:
            self._station = ""

    def _write(self) -> None:
        seconds = round(cpu_time.cpu_seconds() - self._began, 3)
        row = {"station": self._station, "seconds": seconds, "process": self._process}
        self._store.append(JOURNAL, row)
        self._written = time.monotonic()


def cpu_seconds(store: RunFolder) -> dict[str, float]:
    """CPU seconds by station, those of interrupted tries included."""
    last: dict[tuple[str, str], float] = {}
    for row in store.read_values(JOURNAL, _Measured):
        last[row.station, row.process] = row.seconds
    total: dict[str, float] = {}
    for (station, _), seconds in last.items():
        total[station] = round(total.get(station, 0.0) + seconds, 3)
    return total
