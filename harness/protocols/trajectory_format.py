"""How conversations come from other tools and go to them: the protocol of a file format."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from harness.types import Recording


class TrajectoryFormat(Protocol):
    """A file format for conversations, to exchange them with other tools.

    An attribute ``suffix`` may say what names of its files end in (".jsonl"; "" for a folder);
    without it, that is ".json".
    """

    def recognises(self, path: Path) -> bool:
        """Whether the file or folder looks like this format, by a cheap look. Never raises."""
        ...

    def read(self, path: Path) -> Recording:
        """All that is in the file or folder. Raises ``FormatError`` naming what is wrong where."""
        ...

    def write(self, recording: Recording, path: Path) -> None:
        """Write the recording. Raises ``FormatError`` if this format cannot hold it.

        What a reader of it will miss is reported by ``warnings.warn``.
        """
        ...
