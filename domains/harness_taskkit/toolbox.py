"""Tools with their functions, and the world that carries out calls to them as tau2 or as meant."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from harness.types import Changes, Json, Tool, ToolCall, ToolKind
from harness_taskkit.arguments import check_arguments, check_reserved
from harness_taskkit.arithmetic import evaluate, evaluate_as_python
from harness_taskkit.state import AnsweringWorld, Overlay, ToolError
from harness_taskkit.switches import ToolSwitches

SwitchedOverlay: TypeAlias = Overlay[Any, Any]
"""An overlay whose ``compat`` are switches."""

REFUSALS = (
    TypeError,
    ValueError,
    AttributeError,
    ArithmeticError,
    LookupError,
    SyntaxError,
    MemoryError,
    RecursionError,
)
"""What is raised on unfit calls: ``ToolError``, and Python's own words where nothing checks types
beforehand."""


@dataclass(frozen=True, slots=True)
class Argument:
    """What an argument stands for, what the agent reads of it, and its JSON schema."""

    noun: str
    description: str
    schema: Mapping[str, Json]


STRING: dict[str, Json] = {"type": "string"}
INTEGER: dict[str, Json] = {"type": "integer"}


def one_of(*values: str) -> dict[str, Json]:
    """The schema of a choice."""
    return {"type": "string", "enum": list(values)}


def objects(**fields: dict[str, Json]) -> dict[str, Json]:
    """The schema of a list of objects with these fields, all needed."""
    entry: dict[str, Json] = {
        "type": "object",
        "properties": dict(fields),
        "required": list(fields),
    }
    return {"type": "array", "items": entry}


def make_tool(
    name: str,
    kind: ToolKind,
    arguments: Mapping[str, Argument],
    description: str,
    optional: Collection[str] = (),
    **about: Any,
) -> Tool:
    """A tool with these arguments, in order; it needs all but those that are ``optional``.

    ``about``: other fields of ``Tool``.
    """
    properties: dict[str, Json] = {
        argument: {**what.schema, "description": what.description}
        for argument, what in arguments.items()
    }
    nouns = {argument: what.noun for argument, what in arguments.items()}
    required: list[Json] = [argument for argument in arguments if argument not in optional]
    return Tool(
        name=name,
        description=description,
        parameters={"type": "object", "properties": properties, "required": required},
        kind=kind,
        **{**about, "nouns": nouns | dict(about.get("nouns", {}))},
    )


@dataclass(frozen=True, slots=True)
class Toolbox:
    """Tools by name, with the functions of the same names that carry them out.

    ``kit``: how tau2 calls its class of these tools. Functions get the overlay and the arguments.
    """

    kit: str
    tools: Mapping[str, Tool]
    functions: Mapping[str, Callable[..., object]]


class ToolboxWorld(AnsweringWorld):
    """One conversation's view of a database, seen and changed by the tools of a ``toolbox``.

    ``user_toolbox`` are the tools of the user, None where it has none.
    """

    __slots__ = ("_overlay",)
    refusals = REFUSALS
    toolbox: ClassVar[Toolbox]
    user_toolbox: ClassVar[Toolbox | None] = None

    def __init__(self, overlay: SwitchedOverlay) -> None:
        self._overlay = overlay

    def records(self) -> dict[str, dict[str, Json]]:
        """The whole state as it is now, to be read only: all records by kind and id."""
        return self._overlay.records()

    def changes(self) -> Changes:
        """All that differs from the start, sorted by path."""
        return self._overlay.changes()

    def carry_out(self, call: ToolCall) -> object:
        switches: ToolSwitches = self._overlay.compat
        if switches.reserved_arguments and call.arguments:
            check_reserved(call.arguments)
        toolbox = self.toolbox_for(call)
        tool = toolbox.tools.get(call.name)
        if tool is None or not self.offers(tool):
            raise ToolError(f"Tool '{call.name}' not found.")
        check_arguments(tool, call.arguments, toolbox.kit, not switches.untyped_arguments)
        self.check(call)
        answer = toolbox.functions[tool.name](self._overlay, **call.arguments)
        self.follow()
        return answer

    def toolbox_for(self, call: ToolCall) -> Toolbox:
        """The tools of whoever calls. Raises ``ToolError`` if that is a user without any."""
        if call.requestor == "agent":
            return self.toolbox
        if self.user_toolbox is None:
            raise ToolError("User tools not available")
        return self.user_toolbox

    def offers(self, tool: Tool) -> bool:
        """Whether this world has the tool."""
        return True

    def check(self, call: ToolCall) -> None:
        """Raise ``ToolError`` for a call that its tool should not see."""

    def follow(self) -> None:
        """What every call brings about that its tool did not refuse; it may raise ``ToolError``."""


def calculate(overlay: SwitchedOverlay, expression: str) -> str:
    as_python = overlay.compat.python_arithmetic
    return evaluate_as_python(expression) if as_python else evaluate(expression)


def transfer_to_human_agents(overlay: SwitchedOverlay, summary: str) -> str:
    overlay.transferred = not overlay.compat.silent_transfer
    return "Transfer successful"
