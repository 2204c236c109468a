from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.pool import Gate, fingerprint, quotas
from harness.protocols import Domain, World
from harness.types import Request, Scenario, Split, Task, Tool, ToolCall


class Shop(Domain):
    """Solves every task but those tagged impossible."""

    name = "shop"
    tools: tuple[Tool, ...] = ()

    def tasks(self, split: Split) -> list[Task]:
        return []

    def open(self, task: Task) -> World:
        raise AssertionError("the gate needs no world")

    def solve(self, task: Task) -> list[list[ToolCall]] | None:
        return None if "impossible" in task.tags else [list(task.gold)]


def order(name: str, item: str = "mug") -> Task:
    call = ToolCall(name="buy", arguments={"item": item})
    request = Request(kind="buy", says=(f"I want a {item}.",), want=call)
    return Task(
        id=name,
        domain="shop",
        split="train",
        scenario=Scenario(reason="", requests=(request,)),
        world={},
        gold=(call,),
    )


def test_a_task_enters_once_whatever_its_id() -> None:
    gate = Gate.over(Shop(), [], [])
    assert gate.admits(order("a"))
    assert not gate.admits(order("b"))
    assert gate.admits(order("c", "vase"))
    assert gate.refused == {"already in the pool": 1}


def test_a_planted_held_out_task_is_refused() -> None:
    leaked = replace(order("x"), split="test")
    gate = Gate.over(Shop(), [], [leaked])
    assert not gate.admits(replace(leaked, id="y", split="train"))
    assert gate.refused == {"matches a held-out task": 1}


def test_only_solvable_train_tasks_enter() -> None:
    gate = Gate.over(Shop(), [], [])
    assert not gate.admits(replace(order("a"), tags=("impossible",)))
    assert not gate.admits(replace(order("a"), split="validation"))
    assert gate.refused == {"not solvable": 1, "not a train task": 1}


def test_tasks_of_earlier_rounds_are_not_taken_again() -> None:
    assert not Gate.over(Shop(), [order("a")], []).admits(order("b"))


def test_a_fingerprint_ignores_id_and_lineage_but_not_what_is_wanted() -> None:
    assert fingerprint(order("a")) == fingerprint(replace(order("b"), tags=("x",)))
    assert fingerprint(order("a")) != fingerprint(order("a", "vase"))


@given(
    shares=st.dictionaries(st.text(min_size=1, max_size=3), st.floats(0.01, 1), max_size=6),
    total=st.integers(0, 200),
)
def test_quotas_add_up_and_no_pattern_is_forgotten(shares: dict[str, float], total: int) -> None:
    counts = quotas(shares, total)
    assert set(counts) == set(shares)
    assert sum(counts.values()) == (total if shares else 0)
    if total >= len(shares):
        assert all(count >= 1 for count in counts.values())


def test_quotas_follow_the_shares() -> None:
    assert quotas({"a": 0.6, "b": 0.3, "c": 0.1}, 103) == {"a": 61, "b": 31, "c": 11}


@pytest.mark.parametrize("total", [0, -1])
def test_no_quota_without_tasks(total: int) -> None:
    assert quotas({"a": 1.0}, total) == {"a": 0}
