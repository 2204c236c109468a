"""Choose among the fixed tasks of a domain, and turn them into plain values."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import TypeAdapter

from harness.errors import RunError
from harness.protocols import Domain
from harness.types import Json, Split, Task

_TASKS = TypeAdapter(list[Task])


def domain_task_table(domain: Domain, split: Split, ids: Sequence[str] = ()) -> dict[str, Json]:
    """Those of :func:`domain_tasks` as plain values."""
    tasks = _TASKS.dump_python(domain_tasks(domain, split, ids), mode="json")
    return {"domain": domain.name, "split": split, "tasks": tasks}


def domain_tasks(domain: Domain, split: Split, ids: Sequence[str] = ()) -> list[Task]:
    """The tasks of a split, or those whose ids begin with one of ``ids``. Raises ``RunError`` if
    there is none.
    """
    tasks = [*domain.tasks(split)]
    for wanted in ids:
        if not any(task.id.startswith(wanted) for task in tasks):
            raise RunError(
                f"no {split} task of {domain.name!r} has an id that begins with {wanted!r}",
                hint=f"`harness tasks --domain {domain.name} --split {split}` lists them.",
            )
    return [task for task in tasks if not ids or task.id.startswith(tuple(ids))]
