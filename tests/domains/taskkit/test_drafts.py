"""Requests put together of choices, whatever they are about."""

from __future__ import annotations

from random import Random

import pytest

from harness.types import Fact, ToolCall
from harness_taskkit.choices import Choice, FirstThought, changed, fact_of, instead
from harness_taskkit.drafts import Drafter
from harness_taskkit.wording import amount_text, listing, plural, revised, sayings, vary

SEAT = Fact(about="the seat", asked_by=("seat",), says=("Row 4.", "A seat in row 4."))
MEAL = Fact(about="the meal", asked_by=("meal",), says=("Fish.",))
BY_NAME = Choice(arguments={"seat": 4}, fact=SEAT, features=frozenset({"choosy"}))
REVISED = changed(BY_NAME, FirstThought(arguments={"seat": 9}, says=("Row 9.",)), ("Wait.",))


def drafter(*choices: Choice, flaw: str = "") -> Drafter:
    return Drafter(rng=Random(1), choices=choices, flaw=flaw)


def test_a_change_of_mind_opens_with_the_first_thought_and_ends_with_the_second() -> None:
    made = drafter(REVISED)
    assert made.openings(["Book it."], [REVISED.fact]) == ["Book it. Row 9."]
    assert made.arguments({}, final=False) == {"seat": 9}
    assert made.arguments({}, final=True) == {"seat": 4}
    assert REVISED.fact.says == ("Wait. Row 4.", "Wait. A seat in row 4.")
    assert made.features("book") == {"book", "choosy", "change_of_mind"}


def test_with_something_to_withhold_the_opening_leaves_a_whole_way_out() -> None:
    told = drafter(BY_NAME).told([MEAL, SEAT], [[MEAL, SEAT]], hints=[], withhold=True)
    assert told == []
    assert drafter(BY_NAME).told([MEAL, SEAT], [[SEAT]], hints=[], withhold=False) == [MEAL, SEAT]


def test_what_must_be_refused_wants_nothing_and_says_why() -> None:
    call = ToolCall(name="book", arguments={})
    flawed = Choice(arguments={}, fact=SEAT, refusal="row 4 is full")
    request = drafter(flawed, flaw="seat").request(
        "book", ["Book it."], [SEAT], [], call=call, proposal=call, verbs=("book",)
    )
    assert (request.want, request.outcome, request.refusal) == (None, "refused", "row 4 is full")
    assert not request.facts[0].volunteered
    assert drafter(flawed, flaw="seat").features("book") == {"refuse_seat"}


def test_a_second_way_to_be_found_is_asked_for_when_the_first_has_failed() -> None:
    assert "instead" in instead(SEAT).about
    assert instead(SEAT).says == SEAT.says


def test_words_are_put_together_as_people_do() -> None:
    assert listing(["a", "b", "c"], last="or") == "a, b or c"
    assert [plural(noun) for noun in ("box", "city", "day")] == ["boxes", "cities", "days"]
    assert revised(["a", "b"], ["No:"]) == ("No: a", "No: b")
    assert set(vary([["a", "b"], ["c"]], Random(0), count=20)) == {"a c", "b c"}


@pytest.mark.parametrize(
    ("amount", "text"), [(46.6, "46.6"), (500, "500"), (12, ""), (0.05, "0.05")]
)
def test_an_amount_is_said_so_that_every_way_to_write_it_holds_it(amount: float, text: str) -> None:
    assert amount_text(amount) == text


def test_a_table_of_sayings_is_read_line_by_line_and_indented_lines_go_on() -> None:
    table = """
greet: Hello. / Good morning to
    you.
leave: Bye: now.
"""
    assert sayings(table) == {
        "greet": ("Hello.", "Good morning to you."),
        "leave": ("Bye: now.",),
    }


def test_a_fact_of_short_forms_is_the_fact_in_full() -> None:
    fact = fact_of("the day", "date/which day", ("May 4.",), "date flights", right=("4",))
    assert fact == Fact(
        about="the day",
        asked_by=("date", "which day"),
        says=("May 4.",),
        recognised_by=("4",),
        needed_for=("date", "flights"),
    )
