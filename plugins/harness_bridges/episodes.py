"""Turn a task into a conversation that another program drives: calls and words in, answers out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from harness.errors import ConfigError, RolloutFault
from harness.evaluation.rollout import graded
from harness.llm.roles import open_registry
from harness.protocols import Conversation, Domain, Settings, UserSimulator
from harness.types import (
    Ended,
    Grade,
    Json,
    Message,
    Recipe,
    Split,
    Task,
    ToolCall,
    Trajectory,
    stable_id,
)

T = TypeVar("T")


def open_domain(name: str, options: Mapping[str, Json] | None = None) -> Domain:
    """The installed domain of that name. Raises ``UnknownName``."""
    return open_registry().make("domain", name, Settings(options=options or {}))


def tasks_of(domain: Domain, split: Split, count: int, seed: int = 0) -> Sequence[Task]:
    """The first tasks of a split; for "train" as many as are asked for, made from the seed.

    Raises ``ConfigError`` if the split has fewer.
    """
    if split == "train":
        found = list(islice(domain.generate(seed, Recipe(split="train")), count))
    else:
        found = list(domain.tasks(split))[:count]
    if len(found) < count:
        raise ConfigError(
            f"the domain {domain.name!r} has {len(found)} {split} tasks, not {count}",
            hint=f"Ask for at most {len(found)}.",
        )
    return found


class Episode:
    """One conversation on a task: ``say`` and ``call`` are what an agent can do.

    The user is the simulator of that name, and has spoken first when the episode is there.
    """

    def __init__(
        self, domain: Domain, task: Task, *, user: str = "scripted", seed: int = 0
    ) -> None:
        self.domain = domain
        self.task = task
        self.seed = seed
        self.world = domain.open(task)
        self.user: UserSimulator = open_registry().make(
            "user simulator", user, Settings(domain=domain)
        )
        self.ended: Ended | None = None
        self.fault = ""
        self.messages: list[Message] = [Message(role="assistant", content=domain.greeting)]
        self.opening = self._hear()

    def call(self, name: str, arguments: Mapping[str, Json]) -> str:
        """What the tool answers; bad calls are answered in words. Nothing after the end."""
        return self.result(name, arguments).content

    def result(self, name: str, arguments: Mapping[str, Json]) -> Message:
        """The same as the message of the result."""
        if self.ended:
            return Message(role="tool", content="Error: the conversation is over.", is_error=True)
        call = ToolCall(name=name, arguments=dict(arguments), id=f"call-{len(self.messages)}")
        found = self.world.call(call)
        answer = Message(
            role="tool", content=found.content, call_id=call.id, is_error=found.is_error
        )
        self.messages += [Message(role="assistant", calls=(call,)), answer]
        return answer

    def say(self, text: str) -> str:
        """What the user replies; "" after the end."""
        if self.ended:
            return ""
        self.messages.append(Message(role="assistant", content=text))
        return self._hear()

    def stop(self, ended: Ended = "agent_stop") -> None:
        """End the conversation from the agent's side, if the user has not."""
        self.ended = self.ended or ended

    @property
    def trajectory(self) -> Trajectory:
        return Trajectory(
            id=stable_id("bridge", self.task.id, self.seed),
            task_id=self.task.id,
            trial=0,
            policy="bridge",
            seed=self.seed,
            messages=tuple(self.messages),
            ended=self.ended or "max_steps",
            fault=self.fault,
        )

    def grade(self) -> Grade:
        """The domain's verdict on the conversation so far; a failure until it has ended."""
        trajectory = self.trajectory
        return _awaited(lambda: graded(self.task, self.world, trajectory, self.domain))

    def reward(self) -> float:
        """1.0 if the task was done, else 0.0. Raises ``RolloutFault`` if the user simulator failed:
        that is nobody's reward.
        """
        if self.fault:
            raise RolloutFault("user_fault", self.fault)
        return float(self.grade().success)

    def _hear(self) -> str:
        conversation = Conversation(
            id=f"bridge-{id(self)}",
            domain=self.domain,
            task=self.task,
            messages=tuple(self.messages),
        )
        try:
            seed = self.seed + len(self.messages)
            turn = _awaited(lambda: self.user.reply(self.task, conversation, seed=seed))
        except RolloutFault as fault:
            self.ended, self.fault = "user_fault", str(fault)
            return ""
        self.messages.append(turn.message)
        if turn.stop:
            self.ended = (
                "user_gave_up" if turn.gave_up else "transfer" if turn.transfer else "user_stop"
            )
        return turn.message.content


def _awaited(make: Callable[[], Coroutine[object, object, T]]) -> T:
    """What the coroutine returns, also where an event loop runs in this thread already."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(lambda: asyncio.run(make())).result()
