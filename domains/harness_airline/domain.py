"""The airline domain: tools, policy, tasks and worlds behind the protocol of the core."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from itertools import islice

from harness.assembly.config import read_options
from harness.evaluation.domain_defaults import DomainDefaults
from harness.protocols import Domain, Settings
from harness.types import Recipe, Split, Task, ToolCall, stable_id
from harness_airline.compat import FIXED, TAU2, Compat, switched
from harness_airline.database import airline_of
from harness_airline.features import FEATURES
from harness_airline.generate import fixed_tasks, generate
from harness_airline.readings import readings
from harness_airline.solve import solve
from harness_airline.tools import AirlineWorld, offered_tools
from harness_airline.twists import TWISTS, weave
from harness_taskkit.switches import SwitchOptions


def airline_domain(settings: Settings) -> Domain:
    options = read_options(SwitchOptions, settings, name="airline")
    start = TAU2 if options.compat == "tau2" else FIXED
    return AirlineDomain(switched(start, options.switches))


class AirlineDomain(DomainDefaults):
    """Support of an airline over small generated databases; names and formats follow tau2.

    ``compat`` holds for all of it: generation, solver, worlds and grades.
    """

    name = "airline"
    features = FEATURES
    twists = TWISTS
    policy = files("harness_airline").joinpath("policy.md").read_text(encoding="utf-8")

    def __init__(self, compat: Compat = FIXED) -> None:
        self.compat = compat
        self.tools = offered_tools(compat)
        self.data_version = _data_version(compat)

    def tasks(self, split: Split) -> Sequence[Task]:
        return _tasks(split, self.compat)

    def open(self, task: Task) -> AirlineWorld:
        return AirlineWorld(airline_of(task.world), self.compat)

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


_tasks = cache(fixed_tasks)


@cache
def _data_version(compat: Compat) -> str:
    """A digest of how tools behave and of what the generator makes first, its trips included."""
    tasks = list(islice(generate(0, Recipe(), compat), 3))
    trips = [airline_of(task.world).reservations for task in tasks]
    return stable_id(compat, tasks, trips)
