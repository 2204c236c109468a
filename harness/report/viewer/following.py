"""The page of a run that may still go on: what it holds now, read again once the folder changed."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError
from harness.report.html import overview, to_html
from harness.report.viewer.contents import Contents, contents
from harness.run_folder import RunFolder

REST = 3.0
"""A run is read again after so many times as long as reading it took, at the earliest."""

PATIENCE = 10.0
"""Seconds that a folder may be in the middle of a step before that is an error."""

_Stamp = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A state of the run as the browser gets it; ``overview`` is the first view alone."""

    contents: Contents
    page: bytes
    overview: bytes


class Followed:
    """A run folder that is read and never written. Its methods may be called from any thread."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Raises ``RunError`` if the folder is no run."""
        self._folder = folder
        self._clock = clock
        self._lock = threading.Lock()
        self._stamp: _Stamp = _stamp(folder)
        began = clock()
        self._shown = _patiently(folder)
        self._next = clock() + REST * (clock() - began)

    def now(self) -> Shown:
        """The run as it is, or was when it was read last: while a step of it changes several files
        it may not be readable.
        """
        with self._lock:
            stamp = _stamp(self._folder)
            if stamp != self._stamp and self._clock() >= self._next:
                began = self._clock()
                try:
                    self._shown = _read(self._folder, self._shown)
                    self._stamp = stamp
                except HarnessError:
                    pass  # it is read at the next call
                self._next = self._clock() + REST * (self._clock() - began)
            return self._shown


def _patiently(folder: Path) -> Shown:
    """The first state. A run that is in the middle of a step is given the time to end it."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return _read(folder, None)
        except HarnessError:
            if time.monotonic() >= until or not RunFolder.is_one(folder):
                raise
            time.sleep(0.5)


def _read(folder: Path, before: Shown | None) -> Shown:
    store = RunFolder.open(folder, warn=_nothing)  # a last line may just be being written
    found = contents(store, before=before.contents.pack.parts if before else None)
    return Shown(
        contents=found,
        page=to_html(found.document, found.maps, served=True).encode(),
        overview=overview(found.document, found.maps).encode(),
    )


def _nothing(said: str) -> None:
    """Says nothing."""


def _stamp(folder: Path) -> _Stamp:
    """The files that a page is made of, with sizes and times; not the weights."""
    found = []
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in ("model", "pending"))
        for name in sorted(files):
            if name.endswith((".json", ".jsonl")):
                path = os.path.join(place, name)
                try:
                    about = os.stat(path)
                except FileNotFoundError:
                    continue  # replaced in this moment
                found.append((path, about.st_size, about.st_mtime_ns))
    return tuple(found)
