from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from harness.protocols import Domain
from harness.types import Message, ToolCall
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
LAMP = " desk lamp red<|@1|><|@0|>"


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


def test_a_row_is_cited_once_for_a_request_and_again_after_its_write(
    codec: Reader, talk: CompactTranscript
) -> None:
    hear(talk, "Please return the desk lamp.")
    assert cited(codec, talk.write(say("return: item 1000000001. Shall I?"))) == [LAMP]
    assert cited(codec, talk.write(say("I mean item 1000000001. Shall I?"))) == []
    call = ToolCall(name="change_order", arguments={"item_ids": ["1000000001"]})
    assert cited(codec, talk.write(say("", call))) == []
    assert cited(codec, talk.write(say("return: item 1000000001. Shall I?"))) == [LAMP]


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


def test_words_that_the_user_said_are_marked_in_rows(
    codec: Reader, talk: CompactTranscript
) -> None:
    ids = hear(talk, "The desk lamp in blue, to my PayPal account.")
    marks = [at for at, token in enumerate(ids) if token == codec.lexicon.frame[SAID]]
    words = [codec.words(ids[at + 1 :]).split()[0] for at in marks]
    assert [word.partition("<")[0] for word in words] == ["desk", "blue", "paypal"]


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
    assert "<|said|> desk lamp red<|@1|><|@0|> price 52<|.50|>" in again
    assert "kettle" not in again
