from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.evaluation import metrics
from harness.evaluation.metrics import (
    Outcome,
    difference_interval,
    mean_interval,
    noise_floor,
    outcomes,
    paired_difference,
    pass_hat_k,
    pass_table,
    sampled_difference,
    sign_flip_p,
    unpaired_difference,
)
from harness.types import Difference, Episode, Grade, Scenario, Score, Task, Trajectory

trials_of_a_task = st.lists(st.booleans(), min_size=1, max_size=6)
full_tables = st.lists(
    st.lists(st.booleans(), min_size=4, max_size=4), min_size=1, max_size=8
)  # tasks x trials


def results(table: list[list[bool]]) -> list[Outcome]:
    return [
        Outcome(task_id=f"task-{number}", success=success)
        for number, trials in enumerate(table)
        for success in trials
    ]


@given(trials_of_a_task, st.data())
def test_pass_hat_k_is_the_share_of_subsets_without_a_failure(
    trials: list[bool], data: st.DataObject
) -> None:
    k = data.draw(st.integers(1, len(trials)))
    subsets = list(combinations(trials, k))
    assert pass_hat_k(sum(trials), len(trials), k) == pytest.approx(
        sum(map(all, subsets)) / len(subsets)
    )


@pytest.mark.parametrize(
    ("successes", "trials", "k"), [(1, 2, 3), (1, 2, 0), (3, 2, 1), (-1, 2, 1)]
)
def test_pass_hat_k_refuses_impossible_counts(successes: int, trials: int, k: int) -> None:
    with pytest.raises(ValueError, match="found"):
        pass_hat_k(successes, trials, k)


@given(full_tables)
def test_pass_k_falls_with_k(trials: list[list[bool]]) -> None:
    table = pass_table(results(trials), resamples=10)
    values = [interval.value for _, interval in sorted(table.pass_.items())]
    assert len(values) == 4
    assert values == sorted(values, reverse=True)


@given(full_tables)
def test_intervals_contain_their_value_and_stay_in_percent(table: list[list[bool]]) -> None:
    for interval in pass_table(results(table), resamples=50).pass_.values():
        assert 0 <= interval.low <= interval.value <= interval.high <= 100


@given(full_tables, st.randoms(use_true_random=False))
def test_the_table_depends_on_the_results_alone(table: list[list[bool]], random: object) -> None:
    rows = results(table)
    shuffled = sorted(rows, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert pass_table(rows, resamples=50) == pass_table(shuffled, resamples=50)


def test_pass_k_is_the_mean_over_tasks_in_percent() -> None:
    table = pass_table(results([[True, True], [True, False]]), ks=(1, 2))
    assert table.pass_[1].value == 75
    assert table.pass_[2].value == 50


def test_the_interval_is_what_resampling_tasks_gives() -> None:
    rows = results([[True]] * 30 + [[False]] * 70)
    interval = pass_table(rows, ks=(1,)).pass_[1]
    assert interval.value == pytest.approx(30)
    assert interval.low == pytest.approx(30 - 1.96 * np.sqrt(30 * 70 / 100), abs=1.5)
    assert interval.high == pytest.approx(30 + 1.96 * np.sqrt(30 * 70 / 100), abs=1.5)


def test_another_seed_resamples_differently() -> None:
    rows = results([[n % 3 == 0] for n in range(37)])
    assert pass_table(rows, resamples=50, seed=1) != pass_table(rows, resamples=50, seed=2)


def test_faults_are_counted_and_never_scored() -> None:
    rows = [
        *results([[True, True]]),
        Outcome(task_id="task-0", success=False, fault="agent_fault"),
        Outcome(task_id="task-1", success=False, fault="context_overflow"),
    ]
    table = pass_table(rows, ks=(1, 2, 3))
    assert (table.tasks, table.trials, table.faults) == (2, 4, 2)
    assert table.pass_[1].value == table.pass_[2].value == 100
    assert table.counted == {1: 1, 2: 1}
    assert 3 not in table.pass_


def test_tasks_with_too_few_trials_are_left_out_of_that_k_only() -> None:
    table = pass_table(results([[True, True], [False]]), ks=(1, 2))
    assert table.counted == {1: 2, 2: 1}
    assert table.pass_[1].value == 50
    assert table.pass_[2].value == 100


def test_no_results_make_an_empty_table() -> None:
    table = pass_table([])
    assert (table.tasks, table.trials, table.faults, dict(table.pass_)) == (0, 0, 0, {})


def test_a_difference_between_equal_arms_is_nothing_as_far_as_so_few_tasks_can_tell() -> None:
    rows = results([[True, False], [False, False], [True, True]])
    difference = paired_difference(rows, rows)
    assert difference is not None
    assert difference.value == 0
    assert difference.high == -difference.low == pytest.approx(100 * (1 - 0.05 ** (1 / 3)))


@pytest.mark.parametrize("tasks", [1, 10, 100])
@pytest.mark.parametrize("success", [True, False])
def test_tasks_that_all_end_alike_leave_the_doubt_of_their_number(
    tasks: int, success: bool
) -> None:
    """The bound is where seeing no task end otherwise gets a chance of 5%."""
    interval = pass_table(results([[success] * 2] * tasks), ks=(2,)).pass_[2]
    assert interval.value == (100 if success else 0)
    far = interval.low if success else 100 - interval.high
    assert (far / 100) ** tasks == pytest.approx(0.05)
    assert (interval.high if success else interval.low) == interval.value


def test_a_share_that_is_the_same_in_every_task_is_not_certain() -> None:
    interval = pass_table(results([[True, False]] * 20), ks=(1,)).pass_[1]
    assert interval.value == 50
    assert 50 - interval.low == interval.high - 50 == pytest.approx(50 * (1 - 0.05 ** (1 / 20)))


def test_pairing_cancels_the_difficulty_of_tasks() -> None:
    before = results([[n % 2 == 0] * 10 for n in range(40)])
    after = results([[n % 2 == 0] * 9 + [True] for n in range(40)])
    difference = paired_difference(after, before)
    apart = pass_table(before, ks=(1,)).pass_[1]
    assert difference is not None
    assert difference.value == pytest.approx(5)
    assert difference.low > 0
    assert difference.high - difference.low < (apart.high - apart.low) / 5


def test_sides_with_tasks_of_their_own_are_resampled_on_their_own() -> None:
    few, many = np.arange(20.0), np.arange(200.0)
    apart = difference_interval(few, many)
    variance = few.var() / len(few) + many.var() / len(many)
    assert apart.value == few.mean() - many.mean()
    assert apart.high - apart.low == pytest.approx(2 * 1.96 * np.sqrt(variance), rel=0.1)


def test_the_p_value_of_two_samples_is_that_of_all_ways_to_deal_the_tasks() -> None:
    one, other = [100.0, 100.0, 50.0, 100.0], [0.0, 50.0, 0.0, 0.0, 100.0]
    both = [*one, *other]
    apart = sum(one) / 4 - sum(other) / 5
    dealt = [sum(some) / 4 - (sum(both) - sum(some)) / 5 for some in combinations(both, 4)]
    exact = sum(abs(value) >= abs(apart) - 1e-9 for value in dealt) / len(dealt)
    found = sampled_difference(np.asarray(one), np.asarray(other))
    assert found.value == apart
    assert found.p == pytest.approx(exact, abs=0.01)


def test_two_samples_of_which_one_or_both_are_all_solved_leave_room() -> None:
    solved = [[True]] * 20
    same = unpaired_difference(results(solved), results(solved))
    assert same is not None
    room = 100 * (1 - 0.05 ** (1 / 20))
    assert (same.value, same.low, same.high) == (0, pytest.approx(-room), pytest.approx(room))
    assert not same.is_sure
    half = [[n % 2 == 0] for n in range(20)]
    apart = unpaired_difference(results(solved), results(half))
    alone = difference_interval(np.full(20, 100.0), np.asarray([100.0, 0.0] * 10))
    assert apart is not None
    assert apart.low == pytest.approx(alone.low - room)
    assert apart.high == alone.high
    assert apart.is_sure
    back = unpaired_difference(results(half), results(solved))
    assert back is not None
    assert (back.low, back.high) == pytest.approx((-apart.high, -apart.low), abs=6)
    assert unpaired_difference(results(solved), []) is None


def test_resamples_of_many_values_are_drawn_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.arange(100.0)
    whole = mean_interval(values)
    monkeypatch.setattr(metrics, "MOST_CHOSEN", 250)
    parts = mean_interval(values)
    assert (parts.low, parts.high) == pytest.approx((whole.low, whole.high), abs=1)


def test_the_same_values_give_the_same_interval_to_the_digit() -> None:
    interval = mean_interval(np.asarray([0.0, 25.0, 50.0, 100.0, 100.0]), seed=3)
    assert (interval.low, interval.high) == (20.0, 90.0)


@given(full_tables)
def test_a_difference_turns_its_sign_with_the_arms(table: list[list[bool]]) -> None:
    other = [[not success for success in trials] for trials in table]
    forth = paired_difference(results(table), results(other), 2, resamples=10)
    back = paired_difference(results(other), results(table), 2, resamples=10)
    assert forth is not None
    assert back is not None
    assert forth.value == pytest.approx(-back.value)


def test_arms_without_a_common_task_have_no_difference() -> None:
    one = [Outcome(task_id="a", success=True)]
    other = [Outcome(task_id="b", success=True)]
    assert paired_difference(one, other) is None
    assert paired_difference(one, one, 2) is None


def test_episodes_become_outcomes_with_the_name_of_their_fault() -> None:
    task = Task(id="t", domain="d", split="test", scenario=Scenario(reason=""), world={})
    trajectory = Trajectory(
        id="x", task_id="t", trial=0, policy="p", seed=0, messages=(), ended="user_fault"
    )
    episode = Episode(
        task=task, trajectory=trajectory, grade=Grade(success=False), score=Score(success=False)
    )
    assert outcomes([episode]) == [Outcome(task_id="t", success=False, fault="user_fault")]


# --- noise


def test_the_noise_floor_is_where_differences_of_equal_runs_stay() -> None:
    """Against 4,000 pairs of simulated runs of one policy on 60 tasks with two trials each."""
    rng = np.random.default_rng(3)
    chances = rng.choice([0.0, 0.2, 0.5, 0.9, 1.0], 60)
    pairs = rng.binomial(2, chances, (4000, 2, 60)).mean(axis=2) / 2
    wanted = 100 * np.quantile(np.abs(pairs[:, 0] - pairs[:, 1]), 0.95)
    found = [
        noise_floor(results((rng.random((60, 2)) < chances[:, None]).tolist())) for _ in range(50)
    ]
    floors = [one.difference for one in found if one is not None]
    assert np.mean(floors) == pytest.approx(wanted, rel=0.1)


@pytest.mark.parametrize(
    ("table", "tasks", "unsteady"),
    [
        ([[True, True], [False, False]], 2, 0),
        ([[True, False], [False, False], [True]], 2, 1),
        ([[True, False, True], [False, True]], 2, 2),
    ],
)
def test_tasks_with_repeated_trials_tell_the_noise(
    table: list[list[bool]], tasks: int, unsteady: int
) -> None:
    found = noise_floor(results(table))
    assert found is not None
    assert (found.tasks, found.unsteady) == (tasks, unsteady)
    assert (found.difference > 0) is (unsteady > 0)


def test_without_repeated_trials_no_noise_is_known() -> None:
    assert noise_floor(results([[True], [False]])) is None
    fault = Outcome(task_id="task-0", success=False, fault="agent_fault")
    assert noise_floor([*results([[True]]), fault]) is None


def test_trials_of_two_runs_tell_the_noise_of_one() -> None:
    whole = noise_floor(results([[True, False], [True, True]]), runs=2)
    assert whole is not None
    assert whole.trials == 1
    single = noise_floor(results([[True, False], [True, True]]))
    assert single is not None
    assert whole.difference == pytest.approx(single.difference * np.sqrt(2))


@given(st.lists(st.sampled_from([-100.0, -50.0, -25.0, 0.0, 25.0, 75.0, 100 / 3]), max_size=9))
def test_signs_by_chance_are_all_tried(differences: list[float]) -> None:
    sums = [abs(sum(signs)) for signs in product(*[(d, -d) for d in differences])]
    least = abs(sum(differences)) - 1e-9
    expected = sum(one >= least for one in sums) / len(sums)
    assert sign_flip_p(differences) == pytest.approx(expected)


def test_many_signs_are_tried_too_and_drawn_where_no_two_values_are_alike() -> None:
    assert sign_flip_p([]) == sign_flip_p([0.0, 0.0]) == 1.0
    assert sign_flip_p([25.0] * 200) == pytest.approx(2 / 2**200)
    assert sign_flip_p([25.0, -25.0] * 100) == pytest.approx(1.0)
    one_sided = [25.0] * 60 + [-25.0] * 40  # a binomial of 100 at 60 and more, twice
    assert sign_flip_p(one_sided) == pytest.approx(0.0569, abs=1e-4)
    unlike = [value + n / 997 for n, value in enumerate(one_sided)]
    assert 0.03 < sign_flip_p(unlike) < 0.06  # a tie counts half the time now
    assert sign_flip_p(unlike) == sign_flip_p(unlike)


@pytest.mark.parametrize(
    ("low", "high", "p", "direction"),
    [
        (1, 9, 0.04, "higher"),
        (-9, -1, 0.04, "lower"),
        (1, 9, 0.05, "no difference"),
        (-1, 9, 0.04, "no difference"),
        (0, 9, 0.04, "no difference"),
    ],
)
def test_a_difference_needs_its_interval_and_its_signs(
    low: float, high: float, p: float, direction: str
) -> None:
    found = Difference(value=(low + high) / 2, low=low, high=high, p=p)
    assert found.direction == direction
    assert found.is_sure == (direction != "no difference")
