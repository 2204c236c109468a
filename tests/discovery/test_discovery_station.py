"""A whole discovery, from the conversations of an evaluation to its patterns."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from harness.assembly.components import Components
from harness.assembly.config import load_config
from harness.discovery.station import discover_patterns
from harness.errors import RolloutFault
from harness.llm.roles import open_registry
from harness.protocols import Domain
from harness.testing import play
from harness.types import Diagnosis, Episode
from tests.ears import Ear


class SilentOnOne:
    """A judge that sees the signs of all conversations but one."""

    def __init__(self, judge: Any, silent_on: Episode) -> None:
        self.judge = judge
        self.silent_on = silent_on.trajectory.id

    async def diagnose(self, failure: Episode, domain: Domain) -> Diagnosis:
        found: Diagnosis = await self.judge.diagnose(failure, domain)
        return found

    async def signs(self, episode: Episode, domain: Domain) -> Collection[str]:
        if episode.trajectory.id == self.silent_on:
            raise RolloutFault("infrastructure_fault", "no answer")
        found: Collection[str] = await self.judge.signs(episode, domain)
        return found


def test_a_conversation_with_untold_signs_is_left_out_of_the_contrast_and_counted() -> None:
    ear = Ear()
    config = load_config(flags={"domain": "retail", "executor": "asyncio"})
    parts = Components(config, open_registry(), (ear,))
    tasks = [task for task in parts.domain.tasks("train") if task.gold][:8]
    failed = [play(parts.domain, task) for task in tasks[:4]]
    succeeded = [play(parts.domain, task, task.gold) for task in tasks[4:]]
    parts.__dict__["judge"] = SilentOnOne(parts.judge, succeeded[0])
    found = discover_patterns(parts, [*failed, *succeeded])
    compared: Any = found.about["compared"]
    assert compared["successes"] == 3
    of = f"1 of {compared['failures'] + 4} conversations"
    assert ear.warnings == [f"the contrast leaves out {of}: the judge could not say"]
