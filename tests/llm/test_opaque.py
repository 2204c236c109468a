"""What a provider wants back with its messages, as signed thoughts: through the unmodified SDKs."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from harness.assembly.guarded_domain import unguarded
from harness.evaluation.rollout import rollout
from harness.llm.cache import cache_key
from harness.llm.policy import llm_policy
from harness.llm.role_client import RoleClient
from harness.llm.roles import open_registry
from harness.llm.user import llm_user
from harness.protocols import Conversation, RolloutJob, RolloutSetup, Settings
from harness.protocols.chat_model import ChatRequest
from harness.testing import FakeChatModel
from harness.testing.wires import Reply
from harness.types import Message, Opaque, Tool, ToolCall

WIRES = ("claude", "openai", "gemini")
ORDERS = ("#W0000001", "#W0000002")
SIGNED = "c2lnbmVkIHRob3VnaHQ_-w=="

THOUGHT = {"type": "thinking", "thinking": "Two orders.", "signature": SIGNED}
REDACTED = {"type": "redacted_thinking", "data": SIGNED}
FIRST, SECOND = ({"order_id": order} for order in ORDERS)
CLAUDE = [
    THOUGHT,
    {"type": "text", "text": "I look."},
    REDACTED,
    {"type": "tool_use", "id": "toolu_1", "name": "get_order_details", "input": FIRST},
    {"type": "tool_use", "id": "toolu_2", "name": "get_order_details", "input": SECOND},
]
GEMINI = [
    {"text": "I look."},
    {
        "functionCall": {"name": "get_order_details", "args": FIRST},
        "thoughtSignature": SIGNED,
    },
    {"functionCall": {"name": "get_order_details", "args": SECOND}},
]
OPENAI = {
    "role": "assistant",
    "content": None,
    "reasoning_content": f"Two orders. {SIGNED}",
    "tool_calls": [
        {
            "id": "1",
            "type": "function",
            "function": {"name": "get_order_details", "arguments": json.dumps(FIRST)},
            "extra_content": {"google": {"thought_signature": SIGNED}},
        },
        {
            "id": "2",
            "type": "function",
            "function": {"name": "get_order_details", "arguments": json.dumps(SECOND)},
        },
    ],
}
BODIES = {
    "claude": {
        "type": "message", "role": "assistant", "content": CLAUDE, "stop_reason": "tool_use",
        "usage": {"input_tokens": 1, "output_tokens": 1},
    },
    "openai": {"choices": [{"index": 0, "message": OPENAI, "finish_reason": "tool_calls"}]},
    "gemini": {
        "candidates": [{"content": {"role": "model", "parts": GEMINI}, "finishReason": "STOP"}]
    },
}  # fmt: skip


def thinking(wire) -> Reply:
    """The provider's documented answer of a model that thinks, then makes two calls."""
    return Reply(raw=json.dumps(BODIES[wire]).encode())


def answering(wire):
    """A customer who comes and goes, and an agent that thinks, calls, and refuses."""

    def answer(asked):
        if is_customer(asked):
            return Reply(text="Hello." if len(asked.turns) == 1 else "Goodbye. ###STOP###")
        called = "get_order_details" in json.dumps(asked.body.get("messages", "")) + json.dumps(
            asked.body.get("contents", "")
        )
        return Reply(text="I am sorry, I cannot.") if called else thinking(wire)

    return answer


def is_customer(asked) -> bool:
    return asked.system.startswith("You play a customer")


def had(way, wire):
    registry = open_registry()
    domain = registry.make("domain", "retail", Settings())
    user = llm_user(way.chat("user", f"{wire}:m"), Settings())
    policy = llm_policy(way.chat("agent", f"{wire}:m"), Settings())
    job = RolloutJob(task=domain.tasks("validation")[0], trial=0, seed=3)
    return asyncio.run(rollout(job, policy, RolloutSetup(domain=domain, user=user)))


def sent_back(wire, asked):
    """The parts (openai: the message) that the request gives as the agent's calling message."""
    if wire == "gemini":
        return asked.body["contents"][1]["parts"]
    (said,) = (m for m in asked.body["messages"] if m["role"] == "assistant")
    return said if wire == "openai" else said["content"]


@pytest.fixture(params=WIRES)
def wire(request) -> str:
    return request.param


def test_thoughts_go_back_unchanged_and_in_place_with_the_calls_as_placed(serve, calls, wire):
    server = serve(wire, answering(wire))
    episode = had(calls(), wire)
    agent = [asked for asked in server.asked if not is_customer(asked)]
    assert len(agent) == 2
    found = sent_back(wire, agent[1])
    ids = [call.id for call in episode.trajectory.calls]
    if wire == "claude":
        renamed = [{**block, "id": id} for block, id in zip(CLAUDE[3:], ids, strict=True)]
        assert found == [*CLAUDE[:3], *renamed]
    elif wire == "gemini":
        assert found == GEMINI
    else:
        assert found["reasoning_content"] == OPENAI["reasoning_content"]
        assert [call["id"] for call in found["tool_calls"]] == ids
        extras = [call.get("extra_content") for call in found["tool_calls"]]
        assert extras == [OPENAI["tool_calls"][0]["extra_content"], None]


def test_nobody_else_sees_them_and_they_end_with_the_conversation(serve, calls, wire):
    """The customer is the same model of the same provider here, and yet another role."""
    server = serve(wire, answering(wire))
    episode = had(calls(), wire)
    customer = [asked for asked in server.asked if is_customer(asked)]
    assert customer
    assert not any(SIGNED in json.dumps(asked.body) for asked in customer)
    assert all(message.opaque is None for message in episode.trajectory.messages)
    assert episode.trajectory.calls, "the turn with the thoughts is in there"


@pytest.mark.parametrize(
    "message",
    [
        Message(role="assistant", content="Hm.", opaque=Opaque(value=[SIGNED], by="other:m")),
        Message(role="user", content="Hm.", opaque=Opaque(value=[SIGNED], by="{wire}:m")),
    ],
)
def test_what_is_not_the_models_own_is_not_sent(serve, calls, wire, message):
    server = serve(wire, lambda asked: Reply(text="Yes."))
    opaque = replace(message.opaque, by=message.opaque.by.format(wire=wire))
    talk = [Message(role="user", content="Hello."), replace(message, opaque=opaque)]
    asyncio.run(calls().chat("agent", f"{wire}:m").ask(talk, system="", version="1"))
    assert SIGNED not in json.dumps(server.asked[0].body)


def test_reasoning_before_words_is_not_sent_back_to_openai(serve, calls):
    body = {"choices": [{"message": {"content": "Yes.", "reasoning_content": SIGNED}}]}
    serve("openai", lambda asked: Reply(raw=json.dumps(body).encode()))
    hello = [Message(role="user", content="Hello.")]
    reply = asyncio.run(calls().chat("agent", "openai:m").ask(hello, system="", version="1"))
    assert reply.message == Message(role="assistant", content="Yes.")


def test_a_run_from_the_cache_has_them_too(serve, calls, wire, tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path))
    server = serve(wire, answering(wire))
    first = had(calls(cache="write"), wire)
    made = len(server.asked)
    assert had(calls(cache="write"), wire) == first
    assert len(server.asked) == made


def test_they_are_part_of_the_cache_key() -> None:
    def key(opaque):
        said = Message(role="assistant", content="Yes.", opaque=opaque)
        return cache_key("claude", "", "1", ChatRequest(model="m", system="", messages=[said]))

    values = (None, Opaque(value=[THOUGHT]), Opaque(value=[REDACTED]))
    assert len({key(value) for value in values}) == 3


def test_a_key_in_a_thought_is_masked(serve, calls):
    echo = {"type": "thinking", "thinking": "canary-key-5f2c9a71d0", "signature": SIGNED}
    body = {**BODIES["claude"], "content": [echo, *CLAUDE[3:]]}
    serve("claude", lambda asked: Reply(raw=json.dumps(body).encode()))
    hello = [Message(role="user", content="Hello.")]
    reply = asyncio.run(calls().chat("agent", "claude:m").ask(hello, system="", version="1"))
    assert "canary-key" not in str(reply)


def test_extra_fields_are_in_the_body_of_every_request_and_in_the_cache_key(serve, wire) -> None:
    extra = {
        "claude": {"thinking": {"type": "enabled", "budget_tokens": 1024}},
        "openai": {"reasoning_effort": "low"},
        "gemini": {"generationConfig": {"thinkingConfig": {"thinkingLevel": "low"}}},
    }[wire]
    server = serve(wire, lambda asked: Reply(text="Yes."))
    model = open_registry().make("chat model", wire, Settings(options={"extra": extra}))
    hello = [Message(role="user", content="Hello.")]
    request = ChatRequest(model="m", system="", messages=hello, max_tokens=77, extra=model.extra)
    asyncio.run(model.complete(request))
    body = server.asked[0].body
    if wire == "gemini":
        assert body["generationConfig"]["maxOutputTokens"] == 77
        body = {"generationConfig": {"thinkingConfig": body["generationConfig"]["thinkingConfig"]}}
    assert {name: body[name] for name in extra} == extra
    bare = replace(request, extra={})
    assert cache_key(wire, "", "1", request) != cache_key(wire, "", "1", bare)


def test_a_customer_gets_them_back_with_its_own_calls_and_not_from_under_a_reminder() -> None:
    press = Tool(name="press", description="Press.", parameters={}, kind="read")
    pressed = Message(
        role="assistant",
        calls=(ToolCall(name="press", arguments={}, id="1"),),
        opaque=Opaque(value=[THOUGHT]),
    )
    domain: Any = unguarded(open_registry().make("domain", "retail", Settings()))
    domain.user_tools = (press,)
    task = domain.tasks("validation")[0]
    greeting = Message(role="assistant", content=domain.greeting)
    talk = Conversation(id="c", domain=domain, task=task, messages=(greeting,))

    def turn(*answers):
        user = llm_user(RoleClient(FakeChatModel(*answers), provider="p", role="user"), Settings())
        return asyncio.run(user.reply(task, talk, seed=1)).message

    assert turn(pressed).opaque == Opaque(value=[THOUGHT], by="p:fake-1")
    assert turn("How can I help you today?", pressed).opaque is None
