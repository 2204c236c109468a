"""A small shop, talks with its agent, and what a term makes of them."""

from collections.abc import Mapping, Sequence

from harness.evaluation.domain_defaults import DomainDefaults
from harness.protocols import RewardTerm, Settings, World
from harness.types import (
    Ended,
    Grade,
    Json,
    Message,
    Request,
    Requestor,
    Scenario,
    Split,
    Task,
    Tool,
    ToolCall,
    ToolKind,
    Trajectory,
    Usage,
)
from harness_rewards import harness_reward_terms


def tool(
    name: str, kind: ToolKind, *, identifies: bool = False, private: bool = False, closes: str = ""
) -> Tool:
    return Tool(
        name=name,
        description=name,
        parameters={"type": "object"},
        kind=kind,
        identifies=identifies,
        private=private,
        closes=closes,
    )


class Shop(DomainDefaults):
    name = "shop"
    tools = (
        tool("find_user", "read", identifies=True),
        tool("get_order", "read", private=True),
        tool("cancel_order", "write", private=True),
        tool("exchange_items", "write", private=True, closes="order_id"),
        tool("change_address", "write", private=True),
    )
    user_tools = (tool("restart_phone", "write"), tool("check_phone", "read"))

    def tasks(self, split: Split) -> Sequence[Task]:
        return []

    def open(self, task: Task) -> World:
        raise NotImplementedError


def term(name: str, **options: Json) -> RewardTerm:
    return harness_reward_terms()[name](Settings(options=options, domain=Shop()))


def call(name: str, by: Requestor = "agent", **arguments: Json) -> ToolCall:
    return ToolCall(name=name, arguments=arguments, requestor=by)


CANCEL = call("cancel_order", order_id="#W1")
OTHER = call("cancel_order", order_id="#W2")
LOOK = call("get_order", order_id="#W1")


def says(text: str) -> Message:
    return Message(role="assistant", content=text)


def user(text: str) -> Message:
    return Message(role="user", content=text)


def made(*calls: ToolCall, failed: bool = False) -> list[Message]:
    return [
        message
        for c in calls
        for message in (
            Message(role="assistant" if c.requestor == "agent" else "user", calls=(c,)),
            Message(role="tool", content="{}", is_error=failed, requestor=c.requestor),
        )
    ]


def talk(
    *messages: Message, ended: Ended = "user_stop", usage: Mapping[str, Usage] | None = None
) -> Trajectory:
    return Trajectory(
        id="x",
        task_id="t",
        trial=0,
        policy="p",
        seed=0,
        messages=(says("Hi! How can I help?"), *messages),
        ended=ended,
        usage=usage or {},
    )


def task(*gold: ToolCall, requests: tuple[Request, ...] = ()) -> Task:
    scenario = Scenario(reason="", requests=requests)
    return Task(id="t", domain="shop", split="train", scenario=scenario, world={}, gold=gold)


FAILED = Grade(success=False)


def value(name: str, trajectory: Trajectory, wanted: Task | None = None, **options: Json) -> float:
    return term(name, **options)(trajectory, FAILED, wanted or task()).value
