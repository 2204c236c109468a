"""Turn the tasks of an official results file into ours, and ours into official ones."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import TypeAdapter, ValidationError

from harness.types import Json, Task, ToolCall
from harness_tau2.simulations import OURS
from harness_tau2.tasks import official_task, task_from_official
from harness_tau2.wire import Misfit, Object, as_object, at, need

OFFICIAL_PREFIX = "tau2-"
OWN_PREFIX = "harness-"

_TASK = TypeAdapter(Task)


def domain_of(name: str) -> str:
    """Our name of the domain that a results file calls ``name``."""
    own = name.removeprefix(OWN_PREFIX)
    return own if own != name else OFFICIAL_PREFIX + name


def official_domain(domain: str) -> str:
    """The name under which our domain goes into a results file."""
    official = domain.removeprefix(OFFICIAL_PREFIX)
    return official if official != domain else OWN_PREFIX + domain


def read_tasks(raw: Sequence[Json], domain: str) -> tuple[Task, ...]:
    """Our tasks, as test tasks: nothing that is read from a file may be trained on unasked.

    Raises ``Misfit`` for a task that does not fit and for two different tasks with one id.
    """
    tasks: list[Task] = []
    known: dict[str, Object] = {}
    for index, entry in enumerate(raw):
        place = f"tasks[{index}]"
        task = as_object(entry, place)
        with at(place):
            id = need(task, "id", str)
            need(task, "user_scenario", dict)
            if known.setdefault(id, task) != task:
                raise Misfit("id", f"found {id!r}, which another task has, too")
            own = _own(task)
            if own is not None and own.id != id:
                raise Misfit("id", f"found {id!r}, but the whole task beside it is {own.id!r}")
            tasks.append(own or task_from_official(task, split="test", domain=domain))
    return tuple(tasks)


def write_task(task: Task) -> dict[str, Json]:
    """The official form of a task: as it was read if it was, else built from ours.

    What is built carries the whole of our task under a key that tau2 does not know.
    """
    official = official_task(task)
    if official is not None:
        return dict(official)
    ours = task.scenario
    return {
        "id": task.id,
        "description": None,
        "user_scenario": {
            "persona": ours.persona or None,
            "instructions": {
                "domain": official_domain(task.domain),
                "reason_for_call": ours.reason,
                "known_info": ours.known or None,
                "unknown_info": ours.unknown or None,
                "task_instructions": ours.instructions,
            },
        },
        "ticket": None,
        "initial_state": None,
        "evaluation_criteria": {
            "actions": [_action(call, f"{task.id}_{n}") for n, call in enumerate(task.gold)],
            "env_assertions": None,
            "communicate_info": list(task.communicate),
            "nl_assertions": None,
            "reward_basis": ["DB", "COMMUNICATE"],
        },
        OURS: _TASK.dump_python(task, mode="json"),
    }


def _own(raw: Object) -> Task | None:
    """Our own task, if that is what the official one was built from."""
    if OURS not in raw:
        return None
    try:
        return _TASK.validate_python(raw[OURS])
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Misfit(OURS, f"{where}: {first['msg'].lower()}") from None


def _action(call: ToolCall, id: str) -> dict[str, Json]:
    return {
        "action_id": id,
        "requestor": "assistant" if call.requestor == "agent" else "user",
        "name": call.name,
        "arguments": dict(call.arguments),
        "info": None,
        "compare_args": None,
    }
