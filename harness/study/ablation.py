"""Turn a run into a study of its reward: arms that train on the run's own tasks from its own SFT
checkpoint, each with another reward.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.errors import RunError
from harness.run_folder import RunFolder
from harness.study.arms import branch
from harness.study.folder import StudyFolder
from harness.study.result_rows import shared_row
from harness.study.spec import SHARED, Arm, Comparison, Study, Turn, parse_study
from harness.types import Json

WHOLE = "whole"
"""The arm with the run's own reward: what the others are compared with."""

KEPT_FILES = ("vetoes.jsonl", "data_version.json")
KEPT_FOLDERS = ("tasks", "checkpoints/base", "checkpoints/sft", "evals/sft-validation", "rounds/1")
KEPT_STATIONS = ("base", "sft", "evaluate sft on validation", "discover 1", "inject 1")
"""What of a run all arms begin from."""


def reward_study(
    store: RunFolder, weights: Mapping[str, float], *, seeds: int, without: Sequence[str],
    only: Sequence[str],
) -> Study:  # fmt: skip
    """The SFT checkpoint as it is, RL with the whole reward, without each of some terms, and with
    others alone.

    ``weights`` are those of the whole reward. Raises ``RunError`` for a run without targeted tasks.
    """
    if not store.is_done("inject 1"):
        raise RunError(
            f"{store.folder} has no targeted tasks to train on",
            hint="Bring it there with `harness loop --resume`, or ablate without --train.",
        )
    rewards = {
        WHOLE: dict(weights),
        **{f"without-{name}": {**weights, name: 0.0} for name in without},
        **{f"only-{name}": {**dict.fromkeys(weights, 0.0), name: weights[name]} for name in only},
    }
    arms = {"sft": Arm(label="SFT")} | {
        name: Arm(trains="targeted", settings={"rewards": of_arm}, label=_label(name))
        for name, of_arm in rewards.items()
    }
    others = [name for name in rewards if name != WHOLE]
    pairs = [(WHOLE, "sft"), *((name, WHOLE) for name in others), *((n, "sft") for n in others)]
    study = Study(
        title=f"The reward of {store.folder.name}, term by term",
        settings={**store.config, "rounds": 1},
        seeds=tuple(range(seeds)),
        arms=arms,
        comparisons=tuple(Comparison(arm=arm, against=against) for arm, against in pairs),
    )
    return parse_study(study.plain(), str(store.folder))


def hand_on(store: RunFolder, folder: StudyFolder, seed: int) -> None:
    """What the run has come to before RL, as what all arms of a seed begin from."""
    turn = Turn(seed=seed, arm=SHARED)
    if folder.is_done(turn):
        return
    config = folder.study.config(SHARED, seed)
    target = folder.run_folder(turn)
    if not target.exists():
        scratch = target.with_name(f"{SHARED}.from")
        shutil.rmtree(scratch, ignore_errors=True)
        _copy_begun(store.folder, scratch)
        branch(scratch, target, config)
        shutil.rmtree(scratch)
    shared = RunFolder.open(target)
    row: dict[str, Json] = dict(shared_row(shared))
    folder.finish(turn, row)


def _copy_begun(origin: Path, scratch: Path) -> None:
    for name in KEPT_FOLDERS:
        if (origin / name).is_dir():
            shutil.copytree(origin / name, scratch / name)
    for name in KEPT_FILES:
        if (origin / name).is_file():
            shutil.copy2(origin / name, scratch / name)
    done = RunFolder(origin)
    for station in KEPT_STATIONS:
        if done.is_done(station):
            RunFolder(scratch).finish(station, 0.0)


def _label(arm: str) -> str:
    how, _, name = arm.partition("-")
    named = {"without": f"- without {name}", "only": f"- {name} only"}
    return named.get(how, "the whole reward").replace("_", " ")
