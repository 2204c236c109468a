"""What is odd in an answer ends one conversation at most, from the SDK to the cache, the judge and
the run folder.
"""

import asyncio
import json
import sqlite3

import pytest

from harness.errors import RolloutFault
from harness.llm import headers
from harness.llm.namer import Label
from harness.llm.role_client import RoleClient
from harness.llm.structured import Form, fill_in
from harness.testing import FakeChatModel
from harness.testing.wires import Reply
from harness.types import Message

WIRES = ("claude", "openai", "gemini")
ASK = [Message(role="user", content="Hello")]
GOOD = Reply(text="Good day.")


def ask(way, wire="openai", role="agent"):
    chat = way.chat(role, f"{wire}:m")
    return asyncio.run(chat.ask(ASK, system="s", version="1"))


# --- the cache ------------------------------------------------------------------------------------


def changed(**fields):
    """A kept row with these fields of the reply, or of its message, changed."""

    def change(row):
        reply = json.loads(row)
        for name, value in fields.items():
            (reply["message"] if name in reply["message"] else reply)[name] = value
        return json.dumps(reply)

    return change


UNUSABLE = {
    "no JSON": lambda row: row[:-9],
    "no text": lambda row: 7,
    "bytes": lambda row: b"\xff\xfe",
    "null": lambda row: "null",
    "content is a list": changed(content=[{"type": "text", "text": "Hi"}]),
    "a call without a name": changed(calls=[{"name": None, "arguments": {}}]),
    "1.5 tokens": changed(usage={"tokens_in": 1.5, "tokens_out": 2}),
    "negative tokens": changed(usage={"tokens_in": -1, "tokens_out": 2}),
    "nothing said": changed(content=" "),
    "a cost that is no number": changed(usage={"cost_usd": "NaN"}),
    "arguments too deep to be written": changed(
        calls=[{"name": "look", "arguments": {"a": json.loads("[" * 90 + "]" * 90)}}]
    ),
    "of somebody else": changed(role="tool"),
}


@pytest.mark.parametrize("what", UNUSABLE)
def test_a_kept_row_that_cannot_be_used_is_asked_again_and_replaced(
    serve, calls, tmp_path, monkeypatch, what
) -> None:
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path))
    server = serve("openai", lambda asked: GOOD)
    good = ask(calls(cache="write"))
    with sqlite3.connect(tmp_path / "chat.sqlite") as database:
        (row,) = database.execute("SELECT reply FROM replies").fetchone()
        database.execute("UPDATE replies SET reply = ?", (UNUSABLE[what](row),))
    for _ in range(2):
        assert ask(calls(cache="write")) == good
    assert len(server.asked) == 2
    ask(calls(cache="read"))
    assert len(server.asked) == 2


# --- headers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("left", ["²", "٣", "-1", "9" * 400, "", "1.5", "many"])
def test_a_count_of_requests_that_is_no_number_is_not_told(left) -> None:
    assert headers.allowance({"l": left, "u": "1s"}, left="l", until="u") in (
        None,
        headers.Allowance(requests=3, seconds=1.0),
    )


@pytest.mark.parametrize(
    "value",
    ["9" * 400, "1e400", "-5", "nan", "9999-99-99", "9" * 400 + "s", "Mon, 32 Foo 99999 0:0:0 GMT"],
)
def test_a_wait_that_is_no_number_is_not_told(value) -> None:
    assert headers.duration(value) is None
    assert headers.retry_after({"retry-after": value}) is None
    assert headers.retry_after({"retry-after-ms": value}) is None


def test_a_pause_for_all_calls_is_no_longer_than_the_longest_wait(serve, calls) -> None:
    replies = iter([Reply(status=429, headers={"retry-after": "86400"}), GOOD])
    serve("openai", lambda asked: next(replies))
    way = calls(options={"longest_wait": 0.01, "call_seconds": 30.0})
    with pytest.raises(RolloutFault):
        ask(way)
    assert ask(way, role="user").message.content == "Good day."


# --- what an SDK cannot read ----------------------------------------------------------------------


BODIES = [b"[]", b'["a", 1]', b"7", b'"no"', b"null", b"\xff", b'{"error": [1]}', b"[" * 5000]


@pytest.mark.parametrize("wire", WIRES)
def test_an_error_in_a_body_of_any_shape_ends_one_conversation(serve, calls, wire) -> None:
    said = [Reply(raw=body, status=status) for body in BODIES for status in (302, 400, 422, 500)]
    answers = iter([GOOD, *said])
    serve(wire, lambda asked: next(answers))
    chat = calls(options={"retries": 0, "call_seconds": 30.0}).chat("agent", f"{wire}:m")

    async def talk():
        for _ in (GOOD, *said):
            try:
                yield await chat.ask(ASK, system="s", version="1")
            except RolloutFault as fault:
                yield fault.kind

    async def all_of_it():
        return [found async for found in talk()]

    answered, *faults = asyncio.run(all_of_it())
    assert answered.message.content == "Good day."
    assert faults == ["infrastructure_fault"] * len(said)


# --- forms ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ['{"a":' * 3000, '{"a":' * 900 + "1" + "}" * 900, '{"a": NaN}', '{"a": 1' + "0" * 5000]
)
def test_a_form_that_is_nested_too_deep_or_no_json_is_a_fault_of_that_form(text) -> None:
    chat = RoleClient(FakeChatModel(lambda _: text), provider="fake", role="judge")
    form = Form(name="label", description="Words.", shape=Label)
    with pytest.raises(RolloutFault) as fault:
        asyncio.run(fill_in(form, chat, "case", system="", version="1"))
    assert fault.value.kind == "infrastructure_fault"


# --- what is not told -----------------------------------------------------------------------------


def test_answers_without_token_counts_are_counted_and_a_budget_says_that_it_does_not_hold(
    serve, calls
) -> None:
    body = b'{"choices": [{"message": {"content": "Hi."}}]}'
    serve("openai", lambda asked: Reply(raw=body))
    way = calls(budget_tokens=100)
    for _ in range(3):
        ask(way)
    assert way.counts()["agent"]["uncounted"] == 3
    assert "the tokens of 3 answers are unknown" in way.summary()
    assert "so the budget does not hold for them" in way.summary()


@pytest.mark.parametrize("wire", WIRES)
def test_where_tokens_are_told_nothing_is_said_of_unknown_ones(serve, calls, wire) -> None:
    serve(wire, lambda asked: GOOD)
    way = calls(budget_tokens=100)
    ask(way, wire)
    assert way.counts()["agent"]["uncounted"] == 0
    assert "unknown" not in way.summary()


# --- a whole run ----------------------------------------------------------------------------------

ODD = [
    {"choices": [{"message": {"content": 7}}]},
    {"choices": [{"message": {"tool_calls": [{"function": {"name": None}}]}}]},
    {"choices": []},
    {"error": {"code": "strange", "message": "something broke"}},
]
ODD_BUT_READ = [
    {"choices": [{"message": {"content": [{"type": "text", "text": "Hello there."}]}}]},
    {
        "choices": [{"message": {"content": "Hello there."}}],
        "usage": {"prompt_tokens": "9", "completion_tokens": 1.5},
    },
    {"choices": [{"message": {"content": "Hello there."}}], "usage": None},
]


def test_odd_answers_cost_a_run_only_their_conversations_and_it_can_be_exported(
    serve, command, tmp_path
) -> None:
    odd = [*ODD, *ODD_BUT_READ]

    def customer(asked):
        if len(asked.turns) > 2:
            return Reply(text="That is all, thank you. ###STOP###")
        return Reply(raw=json.dumps(odd[asked.body["seed"] % len(odd)]).encode())

    serve("openai", customer)
    words = ("eval", "--domain", "retail", "--policy", "expert", "--tasks", 8, "--trials", 3)
    quick = ("--option", "calls.retries=0")
    outcome = command(*words, *quick, "--simulator", "openai", "--out", "run")
    assert outcome.status == 0
    lines = (tmp_path / "run/evals/policy-test/episodes.jsonl").read_text().splitlines()
    ended = {json.loads(line)["trajectory"]["ended"] for line in lines}
    assert len(lines) == 24
    assert {"infrastructure_fault", "user_stop"} <= ended
    exported = command("export", "run", "--format", "tau2", "--out", "conversations.json")
    assert exported.status == 0, exported.err
    again = command(*words, *quick, "--simulator", "openai", "--out", "again")
    assert again.status == 0, "what the first run kept in the cache can be read"
