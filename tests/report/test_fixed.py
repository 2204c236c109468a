"""What a round fixed, in a terminal and on a page; and what readers call an arm."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest

from harness.report import to_html
from harness.report.arms import arm_label
from tests.report.conftest import Document, Page, arm, failing, plain, printed


def lines(document: Document, width: int = 110) -> list[str]:
    text = printed(document, width).partition("What round 1 fixed")[2]
    return text.partition("Error patterns")[0].splitlines()


def row(document: Document, name: str) -> list[str]:
    found = next(line for line in lines(document) if line.startswith(name))
    return found.removeprefix(name).split()


def test_a_pattern_has_its_rate_in_each_arm_and_paired_differences(document: Document) -> None:
    assert row(document, "Picks the wrong order") == [
        "12.5", "3.5", "11.0", "−9.0", "[−12.0,", "−6.0]", "−7.5", "[−10.5,", "−4.5]"
    ]  # fmt: skip
    header = next(line for line in lines(document) if line.split()[:1] == ["SFT"])
    assert header.split() == ["SFT", "round", "1", "generic", "−", "SFT", "−", "generic"]
    assert row(document, "all targeted patterns")[:3] == ["18.5", "10.5", "17.5"]
    assert row(document, "all other failures")[:3] == ["24.0", "22.5", "25.5"]


def test_the_page_has_every_control_where_a_terminal_has_room_for_one(document: Document) -> None:
    for found in document["fixed"][0]["patterns"]:
        found["per_100"]["oracle-1"] = {"value": 1.9, "low": 1.0, "high": 2.2}
    document["fixed"][0]["controls"].append("oracle-1")
    assert "1.9" in " ".join(lines(document, 140))
    assert "1.9" not in " ".join(lines(document, 80))
    assert "1.9" in Page(to_html(document)).text


def test_two_conversations_stand_side_by_side_and_the_turn_where_they_part_is_marked(
    document: Document,
) -> None:
    found = lines(document)
    text = plain(" ".join(found))
    assert "test task t17, Forgets the second request: solved by SFT 0 of 4, round 1 4 of 4" in text
    assert "The same in both: 4 messages: customer Cancel both of my orders." in text
    [parting] = [line for line in found if "▶" in line]
    assert parting.count("▶") == 2
    assert parting.index("All is done.") < parting.index("→ cancel(order=2)")
    assert "SFT failed" in text
    assert "round 1 solved it" in text


def test_the_page_marks_the_turn_where_they_part_on_both_sides(document: Document) -> None:
    page = to_html(document)
    parted = re.findall(r'<p class="turn parts (\w+) said">.*?</small> (.*?)</p>', page)
    assert parted == [("down", "All is done. "), ("up", "<code>→ cancel(order=2)</code>")]
    assert page.count("cancel(order=1)") == 1


def test_a_conversation_that_ends_where_they_part_says_so(document: Document) -> None:
    before = document["fixed"][0]["example"]["before"]
    before["messages"].pop()
    assert "▶ it ends here" in plain(" ".join(lines(document)))
    assert "it ends here" in Page(to_html(document)).text


def test_a_turn_without_words_is_shown_as_one(document: Document) -> None:
    document["fixed"][0]["example"]["before"]["messages"][4]["content"] = ""
    assert "▶ agent (nothing)" in plain(" ".join(lines(document)))
    assert "(nothing)" in Page(to_html(document)).text


def test_of_long_conversations_a_terminal_shows_where_they_part(document: Document) -> None:
    after = document["fixed"][0]["example"]["after"]
    more = [{"role": "user", "content": f"word {n}"} for n in range(40)]
    after["messages"][5:5] = more
    after["parts_at"] = 25
    text = plain(" ".join(lines(document)))
    assert "word 20" in text
    assert "word 1 " not in text
    assert "word 39" not in text
    assert "… 18 messages" in text
    assert re.search(r"… \d+ more messages", text)
    assert "word 39" in Page(to_html(document)).text


def test_a_round_without_an_example_says_so(document: Document) -> None:
    del document["fixed"][0]["example"]
    for text in (printed(document), Page(to_html(document)).text):
        assert "No test task of a targeted pattern" in plain(text)


def test_what_is_not_known_is_said_with_its_reason(document: Document) -> None:
    why = "the test failures of sft were not diagnosed by kind of mistake"
    document["fixed"] = [{"round": 1, "before": "sft", "after": "rl-1", "why_not": why}]
    for text in (printed(document), Page(to_html(document)).text):
        assert f"Not shown: {why}." in plain(text)
    assert len(lines(document)) < 5


@pytest.mark.parametrize("absent", ["before", "after", "patterns", "controls", "targeted"])
def test_a_part_of_a_round_that_is_missing_leaves_the_rest(document: Document, absent: str) -> None:
    whole = copy.deepcopy(document)
    del document["fixed"][0][absent]
    for form in (printed, to_html):
        assert "What round 1 fixed" in form(document)
        assert form(document) != form(whole)


def test_two_rounds_have_a_part_each(document: Document) -> None:
    second = copy.deepcopy(document["fixed"][0]) | {"round": 2, "before": "rl-1", "after": "rl-2"}
    second["patterns"] = [failing(1.0, 1.0, 1.0, id="p9", name="Gives up")]
    document["fixed"].append(second)
    text = Page(to_html(document)).text
    assert text.index("What round 1 fixed") < text.index("What round 2 fixed")
    assert "Gives up" in text
    assert len(re.findall("Before and after", text)) == 2
    assert printed(document).count("Before and after") == 1
    assert printed(document).count("see --html") == 1


@pytest.mark.parametrize("width", [80, 100, 120])
def test_no_arm_makes_a_line_too_wide_or_tears_an_interval(document: Document, width: int) -> None:
    names = ("rl-1/warm", "oracle-1", "control-1")
    document["arms"] += [arm(name, [45.3, 33.0, 27.7, 23.5]) for name in names]
    further = [{"against": name, "pass": arm(name, [4.5, 3.1])["pass"]} for name in names]
    document["arms"][2]["further_differences"] = further
    trained = document["training"][0]
    document["training"] += [{**trained, "arm": arm} for arm in ("rl-1/warm", "generic-1/warm")]
    rewarded = document["rewards"][0]
    document["rewards"] += [{**rewarded, "arm": arm} for arm in ("generic-1", "control-1")]
    text = printed(document, width)
    assert max(len(line) for line in text.splitlines()) <= width
    assert text.count("[37.5, 52.5]") == 4
    for words in ("  − SFT ", "  − imitation ", "  − oracle ", "  − control "):
        assert words in text
    assert "…" not in text


def test_a_targeted_arm_is_compared_with_sft_and_with_its_controls(document: Document) -> None:
    compared: dict[str, Any] = {"1": {"value": 10.3, "low": 5.5, "high": 15.5}}
    document["arms"][2]["further_differences"] = [{"against": "generic-1", "pass": compared}]
    found = printed(document).splitlines()
    place = next(n for n, line in enumerate(found) if line.startswith("  − generic"))
    assert found[place].split()[2:5] == ["+10.3", "[5.5,", "15.5]"]
    assert found[place - 1].startswith("  − SFT")
    page = Page(to_html(document)).text
    assert "+10.3 [5.5, 15.5]" in page
    assert "− generic" in page


def test_each_kind_of_control_is_explained_in_a_line(document: Document) -> None:
    document["arms"] += [arm("oracle-1", [50.0]), arm("oracle-2", [50.0])]
    for text in (plain(printed(document)), Page(to_html(document)).text):
        assert text.count("generic control: as many tasks of SFT's own kind") == 1
        assert text.count("oracle: as many tasks of the test's own mix: an upper bound") == 1
        assert "untargeted control:" not in text


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("sft", "SFT"),
        ("rl-2", "round 2"),
        ("rl-1/warm", "round 1, after imitation"),
        ("generic-1", "generic control 1"),
        ("oracle-3", "oracle 3"),
        ("control-1", "untargeted control 1"),
        ("rl-1/step-5", "rl-1/step-5"),
        ("warm", "warm"),
        ("x/warm", "x/warm"),
        ("mine", "mine"),
    ],
)
def test_readers_call_arms_by_what_they_are(name: str, label: str) -> None:
    assert arm_label(name) == label
