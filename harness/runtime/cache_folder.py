"""Say where the project keeps what it can make again: answers, embeddings, converted models."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER_VARIABLE = "HARNESS_CACHE_DIR"


def cache_folder() -> Path:
    """``$HARNESS_CACHE_DIR``, else ``errata-harness`` in ``$XDG_CACHE_HOME`` or ``~/.cache``: one
    folder for all runs of a user, so that a new run finds what an earlier one left.
    """
    if chosen := os.environ.get(FOLDER_VARIABLE):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "errata-harness"
