"""Turn a training that was killed here into one that goes on from what the server kept."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import RunError
from harness.runtime import files
from harness_tinker.remote import RemoteModel

Point = Mapping[str, float]


class Resuming:
    """The note of one training: how far it is, and under which name the server has its state.

    ``step``, ``curve`` and ``state`` are those to go on from: 0 and empty without a note of the
    same ``identity``.
    """

    def __init__(self, folder: Path, identity: str, model: RemoteModel) -> None:
        self._path = folder / "tinker.json"
        self._identity = identity
        self._model = model
        self.step = 0
        self.curve: Sequence[Point] = ()
        self.state: Mapping[str, Any] = {}
        noted = self._read()
        if noted.get("identity") == identity:
            self.step, self.curve, self.state = noted["step"], noted["curve"], noted["state"]
            model.resume(noted["kept"], noted["updates"])

    def keep(self, step: int, curve: Sequence[Point], state: Mapping[str, Any]) -> None:
        """Have the server keep weights and optimizer, and note the step. Raises ``RunError``."""
        kept = self._model.keep(f"step{step}")
        noted = {
            "identity": self._identity,
            "kept": kept,
            "updates": self._model.updates,
            "step": step,
            "curve": [dict(point) for point in curve],
            "state": dict(state),
        }
        try:
            files.make_folder(self._path.parent)
            with files.replacing(self._path) as file:
                file.write(json.dumps(noted).encode())
        except OSError as error:
            raise RunError(
                f"cannot write {self._path}: {error}", hint="Make room on the disk, then resume."
            ) from error

    def _read(self) -> dict[str, Any]:
        if not self._path.exists():
            return {}
        try:
            noted = json.loads(self._path.read_text())
            return {**noted, "step": int(noted["step"]), "kept": str(noted["kept"])}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(
                f"{self._path} is damaged: {error!r}",
                hint="Remove it; its training then starts from the beginning.",
            ) from error
