"""Turn a Ctrl-C that Python dropped, as in the middle of an import, into one at the next event."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from harness.protocols import Event, Observer


class Interruptions:
    """An ``Observer`` that raises ``KeyboardInterrupt`` if Ctrl-C was pressed since it was made.

    Python discards the exception where nobody can catch it (weak reference callbacks, some
    extension modules), and imports of large libraries are full of such places.
    """

    def __init__(self, reader: int) -> None:
        self._reader = reader

    def notify(self, event: Event) -> None:
        if event.name == "run_interrupted":
            return
        try:
            received = os.read(self._reader, 64)
        except BlockingIOError:
            return
        if signal.SIGINT in received:
            raise KeyboardInterrupt


@contextmanager
def interruptions() -> Iterator[Observer]:
    """An observer that hears of every Ctrl-C within the block, which must be in the main thread.

    Python's own complaints about those it dropped are not shown.
    """
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    complain = sys.unraisablehook

    def unless_interrupted(dropped: sys.UnraisableHookArgs) -> None:
        if not issubclass(dropped.exc_type, KeyboardInterrupt):
            complain(dropped)

    sys.unraisablehook = unless_interrupted
    try:
        yield Interruptions(reader)
    finally:
        sys.unraisablehook = complain
        signal.set_wakeup_fd(before)
        os.close(reader)
        os.close(writer)
