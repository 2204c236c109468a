import asyncio
import json
import traceback

import pytest

from harness.errors import HarnessError, PluginFailed, ProviderError, RolloutFault
from harness.llm.redaction import MASK, Redactor
from harness.llm.role_client import RoleClient
from harness.llm.shared import CallOptions, Shared
from harness.protocols.chat_model import ChatReply
from harness.testing.wires import Reply
from harness.types import Message, ToolCall, Usage
from harness.types.messages import Opaque

KEY = "canary-key-5f2c9a71d0"
ASK = [Message(role="user", content="Hello")]


@pytest.mark.parametrize("wire", ["claude", "openai", "gemini"])
@pytest.mark.parametrize("status", [400, 401, 404, 500])
def test_a_key_that_a_provider_echoes_is_in_no_error(serve, calls, wire, status) -> None:
    serve(wire, lambda asked: Reply(status=status, error=f"the key {KEY} is no good"))
    chat = calls(options={"retries": 0}).chat("user", wire)
    with pytest.raises((ProviderError, RolloutFault)) as caught:
        asyncio.run(chat.ask(ASK, system="", version="1"))
    error = caught.value
    told = "".join(traceback.format_exception(error)) + getattr(error, "hint", "")
    assert MASK in told
    assert KEY not in told


def test_a_key_in_an_answer_is_masked(serve, calls) -> None:
    call = ToolCall(name="look", arguments={"at": [KEY, {KEY: 1}]}, id="c")
    serve("claude", lambda asked: Reply(text=f"Yours is {KEY}.", calls=(call,)))
    reply = asyncio.run(calls().chat("agent", "claude").ask(ASK, system="", version="1"))
    assert KEY not in repr(reply)
    assert reply.message.content == f"Yours is {MASK}."


def test_a_plugin_that_breaks_with_the_key_in_hand_does_not_show_it() -> None:
    class Careless:
        model = "m"

        async def complete(self, request):
            raise RuntimeError(f"cannot use {KEY}")

    shared = Shared(redactor=Redactor({"SOME_API_KEY": KEY}))
    chat = RoleClient(Careless(), provider="careless", role="user", shared=shared)
    with pytest.raises(PluginFailed, match="careless") as caught:
        asyncio.run(chat.ask(ASK, system="", version="1"))
    assert KEY not in "".join(traceback.format_exception(caught.value))
    assert isinstance(caught.value, HarnessError)


def asked(error: Exception, cause: Exception | None = None) -> Exception:
    """What comes of an error of a chat model that has the key in hand."""

    class Careless:
        model = "m"

        async def complete(self, request):
            raise error from cause

    shared = Shared(options=CallOptions(retries=0), redactor=Redactor({"SOME_API_KEY": KEY}))
    chat = RoleClient(
        Careless(), provider="careless", role="user", shared=shared, plugin="acme:careless"
    )
    with pytest.raises(Exception) as caught:  # noqa: PT011
        asyncio.run(chat.ask(ASK, system="", version="1"))
    return caught.value


def test_a_broken_chat_model_is_told_by_its_entry_point_with_its_causes_but_no_key() -> None:
    found = asked(RuntimeError(f"cannot use {KEY}"), ValueError(f"it was {KEY}"))
    assert isinstance(found, PluginFailed)
    assert "plugin acme:careless failed in its answer as careless:m: RuntimeError" in str(found)
    told = "".join(traceback.format_exception(found))
    assert f"ValueError: it was {MASK}" in told
    assert "in complete" in told
    assert KEY not in told
    assert found.__context__ is None


class OwnWay(ProviderError):
    """A stranger's, with a signature of its own."""

    def __init__(self, code: int, key: str) -> None:
        super().__init__(f"code {code} for {key}", hint=f"Change {key}.")


def test_an_error_for_the_user_stays_one_whatever_its_signature() -> None:
    found = asked(OwnWay(7, KEY))
    assert type(found) is ProviderError
    assert (str(found), found.hint) == (f"code 7 for {MASK}", f"Change {MASK}.")
    assert KEY not in "".join(traceback.format_exception(found))


def test_a_timeout_of_the_providers_own_is_told_in_its_own_words() -> None:
    found = asked(TimeoutError(f"no connection with {KEY}"))
    assert isinstance(found, RolloutFault)
    assert f"timeout: careless:m as user: TimeoutError: no connection with {MASK}" in str(found)


def test_only_what_is_named_like_a_key_and_long_enough_is_masked() -> None:
    redactor = Redactor({"A_API_KEY": "abc", "HOME": "/home/someone", "B_AUTH_TOKEN": "0123456789"})
    assert redactor.text("abc /home/someone 0123456789") == f"abc /home/someone {MASK}"


@pytest.mark.parametrize(
    "name",
    [
        "HF_TOKEN", "GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID",
        "OPENAI_API_KEY_2",
        "DB_PASSWORD", "VAULT_PAT", "SENTRY_DSN", "apikey", "CLIENT_SECRET_VALUE",
        "GCP_CREDENTIALS",
    ],
)  # fmt: skip
def test_every_variable_named_like_a_secret_is_masked(name: str) -> None:
    assert Redactor({name: KEY}).text(f"it is {KEY}.") == f"it is {MASK}."


@pytest.mark.parametrize(
    "name", ["HOME", "PWD", "OLDPWD", "SSH_AUTH_SOCK", "TOKENIZERS_PARALLELISM"]
)
def test_other_variables_are_not(name: str) -> None:
    assert Redactor({name: "/home/someone"}).text("/home/someone") == "/home/someone"


@pytest.mark.parametrize("value", [f"{KEY}\r\n", f" {KEY}\t", f"first-line-of-it\n{KEY}\n"])
def test_a_key_is_masked_without_the_white_space_around_it(value: str) -> None:
    redactor = Redactor({"A_API_KEY": value})
    assert redactor.text(f"<{KEY}>") == f"<{MASK}>"


def test_the_password_in_an_address_is_masked() -> None:
    redactor = Redactor({"DATABASE": f"postgres://me:{KEY}@db.example/x"})
    assert redactor.text(f"cannot log in with {KEY}") == f"cannot log in with {MASK}"


def test_a_key_that_a_text_was_cut_in_is_masked() -> None:
    redactor = Redactor({"A_API_KEY": KEY})
    for length in range(8, len(KEY)):
        assert redactor.text(f"wrong key {KEY[:length]}") == f"wrong key {MASK}"
    assert redactor.text(f"wrong key {KEY[:7]}") == f"wrong key {KEY[:7]}"


def test_a_key_is_masked_as_json_and_addresses_write_it() -> None:
    redactor = Redactor({"A_API_KEY": 'a"b/c+d=0123456789'})
    assert redactor.text(json.dumps(['a"b/c+d=0123456789'])) == f'["{MASK}"]'
    assert redactor.text("?key=a%22b%2Fc%2Bd%3D0123456789") == f"?key={MASK}"


def test_a_value_is_masked_wherever_it_is_text() -> None:
    redactor = Redactor({"A_API_KEY": KEY})
    call = ToolCall(name=KEY, id=KEY, arguments={KEY: [{KEY: KEY}, 1, None]})
    opaque = Opaque(value={KEY: KEY})
    message = Message(role="assistant", content=KEY, calls=(call,), opaque=opaque)
    reply = ChatReply(message=message, usage=Usage(tokens_in=3), stop_reason=KEY)
    masked = redactor.value(reply)
    assert KEY not in repr(masked)
    assert repr(masked).count(MASK) == repr(reply).count(KEY)
    assert masked.usage == reply.usage


def test_a_value_without_a_secret_is_the_same_object_and_so_are_its_parts_beside_one() -> None:
    redactor = Redactor({"A_API_KEY": KEY})
    call = ToolCall(name="look", id="c", arguments={"at": [{"x": 1}]})
    message = Message(role="assistant", content="Hello", calls=(call,))
    assert redactor.value(message) is message
    masked = redactor.value(Message(role="assistant", content=KEY, calls=(call,)))
    assert masked.content == MASK
    assert masked.calls[0] is call


def test_a_key_beside_its_mask_in_one_table_is_masked() -> None:
    masked = Redactor({"A_API_KEY": KEY}).value({MASK: 1, KEY: 1})
    assert masked == {MASK: 1}


def test_a_text_of_a_kind_of_its_own_is_masked() -> None:
    class Shout(str):
        pass

    assert Redactor({"A_API_KEY": KEY}).value([Shout(KEY)]) == [MASK]
