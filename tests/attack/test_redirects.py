"""A key goes to the server it was meant for, and no redirect takes it to another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, get_args

import pytest

from harness.assembly.config import LoopConfig
from harness.errors import RolloutFault
from harness.llm.gateway import Gateway
from harness.llm.roles import open_registry
from harness.protocols import Settings
from harness.testing.servers import ChatServer
from harness.testing.wires import Asked, Reply, Wire
from harness.types import Message

ASK = (Message(role="user", content="Hello"),)
WIRES = get_args(Wire)
PATHS = {
    "openai": "/v1/chat/completions",
    "claude": "/v1/messages",
    "gemini": "/v1beta/models/m:generateContent",
}

Serve = Callable[..., ChatServer]


@pytest.fixture
def elsewhere() -> Iterator[Callable[[Wire], ChatServer]]:
    """A server of somebody else's, on a port of its own."""
    with ExitStack() as stack:
        yield lambda wire: stack.enter_context(ChatServer(wire, lambda asked: Reply(text="mine")))


def answer_of(wire: Wire) -> str:
    """What the provider says to one question, asked once."""
    registry = open_registry()
    options: dict[str, Any] = {"calls": {"retries": 0}}
    gateway = Gateway(
        lambda spec: registry.make("chat model", spec, Settings()),
        LoopConfig(cache="off", options=options),
        lambda spec: registry.plugin_of("chat model", spec),
    )
    chat = gateway.chat("user", wire)
    return asyncio.run(chat.ask(ASK, system="", version="1")).message.content


def root(server: ChatServer) -> str:
    return server.url.removesuffix("/v1")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("wire", WIRES)
def test_no_key_follows_a_redirect_to_another_server(
    serve: Serve, elsewhere: Callable[[Wire], ChatServer], wire: Wire, status: int
) -> None:
    other = elsewhere(wire)
    target = {"location": root(other) + PATHS[wire]}
    serve(wire, lambda asked: Reply(status=status, headers=target))
    with pytest.raises(RolloutFault, match=r"bad_request: .*sends its callers on to http://127"):
        answer_of(wire)
    assert other.asked == []


@pytest.mark.parametrize("wire", WIRES)
def test_a_redirect_within_the_server_is_followed(serve: Serve, wire: Wire) -> None:
    def answer(asked: Asked) -> Reply:
        if len(server.asked) == 1:
            return Reply(status=307, headers={"location": root(server) + PATHS[wire]})
        return Reply(text="Good day.")

    server = serve(wire, answer)
    assert answer_of(wire) == "Good day."
