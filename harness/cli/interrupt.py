"""Turn a Ctrl-C that Python dropped, as in the middle of an import, into one at the next event."""

from __future__ import annotations

import os
import signal
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
        try:
            received = os.read(self._reader, 64)
        except BlockingIOError:
            return
        if signal.SIGINT in received:
            raise KeyboardInterrupt


@contextmanager
def interruptions() -> Iterator[Observer]:
    """An observer that hears of every Ctrl-C within the block. Only for the main thread."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield Interruptions(reader)
    finally:
        signal.set_wakeup_fd(before)
        os.close(reader)
        os.close(writer)
