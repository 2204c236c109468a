"""Turn a failed episode into a diagnosis, by comparing calls made with calls wanted."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from harness.assembly.config import read_options
from harness.protocols import Domain, Judge, Settings
from harness.types import Diagnosis, Episode
from harness_scripted.finding import Finding, difference
from harness_scripted.reading import Reading
from harness_scripted.rules import first_mistake, signs
from harness_scripted.tasks import wrong_task
from harness_scripted.user_faults import users_fault


@dataclass(frozen=True, kw_only=True)
class Options:
    """Takes no options."""


def rule_judge(settings: Settings) -> Judge:
    read_options(Options, settings, name="rules")
    return RuleJudge()


class RuleJudge:
    """Names the first decisive mistake. It uses only the kinds and nouns of the domain's tools."""

    async def diagnose(self, failure: Episode, domain: Domain) -> Diagnosis:
        """Blame in this order: infrastructure, task, tool, simulated user; otherwise the agent."""
        reading = Reading(failure, domain)
        finding = not_the_agents(reading) or first_mistake(reading)
        return Diagnosis(
            trajectory_id=failure.trajectory.id,
            task_id=failure.task.id,
            blame=finding.blame,
            kind=finding.kind,
            turn=finding.turn,
            summary=finding.summary,
            evidence=finding.evidence or difference(reading),
            severity=finding.severity,
            tool=finding.tool,
        )

    async def signs(self, episode: Episode, domain: Domain) -> Collection[str]:
        """The kinds of mistakes a conversation shows, whether or not they cost its outcome."""
        return signs(Reading(episode, domain))


def not_the_agents(reading: Reading) -> Finding | None:
    """What made the episode fail other than the agent; None if nothing did."""
    return _fault(reading) or wrong_task(reading) or _broken_tool(reading) or users_fault(reading)


def _fault(reading: Reading) -> Finding | None:
    trajectory = reading.trajectory
    if not trajectory.is_fault:
        return None
    return Finding(
        blame="user_simulator" if trajectory.ended == "user_fault" else "infrastructure",
        kind=trajectory.ended,
        turn=reading.last_turn,
        summary=f"The conversation was cut off: {trajectory.fault or trajectory.ended}.",
    )


def _broken_tool(reading: Reading) -> Finding | None:
    """A wanted write that failed, though after the same writes a fresh world carries it out."""
    missing = reading.unmatched[1]
    for made in reading.made:
        if not made.failed or not any(made.call.same_as(call) for call in missing):
            continue
        before = [write.call for write in reading.writes if write.turn < made.turn]
        world = reading.domain.open(reading.task)
        if not [world.call(call) for call in (*before, made.call)][-1].is_error:
            return Finding(
                blame="tool",
                kind="tool_error",
                turn=made.turn,
                tool=made.call.name,
                summary=f"{made.call.name} failed on a call that works in a fresh world.",
                evidence=made.result.content if made.result else "",
            )
    return None
