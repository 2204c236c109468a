"""Standard output as it is found: full, closed, or of another encoding than UTF-8."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from harness.errors import RunError

_OF_STREAM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EBADF, errno.EFBIG})
"""Errors of an open stream; those of a file name it."""


@contextmanager
def standard_streams() -> Iterator[None]:
    """What is printed within the block is written when it ends. A character that the encoding does
    not have is escaped, as JSON would. Raises ``RunError`` if standard output takes nothing.
    """
    if sys.stdout is None:
        raise RunError(
            "standard output is closed", hint="Leave it open, or send it to a file or /dev/null."
        )
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except BrokenPipeError:  # as `| head` leaves it
        _drop_output()
        sys.exit(1)
    except OSError as error:
        if error.filename is not None or error.errno not in _OF_STREAM:
            raise
        _drop_output()
        raise RunError(
            f"cannot write to standard output: {error.strerror}",
            hint="What the command did to run folders is kept. Send its output elsewhere.",
        ) from error


def _drop_output() -> None:
    """Python would try once more to write it when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
