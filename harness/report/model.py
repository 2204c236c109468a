"""What a run's report holds, as typed values that the renderers can trust.

A field has the name that it has in the report document, or that of its alias. All have a value
that stands for what the document leaves out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import AfterValidator, Field

from harness.report.arms import arm_label
from harness.report.call_notes import CallNote
from harness.report.model_fixed import Fixed
from harness.types import Difference, Interval
from harness.types.names import ArmName

Series = tuple[tuple[float, float], ...]
"""(step, value) pairs in order of steps."""

Curve = tuple[Mapping[str, float], ...]
"""Points, each with its values by metric, and with its ``step`` where that is not its place."""

Counts = Annotated[
    Mapping[str, int], AfterValidator(lambda counts: {k: n for k, n in counts.items() if n})
]
"""How many of each name; names without any are left out."""

Passes = Annotated[Mapping[int, Interval], Field(validation_alias="pass")]
"""Pass^k in percent, by k."""

PassDifferences = Annotated[Mapping[int, Difference], Field(validation_alias="pass")]
"""Differences of Pass^k in points, by k."""

TaskCounts = Annotated[Mapping[int, int], Field(validation_alias="pass_tasks")]
"""How many tasks each Pass^k is of, by k: those with k trials that count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """Those of an arm, paired by task, from the arm ``against`` ("" if none was computed)."""

    against: str = ""
    passes: PassDifferences = field(default_factory=dict)
    tasks_by_k: TaskCounts = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One policy's result on a split.

    ``not_gradeable``: trials of which nobody could say whether they succeeded; no faults.
    ``fault_said``: the commonest message of its faults, and how often it came.

    ``pass_counted`` counts every fault as a failure: it is shown as ``strict``, and is of
    ``pass_counted_tasks``.
    ``further_differences`` are those from other arms than the usual one.
    """

    name: str = "unnamed"
    split: str = ""
    tasks: int = 0
    trials: int = 0
    passes: Passes = field(default_factory=dict)
    tasks_by_k: TaskCounts = field(default_factory=dict)
    faults: int = 0
    fault_kinds: Counts = field(default_factory=dict)
    fault_said: Counts = field(default_factory=dict)
    not_gradeable: int = 0
    differences: Differences = Differences()
    further_differences: tuple[Differences, ...] = ()
    pass_counted: Mapping[int, Interval] = field(default_factory=dict)
    pass_counted_tasks: Mapping[int, int] = field(default_factory=dict)

    @property
    def label(self) -> str:
        return arm_label(self.name)

    @property
    def size(self) -> str:
        return f"{self.tasks} × {self.trials}"

    @property
    def compared(self) -> tuple[Differences, ...]:
        """All differences there are."""
        return tuple(d for d in (self.differences, *self.further_differences) if d.passes)

    @property
    def strict(self) -> Mapping[int, Interval]:
        """``pass_counted`` where it can differ from ``passes``: {} without faults."""
        return self.pass_counted if self.faults else {}

    def uneven(self, tasks_by_k: Mapping[int, int]) -> Mapping[int, int]:
        """The numbers of tasks by k, {} where each is that of all tasks and need not be shown."""
        return tasks_by_k if any(n != self.tasks for n in tasks_by_k.values()) else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How often a pattern occurred in a round: ``fraction`` is of all the agent's failures."""

    round: int = 0
    count: int = 0
    fraction: Annotated[float, Field(validation_alias="share")] = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """An error pattern and its share in each round it was seen in.

    ``coverage`` is the share of the agent's failures that show its signs, ``gap`` how much more
    often they do than successes, in points; None where that is not known. ``filtered``: no tasks
    are made for it.
    """

    id: str = ""
    name: str = "unnamed"
    description: str = ""
    kinds: Counts = field(default_factory=dict)
    shares: Annotated[tuple[Share, ...], Field(validation_alias="rounds")] = ()
    family: str = ""
    coverage: float | None = None
    gap: Interval | None = None
    filtered: bool = False

    @property
    def rounds(self) -> Mapping[int, Share]:
        return {share.round: share for share in self.shares}


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A task whose own fault failures were, how often, and why."""

    task_id: str = ""
    times: int = 0
    summary: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stability:
    """The mean adjusted Rand index of samples' groups, with its bounds."""

    adjusted_rand: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How far to trust patterns; numbers are None where they were not computed.

    ``embedding_chosen_by`` is why this embedding; ``silhouette`` and ``coverage`` are in [0, 1].
    """

    embedding_version: str = ""
    embedding_chosen_by: str = ""
    silhouette: float | None = None
    coverage: float | None = None
    stability: Stability | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """The chat model that named the patterns ("": none)."""

    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovered:
    """How a round's patterns were found; ``noise`` counts failures in no pattern."""

    round: int = 0
    method: str = ""
    noise: int = 0
    suspects: tuple[Suspect, ...] = ()
    quality: Quality = Quality()
    names: Naming = Naming()


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What became of a pattern between two rounds: failures by it per 100 conversations."""

    pattern_id: Annotated[str, Field(validation_alias="id")] = ""
    status: str = ""
    sure: bool = False
    per_100: Difference


@dataclass(frozen=True, slots=True, kw_only=True)
class Shifted:
    """How far the mix of failures moved between two rounds, in [0, 1]; its p-value; the verdict."""

    before: Annotated[int, Field(validation_alias="from")] = 0
    after: Annotated[int, Field(validation_alias="to")] = 0
    distance: float = 0.0
    p: float = 0.0
    verdict: str = ""
    changes: tuple[Changed, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolRound:
    """What a round added to the task pool: tasks, by pattern; candidates refused, by reason."""

    round: int = 0
    tasks: int = 0
    patterns: Counts = field(default_factory=dict)
    refused: Counts = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A reward term's weight, and its mean early and late in training; None where not reported."""

    name: str = "unnamed"
    weight: float | None = None
    first: float | None = None
    last: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reward:
    """The reward terms of one trained arm, and its curves by metric ("reward", "success", ...)."""

    arm: str = ""
    terms: tuple[Term, ...] = ()
    curve: Curve = ()

    @property
    def curves(self) -> Mapping[str, Series]:
        return series_of(self.curve)


@dataclass(frozen=True, slots=True, kw_only=True)
class TermRow:
    """One term over several arms: ``terms`` has one entry per arm, None where the arm lacks it."""

    name: str
    terms: tuple[Term | None, ...]

    @property
    def weights(self) -> tuple[float | None, ...]:
        """The different weights the arms gave it; nearly always one."""
        return tuple(dict.fromkeys(term.weight for term in self.terms if term))


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What training one arm took; None where the trainer did not report it.

    ``signs`` speak for a gamed reward, in words, by name.
    """

    arm: str = ""
    steps: int = 0
    tokens: int = 0
    seconds: float | None = None
    loss_first: float | None = None
    loss_last: float | None = None
    stopped_because: str = ""
    curve: Curve = ()
    signs: Mapping[str, str] = field(default_factory=dict)

    @property
    def curves(self) -> Mapping[str, Series]:
        return series_of(self.curve)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A whole run. ``data_version`` is the version of the domain's data, "" if it has none."""

    run: str = "unnamed run"
    domain: str = ""
    data_version: str = ""
    seed: int | None = None
    preset: str = ""
    policy: str = ""
    temperature: float | None = None
    simulator: str = ""
    judge: str = ""
    injector: str = ""
    trainer: str = ""
    clusterer: str = ""
    arms: tuple[Arm, ...] = ()
    validation: tuple[Arm, ...] = ()
    patterns: tuple[Pattern, ...] = ()
    blame_rows: Annotated[tuple[Counts, ...], Field(validation_alias="blame")] = ()
    discovered: Annotated[tuple[Discovered, ...], Field(validation_alias="discovery")] = ()
    shifts: tuple[Shifted, ...] = ()
    fixed: tuple[Fixed, ...] = ()
    pool: tuple[PoolRound, ...] = ()
    rewards: tuple[Reward, ...] = ()
    training: tuple[Training, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    cost_usd: float | None = None
    call_notes: tuple[CallNote, ...] = ()
    complete: bool = False

    @property
    def setting(self) -> Mapping[str, str]:
        """Who played what, by name; what played no part is left out."""
        values = {
            name: getattr(self, name)
            for name in SETTING
            if not (self.is_evaluation and name in STATIONS)
        }
        return {name: str(value) for name, value in values.items() if value not in ("", None)}

    @property
    def missing(self) -> tuple[str, ...]:
        """The names of the parts that are not there."""
        parts = {} if self.is_evaluation else PARTS
        return tuple(words for name, words in parts.items() if not getattr(self, name))

    @property
    def is_evaluation(self) -> bool:
        """Whether all that was asked for was to evaluate a policy: no part of a round lacks."""
        arms = {arm.name for arm in (*self.arms, *self.validation)}
        return arms == {ArmName.POLICY} and self.complete and not self.blame

    @property
    def blame(self) -> Mapping[int, Mapping[str, int]]:
        """How many failures each party was to blame for, by round."""
        return {
            row.get("round", 0): {party: n for party, n in row.items() if party != "round"}
            for row in self.blame_rows
        }

    @property
    def rounds(self) -> tuple[int, ...]:
        """The rounds in which patterns were looked for, in order."""
        seen = {number for pattern in self.patterns for number in pattern.rounds}
        return tuple(sorted(seen | set(self.blame)))

    @property
    def tested(self) -> str:
        """The split the arms were measured on, as a heading."""
        splits = {arm.split for arm in self.arms}
        return "Held-out test" if splits <= {"test", ""} else ", ".join(sorted(splits))

    @property
    def total_seconds(self) -> float:
        return sum(self.seconds.values())

    def pattern_name(self, pattern_id: str) -> str:
        """The pattern's name; its id if the report does not describe it."""
        return next((p.name for p in self.patterns if p.id == pattern_id), pattern_id)


SETTING = (
    "seed",
    "preset",
    "policy",
    "temperature",
    "simulator",
    "judge",
    "injector",
    "trainer",
    "clusterer",
)
STATIONS = ("judge", "injector", "trainer", "clusterer")
"""Who plays a part in rounds only."""

PARTS = {
    "arms": "results on held-out tasks",
    "patterns": "error patterns",
    "pool": "task pool",
    "rewards": "reward terms",
    "training": "training curves",
    "seconds": "time per station",
}


def series_of(curve: Curve) -> dict[str, Series]:
    """Each metric of a curve by itself."""
    points: dict[str, list[tuple[float, float]]] = {}
    for index, point in enumerate(curve):
        for name, value in point.items():
            if name != "step":
                points.setdefault(name, []).append((point.get("step", index), value))
    return {name: tuple(sorted(series)) for name, series in points.items()}


def term_rows(rewards: Sequence[Reward]) -> list[TermRow]:
    """All terms of the arms, in order of appearance."""
    names = dict.fromkeys(term.name for reward in rewards for term in reward.terms)
    return [TermRow(name=name, terms=tuple(_term(r, name) for r in rewards)) for name in names]


def _term(reward: Reward, name: str) -> Term | None:
    return next((term for term in reward.terms if term.name == name), None)
