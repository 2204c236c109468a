from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from harness.protocols import Domain
from harness.types import Json, Message, ToolCall
from harness_local.compact import CompactCodec, CompactTranscript
from harness_local.tokenizer import CALL, CITE, SAID, SAY

ORDER = {
    "order_id": "#W2611340",
    "status": "pending",
    "items": [
        {"name": "Desk Lamp", "options": {"color": "red"}, "price": 52.5, "item_id": "1000000001"},
        {"name": "Kettle", "options": {"color": "blue"}, "price": 30.25, "item_id": "1000000002"},
    ],
    "paid_by": [{"source": "paypal", "id": "paypal_4711"}],
}
LAMP = " pending desk lamp red<|@1|><|@0|>"


class Reader(CompactCodec):
    """The codec, and its ids in words."""

    def __init__(self, folder: Path) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        super().__init__(self.tokenizer)

    def words(self, ids: Sequence[int]) -> str:
        return str(self.tokenizer.decode(list(ids)))


@pytest.fixture(scope="module")
def codec(tiny_folder: Path) -> Reader:
    return Reader(tiny_folder)


@pytest.fixture
def talk(codec: Reader, shop: Domain) -> CompactTranscript:
    return codec.open(shop)


def hear(talk: CompactTranscript, *texts: str, order: bool = True) -> list[int]:
    said = [Message(role="user", content=text) for text in texts]
    shown = [Message(role="tool", content=json.dumps(ORDER), call_id="c")] if order else []
    return talk.context([*said, *shown], unfinished=False)


def cited(codec: Reader, ids: list[int]) -> list[str]:
    """The rows that a turn cites, in words."""
    frame = codec.lexicon.frame
    rows: list[list[int]] = []
    for token in ids:
        if token in (frame[SAY], frame[CALL]):
            break
        if token == frame[CITE]:
            rows.append([])
        elif rows and token != frame[SAID]:
            rows[-1].append(token)
    return [codec.words(row) for row in rows]


def say(text: str, *calls: ToolCall) -> Message:
    return Message(role="assistant", content=text, calls=calls)


def test_a_proposal_begins_with_the_row_of_what_it_names(
    codec: Reader, talk: CompactTranscript
) -> None:
    hear(talk, "Please return the desk lamp.")
    ids = talk.write(say("return: item 1000000001. Shall I proceed?"))
    assert cited(codec, ids) == [LAMP]


def test_an_order_is_cited_by_what_the_user_said_of_it(
    codec: Reader, talk: CompactTranscript
) -> None:
    hear(talk, "Please cancel the order with the desk lamp.")
    assert cited(codec, talk.write(say("cancel: order #W2611340. Shall I?"))) == [LAMP]


def test_what_the_user_named_is_not_cited(codec: Reader, talk: CompactTranscript) -> None:
    hear(talk, "Please cancel #W2611340.")
    assert cited(codec, talk.write(say("cancel: order #W2611340. Shall I?"))) == []


def test_a_row_is_cited_by_each_proposal_and_by_one_look_up(
    codec: Reader, talk: CompactTranscript
) -> None:
    look_up = ToolCall(name="show_item", arguments={"item_id": "1000000001"})
    hear(talk, "Please return the desk lamp.")
    assert cited(codec, talk.write(say("", look_up))) == [LAMP]
    assert cited(codec, talk.write(say("", look_up))) == []
    assert cited(codec, talk.write(say("return: item 1000000001. Shall I?"))) == [LAMP]
    assert cited(codec, talk.write(say("I mean item 1000000001. Shall I?"))) == [LAMP]
    assert cited(codec, talk.write(say("", look_up))) == []


def test_what_was_said_for_one_request_is_no_reason_in_the_next(
    codec: Reader, talk: CompactTranscript
) -> None:
    hear(talk, "Please return the desk lamp.")
    talk.write(say("", ToolCall(name="change_order", arguments={})))
    hear(talk, "Cancel it all.", order=False)
    assert cited(codec, talk.write(say("cancel: order #W2611340. Shall I?"))) == []


def test_a_look_up_cites_what_the_agent_will_speak_of(
    codec: Reader, talk: CompactTranscript
) -> None:
    hear(talk, "Please return something.")
    look_up = say("", ToolCall(name="show_order", arguments={"order_id": "#W2611340"}))
    offer = say("return: item 1000000002. Shall I proceed?")
    assert cited(codec, talk.write(look_up, [offer])) == [" pending kettle blue<|@2|><|@0|>"]


def test_a_row_that_tells_of_two_ids_is_cited_for_both(
    codec: Reader, talk: CompactTranscript
) -> None:
    hear(talk, "The lamp that comes with the kettle.")
    offer = say("return: order #W2611340, item 1000000001, item 1000000002. Shall I?")
    assert cited(codec, talk.write(offer)) == [LAMP, " pending kettle blue<|@2|><|@0|>"]


def test_an_amount_is_cited_by_the_row_that_has_it(codec: Reader, talk: CompactTranscript) -> None:
    hear(talk, "What did the desk lamp cost?")
    assert cited(codec, talk.write(say("It was 52.50."))) == [f"{LAMP} price 52<|.50|>"]


def test_citations_are_not_part_of_what_is_said(
    codec: Reader, talk: CompactTranscript, shop: Domain
) -> None:
    message = say("return: item 1000000001, to paypal_4711. Shall I proceed?")
    hear(talk, "Please return the desk lamp to PayPal.")
    ids = talk.write(message)
    assert len(cited(codec, ids)) == 2
    again = codec.open(shop)
    hear(again, "Please return the desk lamp to PayPal.")
    assert again.read(ids, number=3).content == message.content


def test_a_citation_that_never_ends_leaves_nothing_said(
    codec: Reader, talk: CompactTranscript
) -> None:
    hear(talk, "Please return the desk lamp.")
    cites = talk.write(say("item 1000000001"))
    cites = cites[: cites.index(codec.lexicon.frame[SAY])]
    assert talk.read(cites, number=3) == say("")


def test_words_that_the_user_said_are_marked_in_rows_that_come_in_its_order(
    codec: Reader, talk: CompactTranscript
) -> None:
    text = codec.words(hear(talk, "The kettle and the desk lamp in red, to my PayPal account."))
    rows = text.partition("<|tool|>")[2].split("\n")
    assert [row.rpartition("<|@")[0] for row in rows[1:]] == [
        "<|said|> pending desk lamp red<|@1|>",
        "<|said|><|@0|> paypal",
        " pending<|said|> kettle blue<|@2|>",
    ]


def test_what_was_said_before_a_write_is_not_marked_after_it(
    codec: Reader, talk: CompactTranscript
) -> None:
    hear(talk, "The desk lamp in blue.", order=False)
    talk.write(say("", ToolCall(name="change_order", arguments={})))
    assert codec.lexicon.frame[SAID] not in hear(talk, "And now the other.")


def test_what_the_user_speaks_of_again_is_shown_again(
    codec: Reader, talk: CompactTranscript
) -> None:
    hear(talk, "Please cancel #W2611340.")
    said = [Message(role="user", content="No, return the desk lamp to my PayPal account.")]
    again = codec.words(talk.context(said, unfinished=False))
    assert "pending<|said|> desk lamp red<|@1|><|@0|> price 52<|.50|>" in again
    assert "kettle" not in again


def test_of_many_rows_those_that_fit_best_are_shown_again(
    codec: Reader, talk: CompactTranscript
) -> None:
    colors = ("red", "blue", "green", "white", "black", "grey")
    lamps = [{"name": "Lamp", "color": c, "item_id": f"100000000{i}"} for i, c in enumerate(colors)]
    shown = Message(role="tool", content=json.dumps({"items": lamps}), call_id="c")
    talk.context([shown], unfinished=False)
    said = [Message(role="user", content="The lamp in red.")]
    again = codec.words(talk.context(said, unfinished=False))
    assert again.count("lamp") == 5, "what was said, and four of six"
    assert "lamp red" in again


def test_a_row_shown_anew_with_other_words_of_its_order_is_shown_once(
    codec: Reader, talk: CompactTranscript
) -> None:
    hear(talk, "Please cancel it.")
    after = json.dumps({**ORDER, "status": "cancelled"})
    news = codec.words(talk.context([Message(role="tool", content=after)], unfinished=False))
    assert "cancelled" in news
    assert "lamp" not in news


def test_rows_of_what_a_list_of_objects_takes_are_cited_though_nobody_spoke_of_them(
    codec: Reader, talk: CompactTranscript
) -> None:
    hear(talk, "change it")
    offer = Message(role="assistant", content="guests 1000000001 5, guests 1000000002 7")
    guests: list[Json] = [{"guest_id": "1000000001", "age": 5}, {"guest_id": "1000000002"}]
    call = ToolCall(name="change_order", arguments={"guests": guests})
    later = [Message(role="user", content="Yes."), Message(role="assistant", calls=(call,))]
    assert len(cited(codec, talk.write(offer, later))) == 2


def test_what_no_list_of_objects_takes_is_not_cited_unless_spoken_of(
    codec: Reader, talk: CompactTranscript
) -> None:
    hear(talk, "change it")
    offer = Message(role="assistant", content="items 1000000001, 1000000002")
    call = ToolCall(name="change_order", arguments={"item_ids": ["1000000001", "1000000002"]})
    later = [Message(role="user", content="Yes."), Message(role="assistant", calls=(call,))]
    assert cited(codec, talk.write(offer, later)) == []


def test_a_number_in_a_call_comes_from_the_row_that_is_spoken_of_next(
    codec: Reader, talk: CompactTranscript
) -> None:
    shown = [{"item_id": f"100000000{n}", "name": "Red Lamp", "price": 52} for n in (1, 2)]
    result = Message(role="tool", content=json.dumps(shown), call_id="c")
    talk.context([Message(role="user", content="two of them"), result], unfinished=False)
    sum_of = ToolCall(name="change_order", arguments={"order_id": "2 * 52"})
    later = [Message(role="assistant", content="item 1000000002 for 104")]
    ids = talk.write(Message(role="assistant", calls=(sum_of,)), later)
    assert cited(codec, ids) == [" red lamp<|@1|> price 52"]
