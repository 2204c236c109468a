"""Stand in for the domain of recorded conversations: their tools, and nothing to carry out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from harness.assembly.config import read_options
from harness.errors import ConfigError
from harness.evaluation.domain_defaults import DomainDefaults
from harness.protocols import Domain, Settings, World
from harness.types import Changes, Json, Recipe, Split, Task, Tool, ToolCall, ToolKind, ToolResult


@dataclass(frozen=True, kw_only=True)
class Options:
    """``tools``: the tools that were declared or seen, each with name, description, parameters and
    kind. ``policy``: what the agent was told.
    """

    tools: list[dict[str, Json]] = field(default_factory=list)
    policy: str = ""


def recorded_domain(settings: Settings) -> Domain:
    """Raises ``ConfigError`` for a tool that is none."""
    options = read_options(Options, settings, name="recorded")
    return RecordedDomain([_tool(table) for table in options.tools], options.policy)


class RecordedDomain(DomainDefaults):
    """What is known of an agent's world from its conversations: no tasks, and no records."""

    name = "recorded"
    greeting = ""

    def __init__(self, tools: Sequence[Tool], policy: str) -> None:
        self.tools = tools
        self.policy = policy

    def tasks(self, split: Split) -> Sequence[Task]:
        """None: there are only conversations."""
        return ()

    def open(self, task: Task) -> World:
        """A world that refuses every call."""
        return Nowhere()

    def generate(self, seed: int, recipe: Recipe) -> Iterator[Task]:
        """Raises ``ConfigError``: nobody knows what users of this agent may want."""
        raise ConfigError(
            "no tasks can be made from conversations alone",
            hint="Draft a domain from them with `harness domain from-traces`.",
        )

    def problems(self, task: Task) -> Sequence[str]:
        return ["its calls cannot be carried out: there are only conversations, and no domain"]


class Nowhere:
    """No call can be carried out, and nothing changes."""

    def call(self, call: ToolCall) -> ToolResult:
        return ToolResult(
            content=f"Error: {call.name} is known from recordings alone", is_error=True
        )

    def changes(self) -> Changes:
        return ()


def _tool(table: Mapping[str, Json]) -> Tool:
    name, parameters, kind = table.get("name"), table.get("parameters"), table.get("kind")
    if not isinstance(name, str) or not isinstance(parameters, dict) or kind not in _KINDS:
        raise ConfigError(
            f"option of recorded: {table!r} is no tool",
            hint="Each needs a name, parameters (a JSON schema), and a kind: read or write.",
        )
    return Tool(
        name=name,
        description=str(table.get("description", "")),
        parameters=parameters,
        kind=_KINDS[str(kind)],
    )


_KINDS: Mapping[str, ToolKind] = {"read": "read", "write": "write", "generic": "generic"}
