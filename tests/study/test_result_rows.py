"""What of a conversation goes into a row of results."""

from collections.abc import Sequence
from dataclasses import replace

from harness.evaluation.domain_defaults import DomainDefaults
from harness.protocols import World
from harness.results.rollout_groups import RolloutGroup
from harness.study.result_rows import behaviour_row, practice_row, tag_row
from harness.types import (
    Episode,
    Grade,
    Message,
    Scenario,
    Score,
    Split,
    Task,
    Tool,
    ToolCall,
    Trajectory,
    Usage,
)


class Desk(DomainDefaults):
    name = "desk"
    tools = (Tool(name="get", description="", parameters={}, kind="read"),)

    def tasks(self, split: Split) -> Sequence[Task]:
        return []

    def open(self, task: Task) -> World:
        raise NotImplementedError


def call(name: str, **arguments: str) -> ToolCall:
    return ToolCall(id="c", name=name, arguments=arguments)


def trajectory(*calls: ToolCall, errors: int = 0) -> Trajectory:
    said = [Message(role="assistant", content="", calls=(one,)) for one in calls]
    results = [
        Message(role="tool", content="", is_error=n >= len(calls) - errors, requestor="agent")
        for n in range(len(calls))
    ]
    return Trajectory(
        id="t",
        task_id="a",
        trial=0,
        policy="p",
        seed=0,
        messages=(Message(role="assistant", content="Hello"), *said, *results),
        ended="user_stop",
        usage={"agent": Usage(tokens_out=30)},
    )


def episode(found: Trajectory) -> Episode:
    task = Task(id="a", domain="d", split="test", scenario=Scenario(reason=""), world={})
    return Episode(
        task=task, trajectory=found, grade=Grade(success=True), score=Score(success=True)
    )


def test_behaviour_counts_conversations_without_faults() -> None:
    good = trajectory(call("get", id="1"), call("get", id="1"), call("get", id="2"), errors=1)
    fault = replace(good, ended="infrastructure_fault")
    assert behaviour_row([episode(good), episode(fault)], Desk()) == {
        "conversations": 1,
        "turns": 3,
        "tokens": 30,
        "calls": 3,
        "repeated": 1,
        "invalid": 1,
    }


def practised(step: int, *, successes: int, trials: int = 4) -> RolloutGroup:
    return RolloutGroup(
        arm="rl-1",
        step=step,
        group=0,
        task_id="a",
        trajectories=(),
        successes=successes,
        trials=trials,
        uncounted=4 - trials,
        total=0.0,
        terms={},
    )


def test_practice_tells_groups_that_never_sometimes_and_always_succeeded() -> None:
    groups = [
        practised(1, successes=0),
        practised(1, successes=3),
        practised(2, successes=3, trials=3),
        practised(2, successes=0, trials=0),
    ]
    assert practice_row(groups) == {
        "never": 1, "sometimes": 1, "always": 1, "first": 37.5, "second": 100.0
    }  # fmt: skip
    assert practice_row([]) == {}


def test_tags_have_the_places_of_their_tasks_whatever_the_trials() -> None:
    first = episode(trajectory())
    other = replace(first, task=replace(first.task, id="b", tags=("two_orders", "amount")))
    third = replace(first, task=replace(first.task, id="c", tags=("two_orders",)))
    assert tag_row([first, other, third, first, other]) == {"amount": [1], "two_orders": [1, 2]}
