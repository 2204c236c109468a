"""Run a command in a process that is killed, or whose disk is full, at the n-th operation that
changes files; or keep what each of these kills would leave.

An operation is what a process asks the kernel for: making or emptying a file by opening it, one
write, cutting a file, a sync, and every change of a name.
"""

from __future__ import annotations

import builtins
import errno
import importlib
import io
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn

from folder_states import States

from harness.runtime import json_lines

How = Literal["killed", "torn", "full"]
"""Killed before the operation; killed with half of what it writes written; no space left from there
on, after half of that write.
"""

DIED = -signal.SIGKILL
"""The status of a process that was killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A change of files, and the states of the folder in which a kill there leaves it.

    ``torn``: with half of the write written; "" if nothing is written.
    """

    what: str
    needs_space: bool
    killed: str
    torn: str

    def can(self, how: How) -> bool:
        """Whether this end differs here from that at another operation."""
        return {"killed": True, "torn": bool(self.torn), "full": self.needs_space}[how]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a process ended: its status, and what it said."""

    status: int
    said: str


class _Disk:
    """Counts the operations in ``root``; that with number ``at`` goes wrong, 0: none."""

    def __init__(self, root: Path, at: int, how: How) -> None:
        self._root = str(root.resolve())
        self._at = at
        self._how = how
        self._count = 0

    def holds(self, path: Any, folder: int | None = None) -> bool:
        """Whether the file with this name or number is in the root; a relative name counts from the
        open ``folder``, or from the working directory.
        """
        if isinstance(path, int):
            place = os.readlink(f"/proc/self/fd/{path}")
        else:
            near = folder is None or folder < 0
            start = os.getcwd() if near else os.readlink(f"/proc/self/fd/{folder}")
            place = os.path.normpath(os.path.join(start, os.fsdecode(path)))
        return f"{place}{os.sep}".startswith(self._root + os.sep)

    def operation(
        self, what: str, half: Callable[[], int] | None = None, *, needs_space: bool = False
    ) -> int:
        """Something is about to change, a write if it has a ``half``: how much of it is written."""
        self._count += 1
        if not self._at or self._count < self._at:
            return 0
        if self._how == "full":
            if not needs_space:
                return 0
            if half is not None and self._count == self._at:
                half()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if self._how == "torn" and half is not None:
            half()
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("a killed process goes on")


class _Recorder(_Disk):
    """Keeps, before each operation and at half of each write, what the folder holds."""

    def __init__(self, root: Path, states: States, kept: Path) -> None:
        super().__init__(root, 0, "killed")
        self._folder = root
        self._states = states
        self._kept = kept.open("w")
        self._busy = False

    def holds(self, path: Any, folder: int | None = None) -> bool:
        return not self._busy and super().holds(path, folder)

    def operation(
        self, what: str, half: Callable[[], int] | None = None, *, needs_space: bool = False
    ) -> int:
        if threading.active_count() > 1:
            raise AssertionError("another thread could change the folder while it is kept")
        self._busy = True
        killed, written, torn = self._states.take(self._folder), 0, ""
        if half is not None:
            written = half()
            torn = self._states.take(self._folder)
        found = Operation(what=what, needs_space=needs_space, killed=killed, torn=torn)
        self._kept.write(json.dumps(asdict(found), allow_nan=False) + "\n")
        self._kept.flush()
        self._busy = False
        return written


def run(
    work: Callable[[], object], root: Path, *, at: int = 0, how: How = "killed", errors: Path
) -> Ended:
    """Do the work in a process of its own, whose ``at``-th operation in ``root`` goes wrong.

    ``errors``: a file for what it says. The status is ``DIED`` if it was killed.
    """
    return _forked(work, lambda: _Disk(root, at, how), errors)


def recorded(
    work: Callable[[], object], root: Path, states: States, *, errors: Path
) -> tuple[Ended, list[Operation]]:
    """Do the work in a process of its own, and keep what a kill at each operation would leave."""
    kept = errors.with_suffix(".operations")
    ended = _forked(work, lambda: _Recorder(root, states, kept), errors)
    return ended, [Operation(**json.loads(line)) for line in kept.read_text().splitlines()]


def _forked(work: Callable[[], object], disk: Callable[[], _Disk], errors: Path) -> Ended:
    errors.write_bytes(b"")
    known = errors.with_suffix(".modules")
    child = os.fork()
    if child == 0:
        _work(work, disk, errors, known)
    _, status = os.waitpid(child, 0)
    _import(known)
    return Ended(status=os.waitstatus_to_exitcode(status), said=errors.read_text(errors="replace"))


def _work(
    work: Callable[[], object], disk: Callable[[], _Disk], errors: Path, known: Path
) -> NoReturn:
    status = 1
    try:
        with errors.open("w") as said:
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
        sys.stdout = sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
        _watch(disk())
        work()
        status = 0
    except SystemExit as left:
        status = int(left.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        try:
            known.write_text("\n".join(_needed()))
        finally:
            sys.stderr.flush()
            os._exit(status)  # whatever happened: what the parent would do next is not for a copy


def _needed() -> list[str]:
    """The modules that this process has, and the classes that it read or wrote as JSON."""
    classes = [shape for shape in json_lines._ADAPTERS if isinstance(shape, type)]
    shapes = [f"{shape.__module__}:{shape.__qualname__}" for shape in classes]
    return [*sys.modules, *shapes]


def _import(known: Path) -> None:
    """What the process needed, so that the next one has it from the start."""
    for name in known.read_text().splitlines() if known.exists() else ():
        module, _, shape = name.partition(":")
        with suppress(Exception):
            found = sys.modules.get(module) or importlib.import_module(module)
            if shape:
                json_lines.adapter(getattr(found, shape))
    known.unlink(missing_ok=True)


# --- from calls to operations ---------------------------------------------------------------------


def _watch(disk: _Disk) -> None:
    """For good: the process ends soon."""
    sys.addaudithook(lambda event, values: _named(disk, event, values))
    opened, sync, send = io.open, os.fsync, os.sendfile

    def watched(file: Any, mode: str = "r", *words: Any, **named: Any) -> Any:
        if set(mode) & set("wxa+") and disk.holds(file):
            return _file(disk, file, mode, *words, **named)
        return opened(file, mode, *words, **named)

    def synced(number: int) -> None:
        if disk.holds(number):
            disk.operation("sync")
        sync(number)

    def sent(out: int, source: int, offset: int, count: int) -> int:
        rest = min(count, os.fstat(source).st_size - offset)
        if rest <= 0 or not disk.holds(out):
            return send(out, source, offset, count)
        done = disk.operation(
            "write", lambda: send(out, source, offset, rest // 2), needs_space=True
        )
        return done + send(out, source, offset + done, rest - done)

    builtins.open = io.open = watched
    os.fsync, os.sendfile = synced, sent  # type: ignore[assignment]
    for name in ("write", "pwrite", "writev", "pwritev", "copy_file_range", "fdatasync"):
        setattr(os, name, _refused(disk, name, getattr(os, name)))


class _Raw(io.FileIO):
    """A file whose every write is an operation; what is buffered above it dies with the process."""

    disk: _Disk

    def write(self, data: Any) -> int:
        content = memoryview(data).cast("B")
        half = super().write
        done = self.disk.operation(
            "write", lambda: half(content[: len(content) // 2]), needs_space=True
        )
        return done + super().write(content[done:])

    def truncate(self, size: int | None = None) -> int:
        self.disk.operation("truncate")
        return super().truncate(size)


def _file(
    disk: _Disk, file: Any, mode: str, buffering: int = -1, encoding: str | None = None,
    errors: str | None = None, newline: str | None = None, closefd: bool = True, opener: Any = None,
) -> Any:  # fmt: skip
    """As ``io.open`` makes it, of parts whose calls can be seen."""
    raw = _Raw(file, mode.replace("b", "").replace("t", ""), closefd, opener)
    raw.disk = disk
    if buffering == 0:
        return raw
    buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
    if "b" in mode:
        return buffered
    return io.TextIOWrapper(buffered, io.text_encoding(encoding), errors, newline)


def _named(disk: _Disk, event: str, values: tuple[Any, ...]) -> None:
    """Changes of names, and files that are made or emptied as they are opened, by whomever."""
    if event == "open":
        path, _, flags = values
        makes = (flags or 0) & (os.O_CREAT | os.O_TRUNC)
        if makes and not isinstance(path, int) and disk.holds(path):
            exists = os.path.lexists(path)
            if exists and flags & os.O_TRUNC and os.path.getsize(path):
                disk.operation("empty")
            if not exists and flags & os.O_CREAT:
                disk.operation("open", needs_space=True)
    elif event in _NAMES:
        change = _NAMES[event]
        path, folder = values[change.path], values[change.folder] if change.folder else -1
        named = not isinstance(path, int) and disk.holds(path, folder)
        if named and _exists(path, folder) != change.makes:
            disk.operation(event, needs_space=change.makes)


@dataclass(frozen=True, slots=True)
class _Change:
    """Whether an event makes a name, and where among its values that is, and the open folder it
    counts from; 0: it has none.
    """

    makes: bool
    path: int
    folder: int


_NAMES: Mapping[str, _Change] = {
    "os.rename": _Change(makes=False, path=0, folder=2),
    "os.remove": _Change(makes=False, path=0, folder=1),
    "os.rmdir": _Change(makes=False, path=0, folder=1),
    "os.truncate": _Change(makes=False, path=0, folder=0),
    "os.mkdir": _Change(makes=True, path=0, folder=2),
    "os.link": _Change(makes=True, path=1, folder=3),
    "os.symlink": _Change(makes=True, path=1, folder=2),
}


def _exists(path: Any, folder: int) -> bool:
    try:
        os.lstat(path, dir_fd=None if folder < 0 else folder)
    except OSError:
        return False
    return True


def _refused(disk: _Disk, name: str, function: Any) -> Any:
    """Writes that no command makes: one that did would go unseen."""

    def refused(number: int, *values: Any) -> Any:
        if disk.holds(number):
            raise AssertionError(f"os.{name} writes into the folder, which is not watched")
        return function(number, *values)

    return refused
