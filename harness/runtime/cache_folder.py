"""Say where the project keeps what it can make again (answers, embeddings, converted models), and
what its user decided.
"""

from __future__ import annotations

import os
from pathlib import Path

FOLDER_VARIABLE = "HARNESS_CACHE_DIR"


def own_file(file: Path) -> None:
    """Make the file, empty, unless it is there, and have nobody but its owner read it, nor what
    SQLite keeps beside it. Raises ``OSError``.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    for one in (file, *file.parent.glob(f"{file.name}-*")):
        if one.stat().st_uid == os.getuid():
            one.chmod(0o600)


def cache_folder() -> Path:
    """``$HARNESS_CACHE_DIR``, else ``errata-harness`` in ``$XDG_CACHE_HOME`` or ``~/.cache``: one
    folder for all runs of a user, so that a new run finds what an earlier one left.
    """
    if chosen := os.environ.get(FOLDER_VARIABLE):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "errata-harness"


def state_folder() -> Path:
    """``errata-harness`` in ``$XDG_STATE_HOME`` or ``~/.local/state``: what a user decided, for all
    runs on this machine.
    """
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "errata-harness"
