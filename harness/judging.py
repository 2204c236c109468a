"""Who reads failures: judges, and those who group what judges say; see ``harness.protocols``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from harness.types import Diagnosis, Episode, ErrorPattern, Json, Survey, Task, Trajectory

if TYPE_CHECKING:
    from harness.protocols import Domain


class Judge(Protocol):
    """Reads one failed episode and says whose fault it was and what went wrong."""

    async def diagnose(self, failure: Episode, domain: Domain) -> Diagnosis:
        """The diagnosis. Raise ``RolloutFault`` when none can be had: the failure stays without."""
        ...


@runtime_checkable
class AssertionJudge(Protocol):
    """What a judge can do besides: decide whether statements in words hold for a conversation."""

    async def decide(
        self, assertions: Sequence[str], task: Task, trajectory: Trajectory
    ) -> Sequence[bool]:
        """One verdict for each assertion. Raise ``RolloutFault`` when none can be had."""
        ...


@runtime_checkable
class ReviewedJudge(Protocol):
    """What a judge can do besides: say how far a second judge agreed with it."""

    def agreement(self) -> Mapping[str, Json]:
        """Who judged, how many failures both have read, and a coefficient for each verdict."""
        ...


@runtime_checkable
class SignReader(Protocol):
    """What a judge can do besides: see the signs of mistakes in a conversation, failed or not."""

    async def signs(self, episode: Episode, domain: Domain) -> Collection[str]:
        """The kinds of mistakes that it shows, whatever came of them."""
        ...


class Clusterer(Protocol):
    """Groups diagnoses (agent failures only) into error patterns; ``method`` says how, for the
    report.
    """

    method: str

    def cluster(
        self, diagnoses: Sequence[Diagnosis], previous: Sequence[ErrorPattern]
    ) -> Sequence[ErrorPattern]:
        """Patterns by falling share. One that is the same as in ``previous`` keeps its id."""
        ...


@runtime_checkable
class SurveyingClusterer(Protocol):
    """What a clusterer can do besides: give an account of its last clustering."""

    def survey(self) -> Survey: ...
