"""Turn tasks into episodes: one conversation between policy, simulated user and world, and many of
them at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.errors import RolloutFault, awaited, expected, listed, plugin_boundary
from harness.evaluation.in_order import in_order, report_nothing
from harness.evaluation.scoring import score
from harness.protocols import (
    NO_PLUGINS,
    AgentTurn,
    AssertionJudge,
    Conversation,
    Domain,
    Executor,
    PluginNames,
    Policy,
    RolloutJob,
    RolloutSetup,
    TurnTokens,
    UserTurn,
    World,
    has_threads,
)
from harness.runtime.counting import counted
from harness.types import (
    Ended,
    Episode,
    Grade,
    Message,
    Role,
    Task,
    TokenTrace,
    ToolCall,
    ToolResult,
    Trajectory,
    TurnSpan,
    Usage,
    VersionSpan,
    stable_id,
)

ASSERTIONS = "NL_ASSERTION"
"""The name in ``Grade.parts`` of what a judge said about statements in words."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """Turns jobs into episodes of one policy: what ``run_rollouts`` maps over its jobs."""

    policy: Policy
    setup: RolloutSetup
    keep_tokens: bool = False

    @property
    def has_threads(self) -> bool:
        """See ``harness.protocols.has_threads``."""
        return has_threads(self.policy)

    async def __call__(self, job: RolloutJob) -> Episode:
        return await rollout(job, self.policy, self.setup, keep_tokens=self.keep_tokens)


def run_rollouts(
    jobs: Sequence[RolloutJob],
    policy: Policy,
    setup: RolloutSetup,
    executor: Executor,
    *,
    keep_tokens: bool = False,
    finished: Callable[[int, Episode], None] = report_nothing,
) -> list[Episode]:
    """Episodes in the order of the jobs; ``finished(index, episode)`` is called for each as it
    ends.
    """
    function = Rollout(policy, setup, keep_tokens)
    return in_order(executor, function, jobs, finished, plugin=setup.plugins.executor)


async def rollout(
    job: RolloutJob, policy: Policy, setup: RolloutSetup, *, keep_tokens: bool = False
) -> Episode:
    """The episode of one conversation, played, graded and scored. A fault ends it with a typed
    ending and a failing grade.
    """
    talk = _Talk(job, policy, setup)
    seconds = setup.limits.time_limit
    try:
        async with asyncio.timeout(seconds) as limit:
            ended, fault = await talk.run(), ""
    except RolloutFault as error:
        ended, fault = _fault_ending(error), str(error)
    except TimeoutError:
        if not limit.expired():
            raise
        ended, fault = "infrastructure_fault", f"the conversation took longer than {seconds:g} s"
    finally:
        with plugin_boundary(setup.plugins.policy, "release of a conversation"):
            policy.forget(talk.id)
    trajectory = Trajectory(
        id=stable_id(job.task.id, policy.id, job.trial, job.seed),
        task_id=job.task.id,
        trial=job.trial,
        policy=policy.id,
        seed=job.seed,
        messages=tuple(
            message if message.opaque is None else replace(message, opaque=None)
            for message in talk.messages
        ),
        ended=ended,
        fault=fault,
        usage=talk.usage,
    )
    grade = await graded(job.task, talk.world, trajectory, setup.domain, setup.judge, setup.plugins)
    return Episode(
        task=job.task,
        trajectory=trajectory,
        grade=grade,
        score=score(trajectory, grade, job.task, setup.terms),
        tokens=join_tokens(talk.tokens, talk.said) if keep_tokens else None,
    )


async def graded(
    task: Task,
    world: World,
    trajectory: Trajectory,
    domain: Domain,
    judge: AssertionJudge | None = None,
    plugins: PluginNames = NO_PLUGINS,
) -> Grade:
    """The domain's grade, with the judge's word on what it leaves unjudged; a fault is a failure.

    Where the grade is a failure already, no judge is asked. Without a judge, or without an answer
    for each statement, ``Grade.unjudged`` stays as it is.
    """
    if trajectory.is_fault:
        return Grade(success=False)
    with plugin_boundary(plugins.domain, f"grade of task {task.id}"):
        grade = domain.grade(task, world, trajectory)
    return await decided(grade, task, trajectory, judge, plugins)


async def decided(
    grade: Grade,
    task: Task,
    trajectory: Trajectory,
    judge: AssertionJudge | None,
    plugins: PluginNames = NO_PLUGINS,
) -> Grade:
    """The grade with the judge's word on what it leaves unjudged, as in ``graded``."""
    if not grade.unjudged or grade.ungradeable or judge is None:
        return grade
    if not grade.success:
        return replace(grade, unjudged=())
    try:
        with plugin_boundary(plugins.judge, f"verdict on {trajectory.id}", faults=True):
            answer = judge.decide(grade.unjudged, task, trajectory)
            verdicts = listed(bool, await awaited(object, answer, "decide()"), "decide()")
    except RolloutFault:
        return grade
    if len(verdicts) != len(grade.unjudged):
        return grade
    holds = all(verdicts)
    parts = {**grade.parts, ASSERTIONS: holds}
    return replace(grade, success=holds, parts=parts, unjudged=())


def join_tokens(turns: Sequence[TurnTokens], messages: Sequence[int] = ()) -> TokenTrace | None:
    """The turns' tokens as one trace; None if the policy gave none.

    messages: the number of the message that each turn said, where that is known.
    """
    if not turns:
        return None
    ids: list[int] = []
    sampled: list[bool] = []
    logprobs: list[float] = []
    versions: list[VersionSpan] = []
    stops: list[int] = []
    for turn in turns:
        begin = len(ids) + len(turn.context)
        for span in turn.versions:
            _add_span(versions, begin + span.start, begin + span.stop, span.version)
        ids += [*turn.context, *turn.sampled]
        sampled += [False] * len(turn.context) + [True] * len(turn.sampled)
        logprobs += [0.0] * len(turn.context) + list(turn.logprobs)
        stops.append(len(ids))
    return TokenTrace(
        ids=np.asarray(ids, dtype=np.int64),
        sampled=np.asarray(sampled, dtype=np.bool_),
        logprobs=np.asarray(logprobs, dtype=np.float32),
        versions=tuple(versions),
        turns=tuple(
            TurnSpan(start=stop - len(turn.sampled), stop=stop, message=message)
            for turn, stop, message in zip(turns, stops, messages, strict=False)
        ),
    )


def _add_span(spans: list[VersionSpan], start: int, stop: int, version: str) -> None:
    """Add a span, or lengthen the last one if it is of the same version."""
    if spans and spans[-1].version == version:
        start = spans.pop().start
    spans.append(VersionSpan(start=start, stop=stop, version=version))


def _check_message(message: object, role: Role) -> None:
    """Raises ``TypeError`` unless it is a message of that role, with text and calls."""
    said = expected(Message, message, "the message of the turn")
    expected(str, said.content, "the content of the message")
    for call in expected(tuple, said.calls, "the calls of the message"):
        expected(ToolCall, call, "a call of the message")
    if said.role != role:
        raise TypeError(f"the role of the message is {said.role!r}, expected {role!r}")


def _user_ending(turn: UserTurn) -> Ended:
    if turn.gave_up:
        return "user_gave_up"
    return "transfer" if turn.transfer else "user_stop"


def _fault_ending(error: RolloutFault) -> Ended:
    known: Mapping[str, Ended] = {
        "context_overflow": "context_overflow",
        "agent_fault": "agent_fault",
        "user_fault": "user_fault",
    }
    return known.get(error.kind, "infrastructure_fault")


class _Talk:
    """The state of one conversation while it runs."""

    def __init__(self, job: RolloutJob, policy: Policy, setup: RolloutSetup) -> None:
        self.job = job
        self.policy = policy
        self.setup = setup
        self.id = stable_id(job.task.id, job.trial, job.seed, id(self))
        self.plugins = setup.plugins
        with plugin_boundary(self.plugins.domain, f"opening of task {job.task.id}"):
            self.world: World = setup.domain.open(job.task)
            self.user_tools = {tool.name for tool in setup.domain.user_tools}
            greeting = setup.domain.greeting
        self.messages: list[Message] = [Message(role="assistant", content=greeting)]
        self.tokens: list[TurnTokens] = []
        self.said: list[int] = []
        self.usage: dict[str, Usage] = {}
        self.errors = 0
        self.user_errors = 0

    async def run(self) -> Ended:
        while True:
            ended = await self._users_part() or await self._agents_part()
            if ended:
                return ended

    async def _users_part(self) -> Ended | None:
        """The user's calls, if any, and then its message; how that ended the conversation, if it
        did.
        """
        while True:
            turn = await self._user()
            if turn.stop:
                return _user_ending(turn)
            if not turn.message.calls:
                return None
            self.user_errors += self._carry_out(turn.message.calls, self._users_call)
            if self.user_errors > self.setup.limits.max_errors:
                raise RolloutFault(
                    "user_fault", f"{counted(self.user_errors, 'call')} of the user failed"
                )
            if self._steps() >= self.setup.limits.message_limit:
                return "max_steps"

    async def _agents_part(self) -> Ended | None:
        """The agent's calls, if any, and then its message; how that ended the conversation, if it
        did.
        """
        while True:
            if self._steps() >= self.setup.limits.message_limit:
                return "max_steps"
            said = await self._agent()
            if said.stop:
                return "agent_stop"
            if not said.message.calls:
                return None
            self.errors += self._carry_out(said.message.calls, self._call)
            if self.errors > self.setup.limits.max_errors:
                return "too_many_errors"

    def _steps(self) -> int:
        return len(self.messages) - 1

    async def _agent(self) -> AgentTurn:
        seed = self.job.seed + len(self.messages)
        conversation = self._conversation()
        with plugin_boundary(self.plugins.policy, "turn", faults=True):
            turn = await awaited(AgentTurn, self.policy.act(conversation, seed=seed), "act()")
            _check_message(turn.message, "assistant")
        self.messages.append(turn.message)
        if turn.tokens is not None:
            self.tokens.append(turn.tokens)
            self.said.append(len(self.messages) - 1)
        self._use("agent", turn.usage)
        return turn

    async def _user(self) -> UserTurn:
        job = self.job
        seed = (job.seed if job.user_seed is None else job.user_seed) + len(self.messages)
        conversation = self._conversation()
        with plugin_boundary(self.plugins.user, "turn", faults=True):
            reply = self.setup.user.reply(job.task, conversation, seed=seed)
            turn = await awaited(UserTurn, reply, "reply()")
            _check_message(turn.message, "user")
        self.messages.append(turn.message)
        self._use("user", turn.usage)
        return turn

    def _carry_out(
        self, calls: Sequence[ToolCall], carry_out: Callable[[ToolCall], ToolResult]
    ) -> int:
        """How many of the calls failed."""
        errors = 0
        for call in calls:
            result = carry_out(call)
            errors += result.is_error
            self.messages.append(
                Message(
                    role="tool",
                    content=result.content,
                    call_id=call.id,
                    is_error=result.is_error,
                    requestor=call.requestor,
                )
            )
        return errors

    def _call(self, call: ToolCall) -> ToolResult:
        with plugin_boundary(self.plugins.domain, f"call of {call.name!r}"):
            return self.world.call(call)

    def _users_call(self, call: ToolCall) -> ToolResult:
        if call.name in self.user_tools:
            return self._call(replace(call, requestor="user"))
        return ToolResult(content=f"Error: Tool '{call.name}' not found.", is_error=True)

    def _conversation(self) -> Conversation:
        return Conversation(
            id=self.id,
            domain=self.setup.domain,
            task=self.job.task,
            messages=tuple(self.messages),
            trial=self.job.trial,
        )

    def _use(self, role: str, usage: Usage) -> None:
        self.usage[role] = self.usage.get(role, Usage()).plus(usage)
