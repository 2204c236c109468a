"""Turn a study file into arms, seeds, expectations, and the order in which they are run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, PositiveInt

from harness.assembly.config import LoopConfig, load_config, merged, nearest, read_table, read_toml
from harness.errors import ConfigError
from harness.study.spread import spread
from harness.types import Json
from harness.types.names import ControlKind

SHARED = "shared"
"""The start of a study that names none."""

Trains = Literal["nothing", "demonstrations", "targeted", "generic", "oracle"]
"""What on: tasks are "targeted" at the failures, "generic" as those that SFT was shown, or of the
mix that the test has ("oracle").
"""

CONTROLS: tuple[ControlKind, ...] = get_args(ControlKind)


@dataclass(frozen=True, kw_only=True)
class Start:
    """What arms of a seed begin from: SFT, its failures, their patterns, tasks made for them.

    ``settings`` replace those of the study. ``sft_of``: the start whose SFT it has, so that arms of
    both begin at the same weights; "": its own.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    sft_of: str = ""


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One way to make a policy, from what it shares with other arms of a seed.

    ``begins``: the start that it begins from. ``trains``: what on. ``start``: the checkpoint it
    begins at, and the one that is evaluated where nothing is trained; "warm" is what the warm start
    of the arm ``after`` left, "after" what that arm left in the end. ``settings`` replace those of
    study and start (``rewards``, ``options``, ``warm_start``, ``rounds``, ``restart``, ``pool``,
    ``replay_decay``). ``own_tasks``: its targeted tasks are made anew from the shared patterns, by
    its settings. ``after``: the arm whose run it goes on from. ``as_long_as``: the arm whose CPU
    time it may use, all cores together, set in seconds as the option ``budget`` ("PLUGIN.KEY");
    nothing else runs meanwhile. ``seeds``: how many of the study's seeds; None: all. Arms of the
    group "main" run before others.
    """

    label: str = ""
    begins: str = SHARED
    trains: Trains = "nothing"
    start: Literal["base", "sft", "warm", "after"] = "sft"
    settings: dict[str, Any] = field(default_factory=dict)
    own_tasks: bool = False
    after: str = ""
    as_long_as: str = ""
    budget: str = ""
    group: Literal["main", "ablation"] = "main"
    seeds: PositiveInt | None = None

    @property
    def needs(self) -> list[str]:
        """The arms that must be done before."""
        return [name for name in (self.after, self.as_long_as) if name]

    @property
    def control(self) -> ControlKind | None:
        """Which control it is; None for an arm that is none."""
        return next((kind for kind in CONTROLS if kind == self.trains), None)

    @property
    def has_tasks(self) -> bool:
        """Whether it trains on tasks, by RL or by imitation."""
        return self.trains == "targeted" or self.control is not None


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What is held to be so before anything is run, and how it is told from the results.

    ``shows`` "difference": Pass^k of ``arm`` is above that of ``against`` by ``at_least`` points.
    "lowest": of ``among``, ``arm`` has the lowest Pass^k. "patterns": failures of the patterns that
    tasks were made for, per 100 conversations, are fewer in ``arm`` than in ``against``. "falls":
    from ``against`` to ``arm`` a larger share of these failures is gone than of the agent's others,
    by ``at_least`` points.
    """

    says: str
    arm: str
    shows: Literal["difference", "lowest", "patterns", "falls"] = "difference"
    against: str = ""
    k: PositiveInt = 1
    at_least: float = 0.0
    among: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """An arm whose paired difference from another one is reported."""

    arm: str
    against: str


@dataclass(frozen=True, kw_only=True)
class Study:
    """All that is fixed before the first run.

    ``settings`` are as in a file for ``harness loop --config``; where there are several ``starts``,
    tables that one of them has no use for do not matter. ``curve_trials``: trials of each
    test task with the weights that ``keep_every`` keeps. ``plotted``: the arms in the plots of
    Pass^k and of training (none named: all main arms). ``pattern_arms``: whose failures are shown
    pattern by pattern, the last arm's compared with each of the others'; ``family_arms``: whose
    failures are shown by families that all domains share, side by side. ``published`` are Pass^k
    of others, by name, to be shown beside. ``resamples`` and ``bootstrap_seed`` decide the
    intervals.
    """

    title: str
    settings: dict[str, Any]
    seeds: Annotated[tuple[int, ...], Field(min_length=1)]
    arms: dict[str, Arm]
    starts: dict[str, Start] = field(default_factory=lambda: {SHARED: Start()})
    comparisons: tuple[Comparison, ...] = ()
    expectations: tuple[Expectation, ...] = ()
    plotted: tuple[str, ...] = ()
    pattern_arms: tuple[str, ...] = ()
    family_arms: tuple[str, ...] = ()
    published: dict[str, tuple[float, ...]] = field(default_factory=dict)
    published_from: str = ""
    curve_trials: PositiveInt = 1
    resamples: PositiveInt = 2000
    bootstrap_seed: int = 0

    def plain(self) -> dict[str, Json]:
        """As JSON values, to be kept with the results."""
        return asdict(self)

    def config(self, name: str, seed: int) -> LoopConfig:
        """The settings of an arm, or of a start, for a seed. Raises ``ConfigError``."""
        own = {} if name in self.starts else self.arms[name].settings
        given = merged(self.settings, self.starts[self.start_of(name)].settings)
        fixed = {"seed": seed, "control": "none"}
        preset = str(own.get("preset", given.get("preset", "default")))
        if [name] == list(self.starts):
            return load_config(preset=preset, flags=merged(given, fixed))
        return load_config(preset=preset, common=given, flags=merged(own, fixed))

    def start_of(self, name: str) -> str:
        """The start that an arm begins from; a start itself."""
        return name if name in self.starts else self.arms[name].begins

    def trained_as(self, name: str) -> str:
        """The arm whose policy it is: another one's, where it only tests what that one left."""
        while self.arms[name].start == "after":
            name = self.arms[name].after
        return name

    def domain_of(self, name: str) -> str:
        """The domain of an arm or a start."""
        return self.config(name, self.seeds[0]).domain

    def seeds_of(self, name: str) -> tuple[int, ...]:
        return self.seeds if name in self.starts else self.seeds[: self.arms[name].seeds]

    def turns(
        self, seeds: Sequence[int] | None = None, arms: Sequence[str] | None = None
    ) -> list[Turn]:
        """All that is to be run, in an order that leaves a valid study wherever it is cut off.

        The main arms of the first seed come first, then those of the next, and the ablations after
        all of them. ``seeds`` and ``arms`` limit it to these and what they need. Raises
        ``ConfigError`` for one that the study does not have.
        """
        _known("seed", [str(s) for s in seeds or ()], [str(s) for s in self.seeds])
        _known("arm", arms or (), list(self.arms))
        chosen: dict[Turn, None] = {}
        for group in ("main", "ablation"):
            for seed in self.seeds if seeds is None else seeds:
                for name, arm in self.arms.items():
                    wanted = arms is None or name in arms
                    if wanted and arm.group == group and seed in self.seeds_of(name):
                        chosen.update(dict.fromkeys(self._with_needs(Turn(seed=seed, arm=name))))
        return list(chosen)

    def needs(self, turn: Turn) -> list[Turn]:
        """What must be done before the turn."""
        if turn.arm in self.starts:
            needs = [name for name in (self.starts[turn.arm].sft_of,) if name]
        else:
            needs = [self.arms[turn.arm].begins, *self.arms[turn.arm].needs]
        return [replace(turn, arm=name) for name in needs]

    def is_warm(self, name: str) -> bool:
        """Whether the arm has a warm start before RL."""
        return bool(name) and self.config(name, self.seeds[0]).warm_start

    def is_timed(self, turn: Turn) -> bool:
        """Whether the clock decides how much is done, so that nothing may run beside it."""
        if turn.arm in self.starts:
            return not self.starts[turn.arm].sft_of
        if self.arms[turn.arm].as_long_as:
            return True
        return self.arms[turn.arm].has_tasks and self.is_warm(turn.arm)

    def _with_needs(self, turn: Turn) -> Iterator[Turn]:
        for needed in self.needs(turn):
            yield from self._with_needs(needed)
        yield turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One arm, or start, of one seed: what is run, and run again, as a whole."""

    seed: int
    arm: str

    def __str__(self) -> str:
        return f"{self.arm}, seed {self.seed}"


def read_study(file: Path) -> Study:
    """The study that a TOML file describes. Raises ``ConfigError``."""
    return parse_study(read_toml(file), str(file))


def parse_study(table: Mapping[str, object], where: str) -> Study:
    """A study from plain values. Raises ``ConfigError``, naming the place."""
    table = spread(table, SHARED, where)
    given = table.get("arms")
    arms = given if isinstance(given, Mapping) else {}
    for name, arm in arms.items():
        _refuse_untargeted(name, arm, where)
        read_table(Arm, arm, where=f"[arms.{name}] in {where}")
    study = read_table(Study, table, where=where)
    for name, start in study.starts.items():
        _check_start(study, name, start, where)
    for name, arm in study.arms.items():
        _check_arm(study, name, arm, where)
    named = [n for e in study.expectations for n in (e.arm, e.against, *e.among)]
    named += [n for c in study.comparisons for n in (c.arm, c.against)]
    named += [*study.plotted, *study.pattern_arms, *study.family_arms]
    _known("arm", [name for name in named if name], list(study.arms))
    return study


def changes(begun: Study, now: Study) -> list[str]:
    """What of the study is not as it was, by name; arms, comparisons and seeds may be added."""
    before, after = ({key: _text(v) for key, v in s.plain().items()} for s in (begun, now))
    changed = [key for key in before if key not in _GROWING and before[key] != after[key]]
    changed += [f"arms.{n}" for n, arm in begun.arms.items() if now.arms.get(n) != arm]
    changed += [f"starts.{n}" for n, one in begun.starts.items() if now.starts.get(n) != one]
    if now.seeds[: len(begun.seeds)] != begun.seeds:
        changed.append("seeds")
    if not set(begun.comparisons) <= set(now.comparisons):
        changed.append("comparisons")
    return changed


_GROWING = ("arms", "starts", "comparisons", "seeds")


def _text(value: Json) -> str:
    return json.dumps(value, sort_keys=True)


def _check_start(study: Study, name: str, start: Start, where: str) -> None:
    _check_name(name, where)
    names = list(study.starts)
    _known("start", [start.sft_of] if start.sft_of else [], names)
    if start.sft_of and names.index(start.sft_of) >= names.index(name):
        raise ConfigError(
            f"[starts.{name}] in {where} has the SFT of {start.sft_of!r}, which comes later",
            hint="Move it below that start.",
        )


def _check_name(name: str, where: str) -> None:
    if not name.replace("-", "").replace("_", "").isalnum():
        raise ConfigError(
            f"{where}: nothing that is run can be called {name!r}",
            hint="Use letters, digits and hyphens.",
        )


def _check_arm(study: Study, name: str, arm: Arm, where: str) -> None:
    _known("start", [arm.begins], list(study.starts))
    _known("arm", arm.needs, list(study.arms))
    if bool(arm.as_long_as) != bool(arm.budget):
        raise ConfigError(
            f"[arms.{name}] in {where}: as_long_as and budget must be given together",
            hint='For example as_long_as = "targeted" and budget = "sft.cpu_seconds".',
        )
    _check_name(name, where)
    if name in (SHARED, *study.starts):
        raise ConfigError(
            f"{where}: an arm cannot be called {name!r}, as a start is",
            hint="Choose another name.",
        )
    if arm.start == "after" and (arm.trains != "nothing" or not arm.after):
        raise ConfigError(
            f'[arms.{name}] in {where}: start = "after" is for an arm that trains nothing, after '
            "another one",
            hint="Set `after` to the arm whose policy is to be tested, and remove `trains`.",
        )
    if arm.start != "sft" and arm.has_tasks:
        raise ConfigError(
            f"[arms.{name}] in {where}: training on tasks starts from the SFT checkpoint, found "
            f"{arm.start!r}",
            hint="Remove `start`.",
        )
    if arm.start == "warm" and (arm.trains != "nothing" or not study.is_warm(arm.after)):
        raise ConfigError(
            f'[arms.{name}] in {where}: start = "warm" is for an arm that trains nothing, '
            "after one with a warm start",
            hint="Set `after` to an arm with settings.warm_start = true.",
        )
    if arm.own_tasks and (arm.trains != "targeted" or arm.after):
        raise ConfigError(
            f"[arms.{name}] in {where}: own_tasks is for arms that train on targeted tasks made "
            "from the shared patterns",
            hint='Set trains = "targeted" and remove `after`, or remove `own_tasks`.',
        )
    rounds = study.config(name, study.seeds[0]).rounds
    if rounds > 1 and arm.control is not None:
        raise ConfigError(
            f"[arms.{name}] in {where}: {arm.trains} tasks have no rounds, found rounds = {rounds}",
            hint="Remove `rounds`.",
        )
    _check_needs(study, name, arm, where)


def _check_needs(study: Study, name: str, arm: Arm, where: str) -> None:
    if arm.after and arm.after in study.arms and study.arms[arm.after].begins != arm.begins:
        raise ConfigError(
            f"[arms.{name}] in {where} goes on from {arm.after!r} and begins from another start, "
            f"{arm.begins!r}",
            hint=f"Set begins = {study.arms[arm.after].begins!r}.",
        )
    for needed in arm.needs:
        names = list(study.arms)
        if names.index(needed) >= names.index(name) or (
            study.arms[needed].group != "main" and arm.group == "main"
        ):
            raise ConfigError(
                f"[arms.{name}] in {where} needs the arm {needed!r}, which comes later",
                hint="Move it below that arm.",
            )
        if not set(study.seeds_of(name)) <= set(study.seeds_of(needed)):
            raise ConfigError(
                f"[arms.{name}] in {where} has more seeds than the arm {needed!r}, which it needs",
                hint=f"Set its seeds to {len(study.seeds_of(needed))}.",
            )


def _refuse_untargeted(name: str, arm: object, where: str) -> None:
    if isinstance(arm, Mapping) and arm.get("trains") == "untargeted":
        raise ConfigError(
            f'[arms.{name}] in {where}: trains = "untargeted" has two successors',
            hint='Use "generic" for tasks of the kind that SFT was shown, or "oracle" for tasks of '
            'the mix that the test has, which "untargeted" was.',
        )


def _known(kind: str, wanted: Sequence[str], known: Sequence[str]) -> None:
    for name in wanted:
        if name not in known:
            raise ConfigError(
                f"the study has no {kind} {name!r}",
                hint=nearest(name, known) or f"It has: {', '.join(known)}.",
            )
