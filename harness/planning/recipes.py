"""Turn a recipe, a configuration with a table of what it needs, into typed values."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

from harness.assembly.config import (
    LoopConfig,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    load_config,
    nearest,
    read_table,
    read_toml,
)
from harness.errors import ConfigError, UnknownName

RECIPES = Path(str(files("harness") / "recipes"))
"""The folder with the recipes that come with the package."""

Kind = Literal["adapter", "full", "offloaded"]
"""What is trained: an adapter, or all weights, with the optimizer on the GPU or in main memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """The model's sizes; ``active``: parameters that a token passes through."""

    parameters: PositiveFloat
    active: PositiveFloat
    layers: PositiveInt
    kv_heads: PositiveInt
    head_dim: PositiveInt
    weight_bytes: PositiveInt = 2

    @property
    def kv_bytes(self) -> int:
        """Bytes of keys and values, of 16 bits each, that a token leaves behind."""
        return 2 * self.layers * self.kv_heads * self.head_dim * 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What must be there: GPUs over all nodes and the memory of each, and memory and disk of a
    node, in GiB.
    """

    nodes: PositiveInt
    gpus: NonNegativeInt
    gpu_gib: NonNegativeInt
    host_gib: PositiveInt
    disk_gib: PositiveInt


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """``tokens_per_second`` trained on, all GPUs together; ``activations_gib`` of each GPU."""

    kind: Kind
    gpus: NonNegativeInt
    activations_gib: NonNegativeFloat
    tokens_per_second: PositiveFloat


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """``tokens_per_second`` that are sampled with ``at_once`` conversations open, all GPUs
    together, of which ``engine_gpus`` hold a copy of the weights. ``shared``: the GPUs are those
    that train, in turns.
    """

    gpus: NonNegativeInt
    at_once: PositiveInt
    tokens_per_second: PositiveFloat
    engine_gpus: PositiveInt = 1
    shared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """The mean conversation, in tokens: all of it, those that the policy samples, and what a chat
    model in the role of the user reads and writes in it.
    """

    tokens: PositiveInt
    sampled: PositiveInt
    user_tokens_in: NonNegativeInt
    user_tokens_out: NonNegativeInt


@dataclass(frozen=True, kw_only=True)
class Needs:
    """The table ``recipe``: ``extras`` of this package, commands to ``start`` it, and ``sources``
    of its numbers.
    """

    about: str
    extras: tuple[str, ...]
    start: tuple[str, ...]
    sources: tuple[str, ...]
    model: Model
    machine: Machine
    training: Training
    sampling: Sampling
    conversation: Talk


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A recipe that was read: ``file`` is also what ``harness loop --config`` takes."""

    name: str
    file: Path
    config: LoopConfig
    needs: Needs


def recipe_names() -> list[str]:
    """Those that come with the package."""
    return sorted(file.stem for file in RECIPES.glob("*.toml"))


def read_recipe(name: str) -> Recipe:
    """The recipe of that name, or of that file. Raises ``UnknownName`` and ``ConfigError``."""
    file = Path(name) if name.endswith(".toml") else RECIPES / f"{name}.toml"
    if not file.is_file():
        known = recipe_names()
        raise UnknownName(
            f"no recipe is called {name!r} (known: {', '.join(known)})",
            hint=nearest(name, known) or "Name one of these, or a TOML file with a table [recipe].",
        )
    table = read_toml(file).get("recipe")
    if not isinstance(table, dict):
        raise ConfigError(
            f"{file} has no table [recipe]",
            hint=f"Start from one that has: {RECIPES / 'smollm2-cpu.toml'}.",
        )
    needs = read_table(Needs, table, where=f"[recipe] of {file.name}")
    return Recipe(name=file.stem, file=file, config=load_config(file=file), needs=needs)
