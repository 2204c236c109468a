"""Decide which candidate tasks may enter the pool: gates in order of cost, each with its yield.

A gate looks at one candidate and objects or lets it pass; the first objection decides. What each
gate measured is kept as the record of an admitted task. Gates that need conversations are in
``harness.injection.rollout_gates``; the cheap ones in ``harness.injection.static_gates``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from harness.assembly.config import (
    NonNegativeInt,
    PositiveInt,
    PositiveShare,
    Share,
    nearest,
    read_options,
)
from harness.errors import ConfigError
from harness.protocols import Settings
from harness.types import Json, Task

CHEAP = (
    "well_formed",
    "discreet",
    "new",
    "distinct",
    "replays",
    "changes",
    "solvable",
    "unambiguous",
)
"""The gates that run no conversation, in order of cost."""

WITH_ROLLOUTS = ("reference", "targeted")
"""The gates that do, in order of cost."""

GATES = (*CHEAP, *WITH_ROLLOUTS)


@dataclass(frozen=True, kw_only=True)
class Options:
    """The table ``[options.admission]``.

    ``off``: gates to leave out, as for an ablation. ``likeness``: the cosine, in [0, 1], from which
    on two tasks say nearly the same. ``reference``: a policy that must do each task
    ``reference_successes`` times in ``reference_trials`` ("": none, the solver is enough).
    ``trials`` conversations of the current policy, run ``wave`` at a time until its failure rate
    lies in [``easiest``, ``hardest``]; a task easier than that is made harder at most ``mutations``
    times. A pattern is given up after ``candidates_per_task`` candidates for each wanted task, or
    ``rollouts_per_task`` conversations of the policy for each. ``fill``: admit what only
    ``targeted`` refuses, as too hard, where tasks are missing at the end. ``floor``: the fewest
    tasks of a pattern; ``cap``: the most, as a share of all.
    """

    off: tuple[str, ...] = ()
    likeness: PositiveShare = 0.8
    reference: str = ""
    reference_trials: PositiveInt = 3
    reference_successes: PositiveInt = 1
    trials: PositiveInt = 4
    wave: PositiveInt = 2
    easiest: Share = 0.1
    hardest: Share = 0.95
    mutations: NonNegativeInt = 2
    candidates_per_task: PositiveInt = 20
    rollouts_per_task: PositiveInt = 16
    fill: bool = False
    floor: NonNegativeInt = 1
    cap: PositiveShare = 0.5


def admission_options(
    tables: Mapping[str, Mapping[str, Json]], *, off: Sequence[str] = ()
) -> Options:
    """The options in a configuration's tables, with more gates ``off``. Raises ``ConfigError`` for
    what makes no sense.
    """
    options = read_options(Options, Settings(options=tables.get("admission", {})), name="admission")
    options = replace(options, off=tuple(dict.fromkeys([*options.off, *off])))
    for name in options.off:
        if name not in GATES:
            raise ConfigError(
                f"admission.off: there is no gate {name!r}",
                hint=nearest(name, GATES) or f"Gates: {', '.join(GATES)}.",
            )
    if options.easiest > options.hardest:
        raise ConfigError(
            f"admission: no failure rate lies between easiest = {options.easiest} and "
            f"hardest = {options.hardest}",
            hint="Failure rates: easiest = 0.1, hardest = 0.95 keeps out what teaches nothing.",
        )
    if options.reference_successes > options.reference_trials:
        raise ConfigError(
            f"admission: reference_successes = {options.reference_successes} is more than "
            f"reference_trials = {options.reference_trials}",
            hint="Ask for at most as many successes as there are trials.",
        )
    return options


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a gate found: ``reason`` it objects for ("": it does not), and what it measured."""

    reason: str = ""
    measured: Mapping[str, Json] = field(default_factory=dict)


class Gate(Protocol):
    """One condition that every task of the pool fulfils."""

    @property
    def name(self) -> str: ...

    def examine(self, task: Task) -> Verdict: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A candidate that was not admitted, and why: which gate, its reason, what it measured.

    ``gate`` is "made" and ``task`` None where the injector could not make the candidate.
    """

    pattern_id: str
    gate: str
    reason: str
    measured: Mapping[str, Json] = field(default_factory=dict)
    task: Task | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRecord:
    """Why a task of the pool is in it: for each gate it passed, what was measured."""

    task_id: str
    gates: Mapping[str, Mapping[str, Json]]


@dataclass(slots=True)
class GateLog:
    """Counts what each gate saw and let pass, and keeps every refusal."""

    seen: Counter[str] = field(default_factory=Counter)
    passed: Counter[str] = field(default_factory=Counter)
    refusals: list[Refusal] = field(default_factory=list)

    def note(self, gate: str, verdict: Verdict, task: Task | None, pattern_id: str = "") -> None:
        self.seen[gate] += 1
        if not verdict.reason:
            self.passed[gate] += 1
            return
        self.refusals.append(
            Refusal(
                pattern_id=pattern_id,
                gate=gate,
                reason=verdict.reason,
                measured=verdict.measured,
                task=task,
            )
        )

    @property
    def reasons(self) -> dict[str, int]:
        """How many candidates were refused for each reason, most first."""
        return dict(Counter(refusal.reason for refusal in self.refusals).most_common())

    def yields(self) -> list[dict[str, Json]]:
        """For each gate in order: how many candidates it saw, and how many it let pass."""
        return [
            {"gate": gate, "seen": self.seen[gate], "passed": self.passed[gate]}
            for gate in ("made", *GATES, "quota")
            if self.seen[gate]
        ]


def pass_gates(
    gates: Sequence[Gate], task: Task, log: GateLog, pattern_id: str = ""
) -> dict[str, Mapping[str, Json]] | None:
    """What each gate measured, by name; None if one objects. The log notes each verdict."""
    measured: dict[str, Mapping[str, Json]] = {}
    for gate in gates:
        verdict = gate.examine(task)
        log.note(gate.name, verdict, task, pattern_id)
        if verdict.reason:
            return None
        measured[gate.name] = verdict.measured
    return measured
