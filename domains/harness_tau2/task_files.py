"""Turn tasks into a τ²-format task file: the official loader reads it, the official tools play it.

A generated task happens in a database of its own: the records that it is about go along as
``initial_state``, and are merged into the official database before the conversation begins.
"""

from __future__ import annotations

from pathlib import Path

from harness.assembly.config import read_options
from harness.assembly.registry import Registry
from harness.errors import FormatError
from harness.protocols import Settings
from harness.types import Json, Recording, Task
from harness_tau2.files import write_json
from harness_tau2.formats import NoOptions
from harness_tau2.official_tasks import write_task
from harness_tau2.tasks import official_task
from harness_tau2.wire import as_object, fields


class TaskFileFormat:
    """A JSON list of tasks, without conversations; only written."""

    def recognises(self, path: Path) -> bool:
        return False

    def read(self, path: Path) -> Recording:
        raise FormatError(
            f"{path} cannot be read as conversations: a task file holds none",
            hint="Import the results.json that tau2 wrote of conversations on these tasks.",
        )

    def write(self, recording: Recording, path: Path) -> None:
        """Raises ``FormatError`` if there is no task to write."""
        if not recording.tasks:
            raise FormatError("there are no tasks to write", hint="`harness tasks` lists them.")
        generated = any(official_task(task) is None for task in recording.tasks)
        domain = _installed(recording.domain) if generated else None
        write_json([task_entry(task, domain) for task in recording.tasks], path)


def tasks_format(settings: Settings) -> TaskFileFormat:
    """The format; raises ``ConfigError`` for any option."""
    read_options(NoOptions, settings, name="tau2-tasks")
    return TaskFileFormat()


def task_entry(task: Task, domain: object) -> dict[str, Json]:
    """The official form of a task of that domain, with the records it happens in where the domain
    tells them by ``official_records``: by kind and id, in official form.
    """
    entry = write_task(task)
    records_of = getattr(domain, "official_records", None)
    if official_task(task) is None and records_of is not None:
        scenario = as_object(entry["user_scenario"], "user_scenario")
        told = {**fields(scenario, "instructions"), "domain": task.domain}
        entry["user_scenario"] = {**scenario, "instructions": told}
        records = dict(records_of(task))
        data: dict[str, Json] = {"agent_data": records, "user_data": None}
        entry["initial_state"] = {
            "initialization_data": data,
            "initialization_actions": None,
            "message_history": None,
        }
    return entry


def _installed(name: str) -> object:
    """The domain of that name; None if there is none."""
    registry = Registry()
    known = name.partition(":")[0] in registry.names("domain")
    return registry.make("domain", name, Settings()) if known else None
