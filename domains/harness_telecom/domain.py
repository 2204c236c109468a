"""The telecom domain: tools of both sides, policy, tasks and worlds behind the core's protocol."""

from __future__ import annotations

from collections.abc import Sequence

from harness.protocols import Domain, Settings
from harness.types import Task, Tool
from harness_taskkit.generated import GeneratedDomain, Parts, policy_of
from harness_taskkit.switches import chosen_switches
from harness_telecom.compat import FIXED, TAU2, Compat
from harness_telecom.database import network_of
from harness_telecom.features import FEATURES
from harness_telecom.generate import fixed_tasks, generate
from harness_telecom.readings import readings
from harness_telecom.solve import solve
from harness_telecom.tools import USER_TOOLS, TelecomWorld, offered_tools
from harness_telecom.twists import TWISTS, weave


def telecom_domain(settings: Settings) -> Domain:
    return TelecomDomain(chosen_switches(settings, "telecom", FIXED, TAU2))


class TelecomDomain(GeneratedDomain[Compat]):
    """Support of a mobile carrier whose customers act on their own phones; names follow tau2."""

    name = "telecom"
    features = FEATURES
    twists = TWISTS
    policy = policy_of("harness_telecom")
    user_tools: Sequence[Tool] = USER_TOOLS
    parts = Parts(
        FIXED,
        offered_tools,
        fixed_tasks,
        generate,
        solve,
        readings,
        weave,
        lambda task: network_of(task.world).tables,
    )

    def open(self, task: Task) -> TelecomWorld:
        return TelecomWorld(network_of(task.world), self.compat)
