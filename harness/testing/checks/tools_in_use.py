"""Turn a domain's tools into findings by use: schemas that fit the calls, tools that the world has,
look-ups that change nothing, values that the function takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.protocols import Domain
from harness.testing.checks.schemas import misfits
from harness.testing.checks.worlds import made, short, solution
from harness.testing.findings import Check, demand
from harness.types import Json, Requestor, Task, Tool, ToolCall, ToolResult

_NOBODYS = "no_such_value"

TRIES = 8
"""Calls in which a value is tried before it counts as refused."""


@dataclass(frozen=True, slots=True)
class _Use:
    """A call that goes through, and what comes before it in its task."""

    task: Task
    before: Sequence[ToolCall]
    call: ToolCall


@dataclass(slots=True)
class _Seen:
    """What playing the solutions of some tasks showed."""

    uses: dict[str, list[_Use]] = field(default_factory=dict)
    values: dict[str, Json] = field(default_factory=dict)
    writing: dict[str, str] = field(default_factory=dict)


def check_tools_in_use(check: Check, domain: Domain, tasks: Sequence[Task]) -> None:
    """Play the solutions of the tasks, and then what no task asks for."""
    tools = {tool.name: tool for tool in (*domain.tools, *domain.user_tools)}
    with check.rule(
        "The agent calls tools by their schema; what it reads there must be what the tasks want.",
        "Let one typed definition make both: `harness.evaluation.typed_tools`. Or correct the "
        "schema or the call by hand.",
    ):
        for task in tasks:
            for call in _all_calls(domain, task):
                problems = "; ".join(misfits(call, tools))
                demand(
                    not problems,
                    f"task {task.id} calls by the schema, found {problems}",
                    where=f"tool {call.name}, task {task.id}",
                )
    seen = _played(domain, tasks, tools)
    with check.rule(
        "Rules and rewards go by a tool's kind: what looks up may be called freely.",
        "Give the tool the kind 'write', or change nothing in it, no log and no counter either.",
    ):
        for name, changed in seen.writing.items():
            what = f"the tool {name} reads, found that it changes {changed}"
            demand(False, what, where=f"tool {name}")
    with check.rule(
        "A tool that is declared and not there answers every agent with an error.",
        "Carry it out in World.call, or leave it out of `tools`.",
    ):
        for tool in tools.values():
            if tool.name not in seen.uses:
                _check_there(domain, tasks, tool, seen.values)
    with check.rule(
        "An agent that follows the schema would fail where it should succeed.",
        "Let schema and function have one list of values: a Literal in a typed tool is both.",
    ):
        for tool in tools.values():
            _check_values(domain, tool, seen.uses.get(tool.name, ()))


def _all_calls(domain: Domain, task: Task) -> Iterator[ToolCall]:
    yield from task.gold
    yield from (call for group in domain.solve(task) or () for call in group)
    for request in task.scenario.requests:
        if request.want is not None:
            yield request.want
        if request.revision is not None:
            yield request.revision.proposal


def _played(domain: Domain, tasks: Sequence[Task], tools: Mapping[str, Tool]) -> _Seen:
    seen = _Seen()
    for task in tasks:
        world, calls = domain.open(task), solution(domain, task)
        for number, call in enumerate(calls):
            before = world.changes()
            result = made(world, call)
            seen.values |= call.arguments
            tool = tools.get(call.name)
            if tool is not None and tool.kind == "read" and world.changes() != before:
                changed = [c.path for c in world.changes() if c not in before]
                seen.writing.setdefault(call.name, str(changed or "what was changed"))
            if not result.is_error:
                seen.uses.setdefault(call.name, []).append(_Use(task, calls[:number], call))
    return seen


def _check_there(
    domain: Domain, tasks: Sequence[Task], tool: Tool, values: Mapping[str, Json]
) -> None:
    """A tool that answers all calls as one that does not exist is not there."""
    where = f"tool {tool.name}"
    requestor: Requestor = "user" if tool in domain.user_tools else "agent"
    arguments = _arguments(tool, values)
    call = ToolCall(name=tool.name, arguments=arguments, requestor=requestor)
    result = ToolResult(content="")
    for task in tasks[:TRIES]:
        world = domain.open(task)
        result = made(world, call)
        changed = [change.path for change in world.changes()]
        reads = f"the tool {tool.name} reads, found that it changes {changed}"
        demand(tool.kind != "read" or not changed, reads, where=where)
        other = made(domain.open(task), replace(call, name="no_such_tool"))
        if not result.is_error or _bare(result, tool.name) != _bare(other, "no_such_tool"):
            return
    demand(
        not tasks,
        f"the world carries out the tool {tool.name}, found {result.content!r} for {short(call)}, "
        "as for a tool that does not exist",
        where=where,
    )


def _bare(result: ToolResult, name: str) -> str:
    return result.content.replace(name, "")


def _arguments(tool: Tool, values: Mapping[str, Json]) -> dict[str, Json]:
    """An argument for each property: one that some task uses by that name, or one of its type."""
    shapes = tool.parameters.get("properties")
    return {
        name: values.get(name, _sample(shape))
        for name, shape in (shapes.items() if isinstance(shapes, dict) else ())
    }


def _sample(shape: Json) -> Json:
    about = shape if isinstance(shape, dict) else {}
    if isinstance(allowed := about.get("enum"), list) and allowed:
        return allowed[0]
    known: Mapping[str, Json] = {
        "integer": 1, "number": 1, "boolean": True, "array": [], "object": {},
    }  # fmt: skip
    return known.get(str(about.get("type")), "sample")


def _check_values(domain: Domain, tool: Tool, uses: Sequence[_Use]) -> None:
    shapes = tool.parameters.get("properties")
    for name, shape in shapes.items() if isinstance(shapes, dict) else ():
        allowed = shape.get("enum") if isinstance(shape, dict) else None
        told = [use for use in uses if name in use.call.arguments]
        taken = [use.call.arguments[name] for use in told]
        listed = allowed if isinstance(allowed, list) and told else ()
        for value in (value for value in listed if value not in taken):
            refusals = [_refusal(domain, use, name, value) for use in told[:TRIES]]
            demand(
                None in refusals,
                f"{tool.name} takes each value of {name!r} that its schema allows, found {value!r} "
                f"refused in {len(refusals)} calls: {refusals[0]}",
                where=f"tool {tool.name}",
            )


def _refusal(domain: Domain, use: _Use, name: str, value: Json) -> str | None:
    """What the tool says to another value; None if it takes it, or refuses it for another reason
    than a value that nobody knows.
    """

    def said(given: Json) -> ToolResult:
        world = domain.open(use.task)
        for call in use.before:
            made(world, call)
        return made(world, replace(use.call, arguments={**use.call.arguments, name: given}))

    result, other = said(value), said(_NOBODYS)
    alike = _bare(result, str(value)) == _bare(other, _NOBODYS)
    return result.content if result.is_error and alike else None
