"""A run in Weights & Biases."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.types import Json
from harness_trackers.tracking import Run


class WandbTracker:
    """Nothing leaves the machine unless ``WANDB_MODE`` is "online"; ``wandb sync`` sends later.

    The files are beside the run folder, in wandb/, or in ``WANDB_DIR``: the library links its logs
    to its cache, and a run folder with a link that leaves it is not opened.
    """

    def __init__(self, run: Run) -> None:
        import wandb

        quiet = wandb.Settings(
            console="off", silent=True, disable_git=True, disable_code=True,
            x_disable_stats=True, x_disable_meta=True, x_save_requirements=False,
        )  # fmt: skip
        self._wandb = wandb
        self._run = wandb.init(
            project=run.project,
            name=run.name,
            id=run.id,
            dir=os.environ.get("WANDB_DIR") or run.beside,
            config=dict(run.config),
            resume="allow",
            reinit="create_new",
            mode="online" if os.environ.get("WANDB_MODE") == "online" else "offline",
            settings=quiet,
        )
        self._groups: set[str] = set()

    def scalars(self, group: str, values: Mapping[str, float], step: int) -> None:
        if group not in self._groups:
            self._groups.add(group)
            self._run.define_metric(f"{group}/*", step_metric=f"{group}/step")
        named = {f"{group}/{name}": value for name, value in values.items()}
        self._run.log({**named, f"{group}/step": step})

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Json]]) -> None:
        data = [list(row) for row in rows]
        self._run.log({name: self._wandb.Table(columns=list(columns), data=data)})

    def artifact(self, name: str, path: Path) -> None:
        kept = self._wandb.Artifact(f"{self._run.id}-{name}", type=name)
        if path.is_dir():
            kept.add_dir(str(path))
        else:
            kept.add_file(str(path))
        self._run.log_artifact(kept)

    def close(self) -> None:
        self._run.finish()
