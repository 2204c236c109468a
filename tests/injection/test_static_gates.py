"""The gates without conversations: each objects to what it is for, and says what it measured."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import pytest

from harness.errors import ConfigError, PluginFailed
from harness.injection import static_gates
from harness.injection.admission import (
    CHEAP,
    GateLog,
    Options,
    Verdict,
    admission_options,
    pass_gates,
)
from harness.injection.static_gates import Known, cheap_gates
from harness.testing.checks.leaks import KINDS, planted_leaks
from harness.types import Fact, Recipe, Request, Task, ToolCall
from harness_retail.domain import RetailDomain

DOMAIN = RetailDomain()


@pytest.fixture(scope="module")
def fresh() -> list[Task]:
    return list(islice(DOMAIN.generate(71, Recipe()), 60))


def judged(task: Task, pool: Sequence[Task] = (), **options: Any) -> tuple[str, Verdict]:
    """The gate that objects and its verdict; ("", the last verdict) if none does."""
    verdict = Verdict()
    for gate in cheap_gates(DOMAIN, Known(DOMAIN, pool), Options(**options)):
        verdict = gate.examine(task)
        if verdict.reason:
            return gate.name, verdict
    return "", verdict


def of_kind(tasks: Sequence[Task], kind: str) -> Task:
    """A task with one request, of the kind."""
    return next(t for t in tasks if [r.kind for r in t.scenario.requests] == [kind] and t.gold)


def with_request(task: Task, **changes: Any) -> Task:
    first, *others = task.scenario.requests
    requests = (replace(first, **changes), *others)
    return replace(task, scenario=replace(task.scenario, requests=requests))


def test_nearly_all_generated_tasks_pass_every_gate_and_each_leaves_a_proof(
    fresh: list[Task],
) -> None:
    known, log = Known(DOMAIN, []), GateLog()
    gates = cheap_gates(DOMAIN, known, Options())
    proofs = [pass_gates(gates, task, log) for task in fresh]
    passed = [proof for proof in proofs if proof is not None]
    assert len(passed) >= 50
    assert all(tuple(proof) == CHEAP for proof in passed)
    assert all(proof["unambiguous"] == {"final_states": 1} for proof in passed)
    assert set(log.reasons) <= {"matches a held-out task", "nearly the same as a held-out task"}
    assert log.seen["well_formed"] == 60
    assert log.passed["unambiguous"] == len(passed)


@pytest.mark.parametrize("kind", KINDS)
def test_every_planted_leak_is_refused(kind: str, fresh: list[Task]) -> None:
    leaks = planted_leaks(DOMAIN, fresh, seed=8, count=12)[kind]
    assert len(leaks) == 12
    known = Known(DOMAIN, fresh)
    gates = cheap_gates(DOMAIN, known, Options())
    log = GateLog()
    assert [task.id for task in leaks if pass_gates(gates, task, log) is not None] == []


def test_a_gate_that_is_off_lets_pass_what_it_would_refuse(fresh: list[Task]) -> None:
    task = of_kind(fresh, "return")
    twice = replace(task, id="again")
    assert judged(twice, [task])[1].reason == "already in the pool"
    assert judged(twice, [task], off=("new",))[0] == "distinct"
    assert judged(twice, [task], off=("new", "distinct"))[0] == ""


@pytest.mark.parametrize(
    ("spoil", "gate", "reason"),
    [
        (lambda t: replace(t, split="test"), "well_formed", "not a train task"),
        (lambda t: replace(t, domain="airline"), "well_formed", "from another domain"),
        (lambda t: with_request(t, says=()), "well_formed", "not well-formed"),
        (lambda t: with_request(t, says=("I\x00want it.",)), "well_formed", "not well-formed"),
        (lambda t: with_request(t, says=("ha " * 5000,)), "well_formed", "not well-formed"),
        (lambda t: replace(t, gold=()), "well_formed", "not well-formed"),
        (
            lambda t: replace(t, gold=(*t.gold, ToolCall(name="fly", arguments={}))),
            "well_formed",
            "not well-formed",
        ),
        (
            lambda t: with_request(t, says=(f"Return {t.gold[0].arguments['item_ids'][0]}.",)),
            "discreet",
            "reveals the solution",
        ),
        (
            lambda t: with_request(t, says=("Call return_delivered_order_items for me.",)),
            "discreet",
            "reveals the solution",
        ),
    ],
)
def test_a_spoilt_task_is_refused_at_the_first_gate_that_sees_it(
    spoil: Callable[[Task], Task], gate: str, reason: str, fresh: list[Task]
) -> None:
    found, verdict = judged(spoil(of_kind(fresh, "return")))
    assert (found, verdict.reason) == (gate, reason)


def changed_gold(task: Task, **arguments: Any) -> Task:
    call = replace(task.gold[0], arguments={**task.gold[0].arguments, **arguments})
    return replace(with_request(task, want=call), gold=(call,))


def test_gold_that_fails_on_a_fresh_world_is_refused(fresh: list[Task]) -> None:
    task = changed_gold(of_kind(fresh, "return"), order_id="#W0000000")
    gate, verdict = judged(task)
    assert (gate, verdict.reason) == ("replays", "a gold call fails")
    assert "not found" in str(verdict.measured["error"])


def test_gold_that_changes_nothing_is_refused(fresh: list[Task]) -> None:
    task = of_kind(fresh, "user_address")
    world = DOMAIN.open(task)
    user_id = str(task.gold[0].arguments["user_id"])
    home = world.records()["users"][user_id]["address"]  # type: ignore[call-overload,index]
    gate, verdict = judged(changed_gold(task, **home))  # type: ignore[arg-type]
    assert (gate, verdict.reason) == ("changes", "the gold calls change nothing")


def test_words_that_fit_two_outcomes_are_refused() -> None:
    recipe = Recipe(required=("two_orders", "return"), requests=1)
    found: list[int] = []
    for task in islice(DOMAIN.generate(5, recipe), 20):
        facts = task.scenario.requests[0].facts
        kept = tuple(fact for fact in facts if fact.about != "which of the two orders you mean")
        gate, verdict = judged(with_request(task, facts=kept), off=("solvable", "distinct"))
        # Where the other order is not delivered, only one outcome is left without the hint, too.
        assert gate == ("unambiguous" if verdict.reason else "")
        if verdict.reason:
            assert verdict.reason == "ambiguous"
            found.append(int(str(verdict.measured["final_states"])))
    assert len(found) >= 5
    assert set(found) == {2}


def test_words_that_lead_elsewhere_are_refused(fresh: list[Task]) -> None:
    task = of_kind(fresh, "cancel")
    facts = tuple(
        replace(fact, says=("I ordered it by mistake.",))
        if fact.needed_for == ("reason",) and "longer" in str(task.gold[0].arguments["reason"])
        else replace(fact, says=("I no longer need it.",))
        if fact.needed_for == ("reason",)
        else fact
        for fact in task.scenario.requests[0].facts
    )
    gate, verdict = judged(with_request(task, facts=facts))
    assert gate == "unambiguous"
    assert verdict.reason == "scenario and gold calls imply different end states"


def test_what_the_solver_cannot_find_is_refused(fresh: list[Task]) -> None:
    task = of_kind(fresh, "return")
    unknown = Fact(about="name", asked_by=("name",), says=("My name is No One, zip code 99999.",))
    gate, verdict = judged(
        replace(task, scenario=replace(task.scenario, identity=(unknown,))), off=("distinct",)
    )
    assert (gate, verdict.reason) == ("solvable", "not solvable")


def test_a_domain_that_raises_in_a_gate_is_named(fresh: list[Task]) -> None:
    class Broken(RetailDomain):
        def solve(self, task: Task) -> None:
            raise KeyError("gone")

    options = Options(off=("distinct",))
    gates = cheap_gates(Broken(), Known(DOMAIN, []), options, plugin="d:broken")
    with pytest.raises(PluginFailed, match="plugin d:broken failed in its solution of task"):
        pass_gates(gates, random.Random(1).choice(fresh[:20]), GateLog())


def test_an_error_of_a_gate_itself_is_not_the_domains(
    fresh: list[Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(task: Task) -> str:
        raise KeyError("ours")

    known = Known(DOMAIN, [])
    monkeypatch.setattr(static_gates, "fingerprint", broken)
    with pytest.raises(KeyError, match="ours"):
        pass_gates(cheap_gates(DOMAIN, known, Options(), plugin="d:shop"), fresh[0], GateLog())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"off": ["nwe"]}, "no gate 'nwe'"),
        ({"easiest": 0.9, "hardest": 0.2}, "no failure rate lies between"),
        ({"easiest": -0.1}, "'easiest': input should be greater than or equal to 0"),
        ({"reference_trials": 2, "reference_successes": 3}, "is more than"),
        ({"trials": 0}, "'trials': input should be greater than or equal to 1"),
        ({"cap": 0.0}, "'cap': input should be greater than 0"),
        ({"likeness": 1.5}, "'likeness': input should be less than or equal to 1"),
        ({"mutation": 3}, "no option 'mutation'"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        admission_options({"admission": options})


def test_gates_switched_off_for_once_come_on_top_of_the_configured() -> None:
    options = admission_options({"admission": {"off": ["targeted"]}}, off=["new", "targeted"])
    assert options.off == ("targeted", "new")


def test_a_request_that_wants_what_gold_lacks_is_not_well_formed(fresh: list[Task]) -> None:
    task = of_kind(fresh, "return")
    other = Request(kind="cancel", says=("Cancel it.",), want=ToolCall(name="x", arguments={}))
    requests = (*task.scenario.requests, other)
    gate, verdict = judged(replace(task, scenario=replace(task.scenario, requests=requests)))
    assert gate == "well_formed"
    assert "not among the gold calls" in str(verdict.measured["why"])
