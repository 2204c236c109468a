"""Valid answers of all wires, changed at random: whatever comes, one conversation ends at most.

The suite takes a few hundred of them. 20,000:

    python -m pytest tests/llm/test_mutations.py --hypothesis-profile thorough
"""

import asyncio
import copy
import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from harness.assembly.config import LoopConfig
from harness.errors import ProviderError, RolloutFault
from harness.llm.cache import Cache
from harness.llm.gateway import Gateway
from harness.llm.policy import llm_policy
from harness.llm.roles import open_registry
from harness.protocols import Conversation, Settings
from harness.protocols.chat_model import ChatReply
from harness.testing.servers import ChatServer
from harness.testing.wires import Reply
from harness.types import Message, Usage

WIRES = ("claude", "openai", "gemini")
FAULTS = {"agent_fault", "context_overflow", "infrastructure_fault"}
STOPPING = ("wrong key", "unknown model", "no credit")
GOOD = Reply(text="Good day.")
ARGUMENTS = {"order_id": "#W2611340", "items": [{"id": 1, "price": 2.5}]}
CALLED = {"name": "get_order_details", "arguments": json.dumps(ARGUMENTS)}
SIGNED = "c2lnbmVkIHRob3VnaHQ_-w=="

OPENAI_USAGE = {
    "prompt_tokens": 9,
    "completion_tokens": 4,
    "prompt_tokens_details": {"cached_tokens": 3},
}
VALID = {
    "openai": [
        {
            "choices": [{"index": 0, "message": {"content": "Hello."}, "finish_reason": "stop"}],
            "usage": OPENAI_USAGE,
        },
        {
            "choices": [
                {
                    "message": {
                        "content": [
                            {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]},
                            {"type": "text", "text": "One moment."},
                        ],
                        "reasoning_content": "Two orders.",
                        "tool_calls": [
                            {"id": "1", "type": "function", "function": CALLED, "extra": {"a": 1}},
                            {"id": "2", "type": "function", "function": CALLED},
                        ],
                    },
                    "finish_reason": "tool_calls",
                }
            ],
            "usage": OPENAI_USAGE,
        },
        {"error": {"code": 503, "message": "overloaded", "metadata": {"raw": "busy"}}},
    ],
    "claude": [
        {
            "type": "message",
            "content": [{"type": "text", "text": "Hello."}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 9, "output_tokens": 4},
        },
        {
            "type": "message",
            "content": [
                {"type": "thinking", "thinking": "Two orders.", "signature": SIGNED},
                {"type": "text", "text": "One moment."},
                {"type": "tool_use", "id": "1", "name": "get_order_details", "input": ARGUMENTS},
                {"type": "tool_use", "id": "2", "name": "get_order_details", "input": ARGUMENTS},
            ],
            "stop_reason": "tool_use",
            "usage": {"input_tokens": 9, "output_tokens": 4, "cache_read_input_tokens": 3},
        },
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
    ],
    "gemini": [
        {
            "candidates": [{"content": {"parts": [{"text": "Hello."}]}, "finishReason": "STOP"}],
            "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 4},
        },
        {
            "candidates": [
                {
                    "content": {
                        "role": "model",
                        "parts": [
                            {"text": "Hm.", "thought": True},
                            {"text": "One moment."},
                            {
                                "functionCall": {"name": "get_order_details", "args": ARGUMENTS},
                                "thoughtSignature": SIGNED,
                            },
                            {"functionCall": {"name": "get_order_details", "args": ARGUMENTS}},
                        ],
                    },
                    "finishReason": "STOP",
                    "index": 0,
                }
            ],
            "usageMetadata": {
                "promptTokenCount": 9,
                "candidatesTokenCount": 4,
                "thoughtsTokenCount": 2,
                "cachedContentTokenCount": 3,
            },
        },
        {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 9}},
    ],
}

DEEP = {f"@deep{levels}@": levels for levels in (70, 190, 900, 3000)}
"""Stand for so many lists in each other, which no writer of JSON writes."""

ODD = [
    None, True, False, 0, -1, 7, 1.5, 1e300, float("nan"), float("inf"), 10**30, 10**400, 10**4000,
    "", " ", "\n", "error", "null", "12", "1.5", "function", "text", "\ud83d", "a\ud83d\x00\x1b[0m",
    "{\"a\": ", "[[1]]", "<think>Hm.", "data: {}", "x" * 100_000, [], {}, [None], [[]], [{}],
    {"type": None}, {"type": "text", "text": "So."}, {"error": "x"}, {"call": 0}, *DEEP,
]  # fmt: skip
KEYS = [
    "error",
    "detail",
    "object",
    "type",
    "call",
    "text",
    "usage",
    "refusal",
    "arguments",
    "\ud83d",
]
HEADERS = [
    {}, {"retry-after": "9" * 400}, {"retry-after": "-1"}, {"retry-after-ms": "nan"},
    {"x-ratelimit-remaining-requests": "²", "x-ratelimit-reset-requests": "1s"},
    {"x-ratelimit-remaining-requests": "9" * 30, "x-ratelimit-reset-requests": "9" * 400 + "s"},
    {"anthropic-ratelimit-requests-remaining": "-0", "anthropic-ratelimit-requests-reset": "0"},
    {"content-type": "text/event-stream"}, {"content-type": "text/html; charset=klingon"},
]  # fmt: skip


def places(value, path=()):
    """The paths to all values in a JSON value."""
    yield path
    inner = value.items() if isinstance(value, dict) else ()
    inner = enumerate(value) if isinstance(value, list) else inner
    for key, item in inner:
        yield from places(item, (*path, key))


def changed(body, path, how, odd, key):
    """The body with the value at the path changed."""
    if not path:
        return {"replace": odd, "wrap": [body], "nest": {key: body}}.get(how, body)
    *outer, last = path
    holder = body
    for step in outer:
        holder = holder[step]
    value = holder[last]
    if how == "remove":
        del holder[last]
    elif how == "add" and isinstance(value, dict):
        value[key] = odd
    elif how == "add" and isinstance(value, list):
        value.append(odd)
    elif how == "wrap":
        holder[last] = [value]
    elif how == "nest":
        holder[last] = {key: value}
    elif how == "repeat" and isinstance(value, list):
        holder[last] = value * 50
    else:
        holder[last] = odd
    return body


@st.composite
def answers(draw, wire):
    """An HTTP response: most of them 200, with a valid body that was changed in up to three
    places, and a few whose bytes were.
    """
    body = copy.deepcopy(draw(st.sampled_from(VALID[wire])))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(list(places(body))))
        how = draw(
            st.sampled_from(["replace", "replace", "remove", "add", "wrap", "nest", "repeat"])
        )
        odd = copy.deepcopy(draw(st.sampled_from(ODD)))
        body = changed(body, path, how, odd, draw(st.sampled_from(KEYS)))
    text = json.dumps(body)
    for mark, levels in DEEP.items():
        text = text.replace(f'"{mark}"', "[" * levels + "]" * levels)
    raw = text.encode()
    bytes_of = {
        "whole": raw,
        "mark": b"\xef\xbb\xbf" + raw,
        "cut": raw[: len(raw) // 2],
        "stream": b"event: message\ndata: " + raw + b"\n\n",
        "latin": raw.replace(b".", b"\xe4"),
        "twice": raw + raw,
        "none": b"",
    }
    shape = draw(st.sampled_from(["whole"] * 8 + list(bytes_of)))
    status = draw(st.sampled_from([200] * 9 + [204, 400, 422, 429, 500, 529]))
    return Reply(raw=bytes_of[shape], status=status, headers=draw(st.sampled_from(HEADERS)))


class Talk:
    """A policy played by a model on loopback, its world, and what it is asked."""

    def __init__(self, wire, folder):
        self.next = GOOD
        self.server = ChatServer(wire, lambda asked: self.next)
        self.registry = open_registry()
        self.domain = self.registry.make("domain", "retail", Settings())
        self.task = self.domain.tasks("validation")[0]
        self.cache = Cache(folder / "cache.sqlite", "write")
        self.runner = asyncio.Runner()
        options = {"retries": 0, "first_pause": 0.0, "longest_pause": 0.0, "longest_wait": 0.001}
        config = LoopConfig(cache="off", options={"calls": options})
        way = Gateway(
            lambda spec: self.registry.make("chat model", spec, Settings()),
            config,
            lambda spec: self.registry.plugin_of("chat model", spec),
        )
        self.chat = lambda: way.chat("agent", f"{wire}:m")
        self.kept = 0

    def begin(self):
        self.agent = llm_policy(self.chat(), Settings())
        self.said(GOOD, self.opening())

    def opening(self):
        greeting = Message(role="assistant", content=self.domain.greeting)
        return (greeting, Message(role="user", content="Hello."))

    def said(self, answer, messages):
        """The agent's message after these, where the server answers so."""
        self.next = answer
        self.server.asked.clear()
        talk = Conversation(id="c", domain=self.domain, task=self.task, messages=messages)
        return self.runner.run(self.agent.act(talk, seed=1)).message

    def answered(self, messages, message):
        """The conversation with the message, and with the results of its calls in a world."""
        world = self.domain.open(self.task)
        results = [world.call(call) for call in message.calls]
        told = [
            Message(role="tool", content=result.content, call_id=call.id, is_error=result.is_error)
            for call, result in zip(message.calls, results, strict=True)
        ]
        return (*messages, message, *told, *([] if told else messages[-1:]))


@pytest.fixture(params=WIRES, scope="module")
def talk(request, tmp_path_factory):
    talk = Talk(request.param, tmp_path_factory.mktemp("cache"))
    with talk.server, pytest.MonkeyPatch.context() as patch, talk.runner:
        for name, value in talk.server.environment().items():
            patch.setenv(name, value)
        talk.begin()
        yield talk


REPLY, MESSAGES = TypeAdapter(ChatReply), TypeAdapter(list[Message])


def check_usable(talk, messages, message) -> None:
    """What was said can be kept, found again, written down, and sent back to who said it."""
    whole = talk.answered(messages, message)
    plain = [replace(each, opaque=None) for each in whole]
    assert MESSAGES.validate_json(MESSAGES.dump_json(plain), strict=True) == plain
    json.dumps([dict(call.arguments) for call in message.calls], allow_nan=False).encode()
    reply = ChatReply(message=message, usage=Usage(), stop_reason="end")
    talk.kept += 1
    talk.cache.keep(str(talk.kept), reply)
    assert talk.cache.find(str(talk.kept)) == reply
    assert talk.said(GOOD, whole).content == "Good day."


def outcome(talk, answer):
    """What the agent says to it, or the error that it ends with."""
    try:
        return talk.said(answer, talk.opening())
    except (RolloutFault, ProviderError) as error:
        return error


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_no_answer_ends_more_than_its_own_conversation(talk, data) -> None:
    found = outcome(talk, data.draw(answers(talk.server.wire)))
    if isinstance(found, RolloutFault):
        assert found.kind in FAULTS
    elif isinstance(found, ProviderError):
        assert str(found).startswith(STOPPING)
    else:
        check_usable(talk, talk.opening(), found)
