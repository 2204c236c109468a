from __future__ import annotations

from collections import Counter
from itertools import islice

import pytest

from harness import testing
from harness.errors import ConfigError
from harness.evaluation.rollout import run_rollouts
from harness.llm.roles import open_registry
from harness.protocols import RolloutJob, RolloutSetup, Settings
from harness.types import Json, Recipe, Split, Task, ToolCall
from harness_invented.domain import InventedDomain, invented_domain
from harness_invented.generate import FEATURES


def first_tasks(seed: int, count: int, recipe: Recipe | None = None) -> list[Task]:
    return list(islice(InventedDomain(seed).generate(3, recipe or Recipe()), count))


@pytest.mark.parametrize("seed", [0, 1, 17])
def test_any_business_keeps_the_contract_of_a_domain(seed: int) -> None:
    testing.check_domain(InventedDomain(seed), tasks=4)


def test_the_scripted_parts_play_its_tasks_to_a_good_end() -> None:
    make = open_registry().make
    teacher = make("policy", "expert", Settings(options={"slips": 0.05}))
    user, executor = (
        make("user simulator", "scripted", Settings()),
        make("executor", "asyncio", Settings()),
    )
    good = total = 0
    for seed in range(12):
        domain = InventedDomain(seed)
        jobs = [
            RolloutJob(task=task, trial=0, seed=n) for n, task in enumerate(first_tasks(seed, 15))
        ]
        episodes = run_rollouts(jobs, teacher, RolloutSetup(domain=domain, user=user), executor)
        good += sum(episode.score.success for episode in episodes)
        total += len(episodes)
    assert good >= 0.98 * total


def test_businesses_differ_in_tools_arguments_and_words() -> None:
    domains = [InventedDomain(seed) for seed in range(30)]
    assert len({tool.name for domain in domains for tool in domain.tools}) > 150
    assert len({name for d in domains for tool in d.tools for name in tool.nouns}) > 60
    assert len({domain.policy for domain in domains}) == 30


def test_a_business_is_the_same_every_time() -> None:
    assert InventedDomain(5).tools == InventedDomain(5).tools
    assert first_tasks(5, 5) == first_tasks(5, 5)


def test_splits_share_no_id() -> None:
    domain = InventedDomain(2)
    splits: tuple[Split, ...] = ("train", "validation", "test")
    seen = [
        {value for task in domain.tasks(split) for call in task.gold for value in ids_in(call)}
        for split in splits
    ]
    assert all(seen)
    assert not seen[0] & seen[1] | seen[0] & seen[2] | seen[1] & seen[2]


def ids_in(call: ToolCall) -> list[str]:
    values: list[Json] = []
    for value in call.arguments.values():
        values += value if isinstance(value, list) else [value]
    return [v for v in values if isinstance(v, str) and sum(map(str.isdigit, v)) >= 6]


@pytest.mark.parametrize("name", [feature.name for feature in FEATURES])
def test_a_required_feature_is_in_every_task(name: str) -> None:
    business = next(
        seed
        for seed in range(40)
        if name not in ("move", "repay", "profile", "set", "extend")
        or any(name == role for role in InventedDomain(seed).roles)
    )
    for task in first_tasks(business, 3, Recipe(required=(name,))):
        assert name in task.tags


def test_the_default_mix_has_every_feature() -> None:
    tags = Counter(tag for seed in range(25) for task in first_tasks(seed, 30) for tag in task.tags)
    assert {feature.name for feature in FEATURES} <= set(tags)


@pytest.mark.parametrize("recipe", [Recipe(required=("nonsense",)), Recipe(weights={"x": 1.0})])
def test_an_unknown_feature_is_refused(recipe: Recipe) -> None:
    with pytest.raises(ConfigError, match="no feature"):
        first_tasks(0, 1, recipe)


def test_the_number_of_a_business_is_a_whole_one() -> None:
    assert invented_domain(Settings(argument="7")).policy == InventedDomain(7).policy
    with pytest.raises(ConfigError, match="no invented business 'seven'"):
        invented_domain(Settings(argument="seven"))
