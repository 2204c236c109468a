"""What servers do, and what the harness makes of it: each row is a test and a line of the docs.

``tests/llm/test_oddities.py`` plays the rows through the unmodified SDKs; ``docs/servers.py``
writes them into docs/chat-models.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.protocols.chat_model import UNPARSED
from harness.testing.wires import Asked, Reply
from harness.types import Tool

LOOK = Tool(
    name="look",
    description="Looks at a thing.",
    parameters={"type": "object", "properties": {"thing": {"type": "string"}}},
    kind="read",
)
GOOD = Reply(text="Good day.")
MUG = {"thing": "mug"}
Call = tuple[str, Mapping[str, object]]


# --- what is made of it ---------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Said:
    """An answer was read: its text, its calls, whether its tokens are known. ``note`` is in the
    summary of the run; ``tries`` are the requests it took; ``sent`` must hold for the body of the
    last one, and ``lead`` and ``way`` say in words what was other in it.
    """

    text: str = ""
    calls: Sequence[Call] = ()
    stop: str = ""
    counted: bool | None = None
    tokens: tuple[int, int] | None = None
    note: str = ""
    unsaid: str = "(nothing)"
    tries: int = 1
    lead: str = "asks again, "
    way: str = ""
    sent: Callable[[Mapping[str, object]], bool] = lambda body: True

    @property
    def words(self) -> str:
        if self.way:
            return self.lead + self.way + self._told
        if any(UNPARSED in arguments for _, arguments in self.calls):
            return "the call fails in the world, and the model sees what it sent"
        calls = [f"`{name}({json.dumps(given)})`" for name, given in self.calls]
        read = [f"“{self.text}”"] if self.text else []
        known = "; its tokens are unknown" if self.counted is False else ""
        tokens = f"; {self.tokens[0]} tokens in, {self.tokens[1]} out" if self.tokens else ""
        return f"reads {' and '.join([*read, *calls])}{tokens}{known}{self._told}"

    @property
    def _told(self) -> str:
        return f". The summary says: “{self.note.rstrip(': ')}”" if self.note else ""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One conversation ended."""

    kind: str
    cause: str

    @property
    def words(self) -> str:
        cause = self.cause.replace("_", " ")
        again = {"malformed_reply", "server_error", "overloaded", "rate_limit", "timeout"}
        tried = ", if it stays so when tried again" if self.cause in again else ""
        why = "" if self.cause == self.kind else f" ({cause})"
        return f"`{self.kind}` of that conversation{why}{tried}"


@dataclass(frozen=True, kw_only=True)
class Stop:
    """The run ended."""

    why: str

    @property
    def words(self) -> str:
        return f"the run stops: {self.why}"


Made = Said | Fault | Stop
MALFORMED = Fault(kind="infrastructure_fault", cause="malformed_reply")
BUSY = Fault(kind="infrastructure_fault", cause="overloaded")
BROKEN = Fault(kind="infrastructure_fault", cause="server_error")
LIMITED = Fault(kind="infrastructure_fault", cause="rate_limit")
REFUSED = Fault(kind="infrastructure_fault", cause="bad_request")
TOO_LONG = Fault(kind="context_overflow", cause="context_overflow")


@dataclass(frozen=True, kw_only=True)
class Row:
    """``does``: what a server does, in words; ``answer``: how it answers. ``asks``: after how many
    questions ``made`` holds.
    """

    kind: str
    wire: str
    does: str
    answer: Reply | Callable[[Asked], Reply]
    made: Made
    asks: int = 1
    extra: Mapping[str, object] = field(default_factory=dict)
    omit: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.wire}: {self.does}"


# --- bodies ---------------------------------------------------------------------------------------


def raw(body: object) -> Reply:
    text = body if isinstance(body, str) else json.dumps(body)
    return Reply(raw=text.encode("utf-8", "surrogatepass"))


def openai(stop: str | None = "stop", usage: object = None, **message: object) -> Reply:
    said = {"role": "assistant", **message}
    return raw({"choices": [{"index": 0, "message": said, "finish_reason": stop}], "usage": usage})


def called(**function: object) -> Reply:
    return openai(tool_calls=[{"id": "1", "type": "function", "function": function}])


def claude(*blocks: object, stop: str = "end_turn", usage: object = None) -> Reply:
    body = {"type": "message", "content": list(blocks), "stop_reason": stop, "usage": usage}
    return raw(body)


def gemini(*parts: object, stop: object = "STOP", **more: object) -> Reply:
    candidate = {"content": {"role": "model", "parts": list(parts)}, "finishReason": stop}
    return raw({"candidates": [candidate], **more})


def text(said: str) -> dict[str, object]:
    return {"type": "text", "text": said}


def tool_use(**more: object) -> dict[str, object]:
    return {"type": "tool_use", "id": "1", "name": "look", **more}


def refusing(*fields: str, words: str, status: int = 400) -> Callable[[Asked], Reply]:
    """Refuses requests whose body has one of the fields, Gemini's settings included."""

    def answer(asked: Asked) -> Reply:
        body = {**asked.body, **asked.body.get("generationConfig", {})}
        there = any(name in body for name in fields)
        return Reply(status=status, error=words) if there else GOOD

    return answer


def until(
    holds: Callable[[Mapping[str, object]], bool], words: str, status: int = 400
) -> Callable[[Asked], Reply]:
    """Refuses requests as long as this does not hold for their body."""
    return lambda asked: GOOD if holds(asked.body) else Reply(status=status, error=words)


def without(*names: str) -> Callable[[Mapping[str, object]], bool]:
    return lambda body: (
        not any(name in body or name in dict(body.get("generationConfig", {})) for name in names)
    )


def roles(body: Mapping[str, object]) -> list[str]:
    return [message["role"] for message in body["messages"]]


def call_ids(body: Mapping[str, object]) -> list[str]:
    """The ids of calls and results in a body of openai's."""
    calls = [call["id"] for message in body["messages"] for call in message.get("tool_calls", ())]
    return [*calls, *(m["tool_call_id"] for m in body["messages"] if m["role"] == "tool")]


def content_beside(body: Mapping[str, object]) -> object:
    """The content beside the calls in a body of openai's."""
    return next(m["content"] for m in body["messages"] if m.get("tool_calls"))


def sent_back(body: Mapping[str, object]) -> Sequence[object]:
    """The parts (openai: the calls) of the agent's last message in a body, with the ids "1"."""
    turns = body.get("messages") or body["contents"]
    last = [turn for turn in turns if turn["role"] in ("assistant", "model")][-1]
    parts = last.get("tool_calls") or last.get("parts") or last["content"]
    return [{**part, "id": "1"} if "id" in part else part for part in parts]


def limit_is(most: int) -> Callable[[Mapping[str, object]], bool]:
    return lambda body: (
        most
        in (
            body.get("max_completion_tokens"),
            body.get("max_tokens"),
            dict(body.get("generationConfig", {})).get("maxOutputTokens"),
        )
    )


# --- 1: types -------------------------------------------------------------------------------------

TYPES = "types"
_THINKING = {"type": "thinking", "thinking": [text("Hm.")]}
ROWS_TYPES = [
    Row(
        kind=TYPES,
        wire="openai",
        does="content is a list of text parts",
        answer=openai(content=[text("Good "), text("day.")]),
        made=Said(text="Good day."),
    ),
    Row(
        kind=TYPES,
        wire="openai",
        does="content is a list with a thinking part (Mistral)",
        answer=openai(content=[_THINKING, text("Good day.")]),
        made=Said(text="Good day."),
    ),
    Row(
        kind=TYPES,
        wire="openai",
        does="content is a list of plain strings",
        answer=openai(content=["Good ", "day."]),
        made=Said(text="Good day."),
    ),
    Row(
        kind=TYPES,
        wire="openai",
        does="content is one part, not in a list",
        answer=openai(content=text("Good day.")),
        made=Said(text="Good day."),
    ),
    Row(
        kind=TYPES,
        wire="openai",
        does="content has a part of another type, such as an image",
        answer=openai(content=[{"type": "image_url", "image_url": {"url": "data:"}}]),
        made=MALFORMED,
    ),
    Row(
        kind=TYPES,
        wire="openai",
        does="content is a number",
        answer=openai(content=7),
        made=MALFORMED,
    ),
    Row(
        kind=TYPES,
        wire="openai",
        does="the thoughts stand in the text, in `<think>` tags",
        answer=openai(content="<think>A mug?</think>\n\nGood day."),
        made=Said(text="Good day."),
    ),
    Row(
        kind=TYPES,
        wire="openai",
        does="a thought in the text has no end",
        answer=openai(stop="length", content="<think>A mug?"),
        made=Fault(kind="agent_fault", cause="empty_reply"),
    ),
    Row(
        kind=TYPES,
        wire="openai",
        does="the name of a call is null",
        answer=called(name=None, arguments="{}"),
        made=MALFORMED,
    ),
    Row(
        kind=TYPES,
        wire="claude",
        does="the name of a call is a number",
        answer=claude(tool_use(input=MUG) | {"name": 7}, stop="tool_use"),
        made=MALFORMED,
    ),
    Row(
        kind=TYPES,
        wire="gemini",
        does="the name of a call is missing",
        answer=gemini({"functionCall": {"args": MUG}}),
        made=MALFORMED,
    ),
    Row(
        kind=TYPES,
        wire="openai",
        does="token counts are texts",
        answer=openai(content="Good day.", usage={"prompt_tokens": "12", "completion_tokens": "3"}),
        made=Said(text="Good day.", counted=True, tokens=(12, 3)),
    ),
    Row(
        kind=TYPES,
        wire="claude",
        does="token counts are whole floats",
        answer=claude(text("Good day."), usage={"input_tokens": 12.0, "output_tokens": 3.0}),
        made=Said(text="Good day.", counted=True, tokens=(12, 3)),
    ),
    Row(
        kind=TYPES,
        wire="openai",
        does="a token count is 1.5, negative or beyond all measure",
        answer=openai(content="Good day.", usage={"prompt_tokens": 1.5, "completion_tokens": -1}),
        made=Said(text="Good day.", counted=False),
    ),
    Row(
        kind=TYPES,
        wire="openai",
        does="arguments are an object, not a text (Ollama)",
        answer=called(name="look", arguments=MUG),
        made=Said(calls=[("look", MUG)]),
    ),
    Row(
        kind=TYPES,
        wire="claude",
        does="content is a text, not blocks",
        answer=raw({"type": "message", "content": "Good day.", "stop_reason": "end_turn"}),
        made=Said(text="Good day."),
    ),
    Row(
        kind=TYPES,
        wire="openai",
        does="arguments are cut, or JSON of another kind",
        answer=called(name="look", arguments='{"thing": '),
        made=Said(calls=[("look", {UNPARSED: '{"thing": '})]),
    ),
    Row(
        kind=TYPES,
        wire="openai",
        does="arguments are nested 900 levels deep",
        answer=called(name="look", arguments='{"a":' * 900 + "1" + "}" * 900),
        made=Said(calls=[("look", {UNPARSED: '{"a":' * 900 + "1" + "}" * 900})]),
    ),
    Row(
        kind=TYPES,
        wire="openai",
        does="arguments hold NaN, Infinity or a number beyond all floats",
        answer=called(name="look", arguments='{"a": NaN}'),
        made=Said(calls=[("look", {UNPARSED: '{"a": NaN}'})]),
    ),
    Row(
        kind=TYPES,
        wire="openai",
        does="the text ends in half a surrogate pair (an emoji cut by the token limit)",
        answer=raw('{"choices": [{"message": {"content": "Good day. \\ud83d"}}]}'),
        made=Said(text="Good day. \ufffd"),
    ),
    Row(
        kind=TYPES,
        wire="claude",
        does="the body begins with a byte order mark",
        answer=Reply(raw=b"\xef\xbb\xbf" + (claude(text("Good day.")).raw or b"")),
        made=Said(text="Good day."),
    ),
]

# --- 2: absent, null, empty -----------------------------------------------------------------------

ABSENT = "absent, null, empty"
_FUNCTION = {"name": "look", "arguments": json.dumps(MUG)}


def _calling(**call: object) -> Reply:
    return openai(stop="tool_calls", tool_calls=[{"function": _FUNCTION, **call}])


ROWS_ABSENT = [
    Row(
        kind=ABSENT,
        wire="openai",
        does="a call without `type` and `id`",
        answer=_calling(),
        made=Said(calls=[("look", MUG)]),
    ),
    Row(
        kind=ABSENT,
        wire="openai",
        does="a call whose `type` and `id` are null",
        answer=_calling(type=None, id=None),
        made=Said(calls=[("look", MUG)]),
    ),
    Row(
        kind=ABSENT,
        wire="openai",
        does="a call whose `id` is a number",
        answer=_calling(type="function", id=1),
        made=Said(calls=[("look", MUG)]),
    ),
    Row(
        kind=ABSENT,
        wire="openai",
        does="a call without `arguments`",
        answer=called(name="look"),
        made=Said(calls=[("look", {})]),
    ),
    Row(
        kind=ABSENT,
        wire="openai",
        does="`arguments: null`",
        answer=called(name="look", arguments=None),
        made=Said(calls=[("look", {})]),
    ),
    Row(
        kind=ABSENT,
        wire="openai",
        does='`arguments` is `""` or `"null"`',
        answer=called(name="look", arguments="null"),
        made=Said(calls=[("look", {})]),
    ),
    Row(
        kind=ABSENT,
        wire="openai",
        does="`function_call` as before there were several calls",
        answer=openai(stop="function_call", content=None, function_call=_FUNCTION),
        made=Said(calls=[("look", MUG)], stop="tools"),
    ),
    Row(
        kind=ABSENT,
        wire="openai",
        does="a call without a function",
        answer=openai(tool_calls=[{"id": "1", "type": "custom", "custom": {}}]),
        made=MALFORMED,
    ),
    Row(
        kind=ABSENT,
        wire="openai",
        does="it stopped for calls, and there are neither calls nor text",
        answer=openai(stop="tool_calls", content=None, tool_calls=[]),
        made=MALFORMED,
    ),
    Row(
        kind=ABSENT,
        wire="gemini",
        does="no count of tokens written, where none were",
        answer=gemini({"text": "Good day."}, usageMetadata={"promptTokenCount": 12}),
        made=Said(text="Good day.", counted=True, tokens=(12, 0)),
    ),
    Row(
        kind=ABSENT,
        wire="claude",
        does="`input: null`",
        answer=claude(tool_use(input=None), stop="tool_use"),
        made=Said(calls=[("look", {})]),
    ),
    Row(
        kind=ABSENT,
        wire="claude",
        does="a call without `input` and `id`",
        answer=claude({"type": "tool_use", "name": "look"}, stop="tool_use"),
        made=Said(calls=[("look", {})]),
    ),
    Row(
        kind=ABSENT,
        wire="gemini",
        does="a call without `args`",
        answer=gemini({"functionCall": {"name": "look"}}),
        made=Said(calls=[("look", {})]),
    ),
    *(
        Row(
            kind=ABSENT,
            wire=wire,
            does="no usage",
            answer=answer,
            made=Said(text="Good day.", counted=False),
        )
        for wire, answer in (
            ("openai", openai(content="Good day.")),
            ("claude", claude(text("Good day."))),
            ("gemini", gemini({"text": "Good day."})),
        )
    ),
    Row(
        kind=ABSENT,
        wire="openai",
        does="no choices, or `choices: null`",
        answer=raw({"choices": None}),
        made=MALFORMED,
    ),
    Row(
        kind=ABSENT,
        wire="openai",
        does="`message: null`",
        answer=raw({"choices": [{"message": None, "finish_reason": "stop"}]}),
        made=MALFORMED,
    ),
    Row(
        kind=ABSENT,
        wire="gemini",
        does="a candidate without parts",
        answer=raw({"candidates": [{"finishReason": "STOP"}]}),
        made=Fault(kind="agent_fault", cause="empty_reply"),
    ),
    Row(
        kind=ABSENT,
        wire="claude",
        does="no content",
        answer=raw({"type": "message", "stop_reason": "end_turn"}),
        made=MALFORMED,
    ),
]

# --- 3: errors with status 200 --------------------------------------------------------------------

WITHIN = "errors with status 200"


def _error(**error: object) -> Reply:
    return raw({"error": error})


ROWS_WITHIN = [
    Row(
        kind=WITHIN,
        wire="openai",
        does="`error` with the code 429",
        answer=_error(code=429, message="Rate limited upstream"),
        made=LIMITED,
    ),
    Row(
        kind=WITHIN,
        wire="openai",
        does="`error` with the code `context_length_exceeded`",
        answer=_error(code="context_length_exceeded", message="Too long."),
        made=TOO_LONG,
    ),
    Row(
        kind=WITHIN,
        wire="openai",
        does="`error` with the code 402, or about credits",
        answer=_error(code=402, message="Insufficient credits. Add more."),
        made=Stop(why="no credit"),
    ),
    Row(
        kind=WITHIN,
        wire="openai",
        does="`error` without a code, “overloaded”",
        answer=_error(message="The model is overloaded"),
        made=BUSY,
    ),
    Row(
        kind=WITHIN,
        wire="openai",
        does="`error` is a text",
        answer=raw({"error": "something broke"}),
        made=BROKEN,
    ),
    Row(
        kind=WITHIN,
        wire="openai",
        does='`finish_reason: "error"`',
        answer=openai(stop="error", content="Good d"),
        made=BROKEN,
    ),
    Row(
        kind=WITHIN,
        wire="openai",
        does='`finish_reason: "abort"` (vLLM, SGLang)',
        answer=openai(stop="abort", content=""),
        made=BROKEN,
    ),
    Row(
        kind=WITHIN,
        wire="openai",
        does="`error` in the choice",
        answer=raw(
            {
                "choices": [
                    {
                        "message": {"content": ""},
                        "finish_reason": "error",
                        "error": {"code": 529, "message": "Overloaded"},
                    }
                ]
            }
        ),
        made=BUSY,
    ),
    Row(
        kind=WITHIN,
        wire="openai",
        does="an error event of a stream",
        answer=raw('data: {"error": {"code": 503, "message": "No provider"}}\n\ndata: [DONE]\n\n'),
        made=BUSY,
    ),
    Row(
        kind=WITHIN,
        wire="openai",
        does='`{"object": "error", ...}` (older vLLM)',
        answer=raw({"object": "error", "message": "bad", "type": "BadRequestError", "code": 400}),
        made=REFUSED,
    ),
    Row(
        kind=WITHIN,
        wire="openai",
        does="a stream of events that was not asked for",
        answer=raw('data: {"choices": [{"delta": {"content": "Good"}}]}\n\n'),
        made=MALFORMED,
    ),
    Row(
        kind=WITHIN,
        wire="claude",
        does="`overloaded_error`",
        answer=raw({"type": "error", "error": {"type": "overloaded_error", "message": "Busy"}}),
        made=BUSY,
    ),
    Row(
        kind=WITHIN,
        wire="claude",
        does="an error event of a stream",
        answer=raw(
            'event: error\ndata: {"type": "error", "error": {"type": "rate_limit_error", '
            '"message": "Slower"}}\n\n'
        ),
        made=LIMITED,
    ),
    Row(
        kind=WITHIN,
        wire="claude",
        does="`invalid_request_error`, “prompt is too long”",
        answer=raw(
            {
                "type": "error",
                "error": {"type": "invalid_request_error", "message": "prompt is too long: 3 > 2"},
            }
        ),
        made=TOO_LONG,
    ),
    Row(
        kind=WITHIN,
        wire="gemini",
        does="`error` with the status `UNAVAILABLE`",
        answer=_error(code=503, status="UNAVAILABLE", message="Overloaded."),
        made=BUSY,
    ),
    Row(
        kind=WITHIN,
        wire="gemini",
        does="an error in a list",
        answer=raw([{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Quota"}}]),
        made=LIMITED,
    ),
    Row(
        kind=WITHIN,
        wire="gemini",
        does="`finishReason: OTHER`",
        answer=gemini(stop="OTHER"),
        made=BROKEN,
    ),
]
# --- 4: fields that are refused -------------------------------------------------------------------

FIELDS = "fields that a server refuses"
EXTRA = "Extra inputs are not permitted"


def _without(wire: str, does: str, field: str, words: str, *, way: str, note: str, **more) -> Row:
    """Refused while the field is there."""
    answer = refusing(field, words=words, **more)
    made = Said(text="Good day.", tries=2, way=way, note=note, sent=without(field))
    return Row(kind=FIELDS, wire=wire, does=does, answer=answer, made=made)


ROWS_FIELDS = [
    _without(
        "openai",
        "`seed`, with 400",
        "seed",
        "Unrecognized request argument supplied: seed",
        way="without it",
        note="takes no seed: it was left out",
    ),
    _without(
        "openai",
        "`seed`, with 422",
        "seed",
        f"[{{'type': 'extra_forbidden', 'loc': ['body', 'seed'], 'msg': '{EXTRA}'}}]",
        way="without it",
        note="takes no seed: it was left out",
        status=422,
    ),
    _without(
        "gemini",
        "`seed`",
        "seed",
        "Invalid JSON payload received. Unknown name \"seed\" at 'generation_config'",
        way="without it",
        note="takes no seed: it was left out",
    ),
    *(
        _without(
            wire,
            "`temperature`",
            "temperature",
            "`temperature` is deprecated for this model.",
            way="without it",
            note="takes no temperature: its default was used",
        )
        for wire in ("openai", "claude", "gemini")
    ),
    Row(
        kind=FIELDS,
        wire="openai",
        does="`max_completion_tokens`, where the server wants `max_tokens`",
        answer=refusing("max_completion_tokens", words=f"body.max_completion_tokens: {EXTRA}"),
        made=Said(
            text="Good day.",
            tries=2,
            way="with `max_tokens`",
            note="takes no max_completion_tokens: max_tokens is sent in its place",
            sent=lambda body: body["max_tokens"] == 4096,
        ),
    ),
    Row(
        kind=FIELDS,
        wire="openai",
        does="both of them",
        answer=refusing(
            "max_completion_tokens",
            "max_tokens",
            words="no max_tokens, please: neither max_tokens nor max_completion_tokens is known",
        ),
        made=Said(
            text="Good day.",
            tries=3,
            way="without a limit",
            note="takes no max_tokens: it was left out",
            sent=without("max_completion_tokens", "max_tokens"),
        ),
    ),
    Row(
        kind=FIELDS,
        wire="openai",
        does="three fields, one after the other",
        answer=lambda asked: next(
            (
                Reply(status=400, error=f"{name}: {EXTRA}")
                for name in ("seed", "temperature", "max_completion_tokens")
                if name in asked.body
            ),
            GOOD,
        ),
        made=Said(
            text="Good day.",
            tries=4,
            way="without each of them",
            note="takes no seed",
            sent=without("seed", "temperature", "max_completion_tokens"),
        ),
    ),
    Row(
        kind=FIELDS,
        wire="openai",
        does="a field of `extra`, such as `parallel_tool_calls`",
        answer=refusing("parallel_tool_calls", words=f"parallel_tool_calls: {EXTRA}"),
        extra={"parallel_tool_calls": False},
        made=Said(
            text="Good day.",
            tries=2,
            way="without it",
            note="takes no parallel_tool_calls: it was left out",
            sent=without("parallel_tool_calls"),
        ),
    ),
    Row(
        kind=FIELDS,
        wire="openai",
        does="the role `system` (o1-mini, templates without one)",
        answer=until(
            lambda body: "system" not in roles(body),
            "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
        ),
        made=Said(
            text="Good day.",
            tries=2,
            way="with the instructions in the user's first message",
            note="takes no system: the instructions are in the user's first message",
            sent=lambda body: body["messages"][0]["content"].startswith("Obey."),
        ),
    ),
    Row(
        kind=FIELDS,
        wire="gemini",
        does="a system instruction (Gemma)",
        answer=until(
            lambda body: "systemInstruction" not in body,
            "Developer instruction is not enabled for models/gemma-3-27b-it",
        ),
        made=Said(
            text="Good day.",
            tries=2,
            way="with the instructions in the user's first message",
            note="takes no system: the instructions are in the user's first message",
            sent=lambda body: "Obey." in json.dumps(body["contents"][0]),
        ),
    ),
    Row(
        kind=FIELDS,
        wire="openai",
        does="ids of calls that are not nine letters and digits (Mistral)",
        answer=until(
            lambda body: all(len(id) == 9 and id.isalnum() for id in call_ids(body)),
            "Tool call id was call_1 but must be a-z, A-Z, 0-9, with a length of 9.",
        ),
        made=Said(
            text="Good day.",
            tries=2,
            way="with such ids, the same in call and result",
            note="its calls have ids of nine letters and digits",
            sent=lambda body: len(set(call_ids(body))) == 1,
        ),
    ),
    Row(
        kind=FIELDS,
        wire="openai",
        does='content `""` beside calls',
        answer=until(lambda body: content_beside(body) is None, "content must not be empty"),
        made=Said(
            text="Good day.",
            lead="sends null there",
            way=" from the beginning",
            sent=lambda body: content_beside(body) is None,
        ),
    ),
    Row(
        kind=FIELDS,
        wire="openai",
        does="content null beside calls",
        answer=until(
            lambda body: content_beside(body) == "",
            "messages.1.content: none is not an allowed value",
        ),
        made=Said(
            text="Good day.",
            tries=2,
            way='with `""`',
            note='content beside calls is ""',
            sent=lambda body: content_beside(body) == "",
        ),
    ),
    Row(
        kind=FIELDS,
        wire="openai",
        does="a field that nothing can stand in for",
        answer=Reply(status=400, error="tools: this model does not support tools"),
        made=REFUSED,
    ),
    *(
        Row(
            kind=FIELDS,
            wire=wire,
            does="the first request of two conversations, in the same words",
            answer=Reply(status=400, error="registry/m does not support tools, request 7f3a"),
            made=Stop(why="all requests are refused alike"),
            asks=2,
        )
        for wire in ("openai", "claude", "gemini")
    ),
    Row(
        kind=FIELDS,
        wire="openai",
        does="`seed`, and `omit` has it",
        answer=refusing("seed", words="seed"),
        omit=("seed",),
        made=Said(text="Good day.", lead="does not send it", way=" at all", sent=without("seed")),
    ),
]

# --- 5: full contexts -----------------------------------------------------------------------------

FULL = "full contexts"

WORDED: Mapping[str, tuple[int, str]] = {
    "OpenAI": (400, "This model's maximum context length is 8192 tokens. However, your messages "
               "resulted in 9001 tokens."),
    "Azure, by its code": (400, "{'code': 'context_length_exceeded', 'message': 'Too long.'}"),
    "vLLM": (400, "This model's maximum context length is 8192 tokens. However, you requested "
             "9101 tokens (9001 in the messages, 100 in the completion)."),
    "vLLM, newer": (400, "You passed 9001 input tokens and requested 100 output tokens. However, "
                    "the model's context length is only 8192 tokens."),
    "SGLang": (400, "The input (9001 tokens) is longer than the model's context length (8192)."),
    "llama.cpp": (400, "the request exceeds the available context size, try increasing it"),
    "llama.cpp, by its type": (400, "{'type': 'exceed_context_size_error', 'n_ctx': 8192}"),
    "TGI": (422, "Input validation error: `inputs` must have less than 8191 tokens. Given: 9001"),
    "Ollama": (500, "the input length exceeds the context length"),
    "LM Studio": (400, "Trying to keep the first 9001 tokens when context the overflows. However, "
                  "the model is loaded with context length of only 8192 tokens"),
    "TensorRT-LLM": (400, "prompt length (9001) exceeds max_input_len (8192)"),
    "TabbyAPI": (400, "Prompt length 9001 is greater than max_seq_len 8192"),
    "Bedrock": (400, "Input is too long for requested model."),
    "xAI": (400, "This model's maximum prompt length is 8192 but the request contains 9001 "
            "tokens."),
    "Mistral": (400, "Prompt contains 9001 tokens and 0 draft tokens, too large for model with "
                "8192 maximum context length"),
    "Together": (422, "`inputs` tokens + `max_new_tokens` must be <= 8193. Given: 9001 `inputs` "
                 "tokens and 100 `max_new_tokens`"),
    "Groq": (413, "Please reduce the length of the messages or completion."),
    "Fireworks": (400, "The prompt is too long: 9001, model maximum context length: 8192"),
    "OpenRouter": (400, "This endpoint's maximum context length is 8192 tokens. However, you "
                   "requested about 9101 tokens (9001 of text input, 100 in the output)."),
    "DeepSeek": (400, "This model's maximum context length is 8192 tokens. However, you requested "
                 "9101 tokens (9001 in the messages, 100 in the completion)."),
    "Cohere": (400, "too many tokens: total number of tokens in the prompt cannot exceed 8192"),
    "Moonshot": (400, "Invalid request: Your request exceeded model token limit: 8192"),
    "Zhipu": (400, "Prompt exceeds max length"),
    "DashScope": (400, "Range of input length should be [1, 8192]"),
    "MiniMax": (400, "invalid params, context window exceeds limit (2013)"),
    "GitHub Models": (413, "prompt token count of 9001 exceeds the limit of 8192"),
}  # fmt: skip

OUTPUT: Mapping[str, tuple[str, int, str, int]] = {
    "vLLM": ("openai", 400, "'max_tokens' or 'max_completion_tokens' is too large: 4096. This "
             "model's maximum context length is 8192 tokens and your request has 5000 input tokens "
             "(4096 > 8192 - 5000).", 3192),
    "vLLM, older": ("openai", 400, "This model's maximum context length is 8192 tokens. However, "
                    "you requested 9096 tokens (5000 in the messages, 4096 in the completion).",
                    3192),
    "SGLang": ("openai", 400, "Requested token count exceeds the model's maximum context length of "
               "8192 tokens. You requested a total of 9096 tokens: 5000 tokens from the input "
               "messages and 4096 tokens for the completion.", 3192),
    "TGI": ("openai", 422, "Input validation error: `inputs` tokens + `max_new_tokens` must be <= "
            "8192. Given: 5000 `inputs` tokens and 4096 `max_new_tokens`", 3192),
    "OpenRouter": ("openai", 400, "This endpoint's maximum context length is 8192 tokens. However, "
                   "you requested about 9096 tokens (4000 of text input, 1000 of tool input, 4096 "
                   "in the output).", 3192),
    "OpenAI": ("openai", 400, "max_tokens is too large: 4096. This model supports at most 2048 "
               "completion tokens, whereas you provided 4096.", 2048),
    "DeepSeek, DashScope": ("openai", 400, "Range of max_tokens should be [1, 2048]", 2048),
    "Groq": ("openai", 400, "`max_tokens` must be less than or equal to `2048`, the maximum value "
             "for `max_tokens` is less than the `context_window` for this model", 2048),
    "Anthropic, the context": ("claude", 400, "input length and `max_tokens` exceed context limit: "
                               "196000 + 4096 > 200000, decrease input length or `max_tokens`",
                               4000),
    "Anthropic, the model": ("claude", 400, "max_tokens: 4096 > 2048, which is the maximum allowed "
                             "number of output tokens for m", 2048),
    "Bedrock": ("claude", 400, "The maximum tokens you requested exceeds the model limit of 2048. "
                "Try again with a maximum tokens value that is lower than 2048.", 2048),
    "Gemini": ("gemini", 400, "it has a maxOutputTokens value of 4096 but the supported range is "
               "from 1 (inclusive) to 2049 (exclusive)", 2048),
}  # fmt: skip

ROWS_FULL = [
    *(
        Row(
            kind=FULL,
            wire="openai",
            does=f"{server}: “{words}”",
            answer=Reply(status=status, error=words),
            made=TOO_LONG,
        )
        for server, (status, words) in WORDED.items()
    ),
    Row(
        kind=FULL,
        wire="claude",
        does="Anthropic: “prompt is too long: 210000 tokens > 200000 maximum”",
        answer=Reply(status=400, error="prompt is too long: 210000 tokens > 200000 maximum"),
        made=TOO_LONG,
    ),
    Row(
        kind=FULL,
        wire="claude",
        does="`stop_reason: model_context_window_exceeded`",
        answer=claude(text("Good d"), stop="model_context_window_exceeded"),
        made=TOO_LONG,
    ),
    Row(
        kind=FULL,
        wire="gemini",
        does="Gemini: “The input token count (1100000) exceeds the maximum number of tokens”",
        answer=Reply(
            status=400,
            error="The input token count (1100000) exceeds the maximum number "
            "of tokens allowed (1048576).",
        ),
        made=TOO_LONG,
    ),
    Row(
        kind=FULL,
        wire="openai",
        does="Bedrock, with 429: “Too many tokens, please wait before trying again.”",
        answer=Reply(status=429, error="Too many tokens, please wait before trying again."),
        made=LIMITED,
    ),
    *(
        Row(
            kind=FULL,
            wire=wire,
            does=f"{server}, only the answer does not fit: “{words}”",
            answer=until(limit_is(most), words, status),
            made=Said(
                text="Good day.",
                tries=2,
                way=f"for {most:,} tokens at most",
                sent=limit_is(most),
            ),
        )
        for server, (wire, status, words, most) in OUTPUT.items()
    ),
]

# --- 6: what goes back ----------------------------------------------------------------------------

BACK = "what a provider would not take back"
_THOUGHT = {"type": "thinking", "thinking": "A mug?", "signature": "c2ln"}
_SIGNED = {"functionCall": {"name": "look", "args": MUG}, "thoughtSignature": "c2ln"}


def _back(wire: str, does: str, answer: Reply, way: str, kept: Sequence[object]) -> Row:
    """Its answer goes back with these parts."""
    made = Said(
        text="Good day.",
        tries=1,
        way=way,
        lead="it goes back ",
        sent=lambda body: sent_back(body) == kept,
    )
    return Row(kind=BACK, wire=wire, does=does, answer=answer, made=made, asks=2)


ROWS_BACK = [
    _back(
        "claude",
        "an empty text block beside thoughts and calls",
        claude(_THOUGHT, text(""), tool_use(input=MUG), stop="tool_use"),
        "without it",
        [_THOUGHT, tool_use(input=MUG)],
    ),
    _back(
        "claude",
        "a text block of blanks beside thoughts and calls",
        claude(_THOUGHT, text("\n\n"), tool_use(input=MUG), stop="tool_use"),
        "without it",
        [_THOUGHT, tool_use(input=MUG)],
    ),
    _back(
        "claude",
        "a text block whose text is null",
        claude(_THOUGHT, text("") | {"text": None}, tool_use(input=MUG), stop="tool_use"),
        "without it",
        [_THOUGHT, tool_use(input=MUG)],
    ),
    _back(
        "gemini",
        "an empty part beside signed calls",
        gemini({"text": ""}, {}, _SIGNED),
        "without it",
        [_SIGNED],
    ),
    _back(
        "gemini",
        "an empty part that bears a signature",
        gemini(_SIGNED, {"text": "", "thoughtSignature": "c2ln"}),
        "with it, as Gemini wants it",
        [_SIGNED, {"text": "", "thoughtSignature": "c2ln"}],
    ),
    _back(
        "openai",
        "empty reasoning beside calls",
        openai(reasoning_content="", tool_calls=[{"id": "1", "function": _FUNCTION}]),
        "without it",
        [{"id": "1", "type": "function", "function": _FUNCTION}],
    ),
]

# --- 8: calls that stand in the text --------------------------------------------------------------

IN_TEXT = "calls in the text of an evaluation with tools"

SPELLED: Mapping[str, str] = {
    "Hermes": '<tool_call>\n{"name": "look", "arguments": {"thing": "mug"}}\n</tool_call>',
    "Qwen coder": "<tool_call>\n<function=look>\n<parameter=thing>\nmug\n</parameter>",
    "GLM": "<tool_call>look\n<arg_key>thing</arg_key>\n<arg_value>mug</arg_value>\n</tool_call>",
    "Mistral": '[TOOL_CALLS][{"name": "look", "arguments": {"thing": "mug"}}]',
    "DeepSeek": "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>look",
    "Kimi": "<|tool_calls_section_begin|><|tool_call_begin|>functions.look:0",
    "gpt-oss": '<|channel|>commentary to=functions.look <|message|>{"thing": "mug"}',
    "Granite, Phi": '<|tool_call|>[{"name": "look", "arguments": {"thing": "mug"}}]',
    "Llama": '<|python_tag|>look.call(thing="mug")',
    "tags": '<function_calls>\n<invoke name="look">\n<parameter name="thing">mug</parameter>',
    "code block": '```tool_code\nprint(look(thing="mug"))\n```',
    "Python": '[look(thing="mug")]',
    "JSON": '{"name": "look", "parameters": {"thing": "mug"}}',
    "ReAct": 'Thought: I look.\nAction: look\nAction Input: {"thing": "mug"}',
}
ROWS_TEXT = [
    *(
        Row(
            kind=IN_TEXT,
            wire="openai",
            does=f"`{words.splitlines()[0]}`" if "```" not in words else "a block of code",
            answer=openai(content=words),
            made=Said(
                text=words,
                lead="is the text of the answer",
                way=", and nothing is called",
                note=f"writes tool calls ({dialect}) as text: ",
            ),
        )
        for dialect, words in SPELLED.items()
    ),
    Row(
        kind=IN_TEXT,
        wire="openai",
        does="text that only speaks of a tool",
        answer=openai(content="I can look: it is blue (a mug)."),
        made=Said(text="I can look: it is blue (a mug).", unsaid="as text"),
    ),
]

ROWS = [
    *ROWS_TYPES, *ROWS_ABSENT, *ROWS_WITHIN, *ROWS_FIELDS, *ROWS_FULL, *ROWS_BACK, *ROWS_TEXT
]  # fmt: skip
