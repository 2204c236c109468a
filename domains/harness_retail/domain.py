"""The retail domain: tools, policy, tasks and worlds behind the protocol of the core."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from harness.config import read_options
from harness.protocols import Domain, Settings
from harness.types import Recipe, Split, Task, ToolCall
from harness_retail.features import FEATURES
from harness_retail.generate import fixed_tasks, generate
from harness_retail.shop import database
from harness_retail.solve import solve
from harness_retail.tools import TOOLS, RetailWorld


@dataclass(frozen=True, kw_only=True)
class Options:
    """The domain has no options."""


def retail_domain(settings: Settings) -> Domain:
    read_options(Options, settings, name="retail")
    return RetailDomain()


class RetailDomain(Domain):
    """Support of an online shop over small generated databases; names and formats follow tau2."""

    name = "retail"
    tools = TOOLS
    features = FEATURES
    policy = files("harness_retail").joinpath("policy.md").read_text(encoding="utf-8")

    def tasks(self, split: Split) -> Sequence[Task]:
        return _tasks(split)

    def open(self, task: Task) -> RetailWorld:
        return RetailWorld(database(str(task.world["database"])))

    def generate(self, seed: int, recipe: Recipe) -> Iterator[Task]:
        """Endless tasks with the required features; ``ConfigError`` if none can have them."""
        return generate(seed, recipe)

    def solve(self, task: Task) -> Sequence[Sequence[ToolCall]] | None:
        """One group of calls per request, look-ups first; None if the task cannot be solved so."""
        return solve(task)


_tasks = cache(fixed_tasks)
