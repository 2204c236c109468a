"""Turn a recipe into what it would take on paper: rollouts, tokens, hours, memory and dollars."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.assembly.components import WARM_START, Components
from harness.assembly.config import LoopConfig
from harness.assembly.product_settings import warm_options
from harness.assembly.registry import SPEAKING
from harness.llm.prices import Prices
from harness.planning.recipes import Recipe
from harness.training.epochs import step_count
from harness.types import Json, Usage
from harness.types.names import StationName

GIB = 2**30
HOUR = 3600

ADAM_BYTES = 12
"""The 32-bit weights, first and second moments of Adam, for each parameter trained."""
GRADIENT_BYTES = 4

GATE_ROLLOUTS = 4
"""Conversations that the gates play with a candidate, about: see docs/injection.md."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Some conversations of a run: how many, and how many of their tokens are trained on."""

    name: str
    rollouts: int
    sampled: bool = True
    trained: bool = False


def parts_of(parts: Components, recipe: Recipe, stations: list[str]) -> list[Part]:
    """The run's conversations, station by station."""
    config = recipe.config
    found = []
    for name in stations:
        if evaluation := StationName(name).evaluation:
            on_test = evaluation.on_split == "test"
            tasks = config.test_tasks if on_test else config.validation_tasks
            trials = config.test_trials if on_test else config.validation_trials
            found.append(Part(name=name, rollouts=tasks * trials))
    pools, arms = _pools(config), 1 + len(config.controls)
    shown = _imitated(recipe)
    if config.warm_start:
        shown += sum(_imitated(recipe, pool) for pool in pools) * arms
    found.append(Part(name="imitation", rollouts=shown, sampled=False, trained=True))
    made = config.targeted_tasks * config.rounds
    found.append(Part(name="gates of injection", rollouts=GATE_ROLLOUTS * made))
    reinforced = sum(_reinforced(recipe, pool) for pool in pools) * arms
    found.append(Part(name=f"reinforcement, {arms} arms", rollouts=reinforced, trained=True))
    return found


def estimate(parts: Components, recipe: Recipe, stations: list[str]) -> dict[str, Json]:
    """Rollouts, tokens and hours of each part and of all, and dollars for chat models (None: one of
    them has no known price).
    """
    talk, needs = recipe.needs.conversation, recipe.needs
    rows: list[Json] = []
    total: dict[str, float] = dict.fromkeys(("rollouts", "tokens", "sampled", "hours"), 0.0)
    spoken = 0
    for part in parts_of(parts, recipe, stations):
        tokens = part.rollouts * talk.tokens
        sampled = part.rollouts * talk.sampled if part.sampled else 0
        seconds = sampled / needs.sampling.tokens_per_second
        seconds += tokens / needs.training.tokens_per_second if part.trained else 0
        row: dict[str, Json] = {
            "part": part.name,
            "rollouts": part.rollouts,
            "tokens": tokens,
            "sampled": sampled,
            "hours": round(seconds / HOUR, 2),
        }
        rows.append(row)
        for name in total:
            total[name] += float(str(row[name]))
        spoken += part.rollouts if part.sampled else 0
    dollars, unpriced = _dollars(parts, spoken, recipe)
    return {
        "parts": rows,
        "rollouts": int(total["rollouts"]),
        "tokens": int(total["tokens"]),
        "sampled": int(total["sampled"]),
        "hours": round(total["hours"], 2),
        "dollars": None if unpriced else round(dollars, 2),
        "without_price": [*unpriced],
    }


def memory(recipe: Recipe) -> list[dict[str, Json]]:
    """A row for each thing that needs memory on one GPU, or in main memory where there is none:
    GiB needed on paper.
    """
    needs = recipe.needs
    model, training, sampling = needs.model, needs.training, needs.sampling
    weights = model.parameters * model.weight_bytes / GIB
    trainers = max(1, training.gpus)
    rows = {"trainer: weights": weights / trainers}
    if training.kind != "adapter":
        state = model.parameters / GIB / trainers
        rows["trainer: gradients"] = GRADIENT_BYTES * state
        if training.kind == "full":
            rows["trainer: Adam"] = ADAM_BYTES * state
    rows["trainer: activations"] = training.activations_gib
    engines = max(1, sampling.gpus // sampling.engine_gpus)
    open_here = sampling.at_once / engines
    rows["sampler: weights"] = weights / sampling.engine_gpus
    cached = open_here * needs.conversation.tokens * model.kv_bytes / GIB
    rows["sampler: keys and values"] = cached / sampling.engine_gpus
    return [{"what": name, "gib": round(gib, 1)} for name, gib in rows.items()]


def peak(recipe: Recipe) -> dict[str, float]:
    """GiB of the fullest GPU that trains, of the fullest that samples, and of main memory for the
    optimizer (0 where it is on the GPU).
    """
    rows = memory(recipe)
    sums = {
        role: sum(float(str(row["gib"])) for row in rows if str(row["what"]).startswith(role))
        for role in ("trainer", "sampler")
    }
    offloaded = recipe.needs.training.kind == "offloaded"
    state = recipe.needs.model.parameters * ADAM_BYTES / GIB if offloaded else 0.0
    return {**sums, "host": state}


def _dollars(parts: Components, rollouts: int, recipe: Recipe) -> tuple[float, list[str]]:
    """For the chat models in the run, and the names of those without a known price."""
    talk, total, unpriced = recipe.needs.conversation, 0.0, []
    table = recipe.config.options.get("calls", {})
    prices = Prices.load(str(table.get("prices", "")))
    for kind, spec in parts.names():
        if kind not in SPEAKING or not parts.registry.speaks(kind, spec):
            continue
        read, written = talk.user_tokens_in, talk.user_tokens_out
        usage = Usage(tokens_in=rollouts * read, tokens_out=rollouts * written)
        cost = prices.cost(spec.partition(":")[2], usage)
        if cost is None:
            unpriced.append(spec)
        else:
            total += cost
    return total, unpriced


def _pools(config: LoopConfig) -> list[int]:
    """How many tasks each round trains on."""
    keeps = config.replay_decay if config.pool == "union" else 0.0
    tasks, pools = 0.0, []
    for _ in range(config.rounds):
        tasks = config.targeted_tasks + keeps * tasks
        pools.append(round(tasks))
    return pools


def _imitated(recipe: Recipe, pool: int | None = None) -> int:
    """Demonstrations that SFT goes through, or the warm start on a pool of so many tasks."""
    config = recipe.config
    table = _options(recipe, config.sft_trainer)
    if pool is not None:
        table = warm_options(table, _options(recipe, WARM_START))
    # Beside the proofs there are as many demonstrations as SFT had.
    shown = config.demonstrations if pool is None else pool + (config.demonstrations or pool)
    return _played(table, shown, _whole(table, "batch_size", 32), usual=200)


def _reinforced(recipe: Recipe, pool: int) -> int:
    """Rollouts of RL on a pool of so many tasks."""
    table = _options(recipe, recipe.config.trainer)
    groups = _played(table, pool, _whole(table, "tasks_per_step", 16), usual=30)
    return groups * _whole(table, "num_generations", 8)


def _played(table: Mapping[str, Json], count: int | None, batch_size: int, *, usual: int) -> int:
    """Tasks or demonstrations in all steps, of ``count`` different ones."""
    steps, epochs = table.get("max_steps"), table.get("num_train_epochs")
    return batch_size * step_count(
        steps if isinstance(steps, int) else None,
        epochs if isinstance(epochs, int | float) else None,
        count,
        batch_size,
        usual=usual,
    )


def _options(recipe: Recipe, name: str) -> Mapping[str, Json]:
    return recipe.config.options.get(name.partition(":")[0], {})


def _whole(table: Mapping[str, Json], name: str, usual: int) -> int:
    value = table.get(name, usual)
    return value if isinstance(value, int) else usual
