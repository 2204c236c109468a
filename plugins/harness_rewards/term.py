"""Turn a view of a conversation into a reward term with its range; code that all terms share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.assembly.config import PositiveInt
from harness.errors import ConfigError
from harness.evaluation.behaviour import MadeCall, made_calls
from harness.protocols import Domain, Settings
from harness.types import Grade, Requestor, Task, TermScore, ToolCall, Trajectory

View = Callable[[Trajectory, Grade, Task], tuple[float, str]]
"""The value, and why in a few words."""


@dataclass(frozen=True, kw_only=True)
class NoOptions:
    """This term has no options."""


@dataclass(frozen=True, kw_only=True)
class CallOptions:
    """``cap``: number of counted calls that costs the full -1."""

    cap: PositiveInt = 5


@dataclass(frozen=True, kw_only=True)
class WriteOptions:
    """``cap``: number of counted writes that costs the full -1."""

    cap: PositiveInt = 2


@dataclass(frozen=True, kw_only=True)
class Term:
    """A reward term whose values lie in [``low``, ``high``]."""

    name: str
    low: float
    high: float
    view: View

    def __call__(self, trajectory: Trajectory, grade: Grade, task: Task) -> TermScore:
        value, note = self.view(trajectory, grade, task)
        return TermScore(name=self.name, value=value, note=note)


def credit(name: str, view: View) -> Term:
    """A term in [0, 1]."""
    return Term(name=name, low=0.0, high=1.0, view=view)


def penalty(name: str, cap: int, count: Callable[[Trajectory, Task], tuple[int, str]]) -> Term:
    """A term in [-1, 0]: minus what is counted as a share of ``cap``, at most -1."""

    def view(trajectory: Trajectory, grade: Grade, task: Task) -> tuple[float, str]:
        counted, note = count(trajectory, task)
        return (-min(1.0, counted / cap) if counted else 0.0), note

    return Term(name=name, low=-1.0, high=0.0, view=view)


def known_domain(settings: Settings, name: str) -> Domain:
    """The domain of the run. Raises ``ConfigError`` where there is none."""
    if settings.domain is None:
        raise ConfigError(
            f"the reward term {name} needs to know the domain's tools",
            hint="Create it with Settings(domain=...).",
        )
    return settings.domain


def own_calls(trajectory: Trajectory, writes: frozenset[str]) -> list[MadeCall]:
    """The agent's calls in order."""
    return [made for made in made_calls(trajectory, writes) if made.by == "agent"]


AGENT: tuple[Requestor, ...] = ("agent",)
BOTH: tuple[Requestor, ...] = ("agent", "user")
"""Whose calls are meant. The user's are those that the agent has to tell it to make."""


def wanted_writes(
    task: Task, writes: frozenset[str], by: Sequence[Requestor] = AGENT
) -> list[ToolCall]:
    """The gold calls that write."""
    return [call for call in task.gold if call.requestor in by and call.name in writes]


def done_writes(
    trajectory: Trajectory, writes: frozenset[str], by: Sequence[Requestor] = AGENT
) -> list[ToolCall]:
    """The writes that were carried out."""
    made = made_calls(trajectory, writes)
    return [m.call for m in made if m.by in by and m.writes and not m.failed]
