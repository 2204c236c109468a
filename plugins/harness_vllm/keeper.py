"""Run a command until it ends or whoever started this does: its standard input is then closed.

A process that is killed can stop nothing any more; the system closes its pipes all the same. Runs
as a program of its own and imports the standard library alone.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

_PATIENCE = 10.0
_LOOK_SECONDS = 0.2
_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)


def main(command: Sequence[str]) -> int:
    """The exit status of the command, 0 where it was stopped."""
    server = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=_end_with_keeper
    )
    while server.poll() is None:
        ready, _, _ = select.select([sys.stdin], [], [], _LOOK_SECONDS)
        if ready and not os.read(sys.stdin.fileno(), 1):
            _stop(server)
            return 0
    _signal(server, signal.SIGKILL)  # what it started and left
    return server.returncode


def _stop(server: subprocess.Popen[bytes]) -> None:
    _signal(server, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        server.wait(_PATIENCE)
    _signal(server, signal.SIGKILL)
    server.wait()


def _signal(server: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """To all processes of its group: vLLM has several."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(server.pid, number)


def _end_with_keeper() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
