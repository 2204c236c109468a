import asyncio
import sqlite3
from dataclasses import replace

import pytest

from harness.errors import ConfigError
from harness.llm.cache import Cache, cache_key
from harness.protocols.chat_model import ChatReply, ChatRequest
from harness.testing.wires import Reply
from harness.types import Message, Tool, ToolCall, Usage

ASK = [Message(role="user", content="Hello")]
SAID = Message(role="assistant", content="Good day.")
REQUEST = ChatRequest(model="m", system="s", messages=ASK, temperature=0.0, seed=1)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path))
    return tmp_path


def ask(way, *, seed=0, version="1"):
    chat = way.chat("user", "claude")
    return asyncio.run(chat.ask(ASK, system="s", version=version, seed=seed))


def test_a_second_run_makes_no_call_and_gets_equal_answers(serve, calls, folder) -> None:
    call = ToolCall(name="look", arguments={"deep": {"a": [1, None]}}, id="c")
    server = serve("claude", lambda asked: Reply(text="Schönen Tag", calls=(call,)))
    first = ask(calls(cache="write"))
    way = calls(cache="write")
    assert ask(way) == first
    assert len(server.asked) == 1
    assert way.shared.ledger.of("user").cache_hits == 1
    assert way.shared.ledger.spent == Usage(), "what is not asked is not paid for"


@pytest.mark.parametrize("changed", [{"seed": 1}, {"version": "2"}])
def test_another_trial_or_another_prompt_is_another_question(serve, calls, folder, changed) -> None:
    server = serve("claude", lambda asked: Reply(text="Good day."))
    ask(calls(cache="write"))
    ask(calls(cache="write"), **changed)
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    "changed",
    [
        {"model": "n"},
        {"system": "t"},
        {"messages": [Message(role="assistant", content="Hello")]},
        {"messages": [*ASK, *ASK]},
        {"tools": [Tool(name="look", description="", parameters={}, kind="read")]},
        {"temperature": None},
        {"max_tokens": 1},
        {"seed": 2},
    ],
)
def test_every_part_of_the_request_is_part_of_the_key(changed) -> None:
    key = cache_key("claude", "", "1", REQUEST)
    assert key == cache_key("claude", "", "1", replace(REQUEST))
    assert key != cache_key("claude", "", "1", replace(REQUEST, **changed))


def test_provider_address_and_prompt_version_are_part_of_the_key() -> None:
    keys = {
        cache_key("claude", "", "1", REQUEST),
        cache_key("openai", "", "1", REQUEST),
        cache_key("claude", "http://127.0.0.1:1", "1", REQUEST),
        cache_key("claude", "", "2", REQUEST),
    }
    assert len(keys) == 4


def test_read_uses_what_is_there_and_keeps_nothing(serve, calls, folder) -> None:
    server = serve("claude", lambda asked: Reply(text="Good day."))
    for _ in range(2):
        ask(calls(cache="read"))
    assert len(server.asked) == 2
    ask(calls(cache="write"))
    ask(calls(cache="read"))
    assert len(server.asked) == 3


def test_off_opens_no_file(serve, calls, folder) -> None:
    serve("claude", lambda asked: Reply(text="Good day."))
    ask(calls(cache="off"))
    assert not list(folder.iterdir())


def test_equal_questions_at_once_are_one_call(serve, calls, folder) -> None:
    server = serve("claude", lambda asked: Reply(text=f"Nr {len(server.asked)}", seconds=0.05))
    chat = calls(cache="write").chat("user", "claude")

    async def many():
        return await asyncio.gather(*(chat.ask(ASK, system="", version="1") for _ in range(20)))

    assert {reply.message.content for reply in asyncio.run(many())} == {"Nr 1"}
    assert len(server.asked) == 1


def test_when_the_one_who_asks_fails_the_next_one_asks(tmp_path) -> None:
    cache, asked = Cache(tmp_path / "c.sqlite", "write"), []
    good = ChatReply(message=SAID, usage=Usage(), stop_reason="end")

    async def ask():
        asked.append(1)
        await asyncio.sleep(0)
        if len(asked) == 1:
            raise RuntimeError("unlucky")
        return good

    async def both():
        one = cache.reply("k", ask, found=lambda: None)
        two = cache.reply("k", ask, found=lambda: None)
        return await asyncio.gather(one, two, return_exceptions=True)

    first, second = asyncio.run(both())
    assert isinstance(first, RuntimeError)
    assert second == good
    assert len(asked) == 2


def test_failures_are_not_kept(serve, calls, folder) -> None:
    replies = iter([Reply(text=""), Reply(status=500), Reply(text="Good day.")])
    serve("claude", lambda asked: next(replies))
    ask(calls(cache="write"))
    with sqlite3.connect(folder / "chat.sqlite") as database:
        rows = database.execute("SELECT reply FROM replies").fetchall()
    assert len(rows) == 1
    assert "Good day." in rows[0][0]


def test_two_processes_may_share_the_file(tmp_path) -> None:
    one, two = (Cache(tmp_path / "c.sqlite", "write") for _ in range(2))
    first = ChatReply(message=SAID, usage=Usage(), stop_reason="end")
    one.keep("k", first)
    two.keep("k", replace(first, stop_reason="other"))
    assert one.find("k") == two.find("k") == first


def test_a_damaged_file_is_an_error_that_says_what_to_do(tmp_path) -> None:
    (tmp_path / "c.sqlite").write_bytes(b"no database at all, but long enough to be looked at")
    with pytest.raises(ConfigError, match=r"c\.sqlite") as caught:
        Cache(tmp_path / "c.sqlite", "write")
    assert "Delete the file" in caught.value.hint


def test_a_file_that_breaks_meanwhile_is_an_error_that_names_it(tmp_path) -> None:
    cache = Cache(tmp_path / "c.sqlite", "write")
    cache._database.execute("DROP TABLE replies")
    with pytest.raises(ConfigError, match=r"c\.sqlite"):
        cache.find("k")
