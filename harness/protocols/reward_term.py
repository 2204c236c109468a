"""What a reward term must do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from harness.types import Grade, Task, TermScore, Trajectory


class RewardTerm(Protocol):
    """One measure of a finished conversation. Pure and cheap: called for each training rollout."""

    def __call__(self, trajectory: Trajectory, grade: Grade, task: Task) -> TermScore: ...


@runtime_checkable
class RangedTerm(RewardTerm, Protocol):
    """A reward term that says where its values lie: in [``low``, ``high``]."""

    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightedTerm:
    """A reward term with its weight (unitless), the name it has in the config, and the plugin that
    offers it.
    """

    name: str
    weight: float
    term: RewardTerm
    plugin: str = ""
