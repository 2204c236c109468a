"""What is the core's in a training is not told as the trainer's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.assembly.components import Components
from harness.assembly.config import load_config
from harness.errors import PluginFailed
from harness.llm.roles import open_registry
from harness.protocols import TrainingJob
from harness.run_folder import RunFolder
from harness.training import rollout_log
from harness.training.curricula import Shown
from harness.training.station import train_arm
from harness.types import Checkpoint, Episode, Json


class Trains:
    """A trainer that does this one thing with its job."""

    needs = "tasks"

    def __init__(self, act: Callable[[TrainingJob], object]) -> None:
        self.act = act

    def train(self, job: TrainingJob) -> Mapping[str, Json]:
        self.act(job)
        return {}


def trained(folder: Path, act: Callable[[TrainingJob], object]) -> None:
    def broken() -> Iterator[Episode]:
        raise KeyError("ours")
        yield

    class Parts(Components):
        def trainable(self, *where: object) -> Any:
            return self.named_policy("noop")

        def trainer(self, name: str) -> Any:
            return Trains(act)

    config = load_config(flags={"domain": "retail", "executor": "asyncio"})
    store = RunFolder.create(folder, config.plain())
    store.write_checkpoint("sft", Checkpoint(id="c", policy="noop", path=""))
    parts = Parts(config, open_registry())
    train_arm(
        parts,
        store,
        arm="rl-1",
        start="sft",
        trainer="grpo",
        trained_on="tasks",
        seed=1,
        tasks=parts.domain.tasks("train")[:1],
        demonstrations=Shown(broken(), None),
    )


def rolls_out(job: TrainingJob) -> None:
    job.rollouts(job.policy, [(job.tasks[0], 0, 1)])


def steps(job: TrainingJob) -> None:
    rolls_out(job)
    job.progress(1, 2, {})


def imitates(job: TrainingJob) -> None:
    assert job.demonstrations is not None
    next(job.demonstrations)


@pytest.mark.parametrize(
    ("act", "of_the_core"),
    [(rolls_out, "run_rollouts"), (steps, "behaviour"), (imitates, "")],
    ids=["rollouts", "progress", "demonstrations"],
)
def test_an_error_of_the_core_in_a_training_is_not_the_trainers(
    act: Callable[[TrainingJob], None],
    of_the_core: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*given: object, **named: object) -> None:
        raise KeyError("ours")

    if of_the_core:
        monkeypatch.setattr(rollout_log, of_the_core, broken)
    with pytest.raises(KeyError, match="ours"):
        trained(tmp_path / "run", act)


def test_an_error_of_the_trainer_names_it(tmp_path: Path) -> None:
    def breaks(job: TrainingJob) -> None:
        raise KeyError("theirs")

    with pytest.raises(PluginFailed, match=":grpo failed in its training of rl-1: KeyError"):
        trained(tmp_path / "run", breaks)
