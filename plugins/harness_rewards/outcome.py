"""Turn the outcome of a conversation into credit: for the whole, or for its parts."""

from __future__ import annotations

from dataclasses import dataclass

from harness.assembly.config import read_options
from harness.evaluation.behaviour import matched, write_names
from harness.protocols import RewardTerm, Settings
from harness.runtime.counting import counted
from harness.types import Grade, Task, ToolCall, Trajectory
from harness_rewards.term import (
    AGENT,
    BOTH,
    NoOptions,
    credit,
    done_writes,
    known_domain,
    wanted_writes,
)


@dataclass(frozen=True, kw_only=True)
class GoldOptions:
    """``partial``: a write by the right tool earns the share of its arguments that are right."""

    partial: bool = False


def task_success(settings: Settings) -> RewardTerm:
    """1 if the task was done exactly as wanted, else 0. The other terms only shape this one.

    Stops what looks like work and achieves nothing: idling, refusing, self-praise.
    """
    read_options(NoOptions, settings, name="task_success")

    def view(trajectory: Trajectory, grade: Grade, task: Task) -> tuple[float, str]:
        if grade.success:
            return 1.0, "the world ended as wanted"
        missing = sum(change not in grade.actual for change in grade.wanted)
        unwanted = sum(change not in grade.wanted for change in grade.actual)
        return 0.0, (
            f"{counted(missing, 'wanted change')} missing, {unwanted} unwanted made, "
            f"{counted(len(grade.unsaid), 'fact')} unsaid, ended by {trajectory.ended}"
        )

    return credit("task_success", view)


def gold_writes(settings: Settings) -> RewardTerm:
    """The share of the wanted writes that were made with the right arguments.

    Writes of the user that are wanted count like the agent's, which has to tell the user to make
    them; others that the user makes do not.

    Stops inaction: where writes are wanted, idling earns 0, so trying pays even before the policy
    can finish a task. Writing everything in sight earns no more than the wanted writes (see
    ``extra_writes``); where none is wanted, any write earns 0.
    """
    options = read_options(GoldOptions, settings, name="gold_writes")
    writes = write_names(known_domain(settings, "gold_writes"))

    def view(trajectory: Trajectory, grade: Grade, task: Task) -> tuple[float, str]:
        wanted = wanted_writes(task, writes, BOTH)
        done = done_writes(trajectory, writes, BOTH if wanted else AGENT)
        right: float = matched(done, wanted)
        if options.partial:
            right = sum(max((_likeness(call, want) for call in done), default=0) for want in wanted)
        value = min(1.0, right / len(wanted)) if wanted else float(not done)
        return value, f"{right:g} of {len(wanted)} wanted writes made, {len(done)} writes in all"

    return credit("gold_writes", view)


def changed_fields(settings: Settings) -> RewardTerm:
    """The share of correct fields among those that should have changed or did; 1 if there are none.

    Stops all-or-nothing credit on long tasks without paying per write: a wrongly changed field
    costs as much as a missing change.
    """
    read_options(NoOptions, settings, name="changed_fields")

    def view(trajectory: Trajectory, grade: Grade, task: Task) -> tuple[float, str]:
        right = sum(change in grade.wanted for change in grade.actual)
        fields = {change.path for change in (*grade.wanted, *grade.actual)}
        value = right / len(fields) if fields else 1.0
        return value, f"{right} of {len(fields)} fields are as wanted"

    return credit("changed_fields", view)


def told_facts(settings: Settings) -> RewardTerm:
    """The share of the required facts that the agent told the user; 0 if none is required.

    Stops silence: an agent that finds the answer and does not give it.
    """
    read_options(NoOptions, settings, name="told_facts")

    def view(trajectory: Trajectory, grade: Grade, task: Task) -> tuple[float, str]:
        facts = len(task.communicate)
        told = facts - len(grade.unsaid)
        return (told / facts if facts else 0.0), f"{told} of {facts} facts told"

    return credit("told_facts", view)


def _likeness(call: ToolCall, want: ToolCall) -> float:
    """The share of the wanted arguments that a call of the right tool has right, in [0, 1]."""
    if call.name != want.name:
        return 0.0
    if matched([call], [want]):
        return 1.0
    right = sum(call.arguments.get(name) == value for name, value in want.arguments.items())
    return right / (len(want.arguments) + 1)
