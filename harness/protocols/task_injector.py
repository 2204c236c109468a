"""Who makes tasks of failures."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol, runtime_checkable

from harness.protocols.domain import Domain
from harness.types import Diagnosis, Episode, ErrorPattern, Task


class TaskInjector(Protocol):
    """Makes new tasks that provoke a pattern. The loop decides which of them are admitted."""

    def inject(
        self,
        pattern: ErrorPattern,
        members: Sequence[tuple[Episode, Diagnosis]],
        domain: Domain,
        *,
        round: int,
        seed: int,
    ) -> AsyncIterator[Task]:
        """Endless candidates, each with its ``Origin``; ``members`` are the failures of the
        pattern.

        Where one could not be made, the iterator may raise ``RolloutFault`` and continue with the
        next: it is counted among the refused.
        """
        ...


@runtime_checkable
class AttentiveInjector(Protocol):
    """What a task injector can do besides: learn how its candidates did, and adapt."""

    def hear(self, task: Task, *, too_hard: bool) -> None:
        """The current policy always fails the candidate, or (not ``too_hard``) never does."""
        ...
