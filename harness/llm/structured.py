"""Turn a chat model's answer into a validated value, with one repair and then a typed fault."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from harness.errors import RolloutFault
from harness.llm import plain_json
from harness.llm.quoting import plain
from harness.protocols import ChatClient
from harness.types import Json, Message, Tool

Shape = TypeVar("Shape", bound=BaseModel)

_COMPLAINTS = 8


@dataclass(frozen=True, kw_only=True)
class Form(Generic[Shape]):
    """What a model fills in, as a call of a tool ``name`` whose arguments are a ``shape``."""

    name: str
    description: str
    shape: type[Shape]

    @cached_property
    def tool(self) -> Tool:
        schema = self.shape.model_json_schema()
        parameters = _without_references(schema, schema.pop("$defs", {}))
        assert isinstance(parameters, dict)
        return Tool(
            name=self.name, description=self.description, parameters=parameters, kind="generic"
        )


def _nothing_wrong(value: object) -> Sequence[str]:
    return ()


async def fill_in(
    form: Form[Shape],
    chat: ChatClient,
    case: str,
    *,
    system: str,
    version: str,
    seed: int = 0,
    check: Callable[[Shape], Sequence[str]] = _nothing_wrong,
) -> Shape:
    """The form as the model fills it in for a case, by a tool call or as JSON in its text.

    ``check`` says in words what is wrong with a value of the right shape. A value that is wrong is
    sent back once, with what is wrong. Raises ``RolloutFault`` ("infrastructure_fault") if the
    second one is wrong too.
    """
    messages = [Message(role="user", content=case)]
    complaints: Sequence[str] = ()
    for _ in range(2):
        reply = await chat.ask(
            messages, system=system, version=version, tools=(form.tool,), seed=seed
        )
        value, complaints = _read(form, reply.message, check)
        if value is not None:
            return value
        messages += _sent_back(form, reply.message, complaints)
    raise RolloutFault(
        "infrastructure_fault",
        f"{chat.provider}:{chat.model} gave no usable {form.name} as {chat.role}: "
        + plain("; ".join(complaints)),
    )


def _read(
    form: Form[Shape], message: Message, check: Callable[[Shape], Sequence[str]]
) -> tuple[Shape | None, Sequence[str]]:
    """The value, or None and what is wrong."""
    found = _arguments(form, message)
    if found is None:
        return None, (f"there is neither a call of {form.name} nor a JSON object in the answer",)
    try:
        value = form.shape.model_validate(found)
    except ValidationError as error:
        return None, [
            f"{'.'.join(map(str, problem['loc'])) or form.name}: {problem['msg']}"
            for problem in error.errors(include_url=False)[:_COMPLAINTS]
        ]
    complaints = check(value)[:_COMPLAINTS]
    return (None, complaints) if complaints else (value, ())


def _arguments(form: Form[Shape], message: Message) -> Mapping[str, Json] | None:
    for call in message.calls:
        if call.name == form.name:
            return call.arguments
    start = message.content.find("{")
    if start < 0:
        return None
    try:
        read, _ = json.JSONDecoder().raw_decode(message.content, start)
        found = plain_json.plain(read)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _sent_back(form: Form[Shape], message: Message, complaints: Sequence[str]) -> list[Message]:
    """The answer, and what is wrong with it: as results of its calls where there are any."""
    text = (
        f"This cannot be used: {'; '.join(complaints)}. "
        f"Call {form.name} once more, with everything in it."
    )
    if message.calls:
        results = [
            Message(role="tool", content=text, call_id=call.id, is_error=True)
            for call in message.calls
        ]
        return [message, *results]
    said = message if message.content.strip() else Message(role="assistant", content="(nothing)")
    return [said, Message(role="user", content=text)]


def _without_references(node: Json, shapes: Mapping[str, Json]) -> Json:
    """The schema with each reference replaced by what it refers to: not all providers take them."""
    if isinstance(node, list):
        return [_without_references(part, shapes) for part in node]
    if not isinstance(node, dict):
        return node
    reference = node.get("$ref")
    if isinstance(reference, str):
        return _without_references(shapes[reference.rpartition("/")[2]], shapes)
    return {
        key: _without_references(part, shapes)
        for key, part in node.items()
        if key != "title" or isinstance(part, dict)
    }
