"""Which tasks are played, and when a policy counts as collapsed: no model is needed for either."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import pytest

from harness.training.collapse import has_collapsed, rate_and_error
from harness.training.task_draws import Curriculum, task_order
from harness.types import Origin, Task


def made_for(pattern: str, task: Task) -> Task:
    origin = Origin(
        round=1, pattern_id=pattern, injector="t", trajectory_id="", parent_task_id="", seed=0
    )
    return replace(task, origin=origin)


def test_tasks_come_in_seeded_order_each_once_before_any_comes_again(world: Any) -> None:
    tasks = world.domain.tasks("train")
    order = list(islice(task_order(tasks, 3), 16))
    assert order[:8] != order[8:]
    for half in (order[:8], order[8:]):
        assert sorted(task.id for task in half) == sorted(task.id for task in tasks)
    assert order == list(islice(task_order(tasks, 3), 16))


def test_tasks_that_are_sometimes_solved_are_drawn_more_often(world: Any) -> None:
    tasks = [world.task(letter) for letter in "abc"]
    curriculum = Curriculum(tasks, 0, "learnability")
    counts: Counter[str] = Counter()
    for _ in range(300):
        for task, solved in zip(tasks, (0, 4, 8), strict=True):
            curriculum.hear(task, solved, 8)
        counts.update(task.id for task in curriculum.draw(1))
    sometimes = counts.pop("task-b")
    assert all(0 < never < sometimes / 2 for never in counts.values())


def test_a_task_never_tried_is_judged_by_those_made_for_the_same_pattern(world: Any) -> None:
    one, other, stranger = (
        made_for(pattern, world.task(letter))
        for pattern, letter in (("slips", "a"), ("slips", "b"), ("repeats", "c"))
    )
    curriculum = Curriculum([one, other, stranger], 0, "learnability", 0.02)
    for _ in range(6):
        curriculum.hear(one, 8, 8)
    assert curriculum.weight(one) == 0.02
    assert curriculum.weight(other) < 0.05
    assert curriculum.weight(stranger) == pytest.approx(0.25)


def test_what_was_true_long_ago_is_forgotten(world: Any) -> None:
    task = world.task("a")
    curriculum = Curriculum([task], 0, "learnability")
    for solved in (8, 8, 8, 4, 4, 4, 4):
        curriculum.hear(task, solved, 8)
    assert curriculum.weight(task) > 0.24


def test_no_task_comes_twice_in_a_draw_unless_all_come(world: Any) -> None:
    tasks = [world.task(letter) for letter in "abc"]
    curriculum = Curriculum(tasks, 0, "learnability")
    assert len({task.id for task in curriculum.draw(3)}) == 3
    assert set(Counter(task.id for task in curriculum.draw(7)).values()) == {2, 3}


@pytest.mark.parametrize("sampling", ["uniform", "learnability"])
def test_a_curriculum_goes_on_where_it_was(world: Any, sampling: Any) -> None:
    tasks = world.domain.tasks("train")
    first = Curriculum(tasks, 5, sampling)
    first.hear(first.draw(3)[0], 2, 8)
    second = Curriculum(tasks, 5, sampling)
    second.restore(first.state())
    for _ in range(4):
        assert first.draw(3) == second.draw(3)


def group_rates(generator: np.random.Generator, rate: float) -> Sequence[float]:
    """A step's 12 groups of 8, where tasks differ in difficulty."""
    difficulty = generator.beta(2 * rate, 2 * (1 - rate), 12)
    return (generator.binomial(8, difficulty) / 8).tolist()


def collapses(rates: Sequence[float], runs: int = 100) -> int:
    """How many of the runs are ended, if the true success rate of each step is that."""
    generator = np.random.default_rng(0)
    ended = 0
    for _ in range(runs):
        seen: list[tuple[float, float]] = []
        for rate in rates:
            seen.append(rate_and_error(group_rates(generator, rate)))
            if has_collapsed(seen):
                ended += 1
                break
    return ended


@pytest.mark.parametrize("rate", [0.02, 0.15, 0.4])
def test_chance_alone_hardly_ever_ends_a_run(rate: float) -> None:
    assert collapses([rate] * 30) <= 8


@pytest.mark.parametrize(("before", "after"), [(0.15, 0.005), (0.4, 0.05)])
def test_a_fall_ends_the_run(before: float, after: float) -> None:
    assert collapses([before] * 5 + [after] * 25) >= 90


def test_a_rate_has_the_standard_error_of_its_groups() -> None:
    assert rate_and_error([0.0, 1.0, 0.0, 1.0]) == pytest.approx((0.5, 0.5774 / 2), abs=1e-4)
    assert rate_and_error([0.25]) == (0.25, 0.5)
    assert rate_and_error([]) == (0.0, 0.5)
