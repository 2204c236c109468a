import random
from collections import Counter

import pytest

from harness.discovery.drift import NONE, Landscape, Shift, compare

MIX = {"a": 0.5, "b": 0.3, "c": 0.2}


def landscape(mix: dict[str, float], *, tasks: int = 60, rate: float = 0.7, seed: int = 0,
              name: str = "t") -> Landscape:  # fmt: skip
    """Four trials a task, a share ``rate`` of which fails with a pattern drawn from the mix."""
    rng = random.Random(seed)
    failures: dict[str, Counter[str]] = {}
    for task in range(tasks):
        found = Counter(
            rng.choices([*mix], [*mix.values()])[0] for _ in range(4) if rng.random() < rate
        )
        failures[f"{name}{task}"] = found
    return Landscape(trials={f"{name}{task}": 4 for task in range(tasks)}, failures=failures)


def status(shift: Shift) -> dict[str, str]:
    return {change.pattern_id: change.status for change in shift.changes}


def test_the_same_mix_has_settled() -> None:
    shift = compare(landscape(MIX, seed=1), landscape(MIX, seed=2))
    assert shift.verdict == "settled"
    assert shift.p > 0.05
    assert shift.paired


def test_another_mix_shifts() -> None:
    shift = compare(landscape(MIX, seed=1), landscape({"a": 0.2, "b": 0.3, "c": 0.5}, seed=2))
    assert (shift.verdict, status(shift)["c"]) == ("shifting", "more")
    assert shift.p < 0.01
    assert shift.distance > shift.visible


def test_a_pattern_that_is_gone_is_so_with_an_interval() -> None:
    shift = compare(landscape(MIX, seed=1), landscape({"a": 0.6, "b": 0.4}, rate=0.5, seed=2))
    gone = [change for change in shift.changes if change.status == "gone"]
    assert [change.pattern_id for change in gone] == ["c"]
    assert gone[0].sure
    assert gone[0].difference.high < 0
    assert shift.verdict == "shifting"


def test_new_and_back_are_told_apart() -> None:
    before, after = landscape({"a": 1.0}, seed=1), landscape({"a": 0.5, "b": 0.5}, seed=2)
    assert status(compare(before, after))["b"] == "new"
    assert status(compare(before, after, earlier=["b"]))["b"] == "back"


def test_few_failures_settle_nothing() -> None:
    few = landscape(MIX, tasks=3, seed=1), landscape(MIX, tasks=3, seed=4)
    assert compare(*few).verdict == "too few failures"


def test_rounds_on_other_tasks_are_compared_too() -> None:
    shift = compare(landscape(MIX, seed=1), landscape({"c": 1.0}, seed=2, name="u"))
    assert not shift.paired
    assert shift.verdict == "shifting"


def test_failures_in_no_pattern_are_part_of_the_mix_but_no_pattern() -> None:
    shift = compare(landscape({"a": 1.0}, seed=1), landscape({NONE: 1.0}, seed=2))
    assert shift.distance == 1.0
    assert [change.pattern_id for change in shift.changes] == ["a"]


@pytest.mark.parametrize("rate", [0.0, 0.7])
def test_a_round_without_failures_can_be_compared(rate: float) -> None:
    shift = compare(landscape(MIX, rate=rate, seed=1), landscape(MIX, rate=0.0, seed=2))
    assert shift.distance == (1.0 if rate else 0.0)
    assert all(change.status == "gone" for change in shift.changes)


def test_tasks_that_only_had_faults_are_left_out() -> None:
    before, after = landscape(MIX, seed=1), landscape(MIX, seed=2)
    emptied = Landscape(trials={**after.trials, "t0": 0}, failures=after.failures)
    assert compare(before, emptied).paired


def test_the_p_value_is_right_about_chance() -> None:
    """Under no shift, p under 0.1 comes up about a tenth of the time."""
    low = sum(
        compare(landscape(MIX, seed=2 * n), landscape(MIX, seed=2 * n + 1), seed=n).p < 0.1
        for n in range(60)
    )
    assert low <= 14


@pytest.mark.parametrize(("tasks", "moved"), [(5, "same"), (6, "more")])
def test_few_tasks_that_differ_are_no_change(tasks: int, moved: str) -> None:
    """The interval leaves out 0, and signs by chance would do as much too often."""
    trials = {f"t{n}": 1 for n in range(60)}
    before = Landscape(trials=trials, failures={"t59": {"a": 1}})
    failed = {"t59", *(f"t{n}" for n in range(tasks))}
    after = Landscape(trials=trials, failures={task: {"a": 1} for task in failed})
    (change,) = compare(before, after).changes
    assert change.difference.low > 0
    assert change.difference.p == pytest.approx(2 / 2**tasks)
    assert change.status == moved
    assert change.sure == (moved == "more")


def test_without_common_tasks_the_sides_are_exchanged_by_chance() -> None:
    before = Landscape(trials={f"t{n}": 1 for n in range(60)}, failures={"t0": {"a": 1}})
    after = Landscape(
        trials={f"u{n}": 1 for n in range(60)},
        failures={f"u{n}": {"a": 1} for n in range(7)},
    )
    (change,) = compare(before, after).changes
    assert change.difference.p == pytest.approx(0.061, abs=0.02)  # Fisher's exact test of 1 and 7
    assert change.status == "same"
