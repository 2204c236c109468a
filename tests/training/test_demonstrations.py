"""Which demonstrations SFT gets, and in which order."""

from itertools import islice

import pytest

from harness.assembly.components import Components
from harness.assembly.config import load_config
from harness.errors import NothingToLearn
from harness.llm.roles import open_registry
from harness.protocols import Settings
from harness.training import curricula
from harness.training.demonstrations import demonstrations, in_turn, over_again
from harness.types import Episode, Recipe

HARDER = {"two_orders", "withheld", "several_items", "amount", "same_but", "change_of_mind"}


@pytest.fixture(scope="module")
def parts() -> Components:
    return Components(load_config(preset="quick", flags={"domain": "retail"}), open_registry())


def shown(parts: Components, count: int, *, seed: int = 0, easy: float = 0.0) -> list[Episode]:
    found = demonstrations(parts.teacher, parts.setup, parts.executor, seed=seed, easy=easy)
    return list(islice(found, count))


def ids(episodes: list[Episode]) -> list[str]:
    return [episode.task.id for episode in episodes]


def is_harder(episode: Episode) -> bool:
    return bool(HARDER & set(episode.task.tags))


def test_no_task_is_demonstrated_twice(parts: Components) -> None:
    for easy in (0.0, 0.5):
        found = ids(shown(parts, 100, easy=easy))
        assert len(set(found)) == len(found)


def test_the_seed_determines_demonstrations(parts: Components) -> None:
    assert ids(shown(parts, 40, easy=0.5)) == ids(shown(parts, 40, easy=0.5))
    assert not set(ids(shown(parts, 40))) & set(ids(shown(parts, 40, seed=1)))


@pytest.mark.parametrize(("easy", "low", "high"), [(0.0, 0.6, 1.0), (0.5, 0.2, 0.6), (1.0, 0, 0)])
def test_easy_demonstrations_have_nothing_that_makes_them_harder(
    parts: Components, easy: float, low: float, high: float
) -> None:
    found = shown(parts, 100, easy=easy)
    assert low <= sum(map(is_harder, found)) / len(found) <= high


def test_a_limited_number_comes_again_in_another_order(parts: Components) -> None:
    fresh = demonstrations(parts.teacher, parts.setup, parts.executor, seed=0)
    found = ids(list(islice(over_again(fresh, 20, 1), 60)))
    rounds = [found[:20], found[20:40], found[40:]]
    assert all(set(ids_) == set(rounds[0]) and len(set(ids_)) == 20 for ids_ in rounds)
    assert rounds[0] != rounds[1] != rounds[2]


def test_fewer_demonstrations_than_the_limit_come_again_too() -> None:
    assert list(islice(over_again(iter([]), 3, 0), 5)) == []
    assert len(list(islice(over_again(iter(["one"]), 3, 0), 5))) == 5


def test_given_tasks_are_demonstrated_once_each_in_their_order(parts: Components) -> None:
    tasks = list(islice(parts.domain.generate(3, Recipe()), 40))
    found = demonstrations(parts.teacher, parts.setup, parts.executor, seed=0, tasks=tasks)
    assert ids(list(found)) == [task.id for task in tasks]


def test_a_teacher_that_solves_no_given_task_is_told(parts: Components) -> None:
    idle = parts.registry.make("policy", "noop", Settings(domain=parts.domain))
    tasks = [t for t in islice(parts.domain.generate(3, Recipe()), 20) if t.gold]
    with pytest.raises(NothingToLearn, match="solved none of"):
        list(demonstrations(idle, parts.setup, parts.executor, seed=0, tasks=tasks))


def test_several_domains_are_shown_in_turn_each_with_its_own_user_and_tools() -> None:
    named = ("retail", "telecom")
    config = load_config(preset="quick", flags={"domain": "retail", "sft_domains": named})
    both = Components(config, open_registry())
    assert [d.name for d in both.other_domains] == ["telecom"]
    found = list(islice(curricula.shown(both, 0).episodes, 6))
    assert [episode.task.domain for episode in found] == [*named] * 3
    assert all(episode.score.success for episode in found)
    alone = Components(load_config(preset="quick", flags={"domain": "telecom"}), open_registry())
    assert ids(found[1::2]) == ids(list(islice(curricula.shown(alone, 0).episodes, 3)))


def test_a_stream_that_ends_is_passed_over() -> None:
    assert list(in_turn([iter("abc"), iter(""), iter("x")])) == ["a", "x", "b", "c"]
