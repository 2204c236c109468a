"""Failures with known causes: agents, users, tasks and tools that go wrong on purpose."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice

from harness.discovery.diagnose import failures
from harness.evaluation.domain_defaults import DomainDefaults
from harness.evaluation.rollout import run_rollouts
from harness.interchange.replay import regrade
from harness.llm.roles import open_registry
from harness.protocols import (
    Domain,
    Policy,
    RolloutJob,
    RolloutSetup,
    Settings,
    UserSimulator,
    World,
)
from harness.types import (
    Blame,
    Changes,
    Episode,
    Grade,
    Json,
    Recipe,
    Split,
    Task,
    ToolCall,
    ToolResult,
    Trajectory,
    stable_seed,
)
from harness_scripted.bench import Bench
from harness_scripted.faulty import FaultyUser, kinds_for
from harness_scripted.mistakes import ANY, Choice, planted_mistake
from harness_scripted.plan import plan
from harness_scripted.slips import misread

SHARES: Mapping[Blame, float] = {
    "agent": 0.7,
    "user_simulator": 0.18,
    "task": 0.09,
    "tool": 0.03,
}
"""Whose faults the conversations are planted with."""

BATCH = 500
"""Conversations had at once."""

RARE = 25
"""Conversations of each kind of user's fault in a batch."""

MISTAKE_RATE = 0.85
"""The share of conversations in which the noisy agent errs; the others are the successes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """A failed episode, and whose fault of which kind it is."""

    episode: Episode
    blame: Blame
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Failures with their causes, and the successful conversations of the same noisy agent.

    ``spoilt`` counts planted faults that did no harm, by kind.
    """

    failures: list[Planted] = field(default_factory=list)
    successes: list[Episode] = field(default_factory=list)
    spoilt: dict[str, int] = field(default_factory=dict)


def planted_corpus(domain: Domain, *, seed: int, size: int, choice: Choice = ANY) -> Corpus:
    """At least ``size`` failures in the proportions of ``SHARES``, on fresh tasks of the domain.

    choice: which mistakes the noisy agent makes.
    """
    corpus = Corpus()
    for blame, share in SHARES.items():
        tasks = domain.generate(stable_seed("planted", seed, blame), Recipe(split="train"))
        corpus.failures.extend(
            _failures(domain, blame, tasks, corpus, round(size * share) + 1, seed, choice)
        )
    return corpus


def _failures(
    domain: Domain,
    blame: Blame,
    tasks: Iterator[Task],
    corpus: Corpus,
    count: int,
    seed: int,
    choice: Choice,
) -> list[Planted]:
    play = partial(_PLAYS[blame], domain, choice=choice)
    found: list[Planted] = []
    number = 0
    while len(found) < count:
        batch = list(islice(tasks, BATCH))
        jobs = [
            RolloutJob(task=task, trial=0, seed=stable_seed("planted", seed, blame, number + n))
            for n, task in enumerate(batch)
        ]
        number += len(batch)
        for kind, episode in play(jobs):
            if failures([episode]):
                found.append(Planted(episode=episode, blame=blame, kind=kind))
                continue
            if blame == "agent":
                corpus.successes.append(episode)
            if kind:
                corpus.spoilt[kind] = corpus.spoilt.get(kind, 0) + 1
    return found[:count]


def agents_run(
    domain: Domain, *, tasks: Sequence[Task], trials: int, seed: int, choice: Choice = ANY
) -> list[tuple[str, Episode]]:
    """An evaluation of the noisy agent: each conversation with the mistake planted in it."""
    jobs = [
        RolloutJob(task=task, trial=trial, seed=stable_seed("run", seed, task.id, trial))
        for trial in range(trials)
        for task in tasks
    ]
    return list(_agents_mistakes(domain, jobs, choice))


Play = Callable[..., Iterator[tuple[str, Episode]]]
"""Yields each conversation with the kind of fault planted in it, "" for none."""


def _agents_mistakes(
    domain: Domain, jobs: Sequence[RolloutJob], choice: Choice
) -> Iterator[tuple[str, Episode]]:
    options: dict[str, Json] = {
        "wording": "varied",
        "kinds": list(choice.kinds),
        "without": list(choice.without),
    }
    agent = make_policy(f"noisy:{MISTAKE_RATE}", domain, options)
    for job, episode in zip(jobs, _talks(domain, agent, make_user(domain), jobs), strict=True):
        mistake = planted_mistake(domain, job.task, job.seed, MISTAKE_RATE, choice)
        yield mistake.kind if mistake else "", episode


def _users_faults(
    domain: Domain, jobs: Sequence[RolloutJob], choice: Choice
) -> Iterator[tuple[str, Episode]]:
    """About as many of each kind, though some fit few tasks."""
    agent = make_policy("expert", domain, {"listens": True, "wording": "varied"})
    kinds = kinds_for(domain)
    for number, kind in enumerate(kinds):
        settings = Settings(domain=domain, options={"kinds": [kind]})
        user = open_registry().make("user simulator", "faulty:1", settings)
        assert isinstance(user, FaultyUser)
        fitting = [job for job in jobs if user.planted(domain, job.task, job.seed)]
        own = fitting[number :: len(kinds)] if len(fitting) > RARE else fitting
        for episode in _talks(domain, agent, user, own[:RARE]):
            yield kind, episode


def _tasks_faults(
    domain: Domain, jobs: Sequence[RolloutJob], choice: Choice
) -> Iterator[tuple[str, Episode]]:
    """A good conversation on a good task, graded by a task that is wrong."""
    agent = make_policy("expert", domain, {"wording": "varied"})
    episodes = _talks(domain, agent, make_user(domain), jobs)
    for job, episode in zip(jobs, episodes, strict=True):
        found = next(_wrong_tasks(domain, job), None)
        if found is not None:
            kind, task = found
            graded = regrade(replace(episode, task=task), domain)
            assert graded.grade is not None, graded.problem
            score = replace(episode.score, success=graded.grade.success)
            yield kind, replace(episode, task=task, grade=graded.grade, score=score)


def _tools_faults(
    domain: Domain, jobs: Sequence[RolloutJob], choice: Choice
) -> Iterator[tuple[str, Episode]]:
    agent = make_policy("expert", domain, {"wording": "varied"})
    broken = BrokenWrites(domain)
    wanted = [
        job for job in jobs if job.task.gold and all(c.name in broken.writes for c in job.task.gold)
    ]
    for episode in _talks(broken, agent, make_user(domain), wanted):
        yield "tool_error", episode


_PLAYS: Mapping[Blame, Play] = {
    "agent": _agents_mistakes,
    "user_simulator": _users_faults,
    "task": _tasks_faults,
    "tool": _tools_faults,
}


def _talks(
    domain: Domain, agent: Policy, user: UserSimulator, jobs: Sequence[RolloutJob]
) -> Sequence[Episode]:
    executor = open_registry().make("executor", "asyncio", Settings())
    return run_rollouts(jobs, agent, RolloutSetup(domain=domain, user=user), executor)


def make_policy(name: str, domain: Domain, options: Mapping[str, Json]) -> Policy:
    return open_registry().make("policy", name, Settings(domain=domain, options=options))


def make_user(domain: Domain) -> UserSimulator:
    settings = Settings(domain=domain, options={"wording": "varied"})
    return open_registry().make("user simulator", "scripted", settings)


def _wrong_tasks(domain: Domain, job: RolloutJob) -> Iterator[tuple[str, Task]]:
    """What is wrong with the task, and the task that is."""
    rng = random.Random(job.seed)
    acts = plan(job.task, domain)
    if acts is None:
        return
    bench = Bench(domain, job.task, acts, rng)
    makers = [_gold_fails, _gold_wrong, _gold_incomplete, _unsolvable]
    rng.shuffle(makers)
    for make in makers:
        yield from (
            (make.__name__.strip("_"), _swapped(job.task, call, other, both=make is _unsolvable))
            for call, other in make(bench)
        )


def _swapped(task: Task, call: ToolCall, other: ToolCall | None, *, both: bool) -> Task:
    """The task with another gold call, or without it; ``both``: its scenario wants that too."""
    gold = [other if one.same_as(call) else one for one in task.gold]
    task = replace(task, gold=tuple(one for one in gold if one is not None))
    if not both:
        return task
    requests = tuple(
        replace(r, want=other) if r.want and r.want.same_as(call) else r
        for r in task.scenario.requests
    )
    return replace(task, scenario=replace(task.scenario, requests=requests))


Swap = Iterator[tuple[ToolCall, ToolCall | None]]
"""A gold call and what stands in its place in the wrong task (None: nothing)."""


def _gold_fails(bench: Bench) -> Swap:
    for i, j in bench.writes():
        call = bench.acts[i].steps[j].call
        other = misread(call, bench.rng)
        if other is not None and bench.effect([other]) is None:
            yield call, other


def _gold_wrong(bench: Bench) -> Swap:
    for i, j in bench.writes():
        for _, other in bench.variants((i, j)):
            yield bench.acts[i].steps[j].call, other


def _gold_incomplete(bench: Bench) -> Swap:
    writes = bench.writes()
    if len(writes) > 1:
        for i, j in writes:
            yield bench.acts[i].steps[j].call, None


def _unsolvable(bench: Bench) -> Swap:
    """Gold and scenario agree, but what the user says leads elsewhere."""
    for i, j in bench.writes():
        for name, other in bench.variants((i, j)):
            call = bench.acts[i].steps[j].call
            if name == next(iter(call.arguments)):
                yield call, other


class BrokenWrites(DomainDefaults):
    """The domain, but every write comes back with an error that is not its caller's."""

    def __init__(self, domain: Domain) -> None:
        self.whole = domain
        self.name, self.tools, self.policy = domain.name, domain.tools, domain.policy
        self.user_tools = domain.user_tools
        self.greeting = domain.greeting
        self.writes = {tool.name for tool in domain.tools if tool.kind == "write"}

    def tasks(self, split: Split) -> Sequence[Task]:
        return self.whole.tasks(split)

    def open(self, task: Task) -> World:
        return _BrokenWorld(self.whole.open(task), self.writes)

    def solve(self, task: Task) -> Sequence[Sequence[ToolCall]] | None:
        return self.whole.solve(task)

    def grade(self, task: Task, world: World, trajectory: Trajectory) -> Grade:
        return self.whole.grade(task, self.whole.open(task), trajectory)


class _BrokenWorld:
    def __init__(self, world: World, writes: set[str]) -> None:
        self.world, self.writes = world, writes

    def call(self, call: ToolCall) -> ToolResult:
        if call.name in self.writes:
            return ToolResult(content="Error: the service is unavailable", is_error=True)
        return self.world.call(call)

    def changes(self) -> Changes:
        return self.world.changes()
