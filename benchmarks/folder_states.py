"""Keep what was in a folder at one moment after another, each content once, and put it back."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

_CLOCK = re.compile(rb'"(seconds|cpu)": ?(\{[^}]*\}|[0-9.]+)|"process": ?"[0-9a-f]*')

_Row = tuple[str, str, int]
"""Name, digest of its content, and rights; of a folder, the digest is ``_FOLDER``; of a second name
of a file, ``_SAME`` and the first.
"""
_FOLDER, _SAME = "folder", "same as "


def without_clock(content: bytes) -> bytes:
    """Without the values that the clock or chance decides."""
    return _CLOCK.sub(b"", content)


class States:
    """States of a folder, in a folder of their own.

    A state has a digest, the same for two that differ in nothing but what the clock says.
    """

    def __init__(self, folder: Path) -> None:
        self._contents = folder / "contents"
        self._states = folder / "states"
        self._cleaned: dict[str, str] = {}
        for place in (self._contents, self._states):
            place.mkdir(parents=True, exist_ok=True)

    def take(self, folder: Path) -> str:
        """The digest of what the folder holds now, which is kept."""
        rows = [*self._rows(folder)]
        cleaned = [
            (name, self._cleaned.get(content, content), mode) for name, content, mode in rows
        ]
        state = _digest(json.dumps(cleaned, allow_nan=False).encode())
        kept = self._states / state
        if not kept.exists():
            kept.write_text(json.dumps(rows, allow_nan=False))
        return state

    def put(self, state: str, folder: Path) -> None:
        """Make a folder that holds what another held."""
        folder.mkdir()
        rows: list[_Row] = json.loads((self._states / state).read_text())
        for name, content, mode in rows:
            path = folder / name
            if content == _FOLDER:
                path.mkdir()
            elif content.startswith(_SAME):
                os.link(folder / content.removeprefix(_SAME), path)
            else:
                _make(path, _content(self._contents / content), mode)

    def _rows(self, folder: Path) -> Iterator[_Row]:
        first: dict[int, str] = {}
        places = [""]
        while places:
            place = places.pop()
            with os.scandir(folder / place) as found:
                entries = sorted(found, key=lambda entry: entry.name)
            for entry in entries:
                name = place + entry.name
                if entry.is_dir(follow_symlinks=False):
                    places.append(f"{name}/")
                    yield name, _FOLDER, 0
                    continue
                about = entry.stat(follow_symlinks=False)
                if about.st_nlink > 1 and about.st_ino in first:
                    yield name, _SAME + first[about.st_ino], 0
                    continue
                first[about.st_ino] = name
                yield name, self._kept(_content(entry.path)), about.st_mode & 0o777

    def _kept(self, content: bytes) -> str:
        digest = _digest(content)
        if digest not in self._cleaned:
            self._cleaned[digest] = _digest(without_clock(content))
            (self._contents / digest).write_bytes(content)
        return digest


def _content(path: str | Path) -> bytes:
    number = os.open(path, os.O_RDONLY)
    try:
        return os.read(number, os.fstat(number).st_size)
    finally:
        os.close(number)


def _make(path: Path, content: bytes, mode: int) -> None:
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        os.write(number, content)
    finally:
        os.close(number)


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
