"""A folder whose files are replaced as a whole or grow by lines: values in, values out.

A whole file, and what ``append_values`` adds, is on disk when the call returns: it survives a power
cut. Lines of ``append`` are only written: they survive the end of the process and are on disk once
``sync`` was called. A line torn by a crash is cut off, with a warning, by the next process that
appends to its file or, holding the folder, reads it. Files that are written ``together`` are all on
disk or none. No name leads out of the folder: see ``harness.runtime.inside``.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from harness.errors import FolderWarning, RunError
from harness.run_folder.together import JOURNAL, Together, settle
from harness.runtime import files
from harness.runtime.inside import LeadsOutside, links_out, place
from harness.runtime.json_lines import adapter, json_text, lines_of, value_of
from harness.types import Json

T = TypeVar("T")

_Table = dict[str, Any]
_REPEAT = "Delete it (of a file of lines, that line); a run that is resumed repeats the lost part."


def say(message: str) -> None:
    """Say that damage was found, by a ``FolderWarning``."""
    warnings.warn(message, FolderWarning, stacklevel=2)


class FolderFiles:
    """The files of one folder, by their names in it. ``warn`` is called for damage that was found
    and repaired. ``held``: this process alone writes there.

    Every write raises ``RunError`` when the disk is full or the folder cannot be written, and every
    call for a name that leads out of the folder.
    """

    def __init__(self, folder: Path, warn: Callable[[str], None] = say) -> None:
        self.folder = folder
        self.warn = warn
        self.held = False
        self._unsynced: set[str] = set()
        self._step: Together | None = None

    def path(self, name: str) -> Path:
        """Where the file of that name is, there or not: for what others write or read."""
        with _places():
            return place(self.folder, name)

    def refuse_links_out(self) -> None:
        """Raise ``RunError`` if a link in the folder leaves it, at any depth: others copy what is
        in it, load models from it, and save some there.
        """
        for link in links_out(self.folder):
            raise _leads_outside(link, "it is a link that leaves the folder")

    @contextmanager
    def together(self) -> Iterator[None]:
        """Whole files written and removed within the block are so in one step when it ends, and not
        at all if it raises or the process dies. Within it, files are read as they were before.
        """
        if self._step is not None:
            yield
            return
        self.settle()
        self._step = step = Together(self.folder)
        try:
            yield
        finally:
            self._step = None
        with disk_errors(self.folder):
            step.commit()

    def settle(self) -> None:
        """Finish what a process that ended wrote ``together``. Raises ``RunError``."""
        with disk_errors(self.folder):
            try:
                settle(self.folder)
            except (ValueError, RecursionError) as error:
                raise _damaged(self.folder / JOURNAL, error) from None

    def newest(self, name: str) -> Path:
        """Where the content of the file is that it has once all is written ``together``."""
        staged = self._step.staged.get(name) if self._step is not None else None
        return staged or self.path(name)

    def has(self, name: str) -> bool:
        return self.path(name).exists()

    def remove(self, name: str) -> None:
        """Delete the file, if there is one."""
        path = self.path(name)
        self._unsynced.discard(name)
        if self._step is not None:
            self._step.remove(name)
            return
        with disk_errors(path):
            files.remove(path)

    def sync(self) -> None:
        """Have all lines that were appended on disk."""
        for name in sorted(self._unsynced):
            with self._writing(name) as path:
                files.sync(path)
        self._unsynced.clear()

    # --- whole files ------------------------------------------------------------------------------

    def write_json(self, name: str, value: object) -> None:
        self.write_text(name, json_text(value) + "\n")

    def read_value(self, name: str, shape: type[T]) -> T:
        """What ``write_json`` wrote. Raises ``RunError`` naming what does not fit."""
        return self.parsed(shape, name, self.read_text(name))

    def read_table(self, name: str) -> dict[str, Json]:
        """A JSON object. Raises ``RunError`` if the file holds anything else."""
        return self.read_value(name, _Table)

    def read_field(self, name: str, key: str, shape: type[T]) -> T:
        """One value of a JSON object. Raises ``RunError`` if it is not there or of another kind."""
        found = self.read_table(name)
        if key not in found:
            raise RunError(f"{self.folder / name} has no {key!r}", hint=_REPEAT)
        read = adapter(shape).validate_python
        return self._fitted(f"{name}: {key}", lambda: read(found[key]))

    def read_text(self, name: str) -> str:
        try:
            return self._bytes(name).decode()
        except FileNotFoundError:
            raise RunError(
                f"{self.folder / name} is missing",
                hint="Run the earlier stations, or `harness loop --resume`.",
            ) from None
        except ValueError as error:
            raise _damaged(self.folder / name, error) from None

    def write_values(self, name: str, shape: type[T], values: Sequence[T]) -> None:
        """Frozen dataclasses, one JSON line each."""
        self.write_text(name, lines_of(shape, values))

    def write_rows(self, name: str, rows: Iterable[Mapping[str, object]]) -> None:
        """JSON objects, one line each."""
        self._write(name, (json.dumps(row) + "\n" for row in rows))

    def write_text(self, name: str, text: str) -> None:
        self._write(name, text)

    def _write(self, name: str, text: str | Iterable[str]) -> None:
        self._unsynced.discard(name)
        if self._step is not None:
            with disk_errors(self.path(name)):
                self._step.stage(name, text)
            return
        with self._writing(name) as path:
            files.replace(path, text)

    # --- files that grow by lines -----------------------------------------------------------------

    def append(self, name: str, row: Mapping[str, object]) -> None:
        """One JSON line at the end of a file, on disk once ``sync`` was called."""
        self._append_text(name, json.dumps(row) + "\n", sync=False)

    def append_values(self, name: str, shape: type[T], values: Sequence[T]) -> None:
        """Frozen dataclasses as lines at the end of a file, on disk when this returns."""
        if values:
            self._append_text(name, lines_of(shape, values), sync=True)

    def read_values(self, name: str, shape: type[T]) -> list[T]:
        """What ``write_values`` wrote; [] if there is no such file. Raises ``RunError`` naming the
        line that does not fit.
        """
        return [
            self.parsed(shape, f"{name}, line {number}", line)
            for number, line in enumerate(self._lines(name), start=1)
        ]

    def read_rows(self, name: str) -> list[dict[str, Json]]:
        """The JSON objects of a file, one a line; [] if there is no such file. A torn last line is
        left out with a warning, and cut off if this process holds the folder: else it may be a line
        being written.
        """
        return self.read_values(name, _Table)

    def parsed(self, shape: type[T], where: str, text: str) -> T:
        """The value in the text. Raises ``RunError``, naming ``where``, if it does not fit."""
        return self._fitted(where, lambda: value_of(shape, text))

    def _fitted(self, where: str, read: Callable[[], T]) -> T:
        from pydantic import ValidationError

        try:
            return read()
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise RunError(
                f"{self.folder / where} does not fit this version: "
                f"{place + ': ' if place else ''}{first['msg']}",
                hint="Start a new run, or use the version that made this one.",
            ) from None
        except json.JSONDecodeError as error:
            raise RunError(f"{self.folder / where}: not JSON: {error.msg}", hint=_REPEAT) from None
        except (ValueError, RecursionError) as error:  # numbers too long, nesting too deep
            raise RunError(f"{self.folder / where} cannot be read: {error}", hint=_REPEAT) from None

    def _bytes(self, name: str) -> bytes:
        """Raises ``RunError``, and ``FileNotFoundError``."""
        path = self.path(name)
        with read_errors(path):
            return files.read(path)

    def _lines(self, name: str) -> Iterator[str]:
        path = self.path(name)
        if not path.exists():
            return
        torn = b""
        with read_errors(path):
            for number, line in enumerate(files.lines(path), start=1):
                if line.endswith(b"\n"):
                    yield self._text(name, number, line[:-1])
                else:
                    torn = line
        if torn:
            self._warn_of_torn_line(path, len(torn))
            if self.held:
                with self._writing(name):
                    files.cut_torn_line(path)

    def _text(self, name: str, number: int, line: bytes) -> str:
        try:
            return line.decode()
        except UnicodeDecodeError as error:
            raise RunError(
                f"{self.folder / name}, line {number}: not UTF-8: {error.reason}", hint=_REPEAT
            ) from None

    def _append_text(self, name: str, text: str, *, sync: bool) -> None:
        with self._writing(name) as path:
            cut = files.append(path, text, sync=sync)
        if not sync:
            self._unsynced.add(name)
        if cut:
            self._warn_of_torn_line(path, cut)

    def _warn_of_torn_line(self, path: Path, size: int) -> None:
        self.warn(f"{path}: dropped an incomplete last line ({size} bytes)")

    @contextmanager
    def _writing(self, name: str) -> Iterator[Path]:
        path = self.path(name)
        with disk_errors(path):
            files.make_folder(path.parent)
            yield path


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn an error of the disk into a ``RunError`` that says what to do; nothing written is lost.

    Every ``OSError`` within is taken for one of the disk: do nothing there but write.
    """
    try:
        with _places():
            yield
    except OSError as error:
        if _is_full(error):
            raise RunError(
                f"no space left on the disk while writing {path}",
                hint="Free some space, then repeat the command, or resume the run that it began; "
                "what is finished is kept.",
            ) from error
        raise RunError(
            f"cannot write {path}: {_of(error, path)}",
            hint="Fix the permissions, or name another place, and repeat the command.",
        ) from error


@contextmanager
def read_errors(path: Path) -> Iterator[None]:
    """Turn an error of reading into a ``RunError``, all but ``FileNotFoundError``."""
    try:
        with _places():
            yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise RunError(
            f"cannot read {path}: {error.strerror or error}", hint="Check its permissions."
        ) from error


def _is_full(error: OSError) -> bool:
    numbers = (errno.ENOSPC, errno.EDQUOT)
    return error.errno in numbers or any(os.strerror(n) in _first_of(error) for n in numbers)


def _first_of(error: OSError) -> str:
    """The first of the errors that copying a folder met, which says them all as text; "" for an
    error of one file.
    """
    found = error.args[0] if isinstance(error, shutil.Error) and error.args else None
    return str(found[0][-1]) if isinstance(found, list) and found else ""


def _of(error: OSError, path: Path) -> str:
    """What the system says, and of what, where that is another file than the path."""
    if first := _first_of(error):
        return first
    said = error.strerror or str(error)
    other = error.filename
    if isinstance(other, str | os.PathLike) and Path(other) in path.parents:
        return f"{os.fspath(other)}: {said}"
    return said


def _damaged(path: Path, error: Exception) -> RunError:
    return RunError(
        f"{path} is damaged: {error}", hint="Delete it and continue with `harness loop --resume`."
    )


def _leads_outside(path: Path, what: str) -> RunError:
    """What a reader is told of a name or a link that leads out of a folder."""
    return RunError(
        f"{path} is left alone: {what}",
        hint="A folder of yours: put the file itself there. A folder of others: do not trust it.",
    )


@contextmanager
def _places() -> Iterator[None]:
    try:
        yield
    except LeadsOutside as error:
        raise _leads_outside(error.path, error.what) from None
