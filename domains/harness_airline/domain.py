"""The airline domain: tools, policy, tasks and worlds behind the protocol of the core."""

from __future__ import annotations

from harness.protocols import Domain, Settings
from harness.types import Task
from harness_airline.compat import FIXED, TAU2, Compat
from harness_airline.database import airline_of
from harness_airline.features import FEATURES
from harness_airline.generate import fixed_tasks, generate
from harness_airline.readings import readings
from harness_airline.solve import solve
from harness_airline.tools import AirlineWorld, offered_tools
from harness_airline.twists import TWISTS, weave
from harness_taskkit.generated import GeneratedDomain, Parts, policy_of
from harness_taskkit.switches import chosen_switches


def airline_domain(settings: Settings) -> Domain:
    return AirlineDomain(chosen_switches(settings, "airline", FIXED, TAU2))


class AirlineDomain(GeneratedDomain[Compat]):
    """Support of an airline; names and formats follow tau2."""

    name = "airline"
    features = FEATURES
    twists = TWISTS
    policy = policy_of("harness_airline")
    parts = Parts(
        FIXED,
        offered_tools,
        fixed_tasks,
        generate,
        solve,
        readings,
        weave,
        lambda task: airline_of(task.world).reservations,
    )

    def open(self, task: Task) -> AirlineWorld:
        return AirlineWorld(airline_of(task.world), self.compat)
