"""What a provider gets for free from ``Provider``, with an SDK that nobody here knows."""

import asyncio
import json
import sys
from types import ModuleType, SimpleNamespace

import pytest

from harness.errors import ChatFailure, ConfigError, MissingExtra
from harness.llm.providers import Provider
from harness.llm.role_client import RoleClient
from harness.llm.sdk_pool import Clients
from harness.protocols import Settings
from harness.protocols.chat_model import Allowance, ChatReply, ChatRequest
from harness.testing import FakeChatModel
from harness.types import Message, ToolCall, Usage

REQUEST = ChatRequest(model="m", system="", messages=[Message(role="user", content="Hello")])


class AcmeError(Exception):
    __module__ = "acme._errors"


class ServerTimeoutError(AcmeError):
    __module__ = "acme._errors"


class LostConnection(AcmeError):
    __module__ = "acme._errors"


class StatusError(AcmeError):
    __module__ = "acme._errors"

    def __init__(self, status_code, body="", headers=()):
        super().__init__("went wrong")
        self.status_code, self.body = status_code, body
        self.response = SimpleNamespace(headers=dict(headers))


def acme(ask, **more):
    """The provider of one made-up SDK whose only call is ``ask``."""

    async def asking(client, request):
        return ask(client)

    def read(answer):
        message = Message(role="assistant", content=answer.body["text"])
        return ChatReply(message=message, usage=Usage(), stop_reason="end")

    parts = {"connect": lambda key, base_url: (key, base_url), "ask": asking, "read": read, **more}
    return Provider(
        name="acme", sdk="acme", requirement="acme-harness", model="acme-1", keys=("ACME_API_KEY",),
        address="ACME_URL", **parts,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def sdk(monkeypatch):
    monkeypatch.setitem(sys.modules, "acme", ModuleType("acme"))
    monkeypatch.setenv("ACME_API_KEY", "a-key-of-acme")


def said(text, **headers):
    return SimpleNamespace(body={"text": text}, headers=headers)


def complete(provider):
    return asyncio.run(provider(Settings()).complete(REQUEST))


def failing(error):
    def ask(client):
        raise error

    with pytest.raises(ChatFailure) as caught:
        complete(acme(ask))
    return caught.value


def test_key_and_base_url_come_from_its_own_variables(monkeypatch) -> None:
    monkeypatch.setenv("ACME_URL", "http://acme.example")
    reply = complete(acme(lambda client: said(repr(client))))
    assert reply.message.content == "('a-key-of-acme', 'http://acme.example')"


def test_options_and_arguments_name_the_model() -> None:
    provider = acme(lambda client: said("Hi"))
    assert provider(Settings()).model == "acme-1"
    assert provider(Settings(options={"model": "acme-2"})).model == "acme-2"
    assert provider(Settings(options={"model": "acme-2"}, argument="acme-3")).model == "acme-3"
    with pytest.raises(ConfigError, match="acme has no option"):
        provider(Settings(options={"modle": "acme-2"}))


def test_a_missing_key_and_a_missing_sdk_say_what_to_do(monkeypatch) -> None:
    monkeypatch.delenv("ACME_API_KEY")
    with pytest.raises(ConfigError, match="ACME_API_KEY"):
        acme(None)(Settings())
    monkeypatch.setitem(sys.modules, "acme", None)
    with pytest.raises(MissingExtra) as caught:
        acme(None)(Settings())
    assert "acme-harness" in caught.value.hint


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (StatusError(429), "rate_limit"),
        (StatusError(401), "wrong_key"),
        (StatusError(500), "server_error"),
        (StatusError(400, "prompt is too long"), "context_overflow"),
        (ServerTimeoutError(), "timeout"),
        (LostConnection(), "connection"),
        (ConnectionResetError(), "connection"),
        (AcmeError("strange"), "malformed_reply"),
    ],
)
def test_what_its_sdk_raises_is_told_apart(error, cause) -> None:
    assert failing(error).cause == cause


def test_a_pause_that_is_asked_for_is_heard() -> None:
    assert failing(StatusError(429, headers={"retry-after": "3"})).retry_after == 3


def running_in_sdk(function):
    """A function of the SDK that calls this one."""
    module = sys.modules["acme"]
    module.function = function
    exec("def send():\n    return function()", vars(module))
    return module.send


def no_json():
    return json.loads("<html>")


def test_an_answer_that_its_sdk_chokes_on_is_malformed() -> None:
    with pytest.raises(ChatFailure) as caught:
        complete(acme(lambda client: running_in_sdk(no_json)()))
    assert caught.value.cause == "malformed_reply"


@pytest.mark.parametrize("error", [TypeError, ValueError, KeyError, AssertionError])
def test_a_fault_of_the_plugin_is_no_failure_of_the_provider(error) -> None:
    def ask(client):
        raise error("a slip of the plugin")

    with pytest.raises(error):
        complete(acme(ask))


def test_a_slip_of_the_harness_within_the_sdk_is_no_failure_of_the_provider() -> None:
    hook = {"__name__": "harness.llm.redirects"}
    exec("def hook():\n    raise ValueError('a slip in a hook')", hook)
    with pytest.raises(ValueError, match="a slip in a hook"):
        complete(acme(lambda client: running_in_sdk(hook["hook"])()))


def test_an_answer_of_another_shape_is_malformed() -> None:
    with pytest.raises(ChatFailure) as caught:
        complete(acme(lambda client: SimpleNamespace(body={})))
    assert caught.value.cause == "malformed_reply"


def test_its_rate_limits_are_read_from_the_headers_that_it_names() -> None:
    provider = acme(lambda client: said("Hi", left="0", until="2s"), limits=("left", "until"))
    assert complete(provider).allowance == Allowance(requests=0, seconds=2)
    assert complete(acme(lambda client: said("Hi", left="0", until="2s"))).allowance is None


def test_a_client_serves_so_many_calls_at_once_and_then_there_is_another() -> None:
    made = []

    clients = Clients(lambda: made.append(1) or len(made), most=2)

    async def use():
        async with clients.one() as a, clients.one() as b, clients.one() as c:
            used = [a, b, c]
        async with clients.one() as again:
            return [*used, again]

    assert asyncio.run(use()) == [1, 1, 2, 1]


def test_clients_are_closed_with_their_event_loop_and_the_next_loop_has_others() -> None:
    closed = []

    async def close(client):
        closed.append((client, asyncio.get_running_loop().is_closed()))

    made = iter(range(10))
    clients = Clients(lambda: next(made), close=close)

    async def use():
        async with clients.one() as client:
            return client

    assert [asyncio.run(use()), asyncio.run(use())] == [0, 1]
    assert closed == [(0, False), (1, False)]


def test_calls_without_ids_get_some_that_differ_in_a_conversation() -> None:
    call = ToolCall(name="look", arguments={})
    model = FakeChatModel(Message(role="assistant", calls=(call, call)))
    chat = RoleClient(model, provider="fake", role="injector")
    (one, other) = asyncio.run(chat.ask(REQUEST.messages, system="", version="1")).message.calls
    model._answers.append(Message(role="assistant", calls=(call,)))
    longer = [*REQUEST.messages, *REQUEST.messages]
    (later,) = asyncio.run(chat.ask(longer, system="", version="1")).message.calls
    assert len({one.id, other.id, later.id}) == 3
    assert "" not in {one.id, other.id, later.id}
