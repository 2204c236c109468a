"""Turn broken rules of conduct into penalties: confirmation, identification, order of writes.

The domain marks which of its tools identify the user, show private records or close a record. Where
none is marked, no rule can be broken.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from harness.assembly.config import read_options
from harness.evaluation.behaviour import MadeCall, call_key, write_names
from harness.protocols import RewardTerm, Settings
from harness.types import Json, Task, Tool, ToolCall, Trajectory
from harness_rewards.confirmation import ACCEPTS, REFUSES, Reply, was_confirmed
from harness_rewards.term import (
    WriteOptions,
    known_domain,
    own_calls,
    penalty,
    wanted_writes,
)


@dataclass(frozen=True, kw_only=True)
class ConfirmationOptions(WriteOptions):
    """``accepts``, ``refuses``: words that mean yes and no; the first in the answer decides."""

    accepts: tuple[str, ...] = ACCEPTS
    refuses: tuple[str, ...] = REFUSES


def unconfirmed_writes(settings: Settings) -> RewardTerm:
    """Minus the writes made before the user said yes to a proposal of them, as a share of ``cap``.

    Stops skipping the confirmation: the database does not show it, the simulated user seldom
    objects, and each skipped question shortens the conversation. The reading is lenient (see
    ``harness_rewards.confirmation``): a false alarm would teach the agent not to write at all.
    """
    options = read_options(ConfirmationOptions, settings, name="unconfirmed_writes")
    writes = write_names(known_domain(settings, "unconfirmed_writes"))
    reply = Reply(accepts=options.accepts, refuses=options.refuses)

    def count(trajectory: Trajectory, task: Task) -> tuple[int, str]:
        made = [one for one in own_calls(trajectory, writes) if one.writes]
        counted = sum(
            not was_confirmed(one.call, one.turn, trajectory.messages, task, reply) for one in made
        )
        return counted, f"{counted} of {len(made)} writes made without the user's yes"

    return penalty("unconfirmed_writes", options.cap, count)


def unidentified_access(settings: Settings) -> RewardTerm:
    """Minus the calls to private records before the user was identified, as a share of ``cap``.

    Stops skipping the identification: anyone who names an order then gets it read out, in fewer
    turns, and the database does not show it.
    """
    options = read_options(WriteOptions, settings, name="unidentified_access")
    tools = known_domain(settings, "unidentified_access").tools
    identifying = {tool.name for tool in tools if tool.identifies}
    private = {tool.name for tool in tools if tool.private}

    def count(trajectory: Trajectory, task: Task) -> tuple[int, str]:
        made = own_calls(trajectory, frozenset())
        known = [at for at, one in enumerate(made) if one.call.name in identifying]
        known = [at for at in known if not made[at].failed]
        before = made[: known[0]] if known else made
        counted = sum(one.call.name in private for one in before) if identifying else 0
        return counted, f"{counted} calls to private records before the user was identified"

    return penalty("unidentified_access", options.cap, count)


def split_writes(settings: Settings) -> RewardTerm:
    """Minus the writes that close a record with only a part of its wanted changes, as a share of
    ``cap``.

    Stops acting on the first item mentioned: where a record can be changed only once, all changes
    must be collected first. A second try at a closed record counts, too.
    """
    options = read_options(WriteOptions, settings, name="split_writes")
    domain = known_domain(settings, "split_writes")
    closing = _closing(domain.tools)

    def count(trajectory: Trajectory, task: Task) -> tuple[int, str]:
        made = [one for one in own_calls(trajectory, frozenset()) if one.call.name in closing]
        wanted = [call for call in task.gold if call.name in closing]
        closed: set[tuple[str, str]] = set()
        counted = 0
        for one in made:
            record = (one.call.name, _record(one.call, closing))
            counted += record in closed or (
                not one.failed and any(_is_part(one.call, whole, closing) for whole in wanted)
            )
            if not one.failed:
                closed.add(record)
        return counted, f"{counted} of {len(made)} writes that close a record were not complete"

    return penalty("split_writes", options.cap, count)


def late_writes(settings: Settings) -> RewardTerm:
    """Minus the wanted writes to a record after the one that closes it, as a share of ``cap``.

    Stops the wrong order where the policy demands one: the write that closes a record comes last,
    even where the tools would accept more.
    """
    options = read_options(WriteOptions, settings, name="late_writes")
    domain = known_domain(settings, "late_writes")
    closing, writes = _closing(domain.tools), write_names(domain)

    def count(trajectory: Trajectory, task: Task) -> tuple[int, str]:
        wanted = {call_key(call) for call in wanted_writes(task, writes)}
        closed: set[str] = set()
        counted = 0
        for one in own_calls(trajectory, writes):
            counted += _touches(one, closed) and call_key(one.call) in wanted
            if one.call.name in closing and not one.failed:
                closed.add(_record(one.call, closing))
        return counted, f"{counted} wanted writes came after their record was closed"

    return penalty("late_writes", options.cap, count)


def _closing(tools: Collection[Tool]) -> Mapping[str, str]:
    """The argument that names the record, by the tool that closes it."""
    return {tool.name: tool.closes for tool in tools if tool.closes}


def _record(call: ToolCall, closing: Mapping[str, str]) -> str:
    return str(call.arguments.get(closing[call.name]))


def _touches(made: MadeCall, closed: Collection[str]) -> bool:
    return made.writes and any(str(value) in closed for value in made.call.arguments.values())


def _is_part(call: ToolCall, whole: ToolCall, closing: Mapping[str, str]) -> bool:
    """Whether a call does some of what another does to the same record, and not all of it."""
    same = call.name == whole.name and _record(call, closing) == _record(whole, closing)
    return same and any(
        _is_less(call.arguments.get(name), value) for name, value in whole.arguments.items()
    )


def _is_less(some: Json, all_: Json) -> bool:
    if not isinstance(some, list) or not isinstance(all_, list):
        return False
    return len(some) < len(all_) and all(item in all_ for item in some)
