"""Run a command in a process that ends, or whose disk is full, at the n-th file operation."""

from __future__ import annotations

import errno
import importlib
import os
import pathlib
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn

from harness.runtime import files, json_lines

How = Literal["killed", "torn", "full"]
"""Killed before the operation, killed with half of what it writes written, or no space left."""

DIED = 86
"""The status of a process that was killed here."""

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a process ended: its status, what it said, and how many file operations it made."""

    status: int
    said: str
    operations: int


class _Disk:
    """Counts file operations in ``root`` and lets the one with number ``at`` go wrong; 0: none."""

    def __init__(self, root: Path, at: int, how: How, counted: int) -> None:
        self.root = str(root)
        self.at = at
        self.how = how
        self.count = 0
        self._counted = counted

    def operation(self, torn: Callable[[], object] | None = None) -> None:
        self.count += 1
        os.pwrite(self._counted, str(self.count).encode(), 0)
        if not self.at or self.count < self.at:
            return
        if self.how == "full":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if torn is not None and self.how == "torn":
            torn()
        os._exit(DIED)

    def audit(self, event: str, values: tuple[Any, ...]) -> None:
        if event in _CHANGES or (event == "open" and (values[2] or 0) & _WRITING):
            path = values[0]
            if isinstance(path, str | bytes) and os.fsdecode(path).startswith(self.root):
                self.operation()


class _Written:
    """A file whose writes are operations."""

    def __init__(self, file: Any, disk: _Disk) -> None:
        self._file = file
        self._disk = disk

    def write(self, data: bytes) -> int:
        self._disk.operation(lambda: self._half(data))
        written: int = self._file.write(data)
        self._file.flush()
        return written

    def _half(self, data: bytes) -> None:
        self._file.write(data[: len(data) // 2])
        self._file.flush()

    def __enter__(self) -> _Written:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def run(
    work: Callable[[], object], root: Path, *, at: int = 0, how: How = "killed", errors: Path
) -> Ended:
    """Do the work in a process of its own, whose ``at``-th file operation in ``root`` goes wrong.

    ``errors``: a file for what it says. The status is ``DIED`` if it was killed.
    """
    errors.write_bytes(b"")
    counter = errors.with_suffix(".count")
    counter.write_bytes(b"0")
    known = errors.with_suffix(".modules")
    child = os.fork()
    if child == 0:
        _work(work, _Disk(root, at, how, os.open(counter, os.O_WRONLY)), errors)
    _, status = os.waitpid(child, 0)
    _import(known)
    return Ended(
        status=os.waitstatus_to_exitcode(status),
        said=errors.read_text(errors="replace"),
        operations=int(counter.read_text()),
    )


def _work(work: Callable[[], object], disk: _Disk, errors: Path) -> NoReturn:
    status = 1
    try:
        with errors.open("w") as said:
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
        sys.stdout = sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
        _watch(disk)
        work()
        status = 0
    except SystemExit as left:
        status = int(left.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        disk.at = 0
        errors.with_suffix(".modules").write_text("\n".join(_needed()))
        sys.stderr.flush()
        os._exit(status)


def _needed() -> list[str]:
    """The modules that this process has, and the classes that it read or wrote as JSON."""
    shapes = [f"{shape.__module__}:{shape.__qualname__}" for shape in json_lines._ADAPTERS]
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


def _watch(disk: _Disk) -> None:
    """For good: the process ends soon."""
    opened, sync, text = files.opened, os.fsync, pathlib.Path.write_text

    def watched(path: Path, flags: int) -> Any:
        file = opened(path, flags)
        return (
            _Written(file, disk) if flags & _WRITING and str(path).startswith(disk.root) else file
        )

    def synced(number: int) -> None:
        disk.operation()
        sync(number)

    def written(path: Path, data: str, *words: Any, **named: Any) -> int:
        def half() -> None:
            text(path, data[: len(data) // 2])

        disk.operation(half)
        return text(path, data, *words, **named)

    replaced: Sequence[tuple[Any, str, Any]] = [
        (files, "opened", watched), (os, "fsync", synced), (pathlib.Path, "write_text", written)
    ]  # fmt: skip
    for where, name, function in replaced:
        setattr(where, name, function)
    sys.addaudithook(disk.audit)
