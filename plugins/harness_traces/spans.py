"""Read OpenTelemetry spans of agents (semantic conventions for generative AI), exported as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from harness.assembly.config import read_options
from harness.errors import FormatError
from harness.interchange.outcomes import verdict
from harness.protocols import Settings, TrajectoryFormat
from harness.types import Json, Recording
from harness_traces.json_records import entries, first_entry
from harness_traces.messages import plain_table, read_chat, read_tools
from harness_traces.recordings import Record, recording_of
from harness_traces.span_messages import as_list, messages_of_events, messages_of_parts
from harness_traces.writing import refuse_writing

CONVERSATION = ("gen_ai.conversation.id", "session.id", "thread.id")
EVALUATION = "gen_ai.evaluation.result"
_LARGE = frozenset(
    {
        "gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.tool.definitions",
        "gen_ai.system_instructions", "gen_ai.tool.call.result", "gen_ai.tool.call.arguments",
    }
)  # fmt: skip
NO_CONTENT = (
    "Have your instrumentation capture content: "
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=span_only."
)


@dataclass(frozen=True, kw_only=True)
class Options:
    """Takes no options."""


def spans_format(settings: Settings) -> TrajectoryFormat:
    read_options(Options, settings, name="otel")
    return SpansFormat()


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A span: ids ("" for none), nanoseconds of its start, and its attributes as JSON values."""

    id: str
    parent: str
    trace: str
    start: int
    failed: bool
    attributes: Mapping[str, Json]
    events: list[tuple[str, Mapping[str, Json]]] = field(default_factory=list)

    @property
    def operation(self) -> str:
        return str(self.attributes.get("gen_ai.operation.name", ""))

    def __getitem__(self, name: str) -> Json:
        return self.attributes.get(f"gen_ai.{name}")


class SpansFormat:
    """OTLP JSON, whole or a line each, or the spans that an SDK's console exporter prints.

    A conversation is what has one ``gen_ai.conversation.id``, or else one trace, by one agent.
    """

    def recognises(self, path: Path) -> bool:
        """Whether the first record has spans."""
        try:
            record = first_entry(path) if path.is_file() else None
            return next(_spans(record), None) is not None
        except (FormatError, OSError, ValueError):
            return False

    def read(self, path: Path) -> Recording:
        """Raises ``FormatError`` if no span is of a chat, or none has its messages."""
        spans = [span for _, entry in entries(path) for span in _spans(entry)]
        talks = conversations(spans)
        if not talks:
            raise FormatError(
                f"{path}: none of {len(spans)} spans has a gen_ai.operation.name of a chat",
                hint="Export the spans of an agent that follows OpenTelemetry's conventions for "
                "generative AI.",
            )
        records = [record_of(talk) for talk in talks]
        if not any(record.chat.messages for record in records):
            raise FormatError(f"{path}: the spans hold no messages", hint=NO_CONTENT)
        return recording_of(records, path)

    def write(self, recording: Recording, path: Path) -> None:
        raise refuse_writing("otel")


@dataclass(slots=True, kw_only=True)
class Talk:
    """The spans of one conversation of one agent, by their start, and those around them."""

    chats: list[Span] = field(default_factory=list)
    tools: list[Span] = field(default_factory=list)
    roots: list[Span] = field(default_factory=list)


def conversations(spans: list[Span]) -> list[Talk]:
    """The conversations, in the order in which they began."""
    known = {(span.trace, span.id): span for span in spans}
    found: dict[tuple[str, str], Talk] = {}
    for span in sorted(spans, key=lambda span: span.start):
        if span.operation not in ("chat", "text_completion", "generate_content", "execute_tool"):
            continue
        above = list(_above(span, known))
        agent = next((str(s["agent.name"] or s["agent.id"] or "") for s in above
                      if s["agent.name"] or s["agent.id"]), "")  # fmt: skip
        name = next((str(s.attributes[n]) for s in above for n in CONVERSATION
                     if n in s.attributes), span.trace)  # fmt: skip
        talk = found.setdefault((name, agent), Talk())
        (talk.tools if span.operation == "execute_tool" else talk.chats).append(span)
        talk.roots += [above[-1]] if above[-1] not in talk.roots else []
    return list(found.values())


def record_of(talk: Talk) -> Record:
    """The conversation: each chat's messages, where they go beyond those before."""
    messages: list[Json] = []
    for span in talk.chats:
        messages = _joined(messages, _messages(span))
    if not any(isinstance(m, dict) and m.get("role") == "tool" for m in messages):
        messages = _with_tool_spans(messages, talk.tools)
    chat = read_chat(messages)
    first = (talk.chats or talk.tools)[0]
    outside: dict[str, Json] = {}
    for root in talk.roots:
        outside.update({k: v for k, v in root.attributes.items() if k not in _LARGE})
    failed = any(root.failed for root in talk.roots)
    tools = next((s["tool.definitions"] for s in talk.chats if s["tool.definitions"]), None)
    record = Record(
        chat=chat,
        rest=plain_table({**outside, "status": "error" if failed else "ok", **_evaluations(talk)}),
        tools=read_tools(as_list(tools)),
        policy=str(first["response.model"] or first["request.model"] or ""),
    )
    return replace(record, success=_verdict(record.rest))


def _messages(span: Span) -> list[Json]:
    """The messages of a chat: of its attributes, or of its events, as older conventions have it."""
    found: list[Json] = []
    for source in (span.attributes, *(attributes for _, attributes in span.events)):
        system = as_list(source.get("gen_ai.system_instructions"))
        sent = as_list(source.get("gen_ai.input.messages"))
        came = as_list(source.get("gen_ai.output.messages"))
        if sent or came:
            told: list[Json] = [{"role": "system", "parts": system}] if system else []
            found = messages_of_parts([*told, *sent, *came])
    return found or messages_of_events(span.events)


def _joined(known: list[Json], more: list[Json]) -> list[Json]:
    """Both, what they share once: usually each request repeats the whole conversation."""
    if more[: len(known)] == known:
        return more
    for shared in range(min(len(known), len(more)), 0, -1):
        if known[-shared:] == more[:shared]:
            return [*known, *more[shared:]]
    seen = {json.dumps(m, sort_keys=True) for m in known}
    return [*known, *(m for m in more if json.dumps(m, sort_keys=True) not in seen)]


def _with_tool_spans(messages: list[Json], tools: list[Span]) -> list[Json]:
    """The messages with the results in the spans of tools; calls that no message has are added."""
    made = {
        call.get("id")
        for m in messages
        if isinstance(m, dict)
        for call in as_list(m.get("tool_calls"))
        if isinstance(call, dict)
    }
    results: list[tuple[str, list[Json]]] = []
    for number, span in enumerate(tools):
        id = str(span["tool.call.id"] or span.id or number)
        name, arguments = str(span["tool.name"] or "(nameless)"), span["tool.call.arguments"]
        text = span["tool.call.result"]
        answer: Json = {"role": "tool", "tool_call_id": id, "is_error": span.failed,
                        "content": text if isinstance(text, str) else json.dumps(text)}  # fmt: skip
        call: Json = {"id": id, "function": {"name": name, "arguments": arguments}}
        asked: list[Json] = [] if id in made else [{"role": "assistant", "tool_calls": [call]}]
        results.append((id, [*asked, answer]))
    placed: list[Json] = []
    left = dict(results)
    for message in messages:
        placed.append(message)
        for call in as_list(message.get("tool_calls")) if isinstance(message, dict) else []:
            placed += left.pop(str(call.get("id")), []) if isinstance(call, dict) else []
    return [*placed, *(m for found in left.values() for m in found)]


def _evaluations(talk: Talk) -> dict[str, Json]:
    """What evaluations said of it, by name: score or label."""
    found: dict[str, Json] = {}
    for span in (*talk.roots, *talk.chats):
        for name, attributes in span.events:
            if name == EVALUATION:
                key = str(attributes.get("gen_ai.evaluation.name", "evaluation"))
                score = attributes.get("gen_ai.evaluation.score.value")
                label = attributes.get("gen_ai.evaluation.score.label")
                found[key] = score if score is not None else label
    return {"evaluation": found} if found else {}


def _verdict(rest: Mapping[str, Json]) -> bool | None:
    """Of evaluations alone: that no error was raised does not say that all went well."""
    found = rest.get("evaluation")
    if not isinstance(found, dict):
        return None
    verdicts = [verdict(value) for value in found.values()]
    return all(verdicts) if verdicts and None not in verdicts else None


def _above(span: Span, known: Mapping[tuple[str, str], Span]) -> Iterator[Span]:
    """The span and those around it, inside out."""
    seen = set()
    here: Span | None = span
    while here is not None and here.id not in seen:
        seen.add(here.id)
        yield here
        here = known.get((here.trace, here.parent)) if here.parent else None


# --- the forms of an export -----------------------------------------------------------------------


def _spans(entry: Json) -> Iterator[Span]:
    if not isinstance(entry, dict):
        return
    if "resourceSpans" in entry or "resource_spans" in entry:
        for resource in as_list(entry.get("resourceSpans", entry.get("resource_spans"))):
            table = resource if isinstance(resource, dict) else {}
            for scope in as_list(table.get("scopeSpans", table.get("scope_spans"))):
                inner = scope.get("spans") if isinstance(scope, dict) else None
                yield from (_span(one) for one in as_list(inner) if isinstance(one, dict))
    elif "attributes" in entry and ("context" in entry or "spanId" in entry or "span_id" in entry):
        yield _span(entry)
    elif isinstance(entry.get("spans"), list):
        yield from (_span(one) for one in as_list(entry["spans"]) if isinstance(one, dict))


def _span(table: Mapping[str, Json]) -> Span:
    context = table.get("context")
    ids = context if isinstance(context, dict) else table
    status = table.get("status")
    code = status.get("code", status.get("status_code")) if isinstance(status, dict) else status
    start = table.get("startTimeUnixNano", table.get("start_time", 0))
    attributes = _attributes(table.get("attributes"))
    return Span(
        id=str(ids.get("spanId") or ids.get("span_id") or ""),
        parent=str(table.get("parentSpanId") or table.get("parent_id") or ""),
        trace=str(ids.get("traceId") or ids.get("trace_id") or ""),
        start=_nanoseconds(start),
        failed=code in (2, "ERROR", "STATUS_CODE_ERROR") or "error.type" in attributes,
        attributes=attributes,
        events=[
            (str(event.get("name", "")), _attributes(event.get("attributes")))
            for event in as_list(table.get("events"))
            if isinstance(event, dict)
        ],
    )


def _attributes(given: Json) -> dict[str, Json]:
    """Attributes as a table, from OTLP's list of keys with typed values, or as they are."""
    if isinstance(given, dict):
        return given
    return {
        str(one["key"]): _any_value(one.get("value"))
        for one in as_list(given)
        if isinstance(one, dict) and "key" in one
    }


def _any_value(value: Json) -> Json:
    """OTLP's AnyValue as a JSON value."""
    if not isinstance(value, dict) or len(value) != 1:
        return value
    [(kind, inner)] = value.items()
    if kind == "arrayValue":
        return [
            _any_value(v) for v in as_list(inner.get("values") if isinstance(inner, dict) else [])
        ]
    if kind == "kvlistValue":
        return _attributes(inner.get("values") if isinstance(inner, dict) else [])
    if kind == "intValue":
        return int(str(inner)) if str(inner).lstrip("-").isdigit() else inner
    return inner


def _nanoseconds(start: Json) -> int:
    """The start of a span, as a number that orders spans of one export."""
    text = str(start)
    if text.isdigit():
        return int(text)
    try:
        return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1e9)
    except ValueError:
        return 0
