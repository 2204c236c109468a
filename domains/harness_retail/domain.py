"""The retail domain: tools, policy, tasks and worlds behind the protocol of the core."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from itertools import islice

from harness.assembly.config import read_options
from harness.evaluation.domain_defaults import DomainDefaults
from harness.protocols import Domain, Settings
from harness.types import Json, Recipe, Split, Task, ToolCall, stable_id
from harness_retail.compat import FIXED, TAU2, Compat, switched
from harness_retail.database import shop_of
from harness_retail.features import FEATURES
from harness_retail.generate import fixed_tasks, generate
from harness_retail.official_shop import records_of
from harness_retail.readings import readings
from harness_retail.solve import solve
from harness_retail.tools import RetailWorld, offered_tools
from harness_retail.twists import TWISTS, weave
from harness_taskkit.switches import SwitchOptions


def retail_domain(settings: Settings) -> Domain:
    options = read_options(SwitchOptions, settings, name="retail")
    start = TAU2 if options.compat == "tau2" else FIXED
    return RetailDomain(switched(start, options.switches))


class RetailDomain(DomainDefaults):
    """Support of an online shop over small generated databases; names and formats follow tau2.

    ``compat`` holds for all of it: generation, solver, worlds and grades.
    """

    name = "retail"
    features = FEATURES
    twists = TWISTS
    policy = files("harness_retail").joinpath("policy.md").read_text(encoding="utf-8")

    def __init__(self, compat: Compat = FIXED) -> None:
        self.compat = compat
        self.tools = offered_tools(compat)
        self.data_version = _data_version(compat)

    def tasks(self, split: Split) -> Sequence[Task]:
        return _tasks(split, self.compat)

    def open(self, task: Task) -> RetailWorld:
        return RetailWorld(shop_of(task.world), self.compat)

    def generate(self, seed: int, recipe: Recipe) -> Iterator[Task]:
        """Endless tasks with the required features; ``ConfigError`` if none can have them."""
        return generate(seed, recipe, self.compat)

    def solve(self, task: Task) -> Sequence[Sequence[ToolCall]] | None:
        """One group of calls per request, look-ups first; None if the task cannot be solved so."""
        return solve(task, self.compat)

    def readings(self, task: Task) -> Sequence[Sequence[ToolCall]]:
        """Each outcome that fits what the customer says, the records and the policy."""
        return readings(task, self.compat)

    def weave(self, task: Task, twist: str, seed: int) -> Task | None:
        """The task with one of ``TWISTS``; None if it has it or cannot have it."""
        return weave(task, twist, seed, self.compat)

    def official_records(self, task: Task) -> Mapping[str, Json]:
        """What the official shop must be given to play a task of ours."""
        return records_of(task)


_tasks = cache(fixed_tasks)


@cache
def _data_version(compat: Compat) -> str:
    """A digest of how tools behave and of what the generator makes first, its shop included."""
    tasks = list(islice(generate(0, Recipe(), compat), 3))
    orders = [shop_of(task.world).orders for task in tasks]
    return stable_id(compat, tasks, orders)
