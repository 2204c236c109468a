"""The retail domain: tools, policy, tasks and worlds behind the protocol of the core."""

from __future__ import annotations

from collections.abc import Mapping

from harness.protocols import Domain, Settings
from harness.types import Json, Task
from harness_retail.compat import FIXED, TAU2, Compat
from harness_retail.database import shop_of
from harness_retail.features import FEATURES
from harness_retail.generate import fixed_tasks, generate
from harness_retail.official_shop import records_of
from harness_retail.readings import readings
from harness_retail.solve import solve
from harness_retail.tools import RetailWorld, offered_tools
from harness_retail.twists import TWISTS, weave
from harness_taskkit.generated import GeneratedDomain, Parts, policy_of
from harness_taskkit.switches import chosen_switches


def retail_domain(settings: Settings) -> Domain:
    return RetailDomain(chosen_switches(settings, "retail", FIXED, TAU2))


class RetailDomain(GeneratedDomain[Compat]):
    """Support of an online shop; names and formats follow tau2."""

    name = "retail"
    features = FEATURES
    twists = TWISTS
    policy = policy_of("harness_retail")
    parts = Parts(
        FIXED,
        offered_tools,
        fixed_tasks,
        generate,
        solve,
        readings,
        weave,
        lambda task: shop_of(task.world).orders,
    )

    def open(self, task: Task) -> RetailWorld:
        return RetailWorld(shop_of(task.world), self.compat)

    def official_records(self, task: Task) -> Mapping[str, Json]:
        """What the official shop must be given to play a task of ours."""
        return records_of(task)
