"""Turn a failed conversation into a diagnosis by rules that know nothing of its domain."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from harness.assembly.config import read_options
from harness.protocols import Domain, Judge, Settings
from harness.types import Diagnosis, Episode
from harness_traces.conversation import Heard
from harness_traces.rules import Sign, signs_of

UNEXPLAINED = "unexplained"
"""The kind of a failure in which no rule sees a mistake."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Takes no options."""


def conduct_judge(settings: Settings) -> Judge:
    read_options(Options, settings, name="conduct")
    return ConductJudge()


class ConductJudge:
    """Names the most telling sign of a mistake in the conversation itself: bad calls, repetitions,
    writes that differ from what was agreed, claims that the tools contradict, open ends.
    """

    async def diagnose(self, failure: Episode, domain: Domain) -> Diagnosis:
        """The agent is to blame unless the conversation ended in a fault or a tool was down."""
        trajectory = failure.trajectory
        sign = next(signs_of(Heard(failure, domain)), None) or Sign(
            kind=UNEXPLAINED,
            turn=max(len(trajectory.messages) - 1, 0),
            summary="The conversation itself shows no mistake.",
        )
        if trajectory.is_fault:
            sign = Sign(
                kind=trajectory.ended,
                turn=max(len(trajectory.messages) - 1, 0),
                blame="user_simulator" if trajectory.ended == "user_fault" else "infrastructure",
                summary=f"The conversation was cut off: {trajectory.fault or trajectory.ended}.",
            )
        return Diagnosis(
            trajectory_id=trajectory.id,
            task_id=failure.task.id,
            blame=sign.blame,
            kind=sign.kind,
            turn=sign.turn,
            summary=sign.summary,
            severity=sign.severity,
            tool=sign.tool,
        )

    async def signs(self, episode: Episode, domain: Domain) -> Collection[str]:
        """The kinds of all signs that the conversation shows."""
        return {sign.kind for sign in signs_of(Heard(episode, domain))}
