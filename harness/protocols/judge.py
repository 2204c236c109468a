"""Who reads failures: judges, and what some of them can do besides."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol, runtime_checkable

from harness.protocols.domain import Domain
from harness.types import Diagnosis, Episode, Json, Task, Trajectory


class Judge(Protocol):
    """Reads one failed episode and says whose fault it was and what went wrong."""

    async def diagnose(self, failure: Episode, domain: Domain) -> Diagnosis:
        """The diagnosis. Raise ``RolloutFault`` when there is none: the failure gets none."""
        ...


@runtime_checkable
class AssertionJudge(Protocol):
    """What a judge can do besides: decide whether statements in words hold for a conversation."""

    async def decide(
        self, assertions: Sequence[str], task: Task, trajectory: Trajectory
    ) -> Sequence[bool]:
        """One verdict for each assertion. Raise ``RolloutFault`` when there is none."""
        ...


@runtime_checkable
class ReviewedJudge(Protocol):
    """What a judge can do besides: say how far a second judge agreed with it."""

    def agreement(self, trajectories: Collection[str]) -> Mapping[str, Json]:
        """Who judged, how many of these failures (by the ids of their trajectories) both have
        read, and a coefficient for each verdict.
        """
        ...


@runtime_checkable
class SignReader(Protocol):
    """What a judge can do besides: see the signs of mistakes in a conversation, failed or not."""

    async def signs(self, episode: Episode, domain: Domain) -> Collection[str]:
        """The kinds of mistakes that it shows, even if they did no harm."""
        ...
