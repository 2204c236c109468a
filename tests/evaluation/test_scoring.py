import gc
import weakref
from dataclasses import dataclass

import pytest

from harness.errors import PluginFailed
from harness.evaluation.domain_defaults import DomainDefaults
from harness.evaluation.scoring import gold_changes, score
from harness.protocols import WeightedTerm
from harness.testing import play
from harness.types import (
    Change,
    Changes,
    Ended,
    Grade,
    Message,
    Scenario,
    Split,
    Task,
    TermScore,
    ToolCall,
    ToolResult,
    Trajectory,
)


class Counter:
    def __init__(self) -> None:
        self.value = 0

    def call(self, call: ToolCall) -> ToolResult:
        if call.name != "add":
            return ToolResult(content="Error: unknown tool", is_error=True)
        self.value += int(str(call.arguments["by"]))
        return ToolResult(content=str(self.value))

    def changes(self) -> Changes:
        return (Change(path=("value",), before=0, after=self.value),) if self.value else ()


class Counting(DomainDefaults):
    name = "counting"
    tools = ()

    def __init__(self) -> None:
        self.opened = 0

    def tasks(self, split: Split) -> list[Task]:
        return []

    def open(self, task: Task) -> Counter:
        self.opened += 1
        return Counter()


def add(by: int) -> ToolCall:
    return ToolCall(name="add", arguments={"by": by})


def task(*gold: ToolCall, communicate: tuple[str, ...] = ()) -> Task:
    return Task(
        id="t",
        domain="counting",
        split="test",
        scenario=Scenario(reason="count"),
        world={},
        gold=gold,
        communicate=communicate,
    )


def talk(*said: str, ended: Ended = "user_stop") -> Trajectory:
    messages = tuple(Message(role="assistant", content=text) for text in said)
    return Trajectory(
        id="x", task_id="t", trial=0, policy="p", seed=0, messages=messages, ended=ended
    )


def term(name: str, value: float, weight: float) -> WeightedTerm:
    return WeightedTerm(name=name, weight=weight, term=lambda *_: TermScore(name=name, value=value))


def test_success_is_the_same_effect_by_whatever_calls() -> None:
    domain, wanted = Counting(), task(add(2), add(1))
    assert play(domain, wanted, [add(3)]).grade.success
    assert not play(domain, wanted, [add(2)]).grade.success
    assert not play(domain, wanted, [add(3), add(1)]).grade.success


def test_a_failing_gold_call_changes_nothing() -> None:
    domain = Counting()
    wanted = task(ToolCall(name="nothing", arguments={}), add(1))
    assert gold_changes(domain, wanted) == (Change(path=("value",), before=0, after=1),)


def test_the_gold_effect_is_computed_once_per_task() -> None:
    domain, wanted = Counting(), task(add(1))
    assert domain.gold_changes(wanted) is domain.gold_changes(wanted)
    assert domain.opened == 1


def test_tasks_of_one_id_with_other_gold_calls_have_their_own_gold_effect() -> None:
    domain = Counting()
    one, other = domain.gold_changes(task(add(1))), domain.gold_changes(task(add(2)))
    assert (one[0].after, other[0].after) == (1, 2)


def test_the_gold_effect_of_one_domain_is_not_that_of_another() -> None:
    class Doubling(Counting):
        def open(self, task: Task) -> Counter:
            world = super().open(task)
            world.value = 5
            return world

    one, other = Counting(), Doubling()
    assert one.gold_changes(task(add(1))) != other.gold_changes(task(add(1)))


@dataclass
class Plain(Counting):
    opened: int = 0


@dataclass(slots=True)
class Slotted(Counting):
    opened: int = 0


@pytest.mark.parametrize("kind", [Plain, Slotted])
def test_a_domain_that_cannot_be_hashed_computes_a_gold_effect_once(kind: type[Plain]) -> None:
    domain, wanted = kind(), task(add(1))
    assert play(domain, wanted, [add(1)]).grade.success
    assert not play(domain, wanted).grade.success
    assert domain.opened == 3  # two conversations' and the gold calls'


def test_a_domain_is_let_go_of_with_all_its_gold_effects() -> None:
    domain = Counting()
    domain.gold_changes(task(add(1)))
    known = weakref.ref(domain)
    del domain
    gc.collect()
    assert known() is None


@pytest.mark.parametrize("said", ["You get 1,234.50 back.", "you get 1234.50 BACK"])
def test_a_fact_counts_as_said_whatever_its_case_and_commas(said: str) -> None:
    domain = Counting()
    wanted = task(communicate=("1234.50 Back",))
    assert domain.grade(wanted, Counter(), talk(said)).success


def test_an_unsaid_fact_fails_and_is_named() -> None:
    domain = Counting()
    grade = domain.grade(task(communicate=("10", "20")), Counter(), talk("It is 10."))
    assert not grade.success
    assert grade.unsaid == ("20",)


def test_what_the_user_says_does_not_count_as_said() -> None:
    message = Message(role="user", content="Is it 20?")
    trajectory = Trajectory(
        id="x", task_id="t", trial=0, policy="p", seed=0, messages=(message,), ended="user_stop"
    )
    wanted = task(communicate=("20",))
    assert not Counting().grade(wanted, Counter(), trajectory).success


@pytest.mark.parametrize(
    ("ended", "success"),
    [("user_stop", True), ("transfer", True), ("max_steps", False), ("agent_stop", False)],
)
def test_only_the_user_or_a_transfer_ends_a_success(ended: Ended, success: bool) -> None:
    grade = Counting().grade(task(), Counter(), talk("Bye.", ended=ended))
    assert grade.success is success


def test_the_total_is_the_weighted_sum_of_the_terms() -> None:
    terms = [term("good", 1.0, 2.0), term("bad", -0.5, 1.0)]
    result = score(talk("Hi."), Grade(success=True), task(), terms)
    assert result.total == 1.5
    assert [(s.name, s.value) for s in result.terms] == [("good", 1.0), ("bad", -0.5)]
    assert result.success


def test_a_fault_is_never_scored() -> None:
    def explode(*_: object) -> TermScore:
        raise AssertionError("a fault was scored")

    terms = [WeightedTerm(name="explosive", weight=1.0, term=explode)]
    result = score(talk(ended="context_overflow"), Grade(success=True), task(), terms)
    assert (result.success, result.terms, result.total) == (False, (), 0.0)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1.5, -2.0])
def test_a_term_out_of_range_is_named_with_the_trajectory(value: float) -> None:
    with pytest.raises(PluginFailed, match=r"'wild' on trajectory x of task t.*\[-1, 1\]"):
        score(talk(), Grade(success=True), task(), [term("wild", value, 0.5)])


def test_a_term_that_raises_is_named_with_its_plugin() -> None:
    def broken(*_: object) -> TermScore:
        raise KeyError("oops")

    weighted = WeightedTerm(name="wild", weight=1.0, term=broken, plugin="zoo")
    with pytest.raises(PluginFailed, match="plugin zoo failed in its reward term 'wild'"):
        score(talk(), Grade(success=True), task(), [weighted])
