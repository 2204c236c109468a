"""Estimates over seeds and tasks against values worked out by hand or known by construction."""

import json
from typing import Any

import numpy as np
import pytest

from harness.study.analysis import (
    Judged,
    Verdict,
    by_sft,
    curve_estimate,
    difference,
    estimate,
    fall_difference,
    judge,
    pass_estimate,
    pattern_difference,
    pattern_estimate,
    solved_estimate,
    targeted_patterns,
)
from harness.study.results_file import Results, parse_results
from harness.study.spec import Expectation

RATES = {"sft": 0.5, "untargeted": 0.5, "targeted": 0.7, "success-only": 0.2}


def results(found: dict[str, Any]) -> Results:
    return parse_results(json.dumps(found), "made up")


def by_hand(outcomes: dict[str, list[list[str]]], **row: Any) -> dict[str, Any]:
    """A document of three tasks: outcomes by arm and seed."""
    rows = [
        {"seed": seed, "arm": arm, "tasks": ["a", "b", "c"], "outcomes": of_seed, **row}
        for arm, of_arm in outcomes.items()
        for seed, of_seed in enumerate(of_arm)
    ]
    study = {
        "title": "t",
        "seeds": [0, 1],
        "settings": {"preset": "quick", "domain": "weather"},
        "arms": {arm: {} for arm in outcomes},
    }
    return {"study": study, "rows": rows}


def expected(found: Results, arm: str, **fields: Any) -> Judged:
    return judge(found, Expectation(says="so", arm=arm, **fields))


def test_pass_k_is_the_mean_over_seeds_and_tasks_without_uncounted_trials() -> None:
    found = results(by_hand({"sft": [["1111", "1100", "0000"], ["1111", "11--", "0---"]]}))
    first, second = pass_estimate(found, "sft", 1), pass_estimate(found, "sft", 2)
    assert first
    assert second
    assert first.interval.value == pytest.approx(100 * (1 + 0.5 + 0 + 1 + 1 + 0) / 6)
    assert second.interval.value == pytest.approx(100 * (1 + 1 / 6 + 0 + 1 + 1) / 5)
    assert (first.seeds, first.tasks) == (2, 3)


def test_a_difference_is_taken_within_seed_and_task() -> None:
    found = results(
        by_hand({"a": [["1111", "1111", "0000"], ["11", "11", "00"]], "b": [["1100"] * 3] * 2})
    )
    one = difference(found, "a", "b", 1)
    assert one
    assert one.interval.value == pytest.approx(100 * (0.5 + 0.5 - 0.5) / 3)
    same = difference(found, "a", "a", 1)
    assert same
    assert same.interval.value == 0
    assert same.interval.high == -same.interval.low == pytest.approx(100 * (1 - 0.05 ** (1 / 3)))


def test_a_difference_among_some_tasks_leaves_the_others_out() -> None:
    found = by_hand({"a": [["1111", "1100", "0000"]] * 2, "b": [["0000"] * 3] * 2})
    found["rows"][0]["tags"] = {"two_orders": [1, 2], "question": [0]}
    read = results(found)
    assert list(read.tags()) == ["two_orders", "question"]
    one = difference(read, "a", "b", 1, among=read.tags()["two_orders"])
    other = difference(read, "a", "b", 1, among=~read.tags()["two_orders"])
    assert one
    assert other
    assert (one.interval.value, one.tasks) == (25, 2)
    assert (other.interval.value, other.tasks) == (100, 1)


def test_trials_are_told_apart_by_what_sft_of_the_same_seed_made_of_the_others() -> None:
    sft = [["0000", "1000", "1111"], ["1111", "1-00", "0000"]]
    arm = [["1100", "0110", "1110"], ["0000", "0011", "----"]]
    found = results(by_hand({"sft": sft, "a": arm}))
    of_arm = {how: one.interval.value for how, one in by_sft(found, "a").items() if one}
    never = [1, 1, 0, 0, 0, 0]  # "1100", and the first trials of "0110" and "0011"
    sometimes = [1, 1, 0, 0, 1, 1]  # the last three of each of these
    always = [1, 1, 1, 0, 0, 0, 0, 0]  # "1110" and "0000"
    expected = {"never": never, "sometimes": sometimes, "always": always}
    assert of_arm == {how: pytest.approx(100 * np.mean(won)) for how, won in expected.items()}
    of_sft = {how: one.interval.value for how, one in by_sft(found, "sft").items() if one}
    assert of_sft == {"never": pytest.approx(100 * 2 / 10), "sometimes": 0, "always": 100}


def test_without_sft_nothing_is_told_apart_by_it() -> None:
    assert by_sft(results(by_hand({"a": [["1111"] * 3]})), "a") == {}


def test_only_seeds_that_both_arms_have_are_compared() -> None:
    found = results(by_hand({"a": [["1111"] * 3], "b": [["0000"] * 3, ["1111"] * 3]}))
    one = difference(found, "a", "b", 1)
    assert one
    assert (one.interval.value, one.seeds) == (100, 1)
    assert difference(found, "a", "c", 1) is None


def test_weights_count_as_often_as_they_say() -> None:
    values = np.asarray([[0.0, 100.0, np.nan, 50.0]])
    weighed = estimate(values, np.asarray([[3.0, 1.0, 5.0, 0.0]]), seed=0, resamples=100)
    assert weighed
    assert weighed.interval.value == 25


def test_with_one_seed_the_interval_is_that_over_tasks() -> None:
    values = np.asarray([[0.0, 100.0] * 50])
    one = estimate(values, seed=0, resamples=4000)
    assert one
    error = 50 / np.sqrt(100)
    assert one.interval.low == pytest.approx(50 - 1.96 * error, abs=1)
    assert one.interval.high == pytest.approx(50 + 1.96 * error, abs=1)


def test_luck_of_seeds_that_all_tasks_share_widens_the_interval() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 5, (5, 200))
    lucky = noise + np.asarray([-10, -5, 0, 5, 10])[:, None]
    narrow, wide = (estimate(v, seed=0, resamples=1000) for v in (noise, lucky))
    assert narrow
    assert wide
    assert wide.interval.high - wide.interval.low > 5 * (narrow.interval.high - narrow.interval.low)


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    rng, covered = np.random.default_rng(1), 0
    for _ in range(150):
        seeds, tasks = rng.normal(0, 3, (5, 1)), rng.normal(0, 20, (1, 60))
        one = estimate(seeds + tasks + rng.normal(0, 20, (5, 60)), seed=0, resamples=300)
        assert one
        covered += one.interval.low <= 0 <= one.interval.high
    assert 0.85 <= covered / 150 <= 1


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ({"arm": "targeted", "against": "sft", "at_least": 5}, "confirmed"),
        ({"arm": "untargeted", "against": "sft", "at_least": 15}, "refuted"),
        ({"arm": "untargeted", "against": "sft", "at_least": 0}, "undecided"),
        ({"arm": "continued", "against": "sft"}, "not run"),
        ({"arm": "success-only", "shows": "lowest", "among": ("sft", "targeted")}, "confirmed"),
        ({"arm": "targeted", "shows": "lowest", "among": ("sft", "success-only")}, "refuted"),
        ({"arm": "sft", "shows": "lowest", "among": ("untargeted",)}, "undecided"),
        ({"arm": "sft", "shows": "lowest", "among": ("untargeted", "continued")}, "not run"),
        ({"arm": "targeted", "shows": "patterns", "against": "untargeted"}, "confirmed"),
        ({"arm": "success-only", "shows": "patterns", "against": "sft"}, "refuted"),
        ({"arm": "targeted", "shows": "falls", "against": "sft"}, "undecided"),
        ({"arm": "targeted", "shows": "falls", "against": "sft", "at_least": 90}, "refuted"),
        ({"arm": "continued", "shows": "falls", "against": "sft"}, "not run"),
    ],
)
def test_verdicts_follow_from_intervals(made_up: Any, fields: Any, verdict: Verdict) -> None:
    found = results(made_up(RATES, tasks=80))
    assert expected(found, fields.pop("arm"), **fields).verdict == verdict


def test_failures_of_patterns_are_counted_per_100_conversations() -> None:
    row = {"failures": {"p": {"0": 2}, "q": {"2": 4}, "": {"1": 1}}}
    document = by_hand({"sft": [["1100", "1110", "0000"]]}, **row)
    patterns = [{"id": "p", "name": "p", "tasks": 3}, {"id": "q", "name": "q", "tasks": 0}]
    document["rows"].append({"seed": 0, "arm": "shared", "patterns": patterns})
    found = results(document)
    targeted = targeted_patterns(found, "sft", [0])
    assert targeted == {0: ["p"]}
    one, both = (pattern_estimate(found, "sft", {0: ids}) for ids in (["p"], ["p", "q"]))
    assert one
    assert both
    assert one.interval.value == pytest.approx(50 / 3)
    assert both.interval.value == pytest.approx(150 / 3)
    assert pattern_difference(found, "sft", "none", targeted) is None


def test_what_is_solved_counts_as_often_as_sft_failed_it_by_the_pattern() -> None:
    document = by_hand({"sft": [["0000", "1100", "0011"]], "a": [["1111", "1000", "0000"]]})
    document["rows"][0]["failures"] = {"p": {"0": 2, "1": 1}, "q": {"0": 2, "1": 1, "2": 2}}
    found = results(document)
    one, other = (solved_estimate(found, "a", {0: ids}) for ids in (["p"], ["q"]))
    assert one
    assert other
    assert one.interval.value == pytest.approx((2 * 100 + 1 * 25) / 3)
    assert other.interval.value == pytest.approx((2 * 100 + 1 * 25 + 2 * 0) / 5)
    assert solved_estimate(found, "a", {0: ["none"]}) is None
    assert solved_estimate(results(by_hand({"a": [["1111"] * 3]})), "a", {0: ["p"]}) is None


def failing(before: dict[str, Any], after: dict[str, Any], *, made_for: str = "p") -> Results:
    """Two arms of three tasks with four trials, and their failures by pattern and task."""
    document = by_hand({"sft": [["0000"] * 3], "a": [["0000"] * 3]})
    document["rows"][0]["failures"], document["rows"][1]["failures"] = before, after
    patterns = [{"id": id, "name": id, "tasks": int(id == made_for)} for id in ("p", "q")]
    document["rows"].append({"seed": 0, "arm": "shared", "patterns": patterns})
    return results(document)


def test_the_share_of_failures_that_are_gone_is_held_against_that_of_the_others() -> None:
    before = {"p": {"0": 4, "1": 4}, "q": {"0": 1, "2": 2}, "": {"1": 1}}
    found = failing(before, {"p": {"1": 2}, "q": {"2": 1}, "r": {"0": 2}})
    one = fall_difference(found, "a", "sft")
    assert one
    assert one.interval.value == pytest.approx(100 * ((1 - 2 / 8) - (1 - 3 / 4)))
    assert (one.seeds, one.tasks) == (1, 3)


def test_what_falls_everywhere_alike_is_confirmed_and_what_rises_refuted() -> None:
    before = {"p": dict.fromkeys("012", 4), "q": dict.fromkeys("012", 4)}
    kept, gone = {"q": before["q"], "p": {}}, {"p": before["p"], "q": {}}
    wanted = {"arm": "a", "against": "sft", "shows": "falls"}
    assert expected(failing(before, kept), **wanted).verdict == "confirmed"
    assert expected(failing(before, gone), **wanted).verdict == "refuted"
    none_of_others = failing({"p": before["p"]}, {"p": {}})
    assert expected(none_of_others, **wanted).verdict == "not run"


def test_weights_kept_on_the_way_have_an_estimate_of_their_own(made_up: Any) -> None:
    found = results(made_up({"targeted": 0.6, "sft": 0.5}, seeds=2))
    one = curve_estimate(found, "targeted", 6)
    assert one
    assert (one.seeds, one.tasks) == (2, 40)
    wanted = [o[0] == "1" for r in found.arms["targeted"].values() for o in r.outcomes]
    assert one.interval.value == pytest.approx(100 * np.mean(wanted))
    assert curve_estimate(found, "targeted", 7) is None


@pytest.mark.parametrize(("tasks", "verdict"), [(5, "undecided"), (6, "confirmed")])
def test_few_tasks_that_differ_confirm_nothing(tasks: int, verdict: Verdict) -> None:
    names = [f"t{n}" for n in range(50)]
    found = by_hand({"a": [["1"] * tasks + ["0"] * (50 - tasks)] * 2, "b": [["0"] * 50] * 2})
    for row in found["rows"]:
        row["tasks"] = names
    read = results(found)
    one = difference(read, "a", "b", 1)
    assert one
    assert one.interval.low > 0
    assert one.interval.p == pytest.approx(2 / 2**tasks)
    assert expected(read, "a", shows="difference", against="b", at_least=1).verdict == verdict
    assert expected(read, "b", shows="lowest", among=["a", "b"]).verdict == verdict
