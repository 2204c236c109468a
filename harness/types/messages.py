"""What is said and called in a conversation: tools, calls, results, messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from typing_extensions import TypeAliasType

Json = TypeAliasType("Json", "str | int | float | bool | list[Json] | dict[str, Json] | None")

Requestor = Literal["agent", "user"]
Role = Literal["user", "assistant", "tool"]
ToolKind = Literal["read", "write", "generic"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One function the agent (or, with dual control, the user) can call.

    ``parameters`` is the JSON schema of the arguments. ``nouns`` says in plain words what an
    argument stands for ("order_id" -> "order"): judges and scripted teachers speak of arguments by
    it. ``followup`` is the sentence that the policy demands after the call, if it demands one.

    Reward terms hold the agent to rules that the policy has about tools: ``identifies``: a call
    that succeeds tells who the user is; ``private``: it is for identified users alone; ``closes``:
    the argument naming the record that, after the call, is not to be changed any more ("": none).
    """

    name: str
    description: str
    parameters: Mapping[str, Json]
    kind: ToolKind
    nouns: Mapping[str, str] = field(default_factory=dict)
    followup: str = ""
    identifies: bool = False
    private: bool = False
    closes: str = ""

    def schema(self) -> dict[str, Json]:
        """The tool in OpenAI function format."""
        return {
            "type": "function",
            "function": {
                "name": self.name,
                "description": self.description,
                "parameters": dict(self.parameters),
            },
        }

    def noun(self, argument: str) -> str:
        """The plain word for an argument; its name with spaces if the domain gave none."""
        return self.nouns.get(argument, argument.replace("_", " "))


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A call as it was made; ``arguments`` are whatever the caller sent, valid or not."""

    name: str
    arguments: Mapping[str, Json]
    id: str = ""
    requestor: Requestor = "agent"

    def same_as(self, other: ToolCall) -> bool:
        """Whether both ask the same thing, whatever their ids."""
        return self.name == other.name and dict(self.arguments) == dict(other.arguments)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """What a tool answered, as the text the caller sees."""

    content: str
    is_error: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Opaque:
    """What a chat model wants back with its message in the next request, such as signed thoughts.

    For the model ``by`` ("provider:model") alone to read. It goes with the calls of its message:
    who changes those drops it.
    """

    value: Json
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn: text, or tool calls, or (role ``tool``) the result of the call ``call_id``.

    ``opaque`` is there during the conversation, never in a ``Trajectory``.
    """

    role: Role
    content: str = ""
    calls: tuple[ToolCall, ...] = ()
    call_id: str = ""
    is_error: bool = False
    requestor: Requestor = "agent"
    opaque: Opaque | None = None
