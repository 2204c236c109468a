"""What a run's report holds, as typed values that the renderers can trust."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.types import Interval

Series = tuple[tuple[float, float], ...]
"""(step, value) pairs in order of steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One policy's result on a split. ``passes`` and ``differences`` map k to percent (points).

    ``not_gradeable``: trials of which nobody could say whether they succeeded; no faults.

    ``passes_counted`` count every fault as a failure: they are shown as ``strict``.

    ``differences`` are paired by task, against the arm named ``against`` ("" if none was computed).
    """

    name: str
    split: str
    tasks: int
    trials: int
    passes: Mapping[int, Interval]
    faults: int
    fault_kinds: Mapping[str, int]
    not_gradeable: int
    against: str
    differences: Mapping[int, Interval]
    passes_counted: Mapping[int, Interval]

    @property
    def label(self) -> str:
        return arm_label(self.name)

    @property
    def size(self) -> str:
        return f"{self.tasks} × {self.trials}"

    @property
    def strict(self) -> Mapping[int, Interval]:
        """``passes_counted`` where they can differ from ``passes``: {} without faults."""
        return self.passes_counted if self.faults else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How often a pattern occurred in a round: ``fraction`` is of all the agent's failures."""

    count: int
    fraction: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """An error pattern and its share in each round it was seen in.

    ``coverage`` is the share of the agent's failures that show its signs, ``gap`` how much more
    often they do than successes, in points; None where that is not known. ``aside``: no tasks are
    made for it.
    """

    id: str
    name: str
    description: str
    kinds: Mapping[str, int]
    rounds: Mapping[int, Share]
    family: str = ""
    coverage: float | None = None
    gap: Interval | None = None
    aside: bool = False


ASIDE = "Set aside: as frequent in successes, or too rare; no tasks are made for these"


def by_family(
    patterns: Sequence[Pattern], newest: Sequence[int]
) -> list[tuple[str, list[Pattern]]]:
    """The patterns by family, the families by what they amount to in the newest round.

    What is set aside comes last, as a family of its own.
    """
    found: dict[str, list[Pattern]] = {}
    for pattern in patterns:
        found.setdefault(ASIDE if pattern.aside else pattern.family, []).append(pattern)

    def amount(family: str) -> tuple[bool, float]:
        return family == ASIDE, -sum(together(found[family], number) for number in newest)

    return [(family, found[family]) for family in sorted(found, key=amount)]


def together(patterns: Sequence[Pattern], number: int) -> float:
    """The share of the agent's failures in a round that the patterns have together."""
    seen = (pattern.rounds.get(number) for pattern in patterns)
    return sum(share.fraction for share in seen if share)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A task whose own fault failures were, how often, and why."""

    task_id: str
    times: int
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovered:
    """How a round's patterns were found; numbers are None where they were not computed.

    ``chosen_by`` is why this embedding, ``named_by`` the chat model that named patterns ("": none).
    ``stability`` is a mean adjusted Rand index, ``silhouette`` and ``coverage`` are in [0, 1],
    ``noise`` counts failures in no pattern.
    """

    round: int
    method: str
    embedding_version: str
    noise: int
    silhouette: float | None
    coverage: float | None
    stability: Interval | None
    suspects: tuple[Suspect, ...]
    chosen_by: str = ""
    named_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What became of a pattern between two rounds: failures by it per 100 conversations."""

    pattern_id: str
    status: str
    sure: bool
    per_100: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Shifted:
    """How far the mix of failures moved between two rounds, in [0, 1]; its p-value; the verdict."""

    before: int
    after: int
    distance: float
    p: float
    verdict: str
    changes: tuple[Changed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolRound:
    """What a round added to the task pool: tasks, by pattern; candidates refused, by reason."""

    round: int
    tasks: int
    patterns: Mapping[str, int]
    refused: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A reward term's weight, and its mean early and late in training; None where not reported."""

    name: str
    weight: float | None
    first: float | None
    last: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reward:
    """The reward terms of one trained arm, and its curves by metric ("reward", "success", ...)."""

    arm: str
    terms: tuple[Term, ...]
    curves: Mapping[str, Series]


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

    arm: str
    steps: int
    tokens: int
    seconds: float | None
    loss_first: float | None
    loss_last: float | None
    stopped_because: str
    curves: Mapping[str, Series]
    signs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A whole run: ``setting`` is who played what, ``missing`` names the parts not there.

    ``data_version`` is the version of the domain's data, "" if it has none.
    """

    run: str
    domain: str
    data_version: str
    setting: Mapping[str, str]
    arms: tuple[Arm, ...]
    validation: tuple[Arm, ...]
    patterns: tuple[Pattern, ...]
    blame: Mapping[int, Mapping[str, int]]
    discovered: tuple[Discovered, ...]
    shifts: tuple[Shifted, ...]
    pool: tuple[PoolRound, ...]
    rewards: tuple[Reward, ...]
    training: tuple[Training, ...]
    seconds: Mapping[str, float]
    cost_usd: float | None
    complete: bool
    missing: tuple[str, ...]

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


def arm_label(name: str) -> str:
    """What readers call an arm: "SFT", "round 1", "control 1"; unknown names as they are."""
    known = {"base": "base", "sft": "SFT"}
    kind, _, number = name.partition("-")
    if number.isdecimal() and kind in ("rl", "control"):
        return f"{'round' if kind == 'rl' else kind} {number}"
    return known.get(name, name)


def term_rows(rewards: Sequence[Reward]) -> list[TermRow]:
    """All terms of the arms, in order of appearance."""
    names = dict.fromkeys(term.name for reward in rewards for term in reward.terms)
    return [TermRow(name=name, terms=tuple(_term(r, name) for r in rewards)) for name in names]


def _term(reward: Reward, name: str) -> Term | None:
    return next((term for term in reward.terms if term.name == name), None)
