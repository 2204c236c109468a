from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness_local.aliases import Alias, Aliases, is_handle


@pytest.mark.parametrize(
    "text",
    [
        "#W2611340",
        "james_li_5688",
        "credit_card_1234567",
        "10083",
        "1808611083",
        "YAX4DR",
        "HAT123",
        "a.b7301@example.com",
        "2024-05-15",
        "2024-05-15T10:00:00",
    ],
)
def test_ids_are_handles(text: str) -> None:
    assert is_handle(text)


@pytest.mark.parametrize(
    "text",
    ["1234.56", "1500", "10000mAh", "2000-piece", "15 inches", "SUITE", "address1", "9.5-100.25"],
)
def test_prices_and_quantities_are_not(text: str) -> None:
    assert not is_handle(text)


def test_handles_are_numbered_in_order_of_first_appearance() -> None:
    aliases = Aliases(8)
    aliases.learn("order #W2222222 and #W1111111, then #W2222222")
    assert list(aliases.split("it is (#W1111111), #W2222222")) == [
        "it is (",
        Alias(1, glued=True),
        "),",
        Alias(0, glued=False),
    ]


def test_handles_beyond_the_table_stay_as_they_are() -> None:
    aliases = Aliases(1)
    aliases.learn("#W1111111 #W2222222")
    assert list(aliases.split("a #W2222222")) == ["a #W2222222"]
    assert aliases.handle(1) == "@1"


@given(st.text(alphabet="#W1234567 ab._-@(),\n", max_size=60))
def test_splitting_loses_nothing(text: str) -> None:
    aliases = Aliases(99)
    aliases.learn(text)
    joined = ""
    for part in aliases.split(" " + text):
        if isinstance(part, Alias):
            joined += ("" if part.glued else " ") + aliases.handle(part.number)
        else:
            joined += part
    assert joined == " " + text
