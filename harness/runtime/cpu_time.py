"""CPU time: what a busy machine does not stretch."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time

_SCHED = 2
"""Of ``linux/posix-timers.h``: the clock that counts what a process ran, on all its threads."""


def cpu_seconds() -> float:
    """CPU seconds so far of this process, of those it has waited for, and, on Linux, of those that
    ``multiprocessing`` runs for it now.
    """
    working = multiprocessing.active_children() if sys.platform == "linux" else []
    live = sum(_of_process(child.pid) for child in working if child.pid)
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system + live


def _of_process(pid: int) -> float:
    # clock_getcpuclockid(3) as glibc makes it.
    try:
        return time.clock_gettime((~pid << 3) | _SCHED)
    except OSError:
        return 0.0
