"""Passes over the pool as steps: training grows with the pool, unless a limit says how long."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from harness.assembly.components import Components
from harness.assembly.config import load_config
from harness.assembly.product_settings import warm_options
from harness.llm.roles import open_registry
from harness.training.curricula import shown, shown_beside
from harness.training.epochs import step_count
from harness_grpo.options import Options as GrpoOptions
from harness_sft.options import Options as SftOptions
from harness_tinker.options import ImitationOptions, ReinforcementOptions


def job(tasks: int = 0, epoch_size: int | None = None) -> Any:
    return SimpleNamespace(tasks=[None] * tasks, epoch_size=epoch_size)


@pytest.mark.parametrize(
    ("max_steps", "epochs", "count", "steps"),
    [
        (None, 0.4, 300, 10),
        (None, 0.4, 600, 20),
        (None, 0.4, 301, 11),
        (None, 0.001, 300, 1),
        (None, 1.1, 600, 55),
        (7, 0.4, 300, 7),
        (None, None, 300, 30),
        (None, 0.4, None, 30),
    ],
)
def test_steps_of_passes(
    max_steps: int | None, epochs: float | None, count: int | None, steps: int
) -> None:
    assert step_count(max_steps, epochs, count, 12, usual=30) == steps


@pytest.mark.parametrize("options", [GrpoOptions, ReinforcementOptions])
def test_rl_on_a_pool_twice_as_large_has_twice_as_many_steps(options: Any) -> None:
    passes = options(num_train_epochs=2, tasks_per_step=10)
    assert (passes.steps(job(tasks=100)), passes.steps(job(tasks=200))) == (20, 40)
    assert replace(passes, max_steps=3).steps(job(tasks=200)) == 3
    assert options().steps(job(tasks=200)) == 30


@pytest.mark.parametrize(("options", "usual"), [(SftOptions, 1000), (ImitationOptions, 200)])
def test_imitation_makes_passes_over_demonstrations_that_have_an_end(
    options: Any, usual: int
) -> None:
    passes = options(num_train_epochs=4, batch_size=8)
    assert (passes.steps(job(epoch_size=600)), passes.steps(job(epoch_size=1200))) == (300, 600)
    assert passes.steps(job(epoch_size=None)) == usual
    assert replace(passes, cpu_seconds=9.0).steps(job(epoch_size=600)) == 300
    assert replace(passes, max_steps=5).steps(job(epoch_size=600)) == 5


def test_demonstrations_say_after_how_many_they_come_again() -> None:
    config = load_config(preset="quick", flags={"domain": "retail", "executor": "asyncio"})
    parts = Components(config, open_registry())
    assert shown(parts, 0).epoch_size is None
    assert shown_beside(parts, [None] * 3, 0).epoch_size == 6  # type: ignore[list-item]
    few = parts.changed(demonstrations=2)
    assert shown(few, 0).epoch_size == 2
    known = list(zip(range(4), shown(few, 0).episodes, strict=False))
    assert {e.trajectory.id for _, e in known[:2]} == {e.trajectory.id for _, e in known[2:]}
    assert shown_beside(few, [None] * 3, 0).epoch_size == 5  # type: ignore[list-item]


@pytest.mark.parametrize("preset", ["default", "full"])
def test_the_warm_start_of_a_preset_makes_passes_whatever_limits_sft_has(preset: Any) -> None:
    limits = {"options": {"sft": {"seconds": 5, "cpu_seconds": 5, "max_steps": 5}}}
    parts = Components(load_config(preset=preset, flags=limits), open_registry())
    warm: Any = parts.warm_trainer()
    count = 2 * parts.config.targeted_tasks
    grown = [warm.options.steps(job(epoch_size=rounds * count)) for rounds in (1, 2)]
    assert grown[1] == 2 * grown[0] > 500
    assert (warm.options.seconds, warm.options.cpu_seconds) == (None, None)
    rl: Any = parts.trainer("grpo")
    assert rl.options.steps(job(tasks=count)) == 2 * rl.options.steps(job(tasks=count // 2))


def test_a_trainer_need_not_know_a_limit_that_the_warm_start_lifts() -> None:
    presets = {"seconds": "none", "max_steps": "none", "num_train_epochs": 4}
    assert warm_options({"seconds": 9}, presets) == {"seconds": "none", "num_train_epochs": 4}
    own = {**presets, "num_train_epochs": "none", "rate": "none"}
    assert warm_options({"batch": 2}, own) == {"batch": 2, "rate": "none"}
