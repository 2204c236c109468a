"""Tell weights that are as they were saved from weights that are not."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from harness.errors import RunError
from harness.types import Checkpoint


def digests_of(folder: Path, known: Mapping[str, str] = {}) -> dict[str, str]:
    """The SHA-256 of each file of a model folder, by its name in it; those ``known`` already are
    taken as they are. Raises ``OSError``.
    """
    paths = {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    return {name: known.get(name) or digest_of(path) for name, path in paths.items()}


def digest_of(path: Path) -> str:
    """The SHA-256 of a file. Raises ``OSError``."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def refuse_damaged(checkpoint: Checkpoint) -> None:
    """Raise ``RunError`` if files of the model are missing or not as they were saved. Checkpoints
    of older versions have no digests and pass.
    """
    if not checkpoint.digests:
        return
    folder = Path(checkpoint.path)
    try:
        found: Mapping[str, str] = digests_of(folder)
    except (OSError, ValueError) as error:  # the latter of a name that no file can have
        said = getattr(error, "strerror", None) or error
        raise RunError(
            f"cannot read the model {folder}: {said}",
            hint="Check its name and its permissions.",
        ) from error
    for name, digest in checkpoint.digests.items():
        if found.get(name) != digest:
            what = "is not as it was saved" if name in found else "is missing"
            raise RunError(
                f"{folder / name} {what}",
                hint="Bring it back from a copy, or delete the checkpoint.json beside its folder "
                "and continue with `harness loop --resume`: it is trained again.",
            )
