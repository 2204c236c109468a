"""Turn a record of a log into the list of messages of a chat, be it a conversation or a request to
a provider with what came back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.types import Json

MESSAGES = ("messages", "conversation", "input")
"""Where a record may have its conversation."""

ANSWERS = ("response", "output", "outputs", "completion")
"""Where a record of a request may have what came back."""

SYSTEM = ("system", "instructions")
"""Where a request may have its system prompt: Anthropic's API, OpenAI's Responses."""

_WRAPPERS = ("request", "body", "input", "inputs")
"""Where the log of a gateway may have the body of a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """The messages of a record, its other fields, and whether an answer to them was beside them."""

    messages: list[Json]
    fields: Mapping[str, Json]
    is_answered: bool = False


def logged(entry: Json) -> Logged:
    """What a record holds. Raises ``ValueError`` in words if that is no list of messages."""
    if isinstance(entry, list):
        return Logged(messages=_as_messages(entry), fields={})
    if not isinstance(entry, dict):
        raise ValueError(f"found {type(entry).__name__}")
    fields = _unwrapped(entry)
    found = next((fields[name] for name in MESSAGES if name in fields), None)
    answer = next((a for name in ANSWERS if (a := _answer(fields.get(name)))), [])
    if isinstance(found, str) and answer:  # the Responses API takes a text for the user's message
        found = [{"role": "user", "content": found}]
    if not isinstance(found, list):
        raise ValueError(f'there is no list "messages" (found: {", ".join(list(fields)[:6])})')
    messages = _as_messages(found)
    added = answer if messages[-len(answer) :] != answer else []  # some logs have it twice
    prompts = [text for name in SYSTEM if isinstance(text := fields.get(name), str | list) and text]
    told: list[Json] = [{"role": "system", "content": prompt} for prompt in prompts]
    return Logged(messages=[*told, *messages, *added], fields=fields, is_answered=bool(answer))


def _unwrapped(entry: Mapping[str, Json]) -> Mapping[str, Json]:
    """The fields of a record, with those of the request inside it."""
    fields = entry
    while not any(isinstance(fields.get(name), list) for name in MESSAGES):
        name = next((name for name in _WRAPPERS if isinstance(fields.get(name), dict)), "")
        inner = fields.get(name)
        if not isinstance(inner, dict):
            break
        fields = {**inner, **{key: value for key, value in fields.items() if key != name}}
    return fields


def _answer(answer: Json) -> list[Json]:
    """The messages that came back, from the body of an answer or from what is inside it."""
    while isinstance(answer, dict) and isinstance(answer.get("body"), dict):
        answer = answer["body"]
    match answer:
        case {"choices": [{"message": message}, *_]} | {"message": {"role": _} as message}:
            return [message]
        case {"role": _}:  # as Anthropic's API answers
            return [answer]
        case {"output": list(items)}:  # as OpenAI's Responses do
            return _as_messages(items)
        case [{"role": _} | {"type": str()}, *_]:
            return _as_messages([item for item in answer if isinstance(item, dict)])
        case _:
            return []


def _as_messages(items: Iterable[Json]) -> list[Json]:
    """The messages among items as OpenAI's Responses API has them, where calls and results are
    items of their own; a list of messages is left as it is.
    """
    found: list[Json] = []
    for item in items:
        if not isinstance(item, dict) or "role" in item or not isinstance(item.get("type"), str):
            found.append(item)
            continue
        kind, id = str(item["type"]), item.get("call_id", item.get("id"))
        if kind == "reasoning":
            continue
        if kind.endswith("_output"):
            found.append(_result(id, item.get("output")))
        elif "name" in item and kind.endswith("call"):
            _add_call(found, {**item, "id": id})
            if "output" in item or item.get("error"):  # what the provider itself called
                found.append(_result(id, item.get("output") or item.get("error")))
        else:
            found.append({"role": "assistant", "content": [{"type": kind}]})
    return found


def _result(id: Json, content: Json) -> dict[str, Json]:
    return {"role": "tool", "tool_call_id": id, "content": content}


def _add_call(messages: list[Json], call: Mapping[str, Json]) -> None:
    """Add it to what the agent says right before it, or else as a message of its own."""
    last = messages[-1] if messages else None
    if not isinstance(last, dict) or last.get("role") != "assistant":
        messages.append({"role": "assistant", "content": None, "tool_calls": [dict(call)]})
        return
    made = last.get("tool_calls")
    messages[-1] = {**last, "tool_calls": [*(made if isinstance(made, list) else ()), dict(call)]}
