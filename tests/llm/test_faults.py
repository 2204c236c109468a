"""What becomes of every way in which a provider can fail, through the unmodified SDKs."""

import asyncio
from itertools import chain, repeat

import pytest

from harness.errors import ProviderError, RolloutFault
from harness.testing.wires import Reply
from harness.types import Message

WIRES = ("claude", "openai", "gemini")
GOOD = Reply(text="Good day.")
ASK = [Message(role="user", content="Hello")]

GONE_NEXT_TIME = {
    "rate_limit": [
        Reply(status=429, headers={"retry-after": "0.01"}),
        Reply(status=429),
    ],
    "server_error": [Reply(status=500), Reply(status=502)],
    "overloaded": [Reply(status=529), Reply(status=503)],
    "connection": [Reply(text="cut short", cut=True)],
    "malformed_reply": [Reply(raw=b'{"id": '), Reply(raw=b"{}")],
    "empty_reply": [Reply(text=""), Reply(text="  \n")],
    "timeout": [Reply(text="late", seconds=0.8)],
}
STOPPING = {
    "wrong_key": Reply(status=401, error="invalid x-api-key"),
    "unknown_model": Reply(status=404, error="model: no-such-model"),
    "no_credit": Reply(status=429, error="You exceeded your quota", code="insufficient_quota"),
}


def script(replies):
    """One reply after the other, the last for ever."""
    replies = list(replies)
    stream = chain(replies, repeat(replies[-1]))
    return lambda asked: next(stream)


def ask(calls, wire, role="user", **settings):
    settings.setdefault("options", {}).setdefault("call_seconds", 0.4)
    way = calls(**settings)
    chat = way.chat(role, f"{wire}:some-model")
    reply = asyncio.run(chat.ask(ASK, system="Be brief.", version="1"))
    return reply, way.shared.ledger.of(role)


def fault(calls, wire, role="user", **settings):
    settings.setdefault("options", {}).setdefault("call_seconds", 0.4)
    way = calls(**settings)
    chat = way.chat(role, wire)
    with pytest.raises(RolloutFault) as caught:
        asyncio.run(chat.ask(ASK, system="", version="1"))
    return caught.value, way.shared.ledger.of(role)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("cause", GONE_NEXT_TIME)
def test_what_may_be_gone_the_next_time_is_tried_again(serve, calls, wire, cause) -> None:
    server = serve(wire, script([*GONE_NEXT_TIME[cause], GOOD]))
    seconds = 0.4 if cause == "timeout" else 30.0
    reply, counts = ask(calls, wire, options={"call_seconds": seconds})
    assert reply.message.content == "Good day."
    failed = len(GONE_NEXT_TIME[cause])
    assert len(server.asked) == counts.attempts == failed + 1
    assert counts.retries == counts.failures[cause] == failed
    assert not counts.faults


@pytest.mark.parametrize("wire", WIRES)
def test_a_provider_that_stays_down_is_an_infrastructure_fault(serve, calls, wire) -> None:
    server = serve(wire, script([Reply(status=500)]))
    error, counts = fault(calls, wire, options={"retries": 2})
    assert error.kind == "infrastructure_fault"
    assert len(server.asked) == counts.attempts == 3
    assert counts.faults == {"server_error": 1}


def test_a_pause_that_is_too_long_is_not_waited_for(serve, calls) -> None:
    server = serve("claude", script([Reply(status=429, headers={"retry-after": "86400"}), GOOD]))
    error, _ = fault(calls, "claude")
    assert error.kind == "infrastructure_fault"
    assert len(server.asked) == 1


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    ("role", "kind"),
    [
        ("user", "user_fault"),
        ("agent", "agent_fault"),
        ("judge", "infrastructure_fault"),
        ("injector", "infrastructure_fault"),
        ("namer", "infrastructure_fault"),
    ],
)
def test_a_refusal_is_the_fault_of_the_role_and_is_not_tried_again(
    serve, calls, wire, role, kind
) -> None:
    server = serve(wire, script([Reply(text="I cannot.", stop="refusal")]))
    error, counts = fault(calls, wire, role)
    assert error.kind == kind
    assert len(server.asked) == 1
    assert counts.faults == {"refusal": 1}


@pytest.mark.parametrize("wire", WIRES)
def test_who_never_says_anything_is_at_fault_after_three_tries(serve, calls, wire) -> None:
    server = serve(wire, script([Reply(text="")]))
    error, counts = fault(calls, wire, "agent")
    assert error.kind == "agent_fault"
    assert len(server.asked) == 3
    assert counts.usage.calls == 3, "empty answers are paid for"


def test_other_failures_in_between_do_not_count_as_empty_answers(serve, calls) -> None:
    down, empty = Reply(status=500), Reply(text="")
    serve("claude", script([empty, down, down, empty, GOOD]))
    reply, counts = ask(calls, "claude", options={"call_seconds": 30.0})
    assert reply.message.content == "Good day."
    assert counts.failures == {"empty_reply": 2, "server_error": 2}


OVERFLOWS = [
    ("claude", "prompt is too long: 210000 tokens > 200000 maximum"),
    ("openai", "This model's maximum context length is 8192 tokens"),
    ("gemini", "The input token count (1100000) exceeds the maximum number of tokens allowed"),
]


@pytest.mark.parametrize(("wire", "said"), OVERFLOWS)
def test_a_conversation_that_no_longer_fits_is_its_own_fault(serve, calls, wire, said) -> None:
    server = serve(wire, script([Reply(status=400, error=said)]))
    error, _ = fault(calls, wire)
    assert error.kind == "context_overflow"
    assert len(server.asked) == 1


@pytest.mark.parametrize("wire", WIRES)
def test_a_request_the_provider_will_not_have_ends_that_conversation_only(
    serve, calls, wire
) -> None:
    serve(wire, script([Reply(status=400, error="strange request")]))
    error, _ = fault(calls, wire)
    assert error.kind == "infrastructure_fault"


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("cause", STOPPING)
def test_what_would_be_the_same_for_every_call_stops_the_run(serve, calls, wire, cause) -> None:
    server = serve(wire, script([STOPPING[cause]]))
    with pytest.raises(ProviderError, match=cause.replace("_", " ")) as caught:
        ask(calls, wire)
    assert caught.value.hint
    assert len(server.asked) == 1


@pytest.mark.parametrize("wire", WIRES)
def test_a_model_that_takes_no_temperature_is_asked_without_one_from_then_on(
    serve, calls, wire
) -> None:
    def answer(asked):
        sent = {**asked.body, **asked.body.get("generationConfig", {})}
        said = "Unsupported value: 'temperature' does not support 0.7 with this model."
        return Reply(status=400, error=said) if "temperature" in sent else GOOD

    server = serve(wire, answer)
    way = calls()
    chat = way.chat("agent", wire)
    for _ in range(2):
        asyncio.run(chat.ask(ASK, system="", version="1", temperature=0.7))
    assert len(server.asked) == 3
    assert "takes no temperature" in way.shared.ledger.summary()


def test_gemini_words_a_wrong_key_as_a_bad_request(serve, calls) -> None:
    serve("gemini", script([Reply(status=400, error="API key not valid. Please pass a valid one")]))
    with pytest.raises(ProviderError, match="wrong key"):
        ask(calls, "gemini")


@pytest.mark.parametrize("wire", WIRES)
def test_an_address_where_nobody_answers_is_an_infrastructure_fault(serve, calls, wire) -> None:
    server = serve(wire, script([GOOD]))
    server.close()
    error, counts = fault(calls, wire, options={"retries": 1})
    assert error.kind == "infrastructure_fault"
    assert counts.faults == {"connection": 1}


def test_a_server_that_no_question_ever_reached_stops_the_run(serve, calls) -> None:
    server = serve("openai", script([GOOD]))
    server.close()
    chat = calls(options={"retries": 0}).chat("agent", "openai")

    def asked():
        asyncio.run(chat.ask(ASK, system="", version="1"))

    for _ in range(2):
        with pytest.raises(RolloutFault):
            asked()
    with pytest.raises(ProviderError, match="the server cannot be reached") as caught:
        asked()
    assert "Start the server" in caught.value.hint


def test_a_server_that_is_gone_after_it_answered_is_an_infrastructure_fault(serve, calls) -> None:
    server = serve("openai", script([GOOD]))
    chat = calls(options={"retries": 0}).chat("agent", "openai")
    asyncio.run(chat.ask(ASK, system="", version="1"))
    server.close()
    for _ in range(4):
        with pytest.raises(RolloutFault):
            asyncio.run(chat.ask(ASK, system="", version="1"))


def test_one_conversations_fault_leaves_the_others_alone(serve, calls) -> None:
    def answer(asked):
        unlucky = "unlucky" in asked.turns[-1][1]
        return Reply(status=500) if unlucky else Reply(text=f"for {asked.turns[-1][1]}")

    serve("claude", answer)
    chat = calls(options={"retries": 1}).chat("user", "claude")

    async def talk(name):
        messages = [Message(role="user", content=name)]
        return (await chat.ask(messages, system="", version="1")).message.content

    async def all_of_them():
        names = ["a", "unlucky", "b", "c"]
        return await asyncio.gather(*map(talk, names), return_exceptions=True)

    a, unlucky, b, c = asyncio.run(all_of_them())
    assert [a, b, c] == ["for a", "for b", "for c"]
    assert isinstance(unlucky, RolloutFault)
