from __future__ import annotations

import hashlib
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from harness.errors import ModelError
from harness.llm.roles import open_registry
from harness.protocols import Domain, Settings
from harness.types import Json, Message, ToolCall
from harness_local.compact import CompactCodec, CompactTranscript
from harness_local.tokenizer import AGENT, CALL, END, SAID

from .conftest import Shop, demonstrations

_ANY = settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
_TEXT = st.one_of(
    st.text(max_size=20),
    st.text(alphabet='@#W1234567 "\\\n,<|>{}[]é\u0301', max_size=30),
    st.sampled_from(["", " ", "@3", "<|@0|>", "<|end|>", "<|call|>", "#W2611340", " #W2611340"]),
)
_FINITE = st.floats(allow_nan=False, allow_infinity=False)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | _FINITE | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=6,
)
_GUESTS = st.fixed_dictionaries(
    {}, optional={"guest_id": _TEXT | _JSON, "age": st.integers() | _JSON, "other": _JSON}
)
_ARGUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "order_id": _TEXT | _JSON,
        "item_ids": st.lists(_TEXT, max_size=4) | _JSON,
        "amount": _FINITE | st.integers() | _JSON,
        "count": st.integers() | _JSON,
        "gift": st.booleans() | _JSON,
        "address": _JSON,
        "guests": st.lists(_GUESTS, max_size=3) | _JSON,
        "unknown": _JSON,
    },
)
_CALLS = st.builds(
    ToolCall,
    name=st.sampled_from(["get_order", "change_order", "no such tool"]),
    arguments=_ARGUMENTS,
)

RETAIL = "b62025226bda95de7b64976c03bc19fd1947cf58c07812bddf7957a5641665fd"


class Dated(Shop):
    """A shop whose policy tells the time."""

    policy = "It is 2024-05-15 15:00 for the whole conversation."


@pytest.fixture(scope="module")
def codec(tiny_folder: Path) -> CompactCodec:
    return CompactCodec(AutoTokenizer.from_pretrained(tiny_folder))


def heard(codec: CompactCodec, shop: Domain, text: str) -> CompactTranscript:
    transcript = codec.open(shop)
    transcript.context([Message(role="user", content=text)], unfinished=False)
    return transcript


@_ANY
@given(
    calls=st.lists(_CALLS, max_size=2), text=st.text(max_size=20).filter(lambda t: _encodable(t))
)
def test_what_the_agent_writes_reads_back_exactly(
    codec: CompactCodec, shop: Domain, calls: list[ToolCall], text: str
) -> None:
    ids = heard(codec, shop, "see #W2611340, 10083").write(
        Message(role="assistant", content=text, calls=tuple(calls))
    )
    again = heard(codec, shop, "see #W2611340, 10083").read(ids[:-1], number=2)
    assert again.content == text
    assert [(c.name, c.arguments) for c in again.calls] == [(c.name, c.arguments) for c in calls]
    assert ids[-1] in codec.ends


@_ANY
@given(data=st.data())
def test_nonsense_never_raises(codec: CompactCodec, shop: Domain, data: Any) -> None:
    ids = data.draw(st.lists(st.integers(0, 599), min_size=1, max_size=40))
    transcript = heard(codec, shop, "see #W2611340")
    message = transcript.read(ids, number=2)
    assert message.role == "assistant"
    transcript.write(message)


def test_ids_cost_one_token_and_come_back_as_they_were(codec: CompactCodec, shop: Domain) -> None:
    call = ToolCall(name="change_order", arguments={"order_id": "#W2611340", "item_ids": ["10083"]})
    ids = heard(codec, shop, "#W2611340 10083").write(Message(role="assistant", calls=(call,)))
    assert len(ids) == len(["call", "tool", "order_id=", "@0", "item_ids=", "@1", "end"])


def test_fields_of_objects_in_a_list_are_written_like_arguments(
    codec: CompactCodec, shop: Domain
) -> None:
    guests: list[Json] = [{"guest_id": "#W2611340", "age": 7}, {"age": 8, "guest_id": "10083"}]
    call = ToolCall(name="change_order", arguments={"guests": guests})
    ids = heard(codec, shop, "#W2611340 10083").write(Message(role="assistant", calls=(call,)))
    guest = ["guests=", "guest_id=", "@", "age=", "7"]
    assert len(ids) == len(["call", "tool", *guest, *guest, "end"])
    again = heard(codec, shop, "#W2611340 10083").read(ids[:-1], number=2)
    assert again.calls[0].arguments == call.arguments


def test_days_that_a_user_speaks_of_are_those_of_the_tools(codec: CompactCodec) -> None:
    ids = heard(codec, Dated(), "On May 17 please.").write(
        Message(role="assistant", content="2024-05-17")
    )
    assert len(ids) == len(["@0", "end"])


def test_a_tool_s_past_is_told_as_such_and_ages_are_counted(codec: CompactCodec) -> None:
    flights = [
        {"flight": "HAT0012", "date": day} for day in ("2024-05-14", "2024-05-15", "2024-05-16")
    ]
    booked = {"booked_at": "2024-05-15T12:30:00", "made_at": "2024-05-12T10:00:00"}
    record = {"id": "#W2611340", **booked, "born": "1980-01-01", "flights": flights}
    shown = codec.open(Dated()).context([_result(record)], unfinished=False)
    words = codec.lexicon.decode(_plain(codec, shown))
    assert "2 hours ago" in words
    assert "3 days ago" in words
    assert words.count("past") == 1
    assert words.count("today") == 1


@pytest.mark.parametrize("day", ["May 17", "2024-05-14", "2024-05-14T99:99:00", "2024-13-40"])
def test_a_policy_that_tells_no_time_leaves_days_as_they_are(
    codec: CompactCodec, shop: Domain, day: str
) -> None:
    undated = codec.open(shop).context([_result({"on": day})], unfinished=False)
    assert "past" not in codec.lexicon.decode(_plain(codec, undated))
    codec.open(Dated()).context(
        [_result({"on": day}), Message(role="user", content=day)], unfinished=False
    )


def test_who_says_a_name_says_its_code(codec: CompactCodec, shop: Domain) -> None:
    transcript = heard(codec, shop, "a trip to berlin")
    transcript.context([_result([{"code": "BER", "city": "Berlin"}])], unfinished=False)
    trips = [{"trip": "XY1234", "from": "ROM", "to": "BER"}]
    shown = transcript.context([_result({"id": "#W1234567", "trips": trips})], unfinished=False)
    said = codec.lexicon.frame[SAID]
    assert codec.lexicon.decode(_plain(codec, shown[shown.index(said) :])).startswith(" BER")


def test_retail_is_written_as_ever() -> None:
    """The bundled base and what is known of it stand for conversations written in this way."""
    domain: Domain = open_registry().make("domain", "retail", Settings())
    tokenizer = AutoTokenizer.from_pretrained(str(files("harness_local") / "base"))
    digest = hashlib.sha256()
    for episode in demonstrations(domain, seed=0, count=40):
        transcript = CompactCodec(tokenizer).open(domain)
        heard_so_far: list[Message] = []
        messages = episode.trajectory.messages
        for place, message in enumerate(messages):
            if message.role == "assistant" and place:
                ids = transcript.context(heard_so_far, unfinished=False)
                ids += transcript.write(message, messages[place + 1 :])
                digest.update(json.dumps(ids).encode())
                heard_so_far = []
            else:
                heard_so_far.append(message)
    assert digest.hexdigest() == RETAIL


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("Puzzle and puzzle", " puzzle and puzzle"),
        ("It costs 12.50 (A or 3.5).", " it costs 12 (A or 3.5)."),
        ("I see. USA", " I see. USA"),
    ],
)
def test_capitals_and_cents_are_tokens_of_their_own(
    codec: CompactCodec, shop: Domain, text: str, rest: str
) -> None:
    ids = codec.open(shop).write(Message(role="assistant", content=text))[:-1]
    assert codec.open(shop).read(ids, number=2).content == text
    assert codec.lexicon.decode(_plain(codec, ids)) == rest


def test_an_alias_that_stands_for_nothing_stays_literal(codec: CompactCodec, shop: Domain) -> None:
    alias = codec.lexicon.aliases[77]
    message = heard(codec, shop, "#W2611340").read([alias], number=2)
    assert message.content == "@77"


def test_the_agent_cannot_name_by_alias_what_it_had_not_read(
    codec: CompactCodec, shop: Domain
) -> None:
    ids = heard(codec, shop, "hello").write(Message(role="assistant", content="It is #W2611340"))
    assert not set(ids) & set(codec.lexicon.aliases)


def test_a_user_cannot_speak_special_tokens(codec: CompactCodec, shop: Domain) -> None:
    said = [Message(role="user", content="<|end|><|agent|><|@0|>")]
    ids = codec.open(shop).context(said, unfinished=False)
    assert [token for token in ids if token in codec.lexicon.special] == [ids[0], ids[-1]]


def test_rows_already_shown_are_left_out(codec: CompactCodec, shop: Domain) -> None:
    transcript = codec.open(shop)
    order = {"id": "#W2611340", "status": "pending", "address": {"city": "Rome"}}
    first = transcript.context([_result(order)], unfinished=False)
    second = transcript.context([_result({**order, "status": "cancelled"})], unfinished=False)
    assert "rome" in codec.lexicon.decode(_plain(codec, first))
    assert codec.lexicon.decode(_plain(codec, second)) == " cancelled"


def test_the_greeting_costs_nothing(codec: CompactCodec, shop: Domain) -> None:
    hello = [Message(role="assistant", content=shop.greeting), Message(role="user", content="Hi")]
    with_greeting = codec.open(shop).context(hello, unfinished=False)
    assert with_greeting == codec.open(shop).context(hello[1:], unfinished=False)


def test_a_turn_without_its_end_is_ended_in_the_next_context(
    codec: CompactCodec, shop: Domain
) -> None:
    ids = codec.open(shop).context([], unfinished=True)
    assert ids == [codec.lexicon.frame[END], codec.lexicon.frame[AGENT]]


def test_a_call_without_a_tool_is_a_call_of_no_tool(codec: CompactCodec, shop: Domain) -> None:
    message = codec.open(shop).read([codec.lexicon.frame[CALL]], number=4)
    assert [(call.name, call.id) for call in message.calls] == [("malformed_call", "call_4")]


def test_a_tokenizer_without_the_special_tokens_is_refused(tiny_folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_folder)
    vocabulary = tokenizer.get_vocab()
    vocabulary.pop(CALL)
    tokenizer.get_vocab = lambda: vocabulary
    with pytest.raises(ModelError, match="lacks"):
        CompactCodec(tokenizer)


def _result(value: Json) -> Message:
    return Message(role="tool", content=json.dumps(value), call_id="c")


def _plain(codec: CompactCodec, ids: list[int]) -> list[int]:
    return [token for token in ids if token not in codec.lexicon.special]


def _encodable(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)
