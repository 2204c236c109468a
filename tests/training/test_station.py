"""What a training leaves on disk, and when."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.assembly.components import Components
from harness.assembly.config import load_config
from harness.llm.roles import open_registry
from harness.protocols import TrainingJob
from harness.run_folder import RunFolder
from harness.training.station import train_arm
from harness.types import Checkpoint, Json

SNAPSHOT = Path("checkpoints/rl-1/scratch/snapshot.pt")


class Killed(BaseException):
    """Stands for a kill: nothing catches it."""


class Learner:
    """A policy whose first saving is killed."""

    saved = 0

    def save(self, folder: Path) -> None:
        Learner.saved += 1
        folder.mkdir(parents=True, exist_ok=True)
        if Learner.saved == 1:
            raise Killed
        (folder / "weights").write_text("learnt")


class Trainer:
    """Leaves a snapshot, and says whether it found one."""

    needs = "tasks"

    def train(self, job: TrainingJob) -> Mapping[str, Json]:
        snapshot = job.folder / "snapshot.pt"
        found = snapshot.exists()
        job.folder.mkdir(parents=True, exist_ok=True)
        snapshot.write_text("all steps")
        return {"resumed": found}


class Parts(Components):
    """The products of a run, but for what learns and what trains it."""

    def trainable(self, checkpoint: Any = None, folder: Path | None = None) -> Any:
        return Learner()

    def trainer(self, name: str) -> Any:
        return Trainer()


def test_the_snapshot_stays_until_the_checkpoint_is_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Learner, "saved", 0)
    config = load_config(preset="quick", flags={"domain": "retail"})
    parts = Parts(config, open_registry())
    store = RunFolder.create(tmp_path / "run", config.plain())
    store.write_checkpoint("sft", Checkpoint(id="sft", policy="tiny", path=""))
    told = {"arm": "rl-1", "start": "sft", "trainer": config.trainer, "trained_on": "", "seed": 0}
    with pytest.raises(Killed):
        train_arm(parts, store, **told)
    assert (store.folder / SNAPSHOT).exists()

    train_arm(parts, store, **told)
    assert store.read_checkpoint("rl-1").record == {"resumed": True}
    assert not (store.folder / SNAPSHOT).parent.exists()
