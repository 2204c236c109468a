"""The pool of targeted tasks: what is admitted, what is refused and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.protocols import Domain
from harness.types import Task, stable_id


def fingerprint(task: Task) -> str:
    """Equal for tasks that ask the same thing of the same records, whatever their ids and
    lineage.
    """
    requests = [sorted(request.says) for request in task.scenario.requests]
    gold = [(call.name, dict(call.arguments)) for call in task.gold]
    return stable_id(task.domain, requests or task.scenario.reason, gold)


@dataclass(slots=True)
class Gate:
    """Decides which candidates enter the pool; counts each refusal by its reason.

    A candidate is refused that is not of the train split, repeats a pool task or a held-out one,
    or cannot be solved in the domain (where the domain has a solver).
    """

    domain: Domain
    seen: set[str]
    held_out: frozenset[str]
    refused: Counter[str] = field(default_factory=Counter)

    @classmethod
    def over(cls, domain: Domain, pool: Sequence[Task], held_out: Iterable[Task]) -> Gate:
        return cls(
            domain=domain,
            seen={fingerprint(task) for task in pool},
            held_out=frozenset(fingerprint(task) for task in held_out),
        )

    def admits(self, task: Task) -> bool:
        """Whether the task may enter; one that may is from now on part of the pool."""
        reason = self._objection(task)
        if reason:
            self.refused[reason] += 1
            return False
        self.seen.add(fingerprint(task))
        return True

    def _objection(self, task: Task) -> str:
        mark = fingerprint(task)
        if task.split != "train":
            return "not a train task"
        if mark in self.held_out:
            return "matches a held-out task"
        if mark in self.seen:
            return "already in the pool"
        if self.domain.solve(task) is None:
            return "not solvable"
        return ""


def quotas(shares: Mapping[str, float], total: int, *, floor: int = 1) -> dict[str, int]:
    """How many tasks each pattern gets: in proportion to its share, at least ``floor``, ``total``
    in all.

    Largest remainders decide the rounding; the floor is kept as long as ``total`` allows it.
    """
    weight = sum(shares.values())
    if not shares or weight <= 0 or total <= 0:
        return dict.fromkeys(shares, 0)
    floor = min(floor, total // len(shares))
    spare = total - floor * len(shares)
    exact = {name: spare * share / weight for name, share in shares.items()}
    counts = {name: floor + int(value) for name, value in exact.items()}
    by_remainder = sorted(exact, key=lambda name: (int(exact[name]) - exact[name], name))
    for name in by_remainder[: total - sum(counts.values())]:
        counts[name] += 1
    return counts
