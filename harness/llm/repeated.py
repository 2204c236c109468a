"""Turn several readings by one judge into one diagnosis, and into how far to trust it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence

from harness.errors import RolloutFault
from harness.llm.agreement import krippendorff_alpha
from harness.llm.judge import LLMJudge
from harness.protocols import Domain
from harness.types import Diagnosis, Episode, Json, Task, Trajectory


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

    def agreement(self) -> Mapping[str, Json]:
        """Krippendorff's alpha over the readings, for blame and for the kind where all blame the
        agent; ``distractors_found`` counts readings that named a kind that cannot be.
        """
        read = list(self._read.values())
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
