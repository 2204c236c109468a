"""Turn a domain into episodes without a model: idle agent, agreeable user, calls made by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from harness.protocols import AgentTurn, Conversation, Domain, Policy, UserSimulator, UserTurn
from harness.types import (
    Ended,
    Episode,
    Grade,
    Json,
    Message,
    Role,
    Score,
    Task,
    Tool,
    ToolCall,
    Trajectory,
    stable_id,
)

HUGE = "#W" * 20_000


class IdlePolicy(Policy):
    """An agent that refuses whatever it is asked and calls no tool."""

    id = "idle"

    async def act(self, conversation: Conversation, *, seed: int) -> AgentTurn:
        return AgentTurn(
            message=Message(role="assistant", content="I am sorry, I cannot help you with that.")
        )

    def forget(self, conversation_id: str) -> None:
        """Nothing is kept."""


class AgreeableUser(UserSimulator):
    """A customer that says why it came, agrees ``patience`` times, and leaves.

    It gives way to other conversations before each reply.
    """

    def __init__(self, patience: int = 4) -> None:
        self.patience = patience

    async def reply(self, task: Task, conversation: Conversation, *, seed: int) -> UserTurn:
        await asyncio.sleep(0)
        spoken = sum(message.role == "user" for message in conversation.messages)
        if spoken == 0:
            return UserTurn(message=Message(role="user", content=opening(task)))
        if spoken <= self.patience:
            return UserTurn(message=Message(role="user", content="Yes, please."))
        return UserTurn(message=Message(role="user", content="Thank you, goodbye."), stop=True)


def opening(task: Task) -> str:
    """The first thing a user of this task would say."""
    requests = task.scenario.requests
    return requests[0].says[0] if requests and requests[0].says else task.scenario.reason


def play(
    domain: Domain, task: Task, calls: Sequence[ToolCall] = (), *, ended: Ended = "user_stop"
) -> Episode:
    """The graded episode of an agent that makes these calls, says all that is to be said, and ends.

    It asks for no confirmation. An episode that ends in a fault is not graded.
    """
    world = domain.open(task)
    messages = [
        Message(role="assistant", content=domain.greeting),
        Message(role="user", content=opening(task)),
    ]
    for number, call in enumerate(calls):
        result = world.call(call)
        call_id = f"call_{number}"
        made = ToolCall(
            name=call.name, arguments=call.arguments, id=call_id, requestor=call.requestor
        )
        speaker: Role = "assistant" if call.requestor == "agent" else "user"
        messages += [
            Message(role=speaker, calls=(made,), requestor=call.requestor),
            Message(
                role="tool",
                content=result.content,
                call_id=call_id,
                is_error=result.is_error,
                requestor=call.requestor,
            ),
        ]
    messages += [
        Message(role="assistant", content=" ".join(["Is there anything else?", *task.communicate])),
        Message(role="user", content="No, thank you."),
    ]
    trajectory = Trajectory(
        id=stable_id("played", task.id, [(c.name, dict(c.arguments)) for c in calls], ended),
        task_id=task.id,
        trial=0,
        policy="played",
        seed=0,
        messages=tuple(messages),
        ended=ended,
    )
    grade = Grade(success=False) if trajectory.is_fault else domain.grade(task, world, trajectory)
    return Episode(
        task=task, trajectory=trajectory, grade=grade, score=Score(success=grade.success)
    )


def sample_episodes(domain: Domain, task: Task) -> Mapping[str, Episode]:
    """Episodes at the edges, by name: all right, nothing done, hostile calls, a fault, and more."""
    return {
        "gold": play(domain, task, task.gold),
        "idle": play(domain, task),
        "hostile": play(domain, task, hostile_calls(domain)),
        "doubled": play(domain, task, [call for call in task.gold for _ in range(2)]),
        "out of steps": play(domain, task, task.gold[:1], ended="max_steps"),
        "fault": play(domain, task, task.gold[:1], ended="infrastructure_fault"),
    }


def hostile_calls(domain: Domain) -> list[ToolCall]:
    """Calls no world may accept, then calls with huge arguments."""
    unknown = ToolCall(name="no_such_tool", arguments={"x": 1})
    return [unknown, *rejected_calls(domain), *huge_calls(domain)]


def rejected_calls(domain: Domain) -> list[ToolCall]:
    """For each reading or writing tool: required arguments missing, and all of the wrong type."""
    demanding = [t for t in domain.tools if t.kind != "generic" and t.parameters.get("required")]
    return [
        call
        for tool in demanding
        for call in (
            ToolCall(name=tool.name, arguments={}),
            ToolCall(name=tool.name, arguments={n: _wrong(s) for n, s in _shapes(tool).items()}),
        )
    ]


def huge_calls(domain: Domain) -> list[ToolCall]:
    """For each tool: every argument a string of 40,000 characters."""
    return [
        ToolCall(name=tool.name, arguments=dict.fromkeys(_shapes(tool), HUGE))
        for tool in domain.tools
    ]


def _shapes(tool: Tool) -> dict[str, Json]:
    shapes = tool.parameters.get("properties", {})
    return shapes if isinstance(shapes, dict) else {}


def _wrong(shape: Json) -> Json:
    kind = shape.get("type") if isinstance(shape, dict) else None
    return "neither" if kind in ("array", "object") else [["nested"]]
