"""The report in its three forms: what a reader must find, and what hostile text must not do."""

from __future__ import annotations

import copy
import io
import re
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest
from rich.console import Console

from harness.errors import RunError
from harness.report import patterns_table, pool_table, to_html, to_svg
from harness.report.charts import nice_ticks
from harness.report.figures import (
    bar,
    cost,
    count,
    duration,
    number,
    percent,
    share,
    signed,
    sparkline,
)
from harness.report.parse import read_report
from harness.results.history import FailureMap
from harness.runtime.foreign_text import clean
from harness.types import ErrorPattern
from tests.report.conftest import Document, Page, arm, plain, printed


def test_the_main_table_has_a_row_per_arm_with_intervals_on_one_line(document: Document) -> None:
    lines = printed(document).splitlines()
    row = next(line for line in lines if line.startswith("round 1"))
    assert re.split(r"\s{2,}", row.strip()) == [
        "round 1",
        "55.6 [47.8, 62.8]",
        "44.9 [37.1, 52.1]",
        "38.8 [31.0, 46.0]",
        "33.1 [25.3, 40.3]",
        "40 × 4",
        "0",
    ]
    difference = lines[lines.index(row) + 1]
    assert difference.split()[:3] == ["−", "SFT", "+11.8"]
    assert all(
        any(line.startswith(name) for line in lines)
        for name in ("base", "SFT", "control 1", "round 1")
    )


def test_every_part_of_the_report_is_printed(document: Document) -> None:
    text = printed(document)
    for words in (
        "runs/retail-0  complete",
        "clusterer faiss k-means over lexical embedding",
        "SFT: context overflow 2",
        "78 failures by  agent 74 · user simulator 4",
        "Acts on the first order it looked up.",
        "0.42 → 0.66",
        "−0.12 → −0.03",
        "held-out success passed 40%",
        "step 9: calls that repeat rose from 3% to 21%",
        "1.8M",
        "2 min 21 s",
    ):
        assert words in text
    assert "Not there" not in text


def test_patterns_show_share_and_change_by_round(document: Document) -> None:
    lines = printed(document).partition("Error patterns")[2].splitlines()
    first = next(line for line in lines if line.startswith("Picks the wrong order "))
    assert re.findall(r"\d+%", first) == ["42%", "24%"]
    assert first.endswith("▼ 18")
    second = next(line for line in lines if line.startswith("Forgets the second request "))
    assert second.endswith("new")


def test_a_pattern_that_is_no_cause_comes_last_under_a_heading_of_its_own(
    document: Document,
) -> None:
    document["patterns"][0]["filtered"] = True
    for text in (plain(printed(document)), Page(to_html(document)).text):
        heading = text.index("Filtered out: as frequent in successes, or too rare")
        assert text.index("Forgets the second request") < heading
        assert text.index("Picks the wrong order", heading) > heading


def test_a_pattern_that_was_not_seen_again_has_fallen_to_nothing(document: Document) -> None:
    document["patterns"][1]["rounds"] = [{"round": 1, "count": 15, "share": 0.2}]
    lines = printed(document).partition("Error patterns")[2].splitlines()
    row = next(line for line in lines if line.startswith("Forgets the second "))
    assert row.endswith("none                 ▼ 20")


def test_the_pool_names_patterns_and_reasons_of_refusal(document: Document) -> None:
    lines = [" ".join(line.split()) for line in printed(document).splitlines()]
    assert "all tasks 96 192" in lines
    assert "Picks the wrong order 96 150" in lines
    assert "refused: duplicate 12 –" in lines


@pytest.mark.parametrize("width", [80, 100, 120])
def test_no_line_is_wider_than_the_console_and_no_interval_is_torn(
    document: Document, width: int
) -> None:
    text = printed(document, width)
    assert max(len(line) for line in text.splitlines()) <= width
    assert text.count("[47.8, 62.8]") == 1
    assert "…" not in text


def test_a_narrow_console_stacks_the_interval_under_its_value(document: Document) -> None:
    lines = printed(document, 80).splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("round 1"))
    assert lines[at].split()[2:6] == ["55.6", "44.9", "38.8", "33.1"]
    assert lines[at + 1].index("[47.8, 62.8]") == lines[at].index("55.6")


def test_the_scale_puts_the_value_between_its_bounds(document: Document) -> None:
    rows = [line for line in printed(document).splitlines() if "●" in line]
    assert len(rows) == 4
    for row in rows:
        assert row.index("├") < row.index("●") < row.index("┤")


def test_wide_intervals_still_fit_eighty_columns(document: Document) -> None:
    whole = {"value": -25.0, "low": -100.0, "high": 100.0}
    document["arms"][2]["pass"] = {
        str(k): {"value": 100, "low": 100, "high": 100} for k in range(1, 5)
    }
    document["arms"][2]["differences"]["pass"] = {str(k): whole for k in range(1, 5)}
    text = printed(document, 80)
    assert text.count("[−100, 100]") == 0
    assert text.count("[−100.0, 100]") == 4


@pytest.mark.parametrize("form", [printed, to_html, to_svg])
def test_an_empty_report_says_what_is_missing(form: Any) -> None:
    text = form({}).replace("&#160;", " ")
    assert "not finished" in text
    assert "results on held-out tasks" in text


def test_an_evaluation_lacks_nothing_and_names_no_part_of_a_round(document: Document) -> None:
    alone = {"arms": [arm("policy", [50.0])], "complete": True}
    parts = {key: document[key] for key in ("policy", "simulator", "judge", "injector", "trainer")}
    text = printed(alone | parts, 80)
    assert "Not there" not in text
    assert f"simulator {parts['simulator']}" in text
    assert "judge" not in text
    assert "trainer" not in text
    assert "Not there" in printed(alone | parts | {"complete": False}, 80)
    assert "judge" in printed(alone | parts | {"blame": document["blame"]}, 80)


PARTS = ("arms", "validation", "patterns", "pool", "rewards", "training", "blame", "fixed")

SHOWN = {
    "run": "runs/retail-0",
    "domain": "domain retail",
    "seed": "seed 0",
    "preset": "preset quick",
    "policy": "policy tiny",
    "simulator": "simulator scripted",
    "judge": "judge rules",
    "clusterer": "clusterer faiss",
    "injector": "injector template",
    "trainer": "trainer grpo",
    "arms": "Held-out test",
    "validation": "where failures are read from",
    "patterns": "Acts on the first order it looked up.",
    "fixed": "What round 1 fixed",
    "blame": "user simulator",
    "pool": "refused: duplicate",
    "rewards": "repeated calls",
    "training": "held-out success passed 40%",
    "seconds": "2 min 21 s",
    "cost_usd": "cost $0",
    "call_notes": "agent: m writes tool calls (Hermes) as text: start the server (12 times)",
    "complete": "runs/retail-0 complete",
}
"""By part of the document, what is shown of that part and of no other."""


def test_what_is_shown_is_known_of_every_part(document: Document) -> None:
    text = plain(printed(document))
    assert SHOWN.keys() == document.keys()
    assert [words for words in SHOWN.values() if words not in text] == []


def test_the_page_too_says_what_is_to_be_known_of_calls(document: Document) -> None:
    assert SHOWN["call_notes"] in Page(to_html(document)).text


@pytest.mark.parametrize("absent", ["null", "missing"])
@pytest.mark.parametrize("part", SHOWN)
def test_a_part_that_is_not_there_leaves_the_others_as_they_are(
    document: Document, part: str, absent: str
) -> None:
    del document[part]
    text = plain(printed(document | ({part: None} if absent == "null" else {})))
    assert SHOWN[part] not in text
    others = {words for other, words in SHOWN.items() if other != part}
    others -= {SHOWN["complete"]} if part == "run" else set()
    assert [words for words in others if words not in text] == []


@pytest.mark.parametrize("part", SHOWN)
def test_a_part_that_stands_alone_is_shown(document: Document, part: str) -> None:
    text = plain(printed({part: document[part]}))
    alone = SHOWN[part].replace("runs/retail-0 complete", "unnamed run complete")
    assert alone in text
    assert Page(to_html({part: document[part]})).text


@pytest.mark.parametrize(
    ("part", "field"), [("arms", "name"), ("arms", "pass"), ("patterns", "name"), ("pool", "tasks"),
                        ("rewards", "arm"), ("training", "steps"), ("blame", "round")]
)  # fmt: skip
def test_a_field_that_is_missing_is_as_if_it_were_null(
    document: Document, part: str, field: str
) -> None:
    whole, missing, null = document, copy.deepcopy(document), copy.deepcopy(document)
    for row in missing[part]:
        row.pop(field)
    for row in null[part]:
        row[field] = None
    for form in (printed, to_html):
        assert form(missing) == form(null) != form(whole)


@pytest.mark.parametrize("form", [printed, to_html])
def test_no_single_field_is_indispensable(document: Document, form: Any) -> None:
    for part in PARTS:
        for name in document[part][0]:
            partial = copy.deepcopy(document)
            for row in partial[part]:
                row.pop(name, None)
            assert "runs/retail-0" in form(partial)


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("domain", 5, "domain: found a number, expected text"),
        ("seed", "zero", "seed: found text, expected a whole number"),
        ("complete", "yes", "complete: found text, expected true or false"),
        ("arms", {}, "arms: found a table, expected a list"),
        ("arms[1]", None, "arms[1]: found nothing, expected a table"),
        ("arms[2].faults", 1.5, "arms[2].faults: found a number, expected a whole number"),
        ("arms[2].pass", [], "arms[2].pass: found a list, expected a table"),
        ("arms[2].pass.1", "x", "arms[2].pass.1: found text, expected a table"),
        ("arms[2].pass.1.value", "x", "arms[2].pass.1.value: found text, expected a number"),
        ("arms[2].pass.1.low", None, "arms[2].pass.1.low: it is missing"),
        ("arms[2].differences", 3, "arms[2].differences: found a number, expected a table"),
        ("patterns[0].rounds[1].share", "x", "patterns[0].rounds[1].share: found text"),
        ("patterns[0].kinds.wrong_order", True, "patterns[0].kinds.wrong_order: found true or"),
        ("blame[0].agent", "many", "blame[0].agent: found text, expected a whole number"),
        ("training[0].curve[3].loss", "low", "training[0].curve[3].loss: found text, expected"),
        ("fixed[0].tasks", "x", "fixed[0].tasks: found text, expected a whole number"),
        ("fixed[0].example.before.parts_at", 1.5, "fixed[0].example.before.parts_at: found a num"),
        ("seconds.sft", "long", "seconds.sft: found text, expected a number"),
        ("cost_usd", "free", "cost_usd: found text, expected a number"),
    ],
)
def test_a_value_of_another_type_is_an_error_that_names_its_place(
    document: Document, path: str, value: Any, problem: str
) -> None:
    *way, last = [int(n) if n.isdigit() else n for n in re.findall(r"[a-z_]+|\d+", path)]
    at: Any = document
    for step in way:
        at = at[str(step) if isinstance(at, dict) else step]
    at[str(last) if isinstance(at, dict) else last] = value
    for form in (printed, to_html, to_svg):
        with pytest.raises(RunError, match=re.escape(f"malformed at {problem}")):
            form(document)


def test_the_place_of_a_wrong_value_is_named_without_control_characters() -> None:
    with pytest.raises(RunError) as error:
        printed({"seconds": {"\x1b[2Jsft\u202e": "x\x07"}})
    assert str(error.value).endswith("at seconds.sft: found text, expected a number")


def test_a_number_that_is_none_is_left_out(document: Document) -> None:
    document["training"][0]["curve"][3]["loss"] = float("nan")
    document["cost_usd"] = float("inf")
    report = read_report(document)
    assert len(report.training[0].curves["loss"]) == 18
    assert report.cost_usd is None


FOREIGN_KEYS = frozenset({"kinds", "fault_kinds", "refused", "seconds", "patterns"})
"""Tables whose keys are names that others chose."""


def hostile(value: Any, parent: str = "") -> Any:
    """The document with every string and every foreign name turned into an attack."""
    attack = "[/x][bold]\x1b[2J\x00\u202e</script><img src=http://evil.test/>&\ud800\n"
    if isinstance(value, dict):
        before = attack if parent in FOREIGN_KEYS else ""
        return {before + key: hostile(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [hostile(item) for item in value]
    return attack + value if isinstance(value, str) else value


def test_hostile_text_reaches_the_terminal_as_plain_text(document: Document) -> None:
    text = printed(hostile(document), 120)
    assert "[/x][bold]" in text
    assert not set(text) & {"\x1b", "\x00", "\u202e", "\ud800"}
    text.encode()


def test_hostile_text_adds_no_element_to_the_page(document: Document) -> None:
    expected, found = Page(to_html(document)), Page(to_html(hostile(document)))
    assert found.names == expected.names
    assert "img" not in found.names
    assert "[/x][bold]" in found.text
    assert not set(found.text) & {"\x1b", "\x00", "\u202e"}


def test_hostile_text_leaves_the_picture_well_formed(document: Document) -> None:
    names = {element.tag for element in ElementTree.fromstring(to_svg(document)).iter()}
    attacked = {element.tag for element in ElementTree.fromstring(to_svg(hostile(document))).iter()}
    assert attacked == names


def test_the_page_holds_the_values_and_four_kinds_of_chart(document: Document) -> None:
    page = Page(to_html(document))
    for words in ("55.6", "[47.8, 62.8]", "+11.8", "Picks the wrong order", "0.66", "1.8M"):
        assert words in page.text
    for title in (
        "Pass^k by arm, in percent, with intervals",
        "Share of each error pattern by round",
        "reward by training step",
        "SFT loss by training step",
    ):
        assert title in page.values


def test_the_page_has_families_quality_suspects_and_shifts(document: Document) -> None:
    document["patterns"][0] |= {"family": "Multi-order reasoning", "coverage": 0.4}
    document["patterns"][1] |= {"family": "Execution control"}
    document["discovery"] = [
        {
            "round": 2,
            "method": "FAISS on words",
            "noise": 7,
            "quality": {
                "silhouette": 0.51,
                "coverage": 0.9,
                "embedding_chosen_by": "2 mistake kinds recur, in 95% of the failures",
                "stability": {"adjusted_rand": 0.87, "low": 0.6, "high": 0.99},
            },
            "names": {"by": "openai:one"},
            "suspects": [{"task_id": "t9", "times": 3, "summary": "The gold call fails."}],
        }
    ]
    change = {"id": "p1", "status": "less", "sure": True}
    change["per_100"] = {"value": -4.0, "low": -6.0, "high": -2.0}
    document["shifts"] = [
        {"from": 1, "to": 2, "distance": 0.3, "p": 0.01, "verdict": "odd", "changes": [change]}
    ]
    for text in (Page(to_html(document)).text, " ".join(printed(document).split())):
        for words in (
            "Multi-order reasoning",
            "0.87 [0.60, 0.99]",
            "because",
            "in 95% of the failures",
            "openai:one",
            "The gold call fails.",
            "30% of the mix moved, p = 0.01",
            "−4.0 [−6.0, −2.0] per 100 conversations",
        ):
            assert words in text, words
    text = Page(to_html(document)).text
    assert text.index("Multi-order reasoning") < text.index("1 Picks the wrong order")


def test_the_page_has_a_map_with_a_dot_for_each_failure(document: Document) -> None:
    assert 'class="dot ' not in to_html(document)
    patterns = [
        ErrorPattern(id=id, name=id, description="", members=(f"{id}-a", f"{id}-b"), share=0.4)
        for id in ("p1", "p2")
    ]
    places = {"p1-a": (0, 0), "p1-b": (0.1, 0), "p2-a": (1, 1), "p2-b": (1, 0.9), "z": (0.5, 0.5)}
    said = {"p1-a": "Took <b>the vase</b>'s order.", "z": "Like no other."}
    found = FailureMap(places=places, patterns=patterns, explanations=said)
    page = to_html(document | {"arms": []}, {2: found})
    assert page.count('class="dot ') == 5
    assert page.count('class="dot hue0"') == page.count('class="dot hue1"') == 2
    assert page.count('class="dot noise"') == 1
    assert "Took &lt;b&gt;the vase&lt;/b&gt;" in page
    assert "Map of the agent&#x27;s failures in round 2" in page
    assert "Map of" not in to_html(document, {1: replace(found, places={})})


@pytest.mark.parametrize("form", [to_html, to_svg])
def test_pages_and_pictures_load_nothing(document: Document, form: Any) -> None:
    text = form(document).replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|//[a-z]|url\((?!#)|@import|<script|<link|src=", text)


def test_the_picture_is_the_same_every_time(document: Document) -> None:
    assert to_svg(document) == to_svg(copy.deepcopy(document))


def test_stations_can_show_patterns_or_the_pool_alone(document: Document) -> None:
    console = Console(file=io.StringIO(), width=100, color_system=None)
    with console.capture() as capture:
        console.print(patterns_table(document))
    assert "Picks the wrong order" in capture.get()
    assert "Pass^1" not in capture.get()
    with console.capture() as capture:
        console.print(pool_table(document))
    assert "192" in capture.get()
    assert "failures by" not in capture.get()


def test_rounds_and_intervals_are_read_into_types(document: Document) -> None:
    report = read_report(document)
    assert report.rounds == (1, 2)
    assert report.arms[2].label == "round 1"
    assert report.arms[2].differences.passes[4].low == 7.6
    assert report.training[0].curves["loss"][1] == (2.0, 1.5)
    assert report.missing == ()


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (percent(43.75), "43.8"),
        (percent(100), "100"),
        (percent(-0.01), "0"),
        (percent(None), "–"),
        (signed(6.3), "+6.3"),
        (signed(-2.1), "−2.1"),
        (signed(0.0), "0"),
        (number(-0.031), "−0.03"),
        (number(-0.001), "0"),
        (number(123.4), "123"),
        (count(9876), "9,876"),
        (count(12_345), "12.3k"),
        (count(1_843_200), "1.8M"),
        (duration(0.42), "0.4 s"),
        (duration(59.7), "1 min 00 s"),
        (duration(7500), "2 h 05 min"),
        (cost(0.0), "$0"),
        (cost(0.0042), "$0.004"),
        (cost(1234.5), "$1,234.50"),
        (share(0.423), "42%"),
        (share(0.001), "<1%"),
        (bar(0.5, 4), "██  "),
        (bar(0.001, 4), "▏   "),
        (bar(7, 4), "████"),
        (sparkline([0, 1, 2, 3], 8), "▁▃▆█"),
        (sparkline([1, 1], 8), "▄▄"),
        (sparkline([0, 0, 8, 8], 2), "▁█"),
        (clean("a\tb\x1b[31m c\u202e\n"), "a b c"),
        (clean("x" * 500, 10), "xxxxxxxxx…"),
    ],
)
def test_figures_are_written_as_a_reader_would(shown: str, text: str) -> None:
    assert shown == text


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (-0.3, 0.9, [-0.5, -0.25, 0, 0.25, 0.5, 0.75, 1.0]),
        (0, 0, [0, 0.2]),
    ],
)
def test_axes_have_round_ticks_that_span_the_data(
    low: float, high: float, ticks: list[float]
) -> None:
    assert nice_ticks(low, high) == ticks


DIGEST = "76e1fa649a359bef2d2fd30eae834b99d261d84e2e5d364856f6632fdf778dfd"


def test_the_version_of_the_data_is_shown_with_a_short_digest(document: Document) -> None:
    document["data_version"] = f"{DIGEST}, split base"
    for text in (printed(document), Page(to_html(document)).text):
        assert "76e1fa649a35, split base" in " ".join(text.split())
        assert DIGEST not in text


def test_what_nobody_could_grade_is_shown_apart_from_faults(document: Document) -> None:
    assert "gradeable" not in printed(document)
    document["arms"][0]["not_gradeable"] = 13
    assert "Not gradeable without a judge, never scored: base: 13" in printed(document)
    assert "not gradeable" in Page(to_html(document)).text


def test_both_conventions_are_shown_where_there_are_faults(document: Document) -> None:
    assert "41.3" not in printed(document)
    document["arms"][1]["pass_counted"] = arm("sft", [41.3, 29.9])["pass"]
    assert "strict" in (text := printed(document))
    assert "41.3" in text
    assert "failures in the strict one: SFT: context overflow 2" in " ".join(text.split())
    page = Page(to_html(document)).text
    assert "41.3" in page
    assert "SFT: context overflow 2." in page


def test_ungraded_rollouts_are_not_claimed_to_be_scored(document: Document) -> None:
    document["arms"] = [arm("base", [12.5], not_gradeable=3)]
    assert "every rollout was scored" not in printed(document)
