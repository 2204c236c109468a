"""Turn an arm's description into its policy and that policy's conversations on the test tasks, by
the stations of the loop.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from harness import loop
from harness.assembly.components import Components
from harness.assembly.config import LoopConfig
from harness.errors import NothingToLearn, RunError
from harness.injection.station import forget_tasks
from harness.run_folder import CONFIG, LOCK, RunFolder, disk_errors
from harness.runtime import files
from harness.study.cpu_meter import JOURNAL
from harness.study.spec import CONTROLS, Arm
from harness.types.names import ArmName, StationName

OWN = (CONFIG, LOCK, JOURNAL, "timings.jsonl", "calls.json", "report.json")
"""What of a run folder is not handed on to a run that goes on from it."""


def prepare(parts: Components, store: RunFolder) -> None:
    """What all arms of a seed begin from: SFT, its failures, their patterns, tasks made for them.

    Raises ``NothingToLearn`` if the failures ask for no task.
    """
    loop.bootstrap(parts, store)
    loop.imitate(parts, store)
    loop.evaluate_arm(parts, store, ArmName.SFT, "validation")
    loop.discover(parts, store, 1)
    loop.inject(parts, store, 1)


def branch(origin: Path, folder: Path, config: LoopConfig, *, own_tasks: bool = False) -> RunFolder:
    """A run folder in which all stations that ``origin`` has done are done, too, with settings of
    its own; with ``own_tasks`` it has no targeted tasks yet. Weights are shared on disk where the
    file system can.

    It appears as a whole or not at all; one that is there already is taken as it is, if it has the
    same settings. Raises ``RunError`` if not.
    """
    if folder.exists():
        store = RunFolder.open(folder)
        if (found := store.config) != config.plain():
            differ = sorted(k for k, v in config.plain().items() if found.get(k) != v)
            raise RunError(
                f"{folder} was started with other settings ({', '.join(differ)})",
                hint="Use another study folder, or delete this run folder.",
            )
        return store
    with disk_errors(folder), files.whole(folder) as part:
        shutil.copytree(
            origin,
            part,
            copy_function=_sharing_weights(origin),
            ignore=lambda inside, names: OWN if Path(inside) == origin else (),
        )
        begun = RunFolder(part)
        begun.write_json(CONFIG, config.plain())
        if own_tasks:
            forget_tasks(begun, 1)
    return RunFolder.open(folder)


def with_weights(origin: Path, folder: Path, config: LoopConfig) -> RunFolder:
    """A run folder that has all policies of ``origin`` and nothing else of it, with settings of its
    own, of another domain for example. Weights are shared on disk where the file system can.

    It appears as a whole or not at all; one that is there already is taken as it is.
    """
    if folder.exists():
        return RunFolder.open(folder)
    with RunFolder.whole(folder, config.plain()) as begun:
        shutil.copytree(
            origin / "checkpoints",
            begun.folder / "checkpoints",
            copy_function=_sharing_weights(origin),
            ignore=shutil.ignore_patterns("step-*", "scratch"),
        )
        for station in loop.SFT_STATIONS:
            begun.mark(station)
    return RunFolder.open(folder)


def run_arm(
    parts: Components, store: RunFolder, arm: Arm, curve_trials: int = 1, left: str = ""
) -> str:
    """Train the arm in its run folder and evaluate it on the test tasks; returns its checkpoint.

    ``left``: the checkpoint of the arm that it comes after. Weights kept on the way are evaluated
    too, with ``curve_trials`` trials. Raises ``NothingToLearn`` if there is nothing to train on.
    """
    checkpoint = left if arm.start == "after" else train_arm(parts, store, arm)
    loop.evaluate_arm(parts, store, checkpoint, "test")
    fewer = parts.changed(test_trials=curve_trials)
    for name in kept_weights(store, checkpoint):
        loop.evaluate_arm(fewer, store, name, "test")
    return checkpoint


def train_arm(parts: Components, store: RunFolder, arm: Arm) -> str:
    """The name of the checkpoint that the arm's training leaves in its run folder.

    Raises ``NothingToLearn`` if there is nothing to train on, or there was nothing for the warm
    start to imitate.
    """
    if arm.trains == "nothing":
        return _warm(store) if arm.start == "warm" else arm.start
    if arm.trains == "demonstrations":
        loop.imitate(parts, store, ArmName.CONTINUED, arm.start)
        return ArmName.CONTINUED
    if arm.control is not None:
        if not store.is_done(StationName.inject(1)):
            raise NothingToLearn(
                f"there are no targeted tasks, whose number the {arm.control} arm would match",
                hint="Lower `min_coverage` or `min_gap`, or evaluate on more validation tasks.",
            )
        loop.train_control(parts, store, 1, arm.control)
        return ArmName.control(arm.control, 1)
    for number in range(1, parts.config.rounds + 1):
        try:
            loop.learn_round(parts, store, number)
        except NothingToLearn as done:
            if number == 1:
                raise
            parts.notify("warning", message=f"round {number} ended early: {done}")
            return ArmName.studied(number)
    return ArmName.targeted(parts.config.rounds)


def kept_weights(store: RunFolder, checkpoint: str) -> list[ArmName]:
    """The names of the weights kept on the way to a checkpoint, by step."""
    folder = store.folder / "checkpoints"
    found = (folder / checkpoint).glob("*/checkpoint.json")
    names = [ArmName(path.parent.relative_to(folder).as_posix()) for path in found]
    return sorted((name for name in names if name.step), key=lambda name: name.step)


def _warm(store: RunFolder) -> str:
    """The checkpoint of the one warm start that the run has."""
    arms = [ArmName.targeted(1), *(ArmName.control(kind, 1) for kind in CONTROLS)]
    for arm in arms:
        if store.has_checkpoint(arm.warm):
            return arm.warm
    raise NothingToLearn(
        "the warm start had nothing to imitate: no task has a proof",
        hint="See why the teacher fails with `harness eval`, with the teacher as --policy.",
    )


def _sharing_weights(origin: Path) -> Callable[[str, str], str]:
    """How a file of the run ``origin`` is handed on. Weights are never written again once their
    station is done: a second name for the file is enough. What grows needs a copy.
    """

    def hand_on(source: str, target: str) -> str:
        room, *inside = Path(source).relative_to(origin).parts
        if room == "checkpoints" and "model" in inside:
            try:
                os.link(source, target)
                return target
            except OSError:
                pass
        return shutil.copy2(source, target)

    return hand_on
