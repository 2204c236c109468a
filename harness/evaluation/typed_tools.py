"""Turn typed methods of a world into its tools: the schema that the agent reads and the checks that
its calls meet come from one signature, so that they cannot differ.

    class Shelf(TypedWorld):
        @tool("write", nouns={"book_id": "book"})
        def lend(self, book_id: str, branch: Literal["north", "south"]) -> str:
            \"\"\"Lend a book.\"\"\"

    class Library(DomainDefaults):
        tools = tools_of(Shelf)
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

from harness.protocols import World
from harness.types import Changes, Json, Requestor, Tool, ToolCall, ToolKind, ToolResult

if TYPE_CHECKING:
    from pydantic import BaseModel

F = TypeVar("F", bound=Callable[..., object])

_MARK = "_harness_tool"


class Refused(Exception):
    """Raised by a tool that does not do what it was asked; the agent reads the message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _About:
    """What the signature does not say of a tool."""

    kind: ToolKind
    requestor: Requestor
    more: Mapping[str, Any]


def tool(
    kind: ToolKind,
    *,
    nouns: Mapping[str, str] | None = None,
    followup: str = "",
    identifies: bool = False,
    private: bool = False,
    closes: str = "",
    requestor: Requestor = "agent",
) -> Callable[[F], F]:
    """Make a method of a ``TypedWorld`` a tool; its name, types and docstring are the tool's.

    An argument is described by ``Annotated[str, Field(description="...")]`` of pydantic and has a
    closed set of values by ``Literal``. The rest is as in ``Tool``; ``requestor``: whose tool it
    is, the agent's or the user's.
    """
    more = {
        "nouns": dict(nouns or {}),
        "followup": followup,
        "identifies": identifies,
        "private": private,
        "closes": closes,
    }

    def mark(method: F) -> F:
        setattr(method, _MARK, _About(kind=kind, requestor=requestor, more=more))
        return method

    return mark


def tools_of(world: type[TypedWorld], requestor: Requestor = "agent") -> tuple[Tool, ...]:
    """The tools of a world, in the order in which they are written."""
    return tuple(
        Tool(
            name=name,
            description=inspect.cleandoc(method.__doc__ or ""),
            parameters=_parameters(world, name),
            kind=about.kind,
            **about.more,
        )
        for name, method, about in _marked(world)
        if about.requestor == requestor
    )


class TypedWorld(World):
    """A world whose calls reach the methods that ``tool`` marks, with arguments of their types.

    A subclass brings those methods and ``changes``. A result that is no text is told as JSON.
    """

    def call(self, call: ToolCall) -> ToolResult:
        """Unknown tools, arguments that the signature does not allow and what the method raises as
        ``Refused`` are results with ``is_error``.
        """
        offered = {
            name for name, _, about in _marked(type(self)) if about.requestor == call.requestor
        }
        if call.name not in offered:
            return _error(f"there is no tool {call.name!r}")
        try:
            given = _model(type(self), call.name).model_validate(dict(call.arguments))
            arguments = {name: getattr(given, name) for name in type(given).model_fields}
            answer = getattr(self, call.name)(**arguments)
        except Refused as refusal:
            return _error(str(refusal))
        except ValueError as error:
            from pydantic import ValidationError

            if not isinstance(error, ValidationError):
                raise
            return _error(_said(error))
        return ToolResult(content=answer if isinstance(answer, str) else json.dumps(answer))

    def changes(self) -> Changes:
        raise NotImplementedError("a TypedWorld says what differs from the start")


@cache
def _marked(world: type[TypedWorld]) -> tuple[tuple[str, Callable[..., object], _About], ...]:
    found: dict[str, tuple[str, Callable[..., object], _About]] = {}
    for base in reversed(world.__mro__):
        for name, method in vars(base).items():
            about = getattr(method, _MARK, None)
            if isinstance(about, _About):
                found[name] = (name, method, about)
    return tuple(found.values())


@cache
def _model(world: type[TypedWorld], name: str) -> type[BaseModel]:
    from pydantic import ConfigDict, create_model

    method = getattr(world, name)
    hints = get_type_hints(method, include_extras=True)
    parameters = [*inspect.signature(method).parameters.values()][1:]
    fields: dict[str, Any] = {
        p.name: (hints[p.name], ... if p.default is p.empty else p.default) for p in parameters
    }
    return create_model(name, __config__=ConfigDict(strict=True, extra="forbid"), **fields)


def _parameters(world: type[TypedWorld], name: str) -> Mapping[str, Json]:
    schema = _without_titles(_model(world, name).model_json_schema())
    return {"type": "object", "properties": {}, "required": [], **schema}


def _without_titles(schema: Any) -> Any:
    """The schema without the names that pydantic makes up; an argument may be called "title"."""
    if isinstance(schema, list):
        return [_without_titles(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {k: v for k, v in schema.items() if not (k == "title" and isinstance(v, str))}
    return {k: v if k == "enum" else _without_titles(v) for k, v in kept.items()}


def _said(error: Any) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg'].lower()}"


def _error(message: str) -> ToolResult:
    return ToolResult(content=f"Error: {message}", is_error=True)
