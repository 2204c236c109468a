"""Turn texts into vectors that were computed once: a file of rows, found by content."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.errors import RunError

KEY = 16
"""Bytes of the digest that stands for a text."""

BATCH = 256
"""Texts that are computed and kept at once: what an interruption can lose."""


class VectorCache:
    """Vectors of texts by model version, in a folder; several processes may add to it.

    ``VERSION-DIMENSION.bin`` holds rows of a key and float32 numbers, and is read from the disk as
    needed. A row torn by an interruption is left out when the file is read, and cut off when more
    is added.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._places: dict[str, dict[bytes, int]] = {}

    def vectors(
        self,
        version: str,
        texts: Sequence[str],
        *,
        make: Callable[[Sequence[str]], NDArray[np.float32]],
    ) -> NDArray[np.float32]:
        """One row for each text; ``make`` computes those not kept yet, in batches."""
        if not texts:
            return make(texts)
        if version not in self._places:
            self._places[version] = self._read(version)
        places = self._places[version]
        keys = [_key(text) for text in texts]
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in places}
        wanted = sorted(missing, key=lambda key: len(missing[key]))
        for start in range(0, len(wanted), BATCH):
            batch = wanted[start : start + BATCH]
            self._append(version, batch, make([missing[key] for key in batch]))
        rows = self._rows(version)
        return np.asarray(rows["vector"][[places[key] for key in keys]], dtype=np.float32)

    def _read(self, version: str) -> dict[bytes, int]:
        rows = self._rows(version)
        return {bytes(key): place for place, key in enumerate(rows["key"])}

    def _rows(self, version: str) -> NDArray[np.void]:
        path = self._path(version)
        if path is None:
            return np.zeros(0, dtype=_row(1))
        row = _row(int(path.stem.rpartition("-")[2]))
        count = path.stat().st_size // row.itemsize
        if not count:
            return np.zeros(0, dtype=row)
        return np.memmap(path, dtype=row, mode="r", shape=(count,))

    def _append(self, version: str, keys: Sequence[bytes], vectors: NDArray[np.float32]) -> None:
        path = self.folder / f"{version}-{vectors.shape[1]}.bin"
        rows = np.zeros(len(keys), dtype=_row(vectors.shape[1]))
        rows["key"] = np.frombuffer(b"".join(keys), dtype=f"V{KEY}")
        rows["vector"] = vectors
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                whole = file.seek(0, os.SEEK_END) // rows.itemsize
                file.truncate(whole * rows.itemsize)
                file.write(rows.tobytes())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise RunError(
                f"cannot keep embeddings in {path}: {error.strerror or error}",
                hint="Free some space, or set `[options.faiss] cache = ''`.",
            ) from error
        places = self._places[version]
        places.update((key, whole + number) for number, key in enumerate(keys))

    def _path(self, version: str) -> Path | None:
        return next(iter(sorted(self.folder.glob(f"{version}-*.bin"))), None)


def _row(dimension: int) -> np.dtype[np.void]:
    return np.dtype([("key", f"V{KEY}"), ("vector", "<f4", (dimension,))])


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()[:KEY]
