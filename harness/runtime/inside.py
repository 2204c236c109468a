"""Turn names into places inside a folder, and find the links in it that lead out.

A folder that somebody sent may name files of its reader: by "../", by an absolute name, or by a
link. All three are refused, and a link is never written through, even one that stays inside.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO


class LeadsOutside(OSError):
    """A name or a link that leads out of the folder it was found in, or to no ordinary file."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(errno.ELOOP, what, str(path))
        self.path = path
        self.what = what


def place(folder: Path, name: str) -> Path:
    """Where in the folder the file of that name is, there or not.

    Raises ``LeadsOutside`` for a name that leaves the folder, by itself or by a link on the way.
    """
    path = folder / name
    parts = Path(name).parts
    if not can_be_name(name):
        raise LeadsOutside(path, "no file can have that name")
    if not parts or Path(name).is_absolute() or ".." in parts:
        raise LeadsOutside(path, "the name leads out of the folder")
    if not _is_within(path, folder):
        raise LeadsOutside(path, "it is a link, or lies behind one, that leaves the folder")
    return path


def can_be_name(text: str) -> bool:
    """Whether the system can name a file so: not with a NUL, nor with half a surrogate pair."""
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


def links_out(folder: Path) -> Iterator[Path]:
    """The links in the folder, at any depth, that leave it; links are not followed."""
    found = [folder]
    while found:
        with os.scandir(found.pop()) as entries:
            for entry in entries:
                if entry.is_symlink():
                    if not _is_within(Path(entry.path), folder):
                        yield Path(entry.path)
                elif entry.is_dir(follow_symlinks=False):
                    found.append(Path(entry.path))


def opened(path: Path, flags: int) -> BinaryIO:
    """The file, opened with these flags of ``os.open`` and never through a link.

    Raises ``LeadsOutside`` where a link or no ordinary file has the name: writing to a pipe or a
    device would reach whoever holds its other end, or wait for ever.
    """
    try:
        number = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise LeadsOutside(path, "it is a link, which is not written through") from None
        if error.errno == errno.ENXIO:
            raise LeadsOutside(path, "it is no ordinary file") from None
        raise
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise LeadsOutside(path, "it is no ordinary file")
    file: Any = os.fdopen(number, _MODES[flags & os.O_ACCMODE])
    found: BinaryIO = file
    return found


def refuse_special(path: Path) -> None:
    """Raise ``LeadsOutside`` where a pipe, a socket or a device has the name."""
    try:
        mode = path.lstat().st_mode
    except OSError:  # whoever writes there says it
        return
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)):
        raise LeadsOutside(path, "it is no ordinary file")


_MODES = {os.O_RDONLY: "rb", os.O_WRONLY: "wb", os.O_RDWR: "r+b"}


def _is_within(path: Path, folder: Path) -> bool:
    base, real = os.path.realpath(folder), os.path.realpath(path)
    return real == base or real.startswith(base.rstrip(os.sep) + os.sep)
