"""Fork processes: whether that is safe here, and what a forked one must do."""

from __future__ import annotations

import ctypes
import multiprocessing
import signal
import sys
from typing import Any

_PR_SET_PDEATHSIG = 1
"""Of ``linux/prctl.h``: the signal that this process gets when its parent dies."""


def can_fork() -> bool:
    """Whether forked copies of this process are safe: macOS has libraries that do not survive it,
    CUDA does not once it was used, and a daemon, such as a worker of a trainer, may have no
    children.
    """
    offered = "fork" in multiprocessing.get_all_start_methods() and sys.platform != "darwin"
    return offered and not _uses_cuda() and not multiprocessing.current_process().daemon


def _uses_cuda() -> bool:
    torch: Any = sys.modules.get("torch")
    return torch is not None and bool(torch.cuda.is_initialized())


def end_with_parent() -> None:
    """On Linux: if the parent is killed, this process is too, rather than waiting for a reader."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
