"""Turn a seed and a recipe into tasks: a plan, a database, and the first customer whom both fit."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar

from harness.types import (
    Fact,
    Json,
    Recipe,
    Request,
    Scenario,
    Split,
    Task,
    ToolCall,
    stable_id,
    stable_seed,
)
from harness_taskkit.drafts import Draft
from harness_taskkit.plan import Plan, Planner, Slot, impossible

TASKS_PER_DATABASE = 10
_DATABASES_TRIED = 20
_FIXED_TASKS = 200

D = TypeVar("D")
S = TypeVar("S")
C = TypeVar("C")


class Maker(Protocol[D, C]):
    """What a domain brings to have tasks made: databases ``D``, customers ``C``, drafts, tasks."""

    @property
    def planner(self) -> Planner: ...

    def database(self, split: Split, seed: int) -> D:
        """The database of that seed; those of two splits share no ids."""
        ...

    def customers(
        self, database: D, plan: Plan, rng: random.Random, about: Sequence[str]
    ) -> Iterator[C]:
        """Everybody who may call, in random order; first those with records of what it is about."""
        ...

    def draft(self, customer: C, kind: str, wanted: frozenset[str]) -> Draft | None:
        """A request of a kind with all wanted features; None if there is none for this customer."""
        ...

    def holds(self, customer: C, drafts: Sequence[Draft]) -> bool:
        """Whether all wanted calls go through in turn, and what must be refused is refused."""
        ...

    def assemble(self, customer: C, plan: Plan, drafts: Sequence[Draft]) -> Task:
        """The task of the drafts."""
        ...


@dataclass(frozen=True, slots=True)
class Tasks(Generic[S]):
    """The tasks of a domain: ``maker`` of those where tools obey some switches, which by default
    are ``fixed``.
    """

    maker: Callable[[S], Maker[Any, Any]]
    fixed: S

    def fixed_tasks(self, split: Split, compat: S | None = None) -> tuple[Task, ...]:
        """The 200 tasks of a split in the default mix, all different."""
        return fixed_tasks(self._maker(compat), split, _FIXED_TASKS)

    def generate(self, seed: int, recipe: Recipe, compat: S | None = None) -> Iterator[Task]:
        """Endless tasks; a fresh database every few. Raises ``ConfigError`` at once.

        A combination of features that passes the check but no database can serve raises while
        iterating.
        """
        return generate(self._maker(compat), seed, recipe)

    def _maker(self, compat: S | None) -> Maker[Any, Any]:
        return self.maker(self.fixed if compat is None else compat)


def fixed_tasks(maker: Maker[D, C], split: Split, count: int) -> tuple[Task, ...]:
    """The first ``count`` tasks of a split in the default mix that all differ."""
    tasks: dict[str, Task] = {}
    for task in tasks_of(maker, f"fixed/{split}", Recipe(split=split)):
        tasks.setdefault(task.id, task)
        if len(tasks) == count:
            break
    return tuple(tasks.values())


def generate(maker: Maker[D, C], seed: int, recipe: Recipe) -> Iterator[Task]:
    """Endless tasks; a fresh database every ``TASKS_PER_DATABASE``. Raises ``ConfigError`` at once.

    A combination of features that passes the check but no database can serve raises while
    iterating.
    """
    maker.planner.check(recipe)
    return tasks_of(maker, f"{seed}", recipe)


def tasks_of(maker: Maker[D, C], seed: str, recipe: Recipe) -> Iterator[Task]:
    """Endless tasks after a recipe that passed the check."""
    number = 0
    while True:
        rng = random.Random(f"{seed}/{number}")
        second: Task | None = None
        for attempt in range(_DATABASES_TRIED):
            plan = maker.planner.plan(recipe, rng)
            own = stable_seed("shop", seed, number // TASKS_PER_DATABASE, attempt)
            task = _make_task(maker, maker.database(recipe.split, own), plan, rng, recipe.about)
            if task is not None and plan.avoided.isdisjoint(task.tags):
                break
            second = second or task
        else:
            task = second
        if task is None:
            raise impossible(maker.planner.mix.domain, plan.must)
        yield task
        number += 1


def _make_task(
    maker: Maker[D, C], database: D, plan: Plan, rng: random.Random, about: Sequence[str]
) -> Task | None:
    """A task after the plan for the first customer who fits, relaxing the plan twice.

    What the plan avoids is in a task only if all who fit have it.
    """
    for relaxed in (_as_wished, _as_must_be, _of_any_kind):
        second: tuple[C, list[Draft]] | None = None
        for customer in maker.customers(database, plan, rng, about):
            drafts = _draft_all(maker, customer, plan, rng, relaxed)
            if not drafts or not maker.holds(customer, drafts):
                continue
            if not any(plan.avoided & one.features for one in drafts):
                return maker.assemble(customer, plan, drafts)
            second = second or (customer, drafts)
        if second is not None:
            return maker.assemble(second[0], plan, second[1])
    return None


Relaxed = Callable[[Planner, Slot, random.Random], Iterator[tuple[str, frozenset[str]]]]
"""The kinds and features to try for a slot, in order."""


def _draft_all(
    maker: Maker[D, C], customer: C, plan: Plan, rng: random.Random, relaxed: Relaxed
) -> list[Draft]:
    """The drafts in the order of the plan; empty if this customer cannot have them all."""
    drafts: list[Draft] = []
    for slot in plan.slots:
        tried = (maker.draft(customer, *one) for one in relaxed(maker.planner, slot, rng))
        draft = next((draft for draft in tried if draft is not None), None)
        if draft is None:
            return []
        drafts.append(draft)
    return drafts


def _as_wished(
    planner: Planner, slot: Slot, rng: random.Random
) -> Iterator[tuple[str, frozenset[str]]]:
    yield slot.kind, slot.must | slot.wishes


def _as_must_be(
    planner: Planner, slot: Slot, rng: random.Random
) -> Iterator[tuple[str, frozenset[str]]]:
    yield slot.kind, slot.must


def _of_any_kind(
    planner: Planner, slot: Slot, rng: random.Random
) -> Iterator[tuple[str, frozenset[str]]]:
    for kind in planner.draw_kinds(rng) if slot.free else [slot.kind]:
        yield kind, slot.must


def features_of(drafts: Sequence[Draft]) -> frozenset[str]:
    """The features of all drafts, and ``multi_request`` if there are several."""
    features = frozenset().union(*(draft.features for draft in drafts))
    return features | {"multi_request"} if len(drafts) > 1 else features


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls: ``identity`` is what it says of itself, ``mistaken`` makes what finds it only at
    the second attempt, and ``tell`` puts who it is and what it wants in prose.

    ``at_once``: how often it says who it is before it is asked.
    """

    identity: tuple[Fact, ...]
    mistaken: Callable[[], tuple[Fact, ...]]
    at_once: float
    tell: Callable[[tuple[Fact, ...], Sequence[Request]], Scenario]


def assembled(
    domain: str,
    split: Split,
    world: Mapping[str, Json],
    caller: Caller,
    plan: Plan,
    drafts: Sequence[Draft],
    rng: random.Random,
    *,
    gold: Sequence[ToolCall] | None = None,
) -> Task:
    """The task of the drafts; ``gold`` are its calls where they are not those of the drafts."""
    requests = [draft.request for draft in drafts]
    features, identity = features_of(drafts), caller.identity
    if plan.failing_lookup:
        features |= {"failing_lookup"}
        identity = caller.mistaken()
    elif rng.random() < caller.at_once:
        identity = tuple(replace(fact, volunteered=True) for fact in identity)
        requests[0] = introduced(requests[0], identity[0])
    scenario = caller.tell(identity, requests)
    if gold is None:
        gold = [draft.gold for draft in drafts if draft.gold is not None]
    told = tuple(text for draft in drafts for text in draft.tell)
    # Of a database alone its name is enough, and ids of published tasks are made of that.
    known = world["database"] if len(world) == 1 else world
    return Task(
        id=stable_id(domain, known, scenario, tuple(gold), told),
        domain=domain,
        split=split,
        scenario=scenario,
        world=world,
        gold=tuple(gold),
        communicate=told,
        tags=tuple(sorted(features)),
    )


def introduced(request: Request, identity: Fact) -> Request:
    """The request as of a customer who first says who it is."""
    says = tuple(
        f"{identity.says[index % len(identity.says)]} {text}"
        for index, text in enumerate(request.says)
    )
    return replace(request, says=says)
