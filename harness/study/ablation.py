"""Turn a run into an ablation of its reward: from its rollouts, or as a study of arms that train
on its own tasks from its own SFT checkpoint, each with another reward.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.assembly.config import nearest, parse_config
from harness.errors import ConfigError, RunError
from harness.run_folder import RunFolder, disk_errors
from harness.runtime import files
from harness.study.arms import branch
from harness.study.folder import StudyFolder
from harness.study.result_rows import shared_row
from harness.study.spec import SHARED, Arm, Comparison, Study, Turn, parse_study
from harness.training.reward_ablation import (
    Ablation,
    Rule,
    Variant,
    ablate,
    alone,
    dropped,
    grid,
    stored_groups,
)
from harness.types import Json
from harness.types.names import ArmName, EvaluationName, StationName

WHOLE = "whole"
"""The arm with the run's own reward: what the others are compared with."""

KEPT_FILES = ("vetoes.jsonl", "data_version.json")
KEPT_FOLDERS = (
    "tasks",
    f"checkpoints/{ArmName.BASE}",
    f"checkpoints/{ArmName.SFT}",
    f"evals/{EvaluationName.of(ArmName.SFT, 'validation')}",
    "rounds/1",
)
KEPT_STATIONS = (
    StationName.BASE,
    StationName.train(ArmName.SFT),
    StationName.evaluate(ArmName.SFT, "validation"),
    StationName.discover(1),
    StationName.inject(1),
)
"""What of a run all arms begin from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which rewards are compared with the run's: ``without`` one of these terms, ``only`` one of
    them, weights on a ``grid``. If none is named: without each, and each alone.

    ``weights`` replace those of the run.
    """

    without: Sequence[str] = ()
    only: Sequence[str] = ()
    grid: Mapping[str, Sequence[float]] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)


def ablate_rollouts(store: RunFolder, wanted: Wanted, rule: Rule, source: str = "") -> Ablation:
    """What other rewards would have taught from the run's rollouts.

    source: an arm or an evaluation; "": all rollouts of RL. Raises ``ConfigError`` for a term that
    these rollouts have no values of.
    """
    groups = stored_groups(store, source)
    weights = _weights(store, wanted.weights, groups.names)
    _refuse_unknown([*wanted.without, *wanted.only], list(weights))
    _refuse_unknown(wanted.grid, groups.names)
    variants: list[Variant] = []
    if wanted.grid:
        variants += grid(weights, wanted.grid)
    if wanted.without or not (wanted.only or wanted.grid):
        variants += dropped(weights, wanted.without or list(weights))
    if wanted.only or not (wanted.without or wanted.grid):
        variants += alone(weights, wanted.only or list(weights))
    return ablate(groups, weights, variants, rule)


def begin_ablation(store: RunFolder, wanted: Wanted, seeds: int, folder: Path) -> StudyFolder:
    """A study that trains the arms: the terms that are named, or without each and success alone.

    Its folder is new or to be gone on with. Raises ``ConfigError`` for a term that the run's reward
    does not have.
    """
    weights = {name: weight for name, weight in _configured(store).items() if weight}
    _refuse_unknown([*wanted.without, *wanted.only], list(weights))
    everything = not wanted.without and not wanted.only
    study = reward_study(
        store,
        weights,
        seeds=seeds,
        without=list(weights) if everything else wanted.without,
        only=["task_success"] if everything else wanted.only,
    )
    begun = StudyFolder.begin(folder, study)
    for seed in study.seeds:
        hand_on(store, begun, seed)
    return begun


def reward_study(
    store: RunFolder, weights: Mapping[str, float], *, seeds: int, without: Sequence[str],
    only: Sequence[str],
) -> Study:  # fmt: skip
    """The SFT checkpoint as it is, RL with the whole reward, without each of some terms, and with
    others alone.

    ``weights`` are those of the whole reward. Raises ``RunError`` for a run without targeted tasks.
    """
    if not store.is_done(StationName.inject(1)):
        raise RunError(
            f"{store.folder} has no targeted tasks to train on",
            hint="Continue it with `harness loop --resume`, or ablate without --train.",
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
    scratch = target.with_name(f"{SHARED}.from")
    if not target.exists():
        with disk_errors(scratch):
            files.clear(scratch)
            _copy_begun(store.folder, scratch)
        branch(scratch, target, config)
    files.clear(scratch)  # also what one that was killed had not cleared yet
    shared = RunFolder.open(target)
    row: dict[str, Json] = dict(shared_row(shared))
    folder.finish(turn, row)


def _weights(
    store: RunFolder, changed: Mapping[str, float], names: Sequence[str]
) -> dict[str, float]:
    """Of each term that the rollouts have values of, those of the run unless others are given."""
    known = _configured(store)
    _refuse_unknown(changed, names)
    found = {name: known.get(name, 0.0) for name in names}
    return {name: weight for name, weight in {**found, **changed}.items() if weight}


def _configured(store: RunFolder) -> dict[str, float]:
    return dict(parse_config(store.config).rewards)


def _refuse_unknown(given: Iterable[str], names: Sequence[str]) -> None:
    for name in given:
        if name not in names:
            raise ConfigError(
                f"the reward has no term {name!r} here",
                hint=nearest(name, names) or f"Its terms: {', '.join(names) or 'none'}.",
            )


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
