"""List every outcome that fits a task's words, its records and the policy: a good task has one.

Nothing of the wanted calls is looked at where a phone is mended, a bill paid or a line named: that
follows from the words, and from what each call shows.
"""

from __future__ import annotations

from harness.types import Task, ToolCall
from harness_telecom.compat import FIXED, Compat
from harness_telecom.solve import attempt
from harness_telecom.tools import TOOLS, USER_TOOLS

_WRITES = frozenset(tool.name for tool in (*TOOLS, *USER_TOOLS) if tool.kind != "read")


def readings(task: Task, compat: Compat = FIXED) -> list[tuple[ToolCall, ...]]:
    """The calls that change something, of the one way that the manual leaves; [] if it leads
    nowhere.

    Words lead to one line at most: customers name a number, or a device of which they have one.
    """
    groups = attempt(task, compat)
    if groups is None:
        return []
    return [tuple(call for group in groups for call in group if call.name in _WRITES)]
