"""Turn a chat model into a verdict: does it keep its protocol, whatever its provider answers?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from harness.errors import ChatFailure
from harness.protocols import CAUSES, ChatModel, ChatReply, ChatRequest
from harness.testing.findings import Check, demand
from harness.testing.wires import Asked, Reply
from harness.types import Message, Tool, ToolCall

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
CALL = ToolCall(name="look", arguments={"thing": "mug"}, id="call_1")
HISTORY = (
    Message(role="user", content="What is in the cupboard?"),
    Message(role="assistant", calls=(CALL,)),
    Message(role="tool", content="a blue mug", call_id="call_1"),
)

TROUBLE: Mapping[str, Reply] = {
    "a bad request": Reply(status=400),
    "a wrong key": Reply(status=401),
    "an unknown model": Reply(status=404),
    "too many requests": Reply(status=429, headers={"retry-after": "1"}),
    "an error of the server": Reply(status=500),
    "an overloaded server": Reply(status=503),
    "no JSON": Reply(raw=b"<html>out of order</html>"),
    "JSON of another kind": Reply(raw=b"{}"),
    "an answer that breaks off": Reply(text="Yes", cut=True),
}
"""What a provider may answer instead of an answer."""


class ScriptedProvider(Protocol):
    """A provider that gives prepared answers, such as ``harness.testing.servers.ChatServer``."""

    answer: Callable[[Asked], Reply]
    asked: list[Asked]


def check_chat_model(model: ChatModel, provider: ScriptedProvider, *, key: str) -> None:
    """Check that answers come whole with their usage, and that trouble is reported and not retried.

    ``provider`` is who the model asks; ``key`` is the secret that it was given, which no error may
    contain. Wrong keys, limits, errors of the server and broken answers are ``ChatFailure`` with a
    known cause, each after one request.
    """
    with (
        Check(model) as check,
        check.rule(
            "The core counts, retries and redacts by what a chat model reports.",
            "Return a ChatReply with the provider's usage, or raise ChatFailure with one of "
            "CAUSES after one request, in words without the key.",
        ),
    ):
        demand(bool(model.model), "a chat model has a default model")
        asyncio.run(_check(model, provider, key))


async def _check(model: ChatModel, provider: ScriptedProvider, key: str) -> None:
    said = await _ask(model, provider, Reply(text="A blue mug."))
    demand(said.message.role == "assistant", f"an answer is the assistant's: {said.message.role}")
    demand(said.message.content == "A blue mug.", f"the text comes whole: {said.message.content!r}")
    demand(said.stop_reason == "end", f"a whole answer ends with 'end': {said.stop_reason!r}")
    used = (said.usage.tokens_in, said.usage.tokens_out)
    demand(used == (10, 5), f"usage has the provider's tokens in and out, (10, 5): {used}")
    called = await _ask(model, provider, Reply(calls=(CALL,)))
    made = [(call.name, dict(call.arguments)) for call in called.message.calls]
    demand(made == [("look", {"thing": "mug"})], f"a call comes with its arguments: {made}")
    demand(called.stop_reason == "tools", f"calls end with 'tools': {called.stop_reason!r}")
    for name, reply in TROUBLE.items():
        failure = await _failure(model, provider, reply, name)
        demand(failure.cause in CAUSES, f"the cause of {name} is one of CAUSES: {failure.cause!r}")
        told = [text for text in _texts(failure) if key in text]
        demand(not told, f"no error contains the key, but that for {name} does")
    demand(key not in repr(model), "the key is not in the model's repr")


async def _ask(model: ChatModel, provider: ScriptedProvider, reply: Reply) -> ChatReply:
    provider.answer = lambda asked: reply
    request = ChatRequest(
        model=model.model, system="Obey.", messages=HISTORY, tools=(LOOK,), max_tokens=77
    )
    return await model.complete(request)


async def _failure(
    model: ChatModel, provider: ScriptedProvider, reply: Reply, name: str
) -> ChatFailure:
    before = len(provider.asked)
    try:
        await _ask(model, provider, reply)
    except ChatFailure as failure:
        asked = len(provider.asked) - before
        demand(asked == 1, f"a chat model never retries by itself: {name} led to {asked} requests")
        return failure
    except Exception as error:
        found = f"{type(error).__name__}: {error}"
        raise AssertionError(f"{name} is raised as a ChatFailure, found {found}") from error
    raise AssertionError(f"{name} is raised as a ChatFailure, found an answer")


def _texts(error: BaseException | None) -> Iterator[str]:
    """What the error says, and what it shows of those it came of."""
    while error is not None:
        yield str(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
