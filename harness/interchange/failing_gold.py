"""Find the tasks whose own gold writes fail: where a verdict depends on what failed calls mean."""

from __future__ import annotations

from collections.abc import Iterable

from harness.errors import ConfigError, FormatError, plugin_boundary
from harness.protocols import NO_PLUGINS, Domain
from harness.types import Task


def failing_gold(
    tasks: Iterable[Task], domain: Domain, *, plugin: str = NO_PLUGINS.domain
) -> dict[str, list[str]]:
    """By task id, the tools of the gold writes that a fresh world answers with an error.

    Such a call changes nothing, so that the wanted state is one without it: who does nothing
    instead may succeed, and who does what was asked in another way fails. A task that the domain
    refuses is left out.
    """
    writes = {t.name for t in (*domain.tools, *domain.user_tools) if t.kind == "write"}
    found: dict[str, list[str]] = {}
    for task in tasks:
        try:
            with plugin_boundary(plugin, f"gold calls of task {task.id}"):
                world = domain.open(task)
                failed = [call.name for call in task.gold if world.call(call).is_error]
        except (ConfigError, FormatError):
            continue
        if failed_writes := [name for name in failed if name in writes]:
            found[task.id] = failed_writes
    return found
