"""The official domains whose verdicts are compared, and how their conversations go wrong."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cached_property
from random import Random
from typing import Any

import pytest

from harness.llm.roles import open_registry
from harness.protocols import Domain, Settings
from harness.types import Task
from harness_tau2.data import official_data
from harness_tau2.tasks import task_from_official

from . import airline_mutations, retail_mutations
from .drawing import Calls, Hand
from .hearings import BASES
from .mutations import Mutate
from .official import AIRLINE, RETAIL, Side


@dataclass(frozen=True, kw_only=True)
class Case:
    """One official domain, and the ways in which its conversations go right or wrong.

    ``harmless`` ways leave the database as it should be, ``harmful`` ones never do. ``rounds``: how
    often each way is taken with each task; at least ``least`` conversations come of it.
    """

    side: Side
    hand: type[Hand]
    kinds: Mapping[str, Mutate]
    harmless: frozenset[str]
    harmful: frozenset[str]
    rounds: int
    least: int

    @cached_property
    def tasks(self) -> Mapping[str, dict[str, Any]]:
        """The official tasks, all reward bases of which are judged."""
        tasks = deepcopy(dict(official_data(self.side.domain).tasks))
        for raw in tasks.values():
            raw["evaluation_criteria"]["reward_basis"] = list(BASES)
        return tasks

    @cached_property
    def domain(self) -> Domain:
        return open_registry().make("domain", f"tau2-{self.side.domain}", Settings())

    def our_task(self, raw: Mapping[str, Any]) -> Task:
        return task_from_official(raw, split="test", domain=f"tau2-{self.side.domain}")

    def mutant(self, kind: str, task: Task, number: int) -> Calls | None:
        """The task's gold calls after the mutation, numbered; None where it is impossible."""
        rng = Random(f"{kind}/{task.id}/{number}" if number else f"{kind}/{task.id}")
        writes = frozenset(tool.name for tool in self.side.tools if tool.kind == "write")
        hand = self.hand(database=self.side.database, writes=writes, rng=rng)
        calls = self.kinds[kind](hand, list(task.gold))
        if calls is None:
            return None
        return [replace(call, id=f"call_{index}") for index, call in enumerate(calls)]


RETAIL_CASE = Case(
    side=RETAIL,
    hand=retail_mutations.RetailHand,
    kinds=retail_mutations.KINDS,
    harmless=retail_mutations.HARMLESS,
    harmful=retail_mutations.HARMFUL,
    rounds=1,
    least=3000,
)
AIRLINE_CASE = Case(
    side=AIRLINE,
    hand=airline_mutations.AirlineHand,
    kinds=airline_mutations.KINDS,
    harmless=airline_mutations.HARMLESS,
    harmful=airline_mutations.HARMFUL,
    rounds=2,
    least=2000,
)
CASES = [pytest.param(case, id=case.side.domain) for case in (RETAIL_CASE, AIRLINE_CASE)]
