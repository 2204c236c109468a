"""Turn writes and removals of several files into one step: all of them happen, or none.

New contents wait in ``pending/`` beside a journal that says where they belong. The journal appears
by one rename: before it nothing has happened, after it all has, since whoever opens the folder next
finishes what it lists. A name in the journal of somebody else's folder leads nowhere else than any
other name does: see ``harness.runtime.inside``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from harness.runtime import files
from harness.runtime.inside import LeadsOutside, place

PENDING = "pending"
JOURNAL = f"{PENDING}/journal.json"


@dataclass(slots=True)
class Together:
    """The files of one step, by their names in ``folder``: where the new content of each waits,
    None for one that is removed.
    """

    folder: Path
    staged: dict[str, Path | None] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=count)

    def stage(self, name: str, text: str | Iterable[str]) -> None:
        """Have the file get this text, whole or in parts. Raises ``OSError``."""
        waiting = place(self.folder, f"{PENDING}/{next(self._numbers)}")
        files.make_folder(waiting.parent)
        files.replace(waiting, text)
        self.staged[name] = waiting

    def remove(self, name: str) -> None:
        """Have the file removed."""
        self.staged[name] = None

    def commit(self) -> None:
        """The one step. Raises ``OSError``; the folder is as it was then, or is settled by whoever
        opens it.
        """
        if not self.staged:
            return
        listed = {name: waiting and waiting.name for name, waiting in self.staged.items()}
        journal = place(self.folder, JOURNAL)
        files.make_folder(journal.parent)
        files.replace(journal, json.dumps(listed) + "\n")
        settle(self.folder)


def is_unsettled(folder: Path) -> bool:
    """Whether a process ended within a step that has happened."""
    return (folder / JOURNAL).is_file()


def is_leftover(path: Path) -> bool:
    """Whether the path is what a process left that ended before its step happened."""
    return path.name == PENDING and not (path / Path(JOURNAL).name).exists()


def settle(folder: Path) -> None:
    """Finish a step that has happened, and clear away one that has not. Whoever calls it holds the
    folder. Raises ``OSError``, and ``ValueError`` if the journal is damaged.
    """
    if is_unsettled(folder):
        for name, waiting in _listed(folder):
            target = place(folder, name)
            if waiting is None:
                files.remove(target)
            elif waiting.exists():  # else it is in its place
                files.make_folder(target.parent)
                files.move(waiting, target)
        files.remove(folder / JOURNAL)
    pending = folder / PENDING
    if pending.is_dir() and not pending.is_symlink():
        for path in pending.iterdir():
            path.unlink()
        pending.rmdir()


def _listed(folder: Path) -> Iterator[tuple[str, Path | None]]:
    found = json.loads(files.read(place(folder, JOURNAL)))
    if not isinstance(found, dict):
        raise ValueError("it lists no files")
    for name, waiting in found.items():
        if waiting is not None and not isinstance(waiting, str):
            raise ValueError(f"it gives {name!r} no place")
        if waiting is not None and (not waiting or Path(waiting).name != waiting):
            raise LeadsOutside(folder / PENDING / waiting, "the name leads out of the folder")
        yield name, None if waiting is None else place(folder, f"{PENDING}/{waiting}")
