"""The invented domain: one business for each seed, behind the protocol of the core."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from harness.assembly.config import read_options
from harness.errors import ConfigError
from harness.evaluation.domain_defaults import DomainDefaults
from harness.protocols import Domain, Settings
from harness.types import Recipe, Split, Task, ToolCall
from harness_invented.blueprint import Blueprint, blueprint
from harness_invented.database import database
from harness_invented.generate import FEATURES, ROLES, generate
from harness_invented.solve import solve
from harness_invented.state import Database, InventedWorld
from harness_invented.tools import tools

_FIXED = {"train": 200, "validation": 100, "test": 100}


@dataclass(frozen=True, kw_only=True)
class Options:
    """The domain has no options."""


def invented_domain(settings: Settings) -> Domain:
    """``invented:SEED``, or ``invented`` for the business of seed 0.

    Raises ``ConfigError`` if the seed is no whole number.
    """
    read_options(Options, settings, name="invented")
    seed = settings.argument or "0"
    if not seed.isdecimal():
        raise ConfigError(
            f"there is no invented business {seed!r}",
            hint="Write invented:SEED with a whole number, such as invented:7.",
        )
    return InventedDomain(int(seed))


class InventedDomain(DomainDefaults):
    """Support of a business that exists nowhere: a seed decides its words, tools and records.

    ``roles`` are the kinds of writes that it has.
    """

    name = "invented"

    def __init__(self, seed: int) -> None:
        self.seed = seed
        plan = blueprint(seed)
        self.roles = tuple(plan.operations)
        lacking = ROLES.keys() - self.roles
        self.features = tuple(feature for feature in FEATURES if feature.name not in lacking)
        self.tools = tools(plan)
        self.policy = _policy(plan)

    def tasks(self, split: Split) -> Sequence[Task]:
        return _fixed(self.seed, split)

    def open(self, task: Task) -> InventedWorld:
        return InventedWorld(_database(task))

    def generate(self, seed: int, recipe: Recipe) -> Iterator[Task]:
        """Endless tasks with the required features; ``ConfigError`` if none can have them."""
        return generate(self.seed, seed + 1, recipe)

    def solve(self, task: Task) -> Sequence[Sequence[ToolCall]] | None:
        return solve(_database(task), task)


def _database(task: Task) -> Database:
    world = task.world
    return database(int(str(world["business"])), task.split, int(str(world["database"])))


@lru_cache(maxsize=32)
def _fixed(seed: int, split: Split) -> list[Task]:
    return list(islice(generate(seed, 0, Recipe(split=split)), _FIXED[split]))


def _policy(plan: Blueprint) -> str:
    rules = [
        f"- {operation.tool}: only if the {plan.record} is {plan.stages[operation.stage]}."
        for operation in plan.operations.values()
        if operation.stage
    ]
    return "\n".join(
        (
            f"You help each {plan.client} with its own {plan.listing}.",
            f"- Find the {plan.client} first, by email or by name and "
            f"{plan.arguments['code'].replace('_', ' ')}.",
            "- Before any change, state all of its details and get an explicit yes.",
            *rules,
            f"- The {plan.account} must cover what is paid; a refund goes to the one that paid or "
            "to a gift card.",
            f"- Refuse what these rules forbid. Call {plan.handover} for what no tool can do.",
        )
    )
