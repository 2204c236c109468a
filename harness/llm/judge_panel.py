"""Turn several readings of a failure, or those of two judges, into one diagnosis, and into how far
they agree.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

from harness.assembly.config import PositiveInt, read_options
from harness.errors import ConfigError, RolloutFault
from harness.llm.judge import LLMJudge
from harness.protocols import ChatClient, Domain, Judge, Settings
from harness.types import Diagnosis, Episode, Json, Task, Trajectory

DISTRACTORS = (
    "answered_in_wrong_language",
    "promised_a_discount",
    "quoted_wrong_opening_hours",
    "shared_another_customers_data",
)
"""Kinds of mistakes that no conversation shows: a judge that finds one sees what is not there."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """``second``: a chat model ("openai:MODEL") that reads each failure too, to see how far both
    agree; "" for none. ``repeats``: how often each failure is read; the commonest verdict counts.
    ``distractors``: whether kinds of mistakes that never happen are on offer, to see whether they
    are found.
    """

    second: str = ""
    repeats: PositiveInt = 1
    distractors: bool = False


def llm_judge(chat: ChatClient, settings: Settings) -> Judge:
    """A judge that asks the chat model; it can decide statements in words as well."""
    options = read_options(Options, settings, name="judge")
    if options.second and options.repeats > 1:
        raise ConfigError(
            f"[options.judge] has both second = {options.second!r} and repeats = {options.repeats}",
            hint="Give either a second judge or `repeats` of at least 2, not both.",
        )
    offered = DISTRACTORS if options.distractors else ()
    if options.repeats > 1 or offered:
        readings = [LLMJudge(chat, seed=n, offered=offered) for n in range(options.repeats)]
        return RepeatedJudge(readings, offered)
    if not options.second or settings.calls is None:
        return LLMJudge(chat)
    second = LLMJudge(settings.calls.chat("judge", options.second), seed=1)
    return SecondOpinion(LLMJudge(chat), second)


class SecondOpinion:
    """Every failure is read by both judges. Statements in words are decided by the first alone."""

    def __init__(self, first: LLMJudge, second: LLMJudge) -> None:
        self.first = first
        self.second = second
        self._pairs: dict[str, tuple[Diagnosis, Diagnosis]] = {}

    async def diagnose(self, failure: Episode, domain: Domain) -> Diagnosis:
        """The first judge's diagnosis; raises what that judge raises."""
        own, other = await asyncio.gather(
            self.first.diagnose(failure, domain), self._other(failure, domain)
        )
        if other is not None:
            self._pairs[failure.trajectory.id] = (own, other)
        return own

    async def decide(
        self, assertions: Sequence[str], task: Task, trajectory: Trajectory
    ) -> Sequence[bool]:
        return await self.first.decide(assertions, task, trajectory)

    def agreement(self, trajectories: Collection[str]) -> Mapping[str, Json]:
        """Krippendorff's alpha for blame, and for the kind where both blame the agent.

        ``failures`` counts those that both have read. An alpha is None where nothing can be said.
        """
        pairs = [pair for id, pair in self._pairs.items() if id in trajectories]
        both = [pair for pair in pairs if all(d.blame == "agent" for d in pair)]
        return {
            "judges": [self.first.name, self.second.name],
            "failures": len(pairs),
            "blame": krippendorff_alpha([[d.blame for d in pair] for pair in pairs]),
            "kind": krippendorff_alpha([[d.kind for d in pair] for pair in both]),
        }

    async def _other(self, failure: Episode, domain: Domain) -> Diagnosis | None:
        try:
            return await self.second.diagnose(failure, domain)
        except RolloutFault:
            return None


class RepeatedJudge:
    """Every failure is read once by each of the judges, which do not know of each other.

    The commonest pair of blame and kind counts, the earliest reading's of several as common.
    ``distractors`` are kinds that were on offer and that no conversation here shows.
    """

    def __init__(self, judges: Sequence[LLMJudge], distractors: Sequence[str] = ()) -> None:
        self.judges = judges
        self.distractors = distractors
        self._read: dict[str, list[Diagnosis | None]] = {}

    async def diagnose(self, failure: Episode, domain: Domain) -> Diagnosis:
        """Raises ``RolloutFault`` where no reading gave a verdict that can be used."""
        found = await asyncio.gather(*(_one(judge, failure, domain) for judge in self.judges))
        usable = [diagnosis for diagnosis in found if isinstance(diagnosis, Diagnosis)]
        if not usable:
            raise next(fault for fault in found if isinstance(fault, RolloutFault))
        self._read[failure.trajectory.id] = [
            diagnosis if isinstance(diagnosis, Diagnosis) else None for diagnosis in found
        ]
        verdicts = Counter((diagnosis.blame, diagnosis.kind) for diagnosis in usable)
        most = verdicts.most_common(1)[0][0]
        return next(d for d in usable if (d.blame, d.kind) == most)

    async def decide(
        self, assertions: Sequence[str], task: Task, trajectory: Trajectory
    ) -> Sequence[bool]:
        return await self.judges[0].decide(assertions, task, trajectory)

    def agreement(self, trajectories: Collection[str]) -> Mapping[str, Json]:
        """Krippendorff's alpha over the readings, for blame and for the kind where all blame the
        agent; ``distractors_found`` counts readings that named a kind that cannot be.
        """
        read = [row for id, row in self._read.items() if id in trajectories]
        agents = [row for row in read if all(d is None or d.blame == "agent" for d in row)]
        named = Counter(d.kind for row in read for d in row if d and d.kind in self.distractors)
        return {
            "judges": [judge.name for judge in self.judges],
            "failures": len(read),
            "blame": krippendorff_alpha([[d and d.blame for d in row] for row in read]),
            "kind": krippendorff_alpha([[d and d.kind for d in row] for row in agents]),
            "distractors": list(self.distractors),
            "distractors_found": named.total(),
            "readings": sum(d is not None for row in read for d in row),
        }


async def _one(judge: LLMJudge, failure: Episode, domain: Domain) -> Diagnosis | RolloutFault:
    try:
        return await judge.diagnose(failure, domain)
    except RolloutFault as fault:
        return fault


def krippendorff_alpha(units: Sequence[Sequence[Hashable | None]]) -> float | None:
    """Krippendorff's alpha for nominal values: 1 is full agreement, 0 what chance would give.

    One row per unit, one value per judge, None where a judge gave none. Below 0 is worse than
    chance. None where nothing can be said: no unit has two values, or all values are the same.

    Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), section D; the coincidences
    of a unit with m values count 1 / (m - 1) each, so that each value weighs the same.
    """
    coincidences: defaultdict[tuple[Hashable, Hashable], float] = defaultdict(float)
    for unit in units:
        values = [value for value in unit if value is not None]
        for pair in permutations(values, 2):
            coincidences[pair] += 1 / (len(values) - 1)
    totals: defaultdict[Hashable, float] = defaultdict(float)
    for (one, _), weight in coincidences.items():
        totals[one] += weight
    count = sum(totals.values())
    expected = count * count - sum(total * total for total in totals.values())
    if expected <= 0:
        return None
    observed = sum(weight for (one, other), weight in coincidences.items() if one != other)
    return 1 - (count - 1) * observed / expected
