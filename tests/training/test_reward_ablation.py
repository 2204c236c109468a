"""What other rewards would have made of the same rollouts."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.assembly.components import Components
from harness.assembly.config import load_config
from harness.errors import RunError
from harness.evaluation.station import evaluate_policy
from harness.llm.roles import open_registry
from harness.run_folder import RunFolder
from harness.training.advantages import Aggregation, term_advantages
from harness.training.reward_ablation import (
    Groups,
    Rule,
    Variant,
    ablate,
    advantages,
    alone,
    dropped,
    grid,
    stored_groups,
)
from harness.training.rollout_log import RolloutLog

NAMES = ("a", "b", "c")
PLAIN = Rule(scale="none")


def groups(values: object) -> Groups:
    return Groups(source="x", names=NAMES, values=np.asarray(values, dtype=np.float64))


term_values = st.floats(-1, 1, width=32)
some_weights = st.tuples(*[st.floats(-2, 2, width=32)] * 3).map(
    lambda chosen: dict(zip(NAMES, chosen, strict=True))
)


@st.composite
def some_groups(draw: st.DrawFn) -> Groups:
    shape = draw(st.tuples(st.integers(1, 4), st.integers(2, 6)))
    cells = st.lists(term_values, min_size=3, max_size=3)
    size = shape[0] * shape[1]
    flat = draw(st.lists(cells, min_size=size, max_size=size))
    return groups(np.reshape(np.asarray(flat), (*shape, 3)))


@settings(deadline=None)
@given(some_groups(), some_weights)
def test_a_dropped_term_takes_its_weight_times_its_distance_to_the_groups_mean(
    found: Groups, weights: dict[str, float]
) -> None:
    whole = advantages(found, weights, PLAIN)
    for at, (name, variant) in enumerate(zip(NAMES, dropped(weights), strict=True)):
        values = found.values[:, :, at]
        taken = weights[name] * (values - values.mean(axis=1, keepdims=True))
        left = advantages(found, variant.weights, PLAIN)
        np.testing.assert_allclose(whole - left, taken, atol=1e-5)


@settings(deadline=None)
@given(some_groups(), some_weights)
def test_normalised_by_term_it_takes_the_terms_own_advantages(
    found: Groups, weights: dict[str, float]
) -> None:
    rule = Rule(aggregation="normalize_then_sum")
    whole = advantages(found, weights, rule)
    for name, variant in zip(NAMES, alone(weights), strict=True):
        by_itself = advantages(found, {name: 1.0}, rule)
        np.testing.assert_allclose(
            advantages(found, variant.weights, rule), weights[name] * by_itself, atol=1e-5
        )
        left = advantages(found, {**weights, name: 0.0}, rule)
        np.testing.assert_allclose(whole - left, weights[name] * by_itself, atol=1e-4)


@settings(deadline=None)
@given(some_groups(), some_weights, st.floats(0.5, 4))
def test_the_same_reward_changes_nothing_and_a_scaled_one_no_rank(
    found: Groups, weights: dict[str, float], factor: float
) -> None:
    scaled = {name: factor * weight for name, weight in weights.items()}
    same, larger = ablate(
        found, weights, [Variant(name="same", weights=weights), Variant(name="x", weights=scaled)],
        PLAIN,
    ).effects  # fmt: skip
    assert same.moved.value == 0
    assert same.flipped == larger.flipped == 0
    assert same.agreement is None or same.agreement.value == pytest.approx(1)


def test_ranks_that_are_turned_round_disagree_wholly() -> None:
    found = groups([[[1, 0, 0], [0.5, 0, 0], [0, 0, 0]]])
    (effect,) = ablate(found, {"a": 1}, [Variant(name="x", weights={"a": -1})], PLAIN).effects
    assert effect.agreement is not None
    assert effect.agreement.value == pytest.approx(-1)
    assert effect.flipped == pytest.approx(2 / 3)
    assert effect.moved.value == pytest.approx(2 / 3)


def test_groups_without_signal_are_counted() -> None:
    found = groups([[[1, 0, 0], [0, 0, 0]], [[1, 0, 0], [1, 1, 0]]])
    result = ablate(found, {"a": 1, "b": 1}, [*dropped({"a": 1, "b": 1})], Rule())
    assert result.silent == 0
    assert [effect.silent for effect in result.effects] == [0.5, 0.5]
    assert result.spread == {"a": (0.5, 0.75), "b": (0.5, 0.25), "c": (0, 0)}


def test_what_does_not_count_moves_nobody() -> None:
    nan = [np.nan] * 3
    found = groups([[[1, 0, 0], [0, 0, 0], nan]])
    assert found.rollouts == 2
    (effect,) = ablate(found, {"a": 1}, [Variant(name="none", weights={})], PLAIN).effects
    assert effect.moved.value == pytest.approx(0.5)
    assert effect.agreement is None
    assert effect.silent == 1


def test_a_grid_has_every_combination() -> None:
    found = list(grid({"a": 1, "b": 2}, {"a": [0, 1], "b": [3, 4]}))
    assert [variant.name for variant in found] == ["a=0 b=3", "a=0 b=4", "a=1 b=3", "a=1 b=4"]
    assert found[0].weights == {"a": 0, "b": 3}


@pytest.mark.parametrize("aggregation", ["sum_then_normalize", "normalize_then_sum"])
def test_one_term_is_the_same_either_way(aggregation: Aggregation) -> None:
    values = np.asarray([[[1.0], [0.0], [0.0]]])
    found = term_advantages(values, np.asarray([1.0]), aggregation=aggregation)
    np.testing.assert_allclose(found, [[2, -1, -1]] / (3 * (np.sqrt(2) / 3 + 0.2)), rtol=1e-5)


def begun(folder: Path, **flags: object) -> tuple[Components, RunFolder]:
    config = load_config(flags={"domain": "retail", "executor": "asyncio", **flags})
    return Components(config, open_registry()), RunFolder.create(folder, config.plain())


def test_rollouts_of_a_training_are_grouped_by_step(tmp_path: Path) -> None:
    parts, store = begun(tmp_path / "run")
    log, policy = RolloutLog(parts, store, "rl-1"), parts.named_policy("noisy:0.5")
    for step in (1, 2):
        tasks = parts.domain.tasks("train")[:3]
        log.run(policy, [(task, n, step + n) for task in tasks for n in range(4)])
        log.finish(step)
    found = stored_groups(store)
    assert found.source == "rl-1"
    assert found.values.shape == (6, 4, len(parts.config.rewards))
    assert found.rollouts == 24
    assert found.names == tuple(parts.config.rewards)


def test_without_a_training_an_evaluation_is_read(tmp_path: Path) -> None:
    parts, store = begun(tmp_path / "run", test_tasks=5, test_trials=3)
    evaluate_policy(parts, store, parts.named_policy("noisy:0.5"), "policy", "test")
    found = stored_groups(store)
    assert found.source == "policy-test"
    assert found.values.shape == (5, 3, len(parts.config.rewards))
    with pytest.raises(RunError, match="no rollouts of 'rl-7'") as error:
        stored_groups(store, "rl-7")
    assert "policy-test" in error.value.hint


def test_one_conversation_for_each_task_is_not_enough(tmp_path: Path) -> None:
    parts, store = begun(tmp_path / "run", test_tasks=5, test_trials=1)
    with pytest.raises(RunError, match="no task with two rollouts"):
        stored_groups(store)
    evaluate_policy(parts, store, parts.named_policy("noisy:0.5"), "policy", "test")
    with pytest.raises(RunError, match="no task with two rollouts"):
        stored_groups(store)
