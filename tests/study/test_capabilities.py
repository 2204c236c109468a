"""Shares of failures by what the agent lacks: counts by hand, so that the shares are known."""

import json
from typing import Any

import pytest

from harness.discovery.families import COORDINATION, GROUNDING, HORIZON
from harness.study.capabilities import kinds, shares, shares_by_round
from harness.study.results_file import Results, parse_results

FIRST = {
    GROUNDING: {"wrong_item": {"0": 2}, "wrong_tool": {"1": 1}},
    HORIZON: {"gave_up": {"1": 1}},
}
SECOND = {HORIZON: {"gave_up": {"0": 4}}}


@pytest.fixture
def results(made_up: Any) -> Results:
    document = made_up({"sft": 0.5}, seeds=2, tasks=3)
    rows = [row for row in document["rows"] if row["arm"] == "sft"]
    for row, mistakes in zip(rows, (FIRST, SECOND), strict=True):
        row["mistakes"] = mistakes
        row["mistakes_by_round"] = {"1": mistakes, "2": SECOND}
    return parse_results(json.dumps(document), "made up")


def test_a_share_is_that_of_all_failures_of_all_seeds(results: Results) -> None:
    found = shares(results, "sft")
    values = {lacks: one.interval.value for lacks, one in found.items() if one.interval.value}
    assert values == {GROUNDING: 37.5, HORIZON: 62.5}
    assert found[COORDINATION].interval.high == pytest.approx(100 * (1 - 0.05 ** (1 / 2)))
    assert found[GROUNDING].interval.low < 37.5 < found[GROUNDING].interval.high


def test_the_kinds_that_a_share_is_made_of_are_counted(results: Results) -> None:
    assert kinds(results, "sft")[GROUNDING] == {"wrong_item": 2, "wrong_tool": 1}


def test_each_round_has_shares_of_the_failures_that_it_read(results: Results) -> None:
    found = shares_by_round(results, "sft")
    assert {number: one[HORIZON].interval.value for number, one in found.items()} == {
        1: 62.5,
        2: 100,
    }


def test_an_arm_without_failures_has_no_shares(results: Results) -> None:
    assert shares(results, "base") == {}
    assert shares_by_round(results, "base") == {}
