"""Twists: harder words or more trips, the wanted change as it was."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from harness.types import Recipe
from harness_airline.domain import AirlineDomain

DOMAIN = AirlineDomain()
TASKS = list(itertools.islice(DOMAIN.generate(5, Recipe()), 60))


@pytest.mark.parametrize("twist", DOMAIN.twists)
def test_a_twist_keeps_what_is_wanted_and_leaves_one_outcome(twist: str) -> None:
    pairs = [(task, woven) for task in TASKS if (woven := DOMAIN.weave(task, twist, 1))]
    assert len(pairs) >= 3
    for task, woven in pairs[:20]:
        assert woven.gold == task.gold
        assert woven.id != task.id
        assert DOMAIN.solve(woven) is not None
        assert list(DOMAIN.readings(woven)) == [woven.gold]


@pytest.mark.parametrize("twist", ["withheld", "two_reservations", "pressure", "complaint"])
def test_a_twist_that_is_a_feature_adds_its_tag(twist: str) -> None:
    woven = [made for task in TASKS if (made := DOMAIN.weave(task, twist, 1))]
    assert all(twist in task.tags for task in woven)


def test_equal_seeds_weave_equally_and_held_out_tasks_are_left_alone() -> None:
    assert DOMAIN.weave(TASKS[0], "reworded", 1) == DOMAIN.weave(TASKS[0], "reworded", 1)
    held_out = replace(TASKS[0], split="test")
    assert DOMAIN.weave(held_out, "reworded", 1) is None


def test_an_unknown_twist_is_an_error() -> None:
    with pytest.raises(KeyError):
        DOMAIN.weave(TASKS[0], "upside_down", 1)
