"""Turn the initial state of an official task into the records that it starts from."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cache
from typing import Protocol, cast, runtime_checkable

from harness.errors import ConfigError
from harness.protocols import World
from harness.types import Json, Requestor, ToolCall
from harness_tau2.wire import Misfit, Object, as_object, entries, fields, need, text

Records = Mapping[str, Mapping[str, Json]]
"""All records of a database by kind and id."""


class Recorded(World, Protocol):
    """A world that can show all of its records."""

    def records(self) -> Records:
        """The whole state as it is now, to be read only."""
        ...


@runtime_checkable
class Staged(World, Protocol):
    """A world with functions besides its tools: official tasks set a scene by them, and assert how
    it ends. ``ToolCall.requestor`` says on which side the function is.
    """

    def stages(self, call: ToolCall) -> bool:
        """Whether there is the function."""
        ...

    def stage(self, call: ToolCall) -> object:
        """What it returns. Raises ``ValueError`` where there is no such function, and on unfit
        calls.
        """
        ...


def staged(world: World | None) -> Staged | None:
    """The world, if it has such functions."""
    return cast(Staged, world) if _has_functions(cast(Hashable, type(world))) else None


@cache
def _has_functions(kind: Hashable) -> bool:
    return isinstance(kind, type) and issubclass(kind, Staged)  # slow, as that of every protocol


USER = "user"
"""The kind of the records of the user's side, for a database that has them."""


def starting_records(
    official: Object, records: Records, opened: Callable[[Records], Recorded]
) -> Records:
    """The records as a task with an initial state finds them; ``opened`` is a world of some.

    Raises ``ConfigError`` for what the database cannot be made to hold: data of a user's side where
    there is none, unknown functions, calls that fail.
    """
    try:
        state = fields(official, "initial_state")
        data = fields(state, "initialization_data")
        records = _updated(records, fields(data, "agent_data"))
        if data.get("user_data"):
            if USER not in records:
                raise Misfit("initialization_data.user_data", "this domain's users have no data")
            records = _updated(records, {USER: fields(data, "user_data")})
        actions = entries(state, "initialization_actions")
        calls = [function_call(as_object(raw, "initialization_actions")) for raw in actions]
        return _after(opened(records), calls) if calls else records
    except Misfit as error:
        place = error.inside("initial_state").place
        raise ConfigError(
            f"task {official.get('id')!r} cannot be set up: {place}: {error}",
            hint="Leave the task out, or take the data of another tau2 version.",
        ) from None


def function_call(raw: Object) -> ToolCall:
    """A function that an official task names, with the side that has it. Raises ``Misfit``."""
    side: Requestor = "user" if text(raw, "env_type") == "user" else "agent"
    return ToolCall(
        name=need(raw, "func_name", str), arguments=fields(raw, "arguments"), requestor=side
    )


def _updated(records: Records, data: Object) -> Records:
    """A list of records takes the place of all of that kind; their ids are their first fields."""
    for kind in data:
        if kind not in records:
            raise Misfit("initialization_data.agent_data", f"the database has no {kind!r}")
    tables = {kind: value for kind, value in data.items() if not isinstance(value, list)}
    lists = {kind: _by_id(value) for kind, value in data.items() if isinstance(value, list)}
    return cast("Records", {**_merged(cast("Object", records), tables), **lists})


def _by_id(records: Sequence[Json]) -> dict[str, Json]:
    found = [as_object(record, "initialization_data.agent_data") for record in records]
    return {str(next(iter(record.values()), "")): record for record in found}


def _after(world: Recorded, calls: Sequence[ToolCall]) -> Records:
    scene = staged(world)
    for call in calls:
        if scene is not None:
            _stage(scene, call)
            continue
        if call.requestor == "user":
            raise Misfit("initialization_actions", "this domain's users have no tools")
        result = world.call(call)
        if result.is_error:
            raise Misfit("initialization_actions", f"{call.name}: {result.content}")
    return world.records()


def _stage(world: Staged, call: ToolCall) -> None:
    try:
        world.stage(call)
    except ValueError as error:
        raise Misfit("initialization_actions", f"{call.name}: {error}") from None


def _merged(below: Mapping[str, Json], above: Mapping[str, Json]) -> dict[str, Json]:
    """``below`` with the values of ``above``, objects field by field; neither is written to."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        merged[key] = _merged(cast("Object", old), cast("Object", value)) if both else value
    return merged
