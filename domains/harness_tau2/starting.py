"""Turn the initial state of an official task into the records that it starts from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, cast

from harness.errors import ConfigError
from harness.protocols import World
from harness.types import Json, ToolCall
from harness_tau2.wire import Misfit, Object, as_object, entries, fields, need, text

Records = Mapping[str, Mapping[str, Json]]
"""All records of a database by kind and id."""


class Recorded(World, Protocol):
    """A world that can show all of its records."""

    def records(self) -> Records:
        """The whole state as it is now, to be read only."""
        ...


def starting_records(
    official: Object, records: Records, opened: Callable[[Records], Recorded]
) -> Records:
    """The records as a task with an initial state finds them; ``opened`` is a world of some.

    Raises ``ConfigError`` for what the database cannot be made to hold: data of the user's side,
    unknown functions, calls that fail.
    """
    try:
        state = fields(official, "initial_state")
        data = fields(state, "initialization_data")
        if data.get("user_data"):
            raise Misfit("initialization_data.user_data", "this domain's users have no data")
        records = _updated(records, fields(data, "agent_data"))
        actions = entries(state, "initialization_actions")
        calls = [_call(as_object(raw, "initialization_actions")) for raw in actions]
        return _after(opened(records), calls) if calls else records
    except Misfit as error:
        place = error.inside("initial_state").place
        raise ConfigError(
            f"task {official.get('id')!r} cannot be set up: {place}: {error}",
            hint="Leave the task out, or take the data of another tau2 version.",
        ) from None


def _call(raw: Object) -> ToolCall:
    if text(raw, "env_type") == "user":
        raise Misfit("initialization_actions", "this domain's users have no tools")
    return ToolCall(name=need(raw, "func_name", str), arguments=fields(raw, "arguments"))


def _updated(records: Records, data: Object) -> Records:
    for kind in data:
        if kind not in records:
            raise Misfit("initialization_data.agent_data", f"the database has no {kind!r}")
    return cast("Records", _merged(cast("Object", records), data))


def _after(world: Recorded, calls: Sequence[ToolCall]) -> Records:
    for call in calls:
        result = world.call(call)
        if result.is_error:
            raise Misfit("initialization_actions", f"{call.name}: {result.content}")
    return world.records()


def _merged(below: Mapping[str, Json], above: Mapping[str, Json]) -> dict[str, Json]:
    """``below`` with the values of ``above``, objects field by field; neither is written to."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        merged[key] = _merged(cast("Object", old), cast("Object", value)) if both else value
    return merged
