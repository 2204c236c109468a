"""Turn text into files that a killed process or a power cut leaves whole, and repair those that
were torn.

A line may be torn: cut off before its newline, by a process that died while it wrote. What was
*synced* survives a power cut, what was not only the end of the process. Nothing is written through
a link: see ``harness.runtime.inside``.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from harness.runtime.inside import opened, refuse_special

SCRATCH = ".part"
"""How the names of files end that are being written."""

_AT_ONCE = 1_000_000
"""Characters that are written at once."""


def read(path: Path) -> bytes:
    """What an ordinary file holds; a link is followed. Raises ``OSError``."""
    with opened(Path(os.path.realpath(path)), os.O_RDONLY) as file:
        return file.read()


def lines(path: Path) -> Iterator[bytes]:
    """Those of an ordinary file, the last perhaps without its end; a link is followed. Raises
    ``OSError``.
    """
    with opened(Path(os.path.realpath(path)), os.O_RDONLY) as file:
        yield from file


def append(path: Path, text: str, *, sync: bool) -> int:
    """How many bytes of a torn last line were cut off before the text was added."""
    with opened(path, os.O_RDWR | os.O_CREAT | os.O_APPEND) as file:
        cut = _cut_torn_line(file)
        file.write(text.encode())
        if sync:
            file.flush()
            os.fsync(file.fileno())
    if sync:
        _sync_names(path.parent)
    return cut


def replace(path: Path, text: str | Iterable[str]) -> None:
    """Give the file this text, as ``replacing`` does; of one in parts few are held at once."""
    with replacing(path) as file:
        for part in [text] if isinstance(text, str) else _joined(text):
            file.write(part.encode())


def _joined(parts: Iterable[str]) -> Iterator[str]:
    """The same text in fewer parts."""
    held: list[str] = []
    length = 0
    for part in parts:
        held.append(part)
        length += len(part)
        if length >= _AT_ONCE:
            yield "".join(held)
            held, length = [], 0
    yield "".join(held)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write the new content of ``path`` to. At any time ``path`` has the old content or
    the new one, and is synced when the block ends; if it raises, ``path`` stays as it was. A pipe
    or a device is not replaced.
    """
    refuse_special(path)
    scratch = path.with_name(path.name + SCRATCH)
    scratch.unlink(missing_ok=True)  # of a process that was killed
    try:
        with opened(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)
    _sync_names(path.parent)


def move(path: Path, target: Path) -> None:
    """Give the file another name in place of what had that, synced; a pipe or a device keeps it."""
    refuse_special(target)
    os.replace(path, target)
    _sync_names(target.parent)


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A place to make the file or folder ``path`` at, under the same name: it has it once the block
    ends, synced, and nothing has if the block raises or the process dies.

    An existing file is replaced, and so is an empty folder; a pipe or a device is not. Raises
    ``BlockingIOError`` if another process makes the same.
    """
    refuse_special(path)
    scratch = path.with_name(f".{path.name}{SCRATCH}")
    made = scratch / path.name
    make_folder(path.parent)
    with ExitStack() as held:
        with alone(path.parent, wait=True):
            if scratch.is_symlink() or not scratch.is_dir():
                clear(scratch)
                scratch.mkdir()
            held.enter_context(alone(scratch))
        try:
            for left in (*scratch.iterdir(),):  # of a process that was killed
                clear(left)
            yield made
            if made.exists():
                sync(made)
                os.replace(made, path)
        finally:
            with alone(path.parent, wait=True):
                clear(scratch)
    _sync_names(path.parent)


def clear_scratch(folder: Path) -> None:
    """Delete what a process that was killed was writing into the folder, at any depth; what one
    that lives is making there with ``whole`` stays.
    """
    held: list[Path] = []
    for path in sorted(folder.rglob(f"*{SCRATCH}")):
        if any(map(path.is_relative_to, held)):
            continue
        if path.is_file() or path.is_symlink():
            clear(path)
        elif path.name.startswith(".") and path.exists():
            try:
                with alone(path):
                    clear(path)
            except BlockingIOError:
                held.append(path)


def clear(path: Path) -> None:
    """Delete a file, or a folder with all that is in it, if there is one; of a link, the link."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        remove(path)


def cut_torn_line(path: Path) -> int:
    """How many bytes of a torn last line were cut off."""
    with opened(path, os.O_RDWR) as file:
        return _cut_torn_line(file)


def make_folder(folder: Path) -> None:
    """Make the folder and those around it, synced; one that exists is left alone."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in missing:
        _sync_names(path.parent)


def remove(path: Path) -> None:
    """Delete the file, synced, if there is one; of a link, the link."""
    if os.path.lexists(path):
        path.unlink()
        _sync_names(path.parent)


def sync(path: Path) -> None:
    """Have a file survive a power cut; of a folder, all that is in it."""
    for one in (*path.rglob("*"), path):
        if one.is_dir():
            _sync_names(one)
        elif one.is_file() and not one.is_symlink():
            with opened(one, os.O_RDONLY) as file:
                os.fsync(file.fileno())
    _sync_names(path.parent)


@contextmanager
def alone(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold the folder for this process. Raises ``BlockingIOError`` if another one holds it, unless
    it is to ``wait``.
    """
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(number, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(number)


def _sync_names(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # as some network file systems say
            raise
    finally:
        os.close(number)


def _cut_torn_line(file: BinaryIO) -> int:
    end = file.seek(0, os.SEEK_END)
    file.seek(max(end - 1, 0))
    if file.read(1) in (b"", b"\n"):
        return 0
    file.seek(0)
    whole = file.read().rfind(b"\n") + 1
    file.truncate(whole)
    return end - whole
