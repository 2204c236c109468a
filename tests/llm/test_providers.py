"""What the three providers' plugins send and read, through the unmodified SDKs."""

import asyncio
import sys

import pytest

from harness.errors import ConfigError, MissingExtra
from harness.llm import headers
from harness.llm.roles import open_registry
from harness.protocols import Settings
from harness.protocols.chat_model import UNPARSED
from harness.testing.wires import Reply
from harness.types import Message, Tool, ToolCall, Usage

WIRES = ("claude", "openai", "gemini")
KEYS = {"claude": "ANTHROPIC_API_KEY", "openai": "OPENAI_API_KEY", "gemini": "GEMINI_API_KEY"}
SDKS = {"claude": "anthropic", "openai": "openai", "gemini": "google.genai"}

LOOK = Tool(
    name="look",
    description="Looks at a thing.",
    parameters={
        "type": "object",
        "properties": {"thing": {"type": "string"}},
        "required": ["thing"],
    },
    kind="read",
)
FIRST = ToolCall(name="look", arguments={"thing": "mug"}, id="call_1")
SECOND = ToolCall(name="look", arguments={"thing": "vase"}, id="call_2")
HISTORY = [
    Message(role="assistant", content="How can I help?"),
    Message(role="user", content="Look twice."),
    Message(role="assistant", calls=(FIRST, SECOND)),
    Message(role="tool", content="a blue mug", call_id="call_1"),
    Message(role="tool", content="no such thing", call_id="call_2", is_error=True),
]


def ask(calls, wire, messages=HISTORY, **more):
    chat = calls().chat("agent", f"{wire}:some-model")
    more = {"tools": [LOOK], "temperature": 0.5, "max_tokens": 77, **more}
    return asyncio.run(chat.ask(messages, system="Obey.", version="1", **more))


@pytest.fixture(params=WIRES)
def wire(request) -> str:
    return request.param


def test_text_and_parallel_calls_come_back_in_order(serve, calls, wire) -> None:
    serve(wire, lambda asked: Reply(text="One moment.", calls=(FIRST, SECOND)))
    reply = ask(calls, wire)
    assert reply.message.content == "One moment."
    assert reply.message.calls == (FIRST, SECOND)
    assert reply.stop_reason == "tools"


def test_the_whole_conversation_is_sent(serve, calls, wire) -> None:
    server = serve(wire, lambda asked: Reply(text="Done."))
    ask(calls, wire)
    (asked,) = server.asked
    assert (asked.model, asked.system, asked.tools) == ("some-model", "Obey.", ("look",))
    sent = "\n".join(text for _, text in asked.turns)
    order = ["How can I help?", "Look twice.", "mug", "vase", "a blue mug", "no such thing"]
    places = [sent.index(words) for words in order]
    assert places == sorted(places)


def test_claude_and_gemini_get_alternating_turns_that_a_user_begins(serve, calls) -> None:
    for wire, other in (("claude", "assistant"), ("gemini", "model")):
        server = serve(wire, lambda asked: Reply(text="Done."))
        ask(calls, wire)
        roles = [role for role, _ in server.asked[0].turns]
        assert roles == ["user", other, "user", other, "user"]


def test_sampling_settings_are_sent_and_a_temperature_only_if_given(serve, calls, wire) -> None:
    server = serve(wire, lambda asked: Reply(text="Done."))
    ask(calls, wire)
    ask(calls, wire, temperature=None)
    names = {"claude": "max_tokens", "openai": "max_completion_tokens", "gemini": "maxOutputTokens"}
    first, second = (
        asked.body["generationConfig"] if wire == "gemini" else asked.body for asked in server.asked
    )
    assert first[names[wire]] == 77
    assert first["temperature"] == 0.5
    assert "temperature" not in second


def test_usage_counts_all_input_and_what_of_it_was_cached(serve, calls, wire) -> None:
    used = Usage(tokens_in=100, tokens_out=7, tokens_cached=60)
    serve(wire, lambda asked: Reply(text="Done.", usage=used))
    usage = ask(calls, wire).usage
    assert (usage.tokens_in, usage.tokens_out, usage.tokens_cached) == (100, 7, 60)
    assert usage.calls == 1


def test_an_answer_that_was_cut_says_so(serve, calls, wire) -> None:
    serve(wire, lambda asked: Reply(text="I was about to", stop="length"))
    assert ask(calls, wire).stop_reason == "length"


def test_arguments_that_are_no_json_come_as_they_are(serve, calls) -> None:
    broken = ToolCall(name="look", arguments={UNPARSED: '{"thing": '}, id="call_1")
    server = serve("openai", lambda asked: Reply(calls=(broken,)))
    assert ask(calls, "openai").message.calls == (broken,)
    history = [Message(role="user", content="Look."), Message(role="assistant", calls=(broken,))]
    ask(calls, "openai", [*history, Message(role="tool", content="bad call", call_id="call_1")])
    assert UNPARSED in server.asked[1].turns[1][1], "the model sees what it sent"


def test_a_missing_key_is_an_error_that_names_the_variable(monkeypatch, wire) -> None:
    for variable in (*KEYS.values(), "GOOGLE_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(ConfigError, match=KEYS[wire]):
        open_registry().make("chat model", wire, Settings())


def test_a_server_of_ones_own_needs_no_key(monkeypatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    open_registry().make(
        "chat model", "openai", Settings(options={"base_url": "http://localhost:1/v1"})
    )


def test_a_missing_sdk_is_an_error_with_the_install_line(serve, monkeypatch, wire) -> None:
    serve(wire, lambda asked: Reply())
    monkeypatch.setitem(sys.modules, SDKS[wire], None)
    registry = open_registry()
    with pytest.raises(MissingExtra) as caught:
        registry.make("chat model", wire, Settings())
    assert f"errata-harness[{wire}]" in caught.value.hint


def test_the_base_url_option_wins_over_the_environment(serve, calls, wire) -> None:
    server = serve(wire, lambda asked: Reply(text="Here."))
    other = serve(wire, lambda asked: Reply(text="There."))
    model = open_registry().make("chat model", wire, Settings(options={"base_url": server.url}))
    assert model.endpoint == server.url
    ask(calls, wire)
    assert (len(server.asked), len(other.asked)) == (0, 1)


def test_one_chat_model_serves_one_event_loop_after_the_other(serve, calls, wire) -> None:
    server = serve(wire, lambda asked: Reply(text="Done."))
    chat = calls().chat("agent", wire)
    for _ in range(3):
        asyncio.run(chat.ask(HISTORY, system="", version="1", tools=[LOOK]))
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("3", 3), ("1.5s", 1.5), ("120ms", 0.12), ("6m0s", 360), ("1h2m", 3720), ("soon", None)],
)
def test_durations_are_read_as_providers_write_them(text, seconds) -> None:
    assert headers.duration(text) == pytest.approx(seconds)


def test_a_time_that_is_past_is_no_wait() -> None:
    assert headers.duration("2020-01-01T00:00:00Z") == 0


@pytest.mark.parametrize(
    ("sent", "seconds"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
        ({"retry-after": "tomorrow"}, None),
    ],
)
def test_retry_after_is_read_in_all_its_forms(sent, seconds) -> None:
    assert headers.retry_after(sent) == seconds
