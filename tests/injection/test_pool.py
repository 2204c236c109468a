"""The pool: what a task is known by, what each pattern gets, vetoes, and how rounds are weighed."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import RunError
from harness.injection.pool import content_id, fingerprint, pool_of, veto, vetoed
from harness.injection.quotas import quotas
from harness.run_folder import RunFolder
from harness.types import Origin, Request, Scenario, Task, ToolCall


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


def test_a_fingerprint_ignores_id_and_lineage_but_not_what_is_wanted() -> None:
    assert fingerprint(order("a")) == fingerprint(replace(order("b"), tags=("x",)))
    assert fingerprint(order("a")) != fingerprint(order("a", "vase"))


def test_a_content_id_is_of_all_but_the_lineage() -> None:
    origin = Origin(
        round=1, pattern_id="p", injector="x", trajectory_id="t", parent_task_id="q", seed=1
    )
    assert content_id(order("a")) == content_id(replace(order("b"), origin=origin))
    assert content_id(order("a")) != content_id(replace(order("a"), world={"database": "other"}))


# --- quotas ---------------------------------------------------------------------------------------


@given(
    shares=st.dictionaries(st.text(min_size=1, max_size=3), st.floats(0.01, 1), max_size=6),
    total=st.integers(0, 200),
    cap=st.floats(0.05, 1),
)
def test_quotas_add_up_and_no_pattern_is_forgotten(
    shares: dict[str, float], total: int, cap: float
) -> None:
    counts = quotas(shares, total, cap=cap)
    assert set(counts) == set(shares)
    assert sum(counts.values()) == (total if shares else 0)
    if total >= len(shares):
        assert all(count >= 1 for count in counts.values())


def test_quotas_follow_the_shares() -> None:
    assert quotas({"a": 0.6, "b": 0.3, "c": 0.1}, 103) == {"a": 61, "b": 31, "c": 11}


def test_what_a_cap_takes_from_one_pattern_goes_to_the_others_by_their_shares() -> None:
    assert quotas({"a": 0.8, "b": 0.15, "c": 0.05}, 100, cap=0.5) == {"a": 50, "b": 37, "c": 13}


def test_a_cap_that_cannot_hold_gives_way() -> None:
    assert quotas({"a": 0.9, "b": 0.1}, 10, cap=0.2) == {"a": 5, "b": 5}
    assert quotas({"a": 1.0}, 7, cap=0.5) == {"a": 7}


@pytest.mark.parametrize("total", [0, -1])
def test_no_quota_without_tasks(total: int) -> None:
    assert quotas({"a": 1.0}, total) == {"a": 0}


# --- in the run folder ----------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> RunFolder:
    store = RunFolder.create(tmp_path / "run", {})
    for number in (1, 2, 3):
        tasks = [order(f"{number}-{n}", f"thing {number} {n}") for n in range(8)]
        store.write_values(f"rounds/{number}/tasks.jsonl", Task, tasks)
    return store


def test_the_pool_is_the_union_of_all_rounds_without_repeats(store: RunFolder) -> None:
    assert len(pool_of(store, range(1, 4))) == 24
    store.write_values("rounds/3/tasks.jsonl", Task, [order("1-0"), order("3-1")])
    assert [task.id for task in pool_of(store, range(1, 4))].count("1-0") == 1


def test_recency_keeps_fewer_tasks_of_each_older_round_and_never_takes_up_others(
    store: RunFolder,
) -> None:
    def kept(rounds: range) -> list[set[str]]:
        ids = [task.id for task in pool_of(store, rounds, replay_decay=0.5)]
        return [{task_id for task_id in ids if task_id[0] == str(n)} for n in (1, 2, 3)]

    assert [len(ids) for ids in kept(range(1, 4))] == [2, 4, 8]
    assert [len(ids) for ids in kept(range(1, 3))] == [4, 8, 0]
    assert kept(range(1, 4))[0] < kept(range(1, 3))[0]


def test_a_vetoed_task_is_not_trained_on_until_it_is_let_in_again(store: RunFolder) -> None:
    veto(store, ["1-3", "2-0"], keep_out=True, reason="nobody talks so")
    assert vetoed(store) == {"1-3": "nobody talks so", "2-0": "nobody talks so"}
    assert not {"1-3", "2-0"} & {task.id for task in pool_of(store, range(1, 4))}
    veto(store, ["1-3"], keep_out=False)
    assert vetoed(store) == {"2-0": "nobody talks so"}
    assert len(pool_of(store, range(1, 4))) == 23


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_vetoes_are_on_disk_at_once(store: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def sync(number: int) -> None:
        fsync(number)
        synced.append(Path(os.readlink(f"/proc/self/fd/{number}")).name)

    monkeypatch.setattr(os, "fsync", sync)
    veto(store, ["1-3", "2-0"], keep_out=True)
    assert "vetoes.jsonl" in synced


def test_a_veto_of_an_unknown_task_names_one_that_is_near_and_changes_nothing(
    store: RunFolder,
) -> None:
    with pytest.raises(RunError, match="'1-33'") as raised:
        veto(store, ["1-3", "1-33"], keep_out=True)
    assert "1-3" in raised.value.hint
    assert vetoed(store) == {}
