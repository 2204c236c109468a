"""Turn a record of a log into the list of messages of a chat, be it a conversation or a request to
a provider with what came back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from harness.llm.plain_json import loads
from harness.types import Json
from harness_traces.messages import AGENT, SYSTEM, TOOL, USER, read_chat

MESSAGES = ("messages", "conversation", "input", "contents")
"""Where a record may have its conversation."""

ANSWERS = ("response", "output", "outputs", "completion")
"""Where a record of a request may have what came back."""

PROMPTS = ("system", "instructions")
"""Where a request may have its system prompt: Anthropic's API, OpenAI's Responses."""

_WRAPPERS = ("request", "proxy_server_request", "body", "input", "inputs")
"""Where the log of a gateway may have the body of a request."""

_BLOCKS = ("text", "tool_use", "thinking", "redacted_thinking")
"""What the content of a message of Anthropic's API is made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """The messages of a record, its other fields, and whether an answer to them was beside them,
    and not the whole conversation.

    ``answer_id`` is the answer's, ``goes_on_from`` that of the answer which a request of what is
    new alone goes on from; "" where the record does not say.
    """

    messages: list[Json]
    fields: Mapping[str, Json]
    is_answered: bool = False
    answer_id: str = ""
    goes_on_from: str = ""


def logged(entry: Json) -> Logged:
    """What a record holds. Raises ``ValueError`` in words if that is no list of messages."""
    if isinstance(entry, list):
        return Logged(messages=_as_messages(entry), fields={})
    if not isinstance(entry, dict):
        raise ValueError(f"found {type(entry).__name__}")
    fields = _unwrapped(entry)
    told, found = _told(fields)
    messages = _as_messages(found)
    answers = ((name, _answer(fields.get(name), messages)) for name in ANSWERS if name != told)
    came_from, answer = next((one for one in answers if one[1]), ("", []))
    prompts = {n: p for n in PROMPTS if isinstance(p := fields.get(n), str | list) and p}
    system: list[Json] = [{"role": "system", "content": prompt} for prompt in prompts.values()]
    added = [] if _ends_with(messages, answer) else answer
    taken = {told, came_from, *prompts}
    return Logged(
        messages=[*system, *messages, *added],
        fields={name: value for name, value in fields.items() if name not in taken},
        is_answered=bool(answer) and not _is_whole(fields.get(came_from)),
        answer_id=_said("id", fields.get(came_from), fields),
        goes_on_from=_said("previous_response_id", fields, fields.get(came_from)),
    )


def _told(fields: Mapping[str, Json]) -> tuple[str, list[Json]]:
    """What was sent, and where it is. OpenAI's Responses API takes a text for the user's message.
    Raises ``ValueError`` in words.
    """
    for name in MESSAGES:
        if isinstance(found := fields.get(name), list):
            return name, found
    is_request = "response" in fields or "model" in fields
    if isinstance(text := fields.get("input"), str) and (
        is_request or any(isinstance(fields.get(name), list | dict) for name in ANSWERS)
    ):
        return "input", [{"role": "user", "content": text}]
    raise ValueError(f'there is no list "messages" (found: {", ".join(list(fields)[:6])})')


def _unwrapped(entry: Mapping[str, Json]) -> Mapping[str, Json]:
    """The fields of a record, with those of the request inside it where it has no such itself."""
    fields = entry
    while not any(isinstance(fields.get(name), list) for name in MESSAGES):
        name = next((name for name in _WRAPPERS if isinstance(fields.get(name), dict)), "")
        inner = fields.get(name)
        if not isinstance(inner, dict):
            break
        outer = {key: value for key, value in fields.items() if key != name}
        fields = {**outer, **inner, **{key: value for key, value in outer.items() if value}}
    return fields


def _answer(answer: Json, messages: list[Json]) -> list[Json]:
    """The messages that came back, from the body of an answer or from what is inside it. A text is
    an answer where the agent has not had the last word.
    """
    match answer := _body(answer):
        case {"choices": [{"message": message}, *_]} | {"message": {"role": _} as message}:
            return [message]
        case {"messages": list(items)}:  # as graphs have it: all of them
            whole = _as_messages(items)
            begins = _spoken(whole[: len(messages)]) == _spoken(messages)
            return whole[len(messages) :] if begins else whole
        case {"output": str(text)} | {"answer": str(text)} | {"text": str(text)} if text:
            return [] if _is_agents(messages[-1:]) else [{"role": "assistant", "content": text}]
        case {"role": _}:  # as Anthropic's API answers
            return [answer]
        case {"output": list(items)}:  # as OpenAI's Responses do
            return _as_messages(items)
        case [{"type": kind}, *_] | {"content": [{"type": kind}, *_]} if kind in _BLOCKS:
            blocks = answer["content"] if isinstance(answer, dict) else answer
            return [{"role": "assistant", "content": blocks}]
        case [{"role": _} | {"type": str()}, *_]:
            return _as_messages([item for item in answer if isinstance(item, dict)])
        case str() if answer and not _is_agents(messages[-1:]):
            return [{"role": "assistant", "content": answer}]
        case _:
            return []


def _body(answer: Json) -> Json:
    while isinstance(answer, dict) and isinstance(answer.get("body"), dict):
        answer = answer["body"]
    if isinstance(answer, str) and answer[:1] in "{[":
        with suppress(ValueError):
            return loads(answer)
    return answer


def _is_whole(answer: Json) -> bool:
    body = _body(answer)
    return isinstance(body, dict) and isinstance(body.get("messages"), list)


def _said(name: str, *places: Json | Mapping[str, Json]) -> str:
    """The first text of this name."""
    bodies = (_body(place) if not isinstance(place, Mapping) else place for place in places)
    found = (body.get(name) for body in bodies if isinstance(body, Mapping))
    return next((text for text in found if isinstance(text, str) and text), "")


def _ends_with(messages: list[Json], answer: list[Json]) -> bool:
    """Whether the answer is among the messages, too, as some logs have it."""
    if not answer or not _is_agents(messages[-1:]):
        return False
    return _spoken(messages[-len(answer) :]) == _spoken(answer)


def _spoken(messages: list[Json]) -> list[tuple[str, list[tuple[str, Json]]]]:
    return [
        (m.content.strip(), [(call.name, dict(call.arguments)) for call in m.calls])
        for m in read_chat(messages).messages
    ]


def _is_agents(last: list[Json]) -> bool:
    return any(isinstance(one, dict) and str(one.get("role")).casefold() in AGENT for one in last)


def _as_messages(items: Iterable[Json]) -> list[Json]:
    """The messages among items as OpenAI's Responses API has them, where calls and results are
    items of their own, or with types for roles, as LangChain has them; what has a role, or is
    neither, is left as it is.
    """
    found: list[Json] = []
    for item in items:
        if not isinstance(item, dict) or "role" in item or not isinstance(item.get("type"), str):
            found.append(item)
            continue
        kind, id = str(item["type"]), item.get("call_id", item.get("id"))
        if kind in (*USER, *AGENT, *SYSTEM, *TOOL) and "content" in item:
            found.append({**item, "role": kind})
        elif kind.endswith("_call_output"):
            found.append(_result(id, item.get("output")))
        elif kind.endswith("_call") and "name" in item:
            free = {"arguments": {"input": item.get("input")}} if kind.startswith("custom") else {}
            _add_call(found, {**item, **free, "id": id})
            if "output" in item or item.get("error"):  # what the provider itself called
                found.append(_result(id, item.get("output") or item.get("error")))
        elif kind.endswith("_call"):
            found.append({"role": "assistant", "content": [{"type": kind}]})
        elif kind != "reasoning":
            found.append(item)
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
