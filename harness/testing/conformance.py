"""Turn a plugin's product into a verdict: does it keep its protocol of ``harness.protocols``?"""

from __future__ import annotations

import asyncio
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

from harness.evaluation.rollout import rollout
from harness.evaluation.scoring import gold_changes
from harness.protocols import (
    Clusterer,
    Conversation,
    Domain,
    Executor,
    Judge,
    Policy,
    Probe,
    RewardTerm,
    RolloutJob,
    RolloutSetup,
    TaskInjector,
    UserSimulator,
    UserTurn,
)
from harness.testing.domains import SPLITS, carry_out, demand
from harness.testing.fakes import AgreeableUser, IdlePolicy, play, sample_episodes
from harness.types import (
    Blame,
    Diagnosis,
    Episode,
    ErrorPattern,
    Message,
    Severity,
    Task,
    ToolCall,
)

SLUG = re.compile(r"[a-z][a-z0-9_]*")


def check_user_simulator(
    simulator: UserSimulator, domain: Domain, *, tasks: int = 3, deterministic: bool = True
) -> None:
    """Check that a user opens, answers, keeps no state, and leaves an agent that does not help.

    deterministic: also demand that equal conversations and seeds get equal replies, and that tool
    calls and results of the agent change nothing, for it must not see them.
    """
    for task in some_tasks(domain, tasks):
        episode = _talk(task, IdlePolicy(), RolloutSetup(domain=domain, user=simulator))
        trajectory = episode.trajectory
        demand(not trajectory.is_fault, f"the user answers in task {task.id}: {trajectory.fault}")
        demand(
            trajectory.ended != "max_steps",
            f"the user of task {task.id} leaves an agent that never helps",
        )
        said = [m for m in trajectory.messages if m.role != "assistant"]
        demand(all(m.role == "user" for m in said), "what a user says has the role user")
        demand(bool(said and said[0].content.strip()), f"the user of task {task.id} says something")
        if deterministic:
            _check_replies(simulator, domain, task)


def check_policy(
    policy: Policy, domain: Domain, *, tasks: int = 3, deterministic: bool = True
) -> None:
    """Check that an agent speaks or calls in its turns, with a whole token trace if it has one.

    deterministic: also demand that conversations at once go as they go one by one, seed for seed.
    """
    setting = RolloutSetup(domain=domain, user=AgreeableUser())
    chosen = some_tasks(domain, tasks)
    alone = [_talk(task, policy, setting) for task in chosen]
    for episode in alone:
        _check_agent(episode)
    if deterministic:
        together = asyncio.run(_all_at_once(chosen, policy, setting))
        demand(
            [e.trajectory for e in together] == [e.trajectory for e in alone],
            "conversations had at once go as they go one by one",
        )


def check_probe(probe: Probe, domain: Domain, *, tasks: int = 3) -> None:
    """Check that a probe says what it does, and makes policies that keep the contract of one."""
    demand(bool(probe.about), "a probe says in words what it does")
    check_policy(probe.policy(IdlePolicy()), domain, tasks=tasks)


def check_judge(judge: Judge, domain: Domain, *, tasks: int = 3) -> None:
    """Check that failures of many sorts get a diagnosis that fits them, the same one each time."""
    for task in some_tasks(domain, tasks):
        for name, episode in sample_episodes(domain, task).items():
            if episode.grade.success or episode.trajectory.is_fault:
                continue
            diagnosis = asyncio.run(judge.diagnose(episode, domain))
            _check_diagnosis(diagnosis, episode, f"{name} failure of task {task.id}")


def check_clusterer(clusterer: Clusterer) -> None:
    """Check that patterns hold what they were given, by falling share, and keep their ids."""
    demand(isinstance(clusterer.method, str), "a clusterer says by which method it works")
    alike = [replace(d, kind="wrong_order", tool="", summary="") for d in sample_diagnoses(5)]
    for diagnoses in (sample_diagnoses(40), sample_diagnoses(1), alike):
        patterns = list(clusterer.cluster(diagnoses, []))
        demand(bool(patterns), f"{len(diagnoses)} diagnoses make at least one pattern")
        _check_patterns(patterns, diagnoses)
        demand(
            list(clusterer.cluster(diagnoses, [])) == patterns,
            "the same diagnoses make the same patterns",
        )
        again = clusterer.cluster(diagnoses, patterns)
        demand(
            {p.id for p in again} == {p.id for p in patterns},
            "patterns found again keep the ids they have in `previous`",
        )


def check_task_injector(
    injector: TaskInjector, domain: Domain, *, count: int = 5, deterministic: bool = True
) -> None:
    """Check that candidates are train tasks with their origin and are solved by their gold calls.

    The pattern is made of agents that do nothing. deterministic: also demand the same candidates
    for the same seed.
    """
    members = [(e, _idle_diagnosis(e)) for e in _idle_failures(domain)]
    demand(bool(members), f"the domain {domain.name!r} has tasks that doing nothing fails")
    pattern = ErrorPattern(
        id="pattern",
        name="missing step",
        description="The agent did nothing.",
        members=tuple(episode.trajectory.id for episode, _ in members),
        share=1.0,
        kinds={"missing_step": len(members)},
    )
    tasks = asyncio.run(_candidates(injector, pattern, members, domain, count))
    demand(len(tasks) == count, f"an injector never runs dry, found {len(tasks)} candidates")
    demand(len({task.id for task in tasks}) == count, "candidates have ids of their own")
    held_out = {task.id for split in ("validation", "test") for task in domain.tasks(split)}
    for task in tasks:
        demand(task.split == "train", f"candidate {task.id} is of split train")
        demand(task.id not in held_out, f"candidate {task.id} is no held-out task")
        demand(
            task.origin is not None and task.origin.pattern_id == pattern.id,
            f"candidate {task.id} carries its origin, found {task.origin}",
        )
        world, _ = carry_out(domain, task, task.gold)
        demand(world.changes() == gold_changes(domain, task), f"candidate {task.id} can be opened")
    if deterministic:
        again = asyncio.run(_candidates(injector, pattern, members, domain, count))
        demand(again == tasks, "the same seed gives the same candidates")


def check_reward_term(term: RewardTerm, domain: Domain, *, tasks: int = 3) -> None:
    """Check that a term is pure and finite in [-1, 1] for success, idleness, abuse, and faults."""
    for task in some_tasks(domain, tasks):
        for name, episode in sample_episodes(domain, task).items():
            given = (episode.trajectory, episode.grade, task)
            score = term(*given)
            where = f"for the {name} episode of task {task.id}"
            demand(bool(score.name), f"a term's score has a name {where}")
            demand(
                math.isfinite(score.value) and -1 <= score.value <= 1,
                f"{score.name} lies in [-1, 1] {where}, found {score.value}",
            )
            demand(term(*given) == score, f"{score.name} is the same each time {where}")


def check_executor(executor: Executor, *, items: int = 50) -> None:
    """Check that each item is done once, under its own index, and that errors come through."""

    async def square(item: int) -> int:
        await asyncio.sleep(0)
        return item * item

    async def fail(item: int) -> int:
        raise ZeroDivisionError

    async def collect() -> list[tuple[int, int]]:
        return [pair async for pair in executor.map(square, range(items))]

    async def break_down() -> bool:
        try:
            async for _ in executor.map(fail, range(items)):
                pass
        except ZeroDivisionError:
            return True
        return False

    done = asyncio.run(collect())
    wanted = [(index, index * index) for index in range(items)]
    demand(sorted(done) == wanted, "each item is done once, under its own index")
    demand(asyncio.run(break_down()), "an error in one item comes out of map()")


def some_tasks(domain: Domain, count: int) -> list[Task]:
    """The first tasks of the first split that has any."""
    for split in SPLITS:
        if tasks := list(domain.tasks(split)):
            return tasks[:count]
    raise AssertionError(f"the domain {domain.name!r} has tasks in some split")


def sample_diagnoses(count: int) -> list[Diagnosis]:
    """Diagnoses of three sorts of mistake, in turn."""
    stories = (
        ("wrong_order", "cancel_order", "Order #W{} was cancelled; the user meant another one."),
        ("missing_step", "return_items", "The return of order #W{} was promised and never made."),
        ("repeated_call", "get_order", "The details of order #W{} were fetched again and again."),
    )
    return [
        Diagnosis(
            trajectory_id=f"trajectory-{number}",
            task_id=f"task-{number}",
            blame="agent",
            kind=stories[number % 3][0],
            turn=2,
            summary=stories[number % 3][2].format(1000 + number),
            tool=stories[number % 3][1],
        )
        for number in range(count)
    ]


def _talk(task: Task, policy: Policy, setting: RolloutSetup) -> Episode:
    job = RolloutJob(task=task, trial=0, seed=1)
    return asyncio.run(rollout(job, policy, setting, keep_tokens=True))


async def _all_at_once(
    tasks: Sequence[Task], policy: Policy, setting: RolloutSetup
) -> list[Episode]:
    jobs = [RolloutJob(task=task, trial=0, seed=1) for task in tasks]
    return await asyncio.gather(*(rollout(job, policy, setting) for job in jobs))


def _check_replies(simulator: UserSimulator, domain: Domain, task: Task) -> None:
    def reply(*messages: Message) -> UserTurn:
        conversation = Conversation(id="one", domain=domain, task=task, messages=messages)
        return asyncio.run(simulator.reply(task, conversation, seed=3))

    def after(result: str) -> UserTurn:
        """The reply to a question that the agent asks after a call with this result."""
        call = ToolCall(name=domain.tools[0].name, arguments={"hint": result}, id="call_0")
        return reply(
            greeting,
            first.message,
            Message(role="assistant", calls=(call,)),
            Message(role="tool", content=result, call_id=call.id),
            Message(role="assistant", content="Could you tell me more?"),
        )

    greeting = Message(role="assistant", content=domain.greeting)
    first = reply(greeting)
    demand(reply(greeting) == first, f"the user of task {task.id} opens alike for the same seed")
    demand(
        after("one secret") == after("another secret"),
        f"the user of task {task.id} does not see the agent's tool calls and results",
    )


def _check_agent(episode: Episode) -> None:
    task_id, trajectory = episode.task.id, episode.trajectory
    demand(trajectory.ended != "agent_fault", f"the agent acts in task {task_id}")
    spoken = [m for m in trajectory.messages[1:] if m.role == "assistant"]
    demand(bool(spoken), f"the agent has a turn in task {task_id}")
    for message in spoken:
        demand(
            bool(message.content or message.calls) or trajectory.ended == "agent_stop",
            f"a turn of the agent in task {task_id} has text or calls",
        )
    if episode.tokens is not None:
        trace = episode.tokens
        demand(
            len(trace.ids) == len(trace.sampled) == len(trace.logprobs),
            f"the token trace of task {task_id} has a log-probability for each sampled token",
        )
        demand(
            bool((trace.logprobs <= 1e-6).all()),
            f"log-probabilities in task {task_id} are at most 0",
        )


def _check_diagnosis(diagnosis: Diagnosis, episode: Episode, where: str) -> None:
    trajectory = episode.trajectory
    demand(
        (diagnosis.trajectory_id, diagnosis.task_id) == (trajectory.id, episode.task.id),
        f"the diagnosis names trajectory and task of the {where}",
    )
    demand(diagnosis.blame in get_args(Blame), f"blame {diagnosis.blame!r} is known, {where}")
    demand(
        diagnosis.severity in get_args(Severity),
        f"severity {diagnosis.severity!r} is known, {where}",
    )
    demand(bool(SLUG.fullmatch(diagnosis.kind)), f"kind {diagnosis.kind!r} is a slug, {where}")
    demand(bool(diagnosis.summary.strip()), f"the summary says what went wrong, {where}")
    demand(
        0 <= diagnosis.turn < len(trajectory.messages),
        f"turn {diagnosis.turn} is one of {len(trajectory.messages)} messages, {where}",
    )


def _check_patterns(patterns: Sequence[ErrorPattern], diagnoses: Sequence[Diagnosis]) -> None:
    given = {d.trajectory_id for d in diagnoses}
    members = [member for pattern in patterns for member in pattern.members]
    demand(len(set(members)) == len(members), "no failure is in two patterns")
    demand(set(members) <= given, "members are the trajectories that were given")
    demand(len({p.id for p in patterns}) == len(patterns), "patterns have ids of their own")
    shares = [pattern.share for pattern in patterns]
    demand(shares == sorted(shares, reverse=True), f"patterns come by falling share: {shares}")
    kinds = {d.trajectory_id: d.kind for d in diagnoses}
    for pattern in patterns:
        demand(bool(pattern.name and pattern.description), "a pattern is named and described")
        demand(
            math.isclose(pattern.share, len(pattern.members) / len(diagnoses)),
            f"the share of {pattern.name!r} is of all failures given, found {pattern.share}",
        )
        demand(
            set(pattern.exemplars) <= set(pattern.members),
            f"the exemplars of {pattern.name!r} are members",
        )
        demand(
            dict(pattern.kinds) == Counter(kinds[member] for member in pattern.members),
            f"the kinds of {pattern.name!r} count its members' mistakes",
        )


def _idle_failures(domain: Domain) -> list[Episode]:
    episodes = [play(domain, task) for split in SPLITS for task in domain.tasks(split)[:5]]
    return [episode for episode in episodes if not episode.grade.success]


def _idle_diagnosis(episode: Episode) -> Diagnosis:
    return Diagnosis(
        trajectory_id=episode.trajectory.id,
        task_id=episode.task.id,
        blame="agent",
        kind="missing_step",
        turn=2,
        summary="The agent did nothing.",
    )


async def _candidates(
    injector: TaskInjector,
    pattern: ErrorPattern,
    members: Sequence[tuple[Episode, Diagnosis]],
    domain: Domain,
    count: int,
) -> list[Task]:
    tasks: list[Task] = []
    async for task in injector.inject(pattern, members, domain, round=1, seed=5):
        tasks.append(task)
        if len(tasks) == count:
            break
    return tasks
