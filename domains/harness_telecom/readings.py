"""List every outcome that fits a task's words, its records and the policy: a good task has one.

Nothing of the wanted calls is looked at: the words say what is meant, and each call shows what the
next is to be.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.types import Task, ToolCall
from harness_taskkit.proofs import of_different_effect
from harness_telecom.compat import FIXED, Compat
from harness_telecom.database import network_of
from harness_telecom.solve import attempt
from harness_telecom.tools import TOOLS, USER_TOOLS, TelecomWorld
from harness_telecom.wishes import choices

_WRITES = frozenset(tool.name for tool in (*TOOLS, *USER_TOOLS) if tool.kind != "read")


def readings(task: Task, compat: Compat = FIXED) -> list[tuple[ToolCall, ...]]:
    """The calls that change something, of the way that the manual leaves: that of the first thing
    that the words can mean, then each other with an effect of its own, where one request means
    something else. What leads nowhere is none; [] if all does.

    Words can leave open which line is meant, how much data is to be added, why a line is suspended,
    whether roaming is to be on or off, and whether the customer is abroad.
    """
    others = (
        attempt(task, compat, {number: choice})
        for number, request in enumerate(task.scenario.requests)
        for choice in choices(request)
    )
    ways = (attempt(task, compat), *others)
    found = [_writes(groups) for groups in ways if groups is not None]
    network = network_of(task.world)
    return of_different_effect(found, lambda: TelecomWorld(network, compat))


def _writes(groups: Sequence[Sequence[ToolCall]]) -> tuple[ToolCall, ...]:
    return tuple(call for group in groups for call in group if call.name in _WRITES)
