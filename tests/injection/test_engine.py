"""Injection: quotas, what cannot be filled, harder forms, and what goes wrong with injectors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from itertools import count

import pytest

from harness.errors import CannotInject, PluginFailed, RolloutFault, RunError
from harness.evaluation.domain_defaults import DomainDefaults
from harness.injection.admission import Options, Verdict
from harness.injection.candidates import FAULTS_IN_A_ROW, FULL, NOT_MADE, InjectionContext
from harness.injection.engine import Injected, inject_tasks
from harness.injection.static_gates import Known, cheap_gates
from harness.injection.trial_runner import TrialRunner
from harness.protocols import AgentTurn, Conversation, Domain, Policy, RolloutSetup, Settings, World
from harness.testing.fakes import AgreeableUser
from harness.types import (
    Diagnosis,
    Episode,
    ErrorPattern,
    Grade,
    Message,
    Origin,
    Request,
    Scenario,
    Score,
    Split,
    Task,
    ToolResult,
    Trajectory,
)
from harness_asyncio.executor import asyncio_executor

Named = Callable[[str], Task]


class Still(World):
    def call(self, call: object) -> ToolResult:
        return ToolResult(content="")

    def changes(self) -> tuple[()]:
        return ()


class Shop(DomainDefaults):
    """A task is failed once if its wish ends in "fair", always with "hard", never with "easy"."""

    name = "shop"
    tools = ()
    twists = ("loudly", "twice")

    def tasks(self, split: Split) -> Sequence[Task]:
        return ()

    def open(self, task: Task) -> World:
        return Still()

    def weave(self, task: Task, twist: str, seed: int) -> Task | None:
        wish = task.scenario.reason
        harder = {"loudly": f"{wish}, loud and easy", "twice": f"{wish}, twice and fair"}[twist]
        return replace(task, scenario=wished(harder)) if wish.count("twice") == 0 else None

    def grade(self, task: Task, world: World, trajectory: Trajectory) -> Grade:
        wish = task.scenario.reason
        first = trajectory.trial == 0
        return Grade(success=wish.endswith("easy") or (wish.endswith("fair") and first))


class Mute(Policy):
    id = "mute"

    async def act(self, conversation: Conversation, *, seed: int) -> AgentTurn:
        return AgentTurn(message=Message(role="assistant", content="No."), stop=True)


class Blunt:
    """Blames the agent with the pattern's kind."""

    async def diagnose(self, failure: Episode, domain: Domain) -> Diagnosis:
        return said_of(failure)


def said_of(failure: Episode) -> Diagnosis:
    return Diagnosis(
        trajectory_id=failure.trajectory.id,
        task_id=failure.task.id,
        blame="agent",
        kind="slip",
        turn=1,
        summary="",
    )


def wished(wish: str) -> Scenario:
    return Scenario(reason=wish, requests=(Request(kind="ask", says=(wish,)),))


def task(wish: str, pattern_id: str) -> Task:
    origin = Origin(
        round=1, pattern_id=pattern_id, injector="x", trajectory_id="t", parent_task_id="q", seed=1
    )
    return Task(
        id=wish, domain="shop", split="train", scenario=wished(wish), world={}, origin=origin
    )


class Maker:
    """Makes tasks by the recipe of each pattern: a list of wishes, or what to raise."""

    def __init__(self, **recipes: object) -> None:
        self.recipes = recipes
        self.heard: list[tuple[str, bool]] = []

    def hear(self, task: Task, *, too_hard: bool) -> None:
        self.heard.append((task.scenario.reason, too_hard))

    async def inject(
        self, pattern: ErrorPattern, members: object, domain: Domain, *, round: int, seed: int
    ) -> AsyncIterator[Task]:
        recipe = self.recipes[pattern.id]
        if isinstance(recipe, Exception):
            raise recipe
        for wish in endless(str(recipe)) if isinstance(recipe, str) else recipe:  # type: ignore[union-attr]
            yield task(wish, pattern.id)


def endless(kind: str) -> object:
    words = ("red", "green", "blue", "black", "white", "pink", "grey", "brown")
    return (f"{words[n % 8]} number{n} word{n * 7} {kind}" for n in count())


def pattern(name: str, share: float) -> ErrorPattern:
    return ErrorPattern(
        id=name, name=name, description="", members=("t",), share=share, kinds={"slip": 1}
    )


def made(
    maker: object, count: int, *, played: bool = False, shares: dict[str, float], **options: object
) -> tuple[Injected, InjectionContext]:
    domain, chosen = Shop(), Options(**options)  # type: ignore[arg-type]
    known = Known(domain, [])
    runner = TrialRunner(
        policy=Mute(),
        setup=RolloutSetup(domain=domain, user=AgreeableUser()),
        executor=asyncio_executor(Settings()),
        judge=Blunt(),
        seed=1,
    )
    context = InjectionContext(
        injector=maker,  # type: ignore[arg-type]
        domain=domain,
        gates=cheap_gates(domain, known, chosen),
        known=known,
        options=chosen,
        trial_runner=runner if played else None,
    )
    patterns = [pattern(name, share) for name, share in shares.items()]
    members = {p.id: [member()] for p in patterns}
    return inject_tasks(patterns, members, context, count=count, round=1, seed=1), context


def member() -> tuple[Episode, Diagnosis]:
    trajectory = Trajectory(
        id="t", task_id="q", trial=0, policy="p", seed=1, messages=(), ended="user_stop"
    )
    episode = Episode(
        task=task("q", "a"),
        trajectory=trajectory,
        grade=Grade(success=False),
        score=Score(success=False),
    )
    return episode, said_of(episode)


def admitted(found: Injected) -> dict[str, int]:
    return {str(row["pattern"]): int(str(row["admitted"])) for row in found.patterns}


def ended(found: Injected) -> dict[str, str]:
    return {str(row["pattern"]): str(row["ended"]) for row in found.patterns}


def test_each_pattern_gets_its_quota() -> None:
    found, _ = made(Maker(a="fair", b="fair"), 10, shares={"a": 0.75, "b": 0.25}, cap=1.0)
    assert admitted(found) == {"a": 7, "b": 3}
    assert len({t.id for t in found.tasks}) == 10
    assert [record.task_id for record in found.records] == [t.id for t in found.tasks]


def test_what_cannot_be_injected_is_said_and_its_quota_goes_to_the_others() -> None:
    reason = CannotInject("no such ambiguity exists in shop")
    found, _ = made(Maker(a=reason, b="fair"), 10, shares={"a": 0.5, "b": 0.5})
    assert admitted(found) == {"a": 0, "b": 10}
    assert ended(found) == {"a": "no such ambiguity exists in shop", "b": ""}


def test_a_quota_larger_than_what_can_be_made_ends_with_what_there_is() -> None:
    wishes = ["one red thing", "two blue cats", "three green dogs"]
    found, context = made(Maker(a=[*wishes, *wishes]), 50, shares={"a": 1.0})
    assert admitted(found) == {"a": 3}
    assert ended(found) == {"a": "the injector has no more candidates"}
    assert context.log.reasons == {"already in the pool": 3}


def test_the_search_for_one_pattern_has_an_end() -> None:
    found, context = made(
        Maker(a=["the same wish"] * 10_000), 5, shares={"a": 1.0}, candidates_per_task=4
    )
    assert admitted(found) == {"a": 1}
    assert "too few of 20 candidates" in ended(found)["a"]
    assert context.log.seen["made"] == 20


def test_what_is_too_easy_is_made_harder_and_tried_again_with_its_lineage() -> None:
    maker = Maker(a=["one easy"])
    found, context = made(maker, 1, played=True, shares={"a": 1.0})
    [harder] = found.tasks
    assert harder.scenario.reason == "one easy, loud and easy, twice and fair"
    assert harder.origin is not None
    assert harder.origin.mutation == "twice"
    assert harder.origin.mutated_from not in (harder.id, "")
    assert context.log.reasons == {"too easy for the policy": 2}
    assert [wish for wish, _ in maker.heard] == ["one easy", "one easy, loud and easy"]
    assert found.patterns[0]["made_harder"] == 2


def test_a_task_is_made_harder_only_so_often() -> None:
    found, context = made(Maker(a=["one easy"]), 1, played=True, shares={"a": 1.0}, mutations=1)
    assert found.tasks == ()
    assert context.log.reasons == {"too easy for the policy": 2}


def test_too_hard_tasks_are_refused_or_fill_up_as_unproven() -> None:
    shares, wishes = {"a": 1.0}, ["one hard", "two fair", "three hard"]
    found, _ = made(Maker(a=wishes), 3, played=True, shares=shares)
    assert [t.scenario.reason for t in found.tasks] == ["two fair"]
    found, _ = made(Maker(a=wishes), 3, played=True, shares=shares, fill=True)
    assert {t.scenario.reason for t in found.tasks} == set(wishes)
    unproven = [record.gates["targeted"].get("unproven") for record in found.records]
    assert unproven == [None, "too hard for the policy", "too hard for the policy"]
    assert found.patterns[0]["unproven"] == 2


def test_what_passes_beyond_a_quota_fills_what_others_lack() -> None:
    found, context = made(
        Maker(a="fair", b="hard"), 8, played=True, shares={"a": 0.5, "b": 0.5}, rollouts_per_task=40
    )
    assert admitted(found) == {"a": 8, "b": 0}
    assert set(context.log.reasons) <= {"too hard for the policy", FULL}


def test_the_budget_for_conversations_is_kept() -> None:
    found, context = made(Maker(a="hard"), 4, played=True, shares={"a": 1.0}, rollouts_per_task=3)
    assert found.tasks == ()
    assert context.trial_runner is not None
    assert context.trial_runner.count == 12
    assert ended(found) == {"a": "no conversations are left, 12 were run on this pattern"}


def test_harder_forms_are_within_the_budget_for_conversations() -> None:
    found, context = made(Maker(a="easy"), 4, played=True, shares={"a": 1.0}, rollouts_per_task=6)
    assert context.trial_runner is not None
    assert found.patterns[0]["made_harder"] == 6
    assert context.trial_runner.count == 24
    assert "no conversations are left" in ended(found)["a"]


def test_a_pattern_without_failures_has_nothing_to_learn_from() -> None:
    patterns = [pattern("a", 1.0)]
    _, context = made(Maker(a="fair"), 1, shares={"a": 1.0})
    found = inject_tasks(patterns, {"a": []}, context, count=3, round=1, seed=1)
    assert ended(found) == {"a": "it has no failures to learn from"}


class Faulty:
    """Fails ``faults`` times between any two candidates; each is a nonsense of its own."""

    def __init__(self, faults: int) -> None:
        self.faults, self.made = faults, 0

    def inject(self, pattern: ErrorPattern, *_: object, **__: object) -> AsyncIterator[Task]:
        return self

    def __aiter__(self) -> AsyncIterator[Task]:
        return self

    async def __anext__(self) -> Task:
        self.made += 1
        if self.made % (self.faults + 1):
            raise RolloutFault("infrastructure_fault", "the model wrote nonsense")
        return task(f"wish word{self.made} other{self.made}", "a")


def test_candidates_that_could_not_be_made_are_counted() -> None:
    found, context = made(Faulty(3), 2, shares={"a": 1.0})
    assert len(found.tasks) == 2
    assert context.log.reasons == {NOT_MADE: 6}
    assert context.log.refusals[0].measured == {"why": "the model wrote nonsense"}


def test_an_injector_that_never_succeeds_ends_the_search_with_an_error() -> None:
    with pytest.raises(RunError, match=f"make none of {FAULTS_IN_A_ROW}"):
        made(Faulty(10**6), 5, shares={"a": 1.0})


def test_a_candidate_without_lineage_is_the_injectors_fault() -> None:
    class Forgetful(Maker):
        async def inject(self, *_: object, **__: object) -> AsyncIterator[Task]:  # type: ignore[override]
            yield replace(task("x", "a"), origin=None)

    with pytest.raises(PluginFailed, match="has no origin"):
        made(Forgetful(), 1, shares={"a": 1.0})


def test_a_verdict_without_a_reason_is_none() -> None:
    assert Verdict().reason == ""
