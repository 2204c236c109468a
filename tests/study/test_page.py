"""The page and its plots: all that was measured, well formed, and without colour."""

import io
import json
import re
from typing import Any
from xml.etree import ElementTree

import pytest
from rich.console import Console

from harness.report.study.page import page
from harness.report.study.plots import plots
from harness.report.study.summary import summary_table, summary_values
from harness.study.result_rows import UNCOUNTED
from harness.study.results_file import Results, parse_results

RATES = {
    "base": -1.0, "sft": 0.5, "targeted": 0.65, "untargeted": 0.5, "continued": 0.5,
    "three-rounds": 0.6, "no-repeat-penalty": 0.5, "success-only": 0.3, "no-action-checks": 0.5,
}  # fmt: skip
PLOTS = {"pass", "differences", "rollouts", "training", "patterns", "rounds"}


@pytest.fixture(scope="module")
def results(made_up: Any) -> Results:
    return parse_results(json.dumps(made_up(RATES)), "made up")


def made(results: Results, **more: Any) -> str:
    return page(results, "results.json", {name: f"{name}.svg" for name in PLOTS}, **more)


def section(text: str, title: str) -> str:
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def rows(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_table_has_as_many_cells_in_each_row(results: Results) -> None:
    for title in re.findall(r"^## (.+)$", made(results), flags=re.MULTILINE):
        widths = {len(row) for row in rows(section(made(results), title))}
        assert len(widths) <= 1, title


def test_the_main_table_has_all_arms_with_intervals_beside_what_was_published(
    results: Results,
) -> None:
    table = rows(section(made(results), "Pass^k"))[2:]
    assert len(table) == len(RATES)
    targeted = next(row for row in table if "`targeted`" in row[0])
    assert all(re.fullmatch(r"[\d.]+ \[[\d.]+, [\d.]+\]", cell) for cell in targeted[1:5])
    assert targeted[5:] == ["5", "82.5 / 73.0 / 66.2 / 61.4"]
    assert table[0][1] == "0 [0, 7.2]"


def test_differences_are_told_by_what_tasks_ask_for(results: Results) -> None:
    table = rows(section(made(results), "By what tasks ask for"))
    assert table[0][1:] == ["`two_orders` (20)", "not (20)"]
    whole = rows(section(made(results), "Differences"))
    assert [row[0] for row in table[2:]] == [row[0] for row in whole[2:]]
    assert all("[" in cell for row in table[2:] for cell in row[1:])


def test_arms_since_sft_are_told_by_what_sft_made_of_the_tasks(results: Results) -> None:
    table = rows(section(made(results), "By what SFT made of them"))
    assert table[0][1:] == ["never solved", "sometimes solved", "always solved", "seeds"]
    since = [arm for arm in results.arms if results.study.arms[arm].start == "sft"]
    assert [row[0].split("`")[1] for row in table[2:]] == since


def test_of_what_sft_failed_the_page_says_how_much_arms_solve(results: Results) -> None:
    table = rows(section(made(results), "What became of SFT's failures"))
    trained = [arm for arm in results.study.pattern_arms if arm != "sft"]
    assert table[0] == ["pattern", *trained]
    failures = rows(section(made(results), "Error patterns"))
    assert {row[0] for row in table[2:]} <= {row[0] for row in failures[2:]}
    assert all(re.fullmatch(r"[\d.]+ \[[\d.]+, [\d.]+\]", cell) for cell in table[2][1:])


def test_training_says_how_many_groups_had_anything_to_tell_apart(results: Results) -> None:
    table = rows(section(made(results), "Training"))
    assert table[0][1:5] == ["groups", "never solved, %", "sometimes solved, %", "always solved, %"]
    assert table[2][1:5] == [
        "200",
        "50.0 (50.0 to 50.0)",
        "40.0 (40.0 to 40.0)",
        "10.0 (10.0 to 10.0)",
    ]
    assert table[2][5:] == ["30.0 (30.0 to 30.0)", "34.5 (34.5 to 34.5)"]


def test_every_expectation_has_its_verdict_and_why(results: Results) -> None:
    table = rows(section(made(results), "What was expected"))[2:]
    said = {row[1]: (row[0], row[2]) for row in table}
    expected = results.study.expectations
    assert set(said) == {one.says for one in expected}
    verdict, measured = said[expected[0].says]
    assert verdict == "**confirmed**"
    assert re.match(r"\+1\d\.\d \[.+\], 5 seeds × 40 tasks", measured)


def test_an_arm_that_was_not_run_is_not_judged(made_up: Any) -> None:
    found = parse_results(json.dumps(made_up({"sft": 0.5}, seeds=2)), "made up")
    text = made(found)
    assert {row[0] for row in rows(section(text, "What was expected"))[2:]} == {"**not run**"}
    assert f"So far 4 of {len(found.study.turns())} turns are done" in text


def test_the_budget_of_time_is_held_against_what_it_was_to_be(results: Results) -> None:
    said = section(made(results), "Where the time went")
    assert "`continued` trained for 7 min 30 s of CPU time, 80% of what `targeted`'s" in said


def test_voids_and_notes_are_told(made_up: Any) -> None:
    document = made_up({"sft": 0.5}, seeds=1)
    document["rows"].append({"seed": 0, "arm": "targeted", "void": "no failure is the agent's"})
    text = made(parse_results(json.dumps(document), "made up"), notes="## Why\n\nBecause.\n")
    assert "- `targeted`, seed 0: no failure is the agent's" in text
    assert text.endswith("## Why\n\nBecause.\n")


def test_notes_before_their_first_heading_open_the_page(results: Results) -> None:
    text = made(results, notes="What it taught.\n\n## Why\n\nBecause.\n")
    title, opening, *_ = text.split("\n\n")
    assert (title[0], opening) == ("#", "What it taught.")
    assert text.count("What it taught.") == 1
    assert text.endswith("\n\n## Why\n\nBecause.\n")


def test_plots_have_the_arms_that_the_study_names_or_else_the_main_ones(made_up: Any) -> None:
    for named, shown in (([], {"continued", "targeted"}), (["sft", "targeted"], {"targeted"})):
        found = parse_results(json.dumps(made_up(RATES, seeds=1, plotted=named)), "made up")
        drawn = plots(found)
        for arm in ("continued", "targeted", "success-only"):
            label = found.label(arm)
            said = label if len(label) <= 38 else arm
            for picture in ("pass", "training"):
                assert (said in drawn[picture]) == (arm in shown), (arm, picture)


def test_patterns_are_told_for_the_arms_that_the_study_names_alone(made_up: Any) -> None:
    document = made_up(RATES, seeds=2, pattern_arms=["sft", "continued", "three-rounds"])
    text = made(parse_results(json.dumps(document), "made up"))
    table = rows(section(text, "Error patterns"))
    assert table[0][3:] == [
        "sft", "continued", "three-rounds", "three-rounds − sft", "three-rounds − continued"
    ]  # fmt: skip


def test_all_plots_are_drawn_well_formed_and_in_black_and_white(results: Results) -> None:
    drawn = plots(results)
    assert set(drawn) == PLOTS
    for name, text in drawn.items():
        root = ElementTree.fromstring(text)
        width, height = map(float, root.attrib["viewBox"].split()[2:])
        for colour in re.findall(r"#[0-9a-fA-F]{3,6}", text):
            digits = colour[1:] if len(colour) == 7 else "".join(c * 2 for c in colour[1:])
            assert digits[:2] == digits[2:4] == digits[4:], f"{colour} in {name}"
        for shape in root.iter():
            for axis, most in (("x", width), ("cx", width), ("y", height), ("cy", height)):
                assert 0 <= float(shape.attrib.get(axis, 0)) <= most, name


def test_a_study_that_has_hardly_begun_has_a_page_and_the_plots_it_can(made_up: Any) -> None:
    results = parse_results(json.dumps(made_up({"base": -1.0}, seeds=1, tasks=2)), "made up")
    assert set(plots(results)) == {"pass"}
    assert "# Error-driven RL" in page(results, "results.json", {})
    nothing = parse_results(json.dumps(made_up({}, seeds=0)), "made up")
    assert plots(nothing) == {}
    assert f"So far 0 of {len(nothing.study.turns())}" in page(nothing, "results.json", {})


@pytest.mark.parametrize("width", [80, 140])
def test_the_summary_fits_the_terminal(results: Results, width: int) -> None:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(summary_table(results))
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert all(arm in text for arm in RATES)
    assert ("Pass^2" in text) == (width == 140)
    assert "confirmed" in text


def test_the_summary_as_values_has_what_the_page_says(results: Results) -> None:
    found: Any = summary_values(results)
    assert found["arms"]["base"]["pass"]["1"]["value"] == 0
    assert found["expectations"][0]["verdict"] == "confirmed"
    assert len(found["differences"]) == len(results.study.comparisons)


def test_where_each_k_is_of_other_tasks_it_says_of_how_many(made_up: Any) -> None:
    plain = made_up({"sft": 0.5, "targeted": 0.65})
    for row in plain["rows"]:
        if row["arm"] == "targeted":
            row["outcomes"][:3] = [f"{trials[:3]}{UNCOUNTED}" for trials in row["outcomes"][:3]]
    uneven = parse_results(json.dumps(plain), "made up")
    table = rows(section(made(uneven), "Pass^k"))[2:]
    sft, targeted = (next(r for r in table if f"`{arm}`" in r[0]) for arm in ("sft", "targeted"))
    assert not any("tasks" in cell for cell in sft)
    assert [re.findall(r"\((\d+) tasks\)", cell) for cell in targeted[1:5]] == [
        ["40"], ["40"], ["40"], ["37"],
    ]  # fmt: skip
    console = Console(file=io.StringIO(), width=160, color_system=None)
    console.print(summary_table(uneven))
    assert isinstance(console.file, io.StringIO)
    assert "37 tasks" in console.file.getvalue()
    found: Any = summary_values(uneven)
    assert [found["arms"]["targeted"]["pass"][k]["tasks"] for k in "1234"] == [40, 40, 40, 37]
