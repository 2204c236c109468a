"""Turn a user simulator, a policy or a probe into a verdict: does it keep its protocol?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from harness.assembly.product_checks import refuse_product
from harness.evaluation.rollout import rollout
from harness.protocols import (
    Conversation,
    Domain,
    Policy,
    Probe,
    ReadablePolicy,
    RolloutJob,
    RolloutSetup,
    UserSimulator,
    UserTurn,
)
from harness.testing.checks.worlds import some_tasks
from harness.testing.fakes import AgreeableUser, IdlePolicy
from harness.testing.findings import Check, demand
from harness.types import Episode, Message, Task, ToolCall


def check_user_simulator(
    simulator: UserSimulator, domain: Domain, *, tasks: int = 3, deterministic: bool = True
) -> None:
    """Check that a user opens, answers, keeps no state, and leaves an agent that does not help.

    deterministic: also demand that equal conversations and seeds get equal replies, and that tool
    calls and results of the agent change nothing, for it must not see them.
    """
    with (
        Check(simulator) as check,
        check.rule(
            "A user that hangs, knows too much or remembers makes a failure look like the agent's.",
            "Answer from the scenario and from what was said, the same for the same seed, and end "
            "with `stop` once nothing comes of it.",
        ),
    ):
        for task in some_tasks(domain, tasks):
            _check_user(simulator, domain, task, deterministic)


def _check_user(simulator: UserSimulator, domain: Domain, task: Task, deterministic: bool) -> None:
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

    deterministic: also demand that conversations run at once go as they do one by one.
    """
    with (
        Check(policy) as check,
        check.rule(
            "Pass^k counts turns as they are, and trainers train on the sampler's own tokens.",
            "Keep what a conversation needs by conversation.id, and give each turn text or calls, "
            "with the ids and log-probabilities that it was sampled with.",
        ),
    ):
        _check_policy(policy, domain, tasks, deterministic)


def _check_policy(policy: Policy, domain: Domain, tasks: int, deterministic: bool) -> None:
    setup = RolloutSetup(domain=domain, user=AgreeableUser())
    chosen = some_tasks(domain, tasks)
    alone = [_talk(task, policy, setup) for task in chosen]
    for episode in alone:
        _check_agent(episode)
        if episode.tokens is not None and isinstance(policy, ReadablePolicy):
            ids = sorted({*episode.tokens.ids.tolist()})
            texts = policy.token_texts(ids)
            demand(
                len(texts) == len(ids) and all(isinstance(text, str) for text in texts),
                "token_texts gives a text for each token",
            )
    if deterministic:
        together = asyncio.run(_all_at_once(chosen, policy, setup))
        demand(
            [e.trajectory for e in together] == [e.trajectory for e in alone],
            "conversations run at once go as they do one by one",
        )


def check_probe(probe: Probe, domain: Domain, *, tasks: int = 3) -> None:
    """Check that a probe says what it does, and makes policies that keep the contract of one."""
    with Check(probe) as check:
        with check.rule(
            "`harness probe` says by it what the reward pays for.",
            "Set `about` to words that follow 'a policy that'.",
        ):
            demand(
                isinstance(probe.about, str) and bool(probe.about.strip()),
                "a probe says in words what it does",
            )
        with check.rule(
            "A probe that does not act tests nothing.",
            "Return a Policy, with turns of its own or of the baseline policy.",
        ):
            policy = probe.policy(IdlePolicy())
            refuse_product("policy", policy)
            check_policy(policy, domain, tasks=tasks)


def _talk(task: Task, policy: Policy, setup: RolloutSetup) -> Episode:
    job = RolloutJob(task=task, trial=0, seed=1)
    return asyncio.run(rollout(job, policy, setup, keep_tokens=True))


async def _all_at_once(tasks: Sequence[Task], policy: Policy, setup: RolloutSetup) -> list[Episode]:
    jobs = [RolloutJob(task=task, trial=0, seed=1) for task in tasks]
    return await asyncio.gather(*(rollout(job, policy, setup) for job in jobs))


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
    demand(reply(greeting) == first, f"one seed, one opening of the user in task {task.id}")
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
