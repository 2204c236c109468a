"""Train an arm: the job for the trainer from a run's products, and its checkpoint on disk."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence

from harness.assembly.components import Components
from harness.errors import NothingToLearn, core_code, core_items, plugin_boundary
from harness.protocols import TrainingJob
from harness.run_folder import RunFolder, disk_errors
from harness.runtime import files
from harness.training.curricula import Shown, held_out, shown, shown_beside
from harness.training.proofs import proofs_of
from harness.training.rollout_log import RolloutLog
from harness.types import Checkpoint, Episode, Json, Task, stable_id, stable_seed
from harness.types.names import ArmName, StationName


def train_on_demonstrations(parts: Components, store: RunFolder, arm: str, start: str) -> None:
    """SFT of an arm on the teacher's demonstrations, from a checkpoint there is.

    They are fresh for each arm, unless their number is limited: then all arms have the same.
    """
    config = parts.config
    seed = stable_seed(config.seed, arm)
    train_arm(
        parts,
        store,
        arm=arm,
        start=start,
        trainer=config.sft_trainer,
        trained_on=f"demonstrations of {config.teacher}",
        seed=seed,
        demonstrations=shown(parts, seed),
        held_out=held_out(parts),
    )


def train_on_tasks(
    parts: Components,
    store: RunFolder,
    arm: str,
    start: str,
    tasks: Sequence[Task],
    trained_on: str,
) -> None:
    """Training on tasks, or on the teacher's demonstrations of them if the trainer needs those."""
    config = parts.config
    seed = stable_seed(config.seed, "reinforce")
    trainer = parts.trainer(config.trainer)
    imitates = trainer.needs == "demonstrations"
    wanted = imitates or getattr(trainer, "uses_proofs", False)
    # What has no proof was said by the warm start, if there was one.
    proofs = proofs_of(parts, store, tasks, warn=not starts_warm(parts)) if wanted else {}
    if imitates and not proofs:
        raise NothingToLearn(
            f"the teacher {parts.teacher.id!r} solved none of {len(tasks)} tasks to imitate",
            hint="See how it fails with `harness eval`, with the teacher as --policy.",
        )
    train_arm(
        parts,
        store,
        arm=arm,
        start=start,
        trainer=config.trainer,
        trained_on=f"demonstrations on {trained_on}" if imitates else trained_on,
        seed=seed,
        tasks=tasks,
        proofs=proofs,
        demonstrations=shown_beside(parts, [*proofs.values()], seed) if imitates else None,
    )


def starts_warm(parts: Components) -> bool:
    """Whether RL on tasks comes after imitation on the same tasks."""
    needs = parts.trainer(parts.config.trainer).needs
    return parts.config.warm_start and needs == "tasks"


def warm_start(
    parts: Components,
    store: RunFolder,
    arm: ArmName,
    start: str,
    tasks: Sequence[Task],
    trained_on: str,
) -> None:
    """Imitation of the teacher on the tasks, beside old demonstrations: the checkpoint
    ``arm.warm``. Without any proof there is nothing to imitate, and no checkpoint.
    """
    proofs = proofs_of(parts, store, tasks)
    if not proofs:
        parts.notify("warning", message=f"{arm} has no warm start: no task has a proof")
        return
    seed = stable_seed(parts.config.seed, "warm start")
    train_arm(
        parts,
        store,
        arm=arm.warm,
        start=start,
        trainer=parts.config.sft_trainer,
        warm=True,
        trained_on=f"demonstrations on {trained_on}",
        seed=seed,
        proofs=proofs,
        demonstrations=shown_beside(parts, [*proofs.values()], seed),
    )


def train_arm(
    parts: Components,
    store: RunFolder,
    *,
    arm: str,
    start: str,
    trainer: str,
    warm: bool = False,
    trained_on: str,
    seed: int,
    tasks: Sequence[Task] = (),
    proofs: Mapping[str, Episode] = {},
    demonstrations: Shown | None = None,
    held_out: Sequence[Episode] = (),
) -> None:
    """Train the policy of the checkpoint ``start`` and keep it as the arm's checkpoint.

    ``warm``: with the trainer's options for a warm start. ``trained_on`` says on what, in words.
    Weights are kept every ``keep_every`` steps, too, where there are ``tasks`` to train on.
    """
    parent = store.read_checkpoint(start)
    learner = parts.trainable(parent)
    folder = store.folder / "checkpoints"
    station, keep = StationName.train(arm), parts.config.keep_every if tasks else 0
    log = RolloutLog(parts, store, arm)

    def keep_as(name: str, record: Mapping[str, Json]) -> None:
        place = folder / name / "model"
        with plugin_boundary(parts.plugins.policy, "saving"), disk_errors(place):
            files.clear(place)  # other runs of a study may have its files under a second name
            learner.save(place)
        store.write_checkpoint(
            name,
            Checkpoint(
                id=stable_id(parent.id, name, trained_on, parts.config.seed),
                policy=parent.policy,
                path=str(place),
                parent=parent.id,
                trained_on=trained_on,
                record=record,
            ),
        )

    @core_code()
    def progress(step: int, steps: int, metrics: Mapping[str, float]) -> None:
        log.finish(step)
        if keep and step % keep == 0 and step < steps:
            keep_as(ArmName(arm).at_step(step), {"step": step})
        known = {"station": station, "step": step, "steps": steps}
        parts.notify("train_step", **{**metrics, **known})

    @core_code()
    def warn(message: str) -> None:
        parts.notify("warning", message=f"{station}: {message}")

    job = TrainingJob(
        policy=learner,
        domain=parts.domain,
        other_domains=parts.other_domains,
        rollouts=core_code()(log.run),
        seed=seed,
        folder=folder / arm / "scratch",
        progress=progress,
        tasks=tasks,
        proofs=proofs,
        demonstrations=demonstrations and core_items(demonstrations.episodes),
        epoch_size=demonstrations and demonstrations.epoch_size,
        held_out=held_out,
        weights=[weighted.weight for weighted in parts.terms],
        warn=warn,
    )
    made = parts.warm_trainer() if warm else parts.trainer(trainer)
    with plugin_boundary(parts.registry.plugin_of("trainer", trainer), f"training of {arm}"):
        record = made.train(job)
        json.dumps(dict(record))  # raises if it cannot be kept
    keep_as(arm, record)
    # Only now: a kill while the weights are saved must not lose the training.
    shutil.rmtree(job.folder, ignore_errors=True)
