"""What a customer's words leave open is a reading of its own; what they do not is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

import pytest

from harness.types import Changes, Fact, Recipe, Request, Task, ToolCall
from harness_telecom.database import network_of
from harness_telecom.domain import TelecomDomain
from harness_telecom.targets import WHICH, WHY
from harness_telecom.troubles import PLACE

DOMAIN = TelecomDomain()


def make(*required: str, count: int = 1, seed: int = 3) -> list[Task]:
    recipe = Recipe(required=required, plain=True, requests=1)
    return list(islice(DOMAIN.generate(seed, recipe), count))


def saying(task: Task, about: str, *says: str, opening: str = "") -> Task:
    """The task with other words for one fact, without it if there are none, and another opening."""
    [request] = task.scenario.requests
    facts: Sequence[Fact] = [
        replace(f, says=says) if f.about == about else f for f in request.facts
    ]
    facts = [f for f in facts if f.says]
    said = (opening,) if opening else request.says
    changed: Request = replace(request, facts=tuple(facts), says=said)
    return replace(task, scenario=replace(task.scenario, requests=(changed,)))


def outcomes(task: Task) -> list[Changes]:
    return [effect(task, calls) for calls in DOMAIN.readings(task)]


def effect(task: Task, calls: Sequence[ToolCall]) -> Changes:
    world = DOMAIN.open(task)
    for call in calls:
        world.call(call)
    return world.changes()


def lines(task: Task) -> int:
    network = network_of(task.world)
    number = network.user["surroundings"]["phone_number"]
    return len(network.customers[network.customer_by_phone[number]]["line_ids"])


@pytest.mark.parametrize("kind", ["refuel", "roaming", "suspend"])
def test_a_customer_with_several_lines_that_names_none_can_mean_each(kind: str) -> None:
    [task] = [t for t in make(kind, count=30) if lines(t) == 3][:1]
    assert outcomes(task) == [effect(task, task.gold)]
    found = outcomes(saying(task, WHICH))
    assert len(found) > 1
    assert effect(task, task.gold) in found


def test_of_a_line_named_by_its_device_there_is_one_reading() -> None:
    for task in make("refuel", "line_by_device", count=10):
        assert outcomes(task) == [effect(task, task.gold)]


def test_an_amount_that_is_left_open_can_be_any() -> None:
    [task] = make("refuel")
    about = "how much data to add"
    assert len(outcomes(saying(task, about, "I want some more data."))) == 5
    assert len(outcomes(saying(task, about, "I want 0.5 GB, or rather 1.5 GB."))) == 2
    assert len(outcomes(saying(task, about, "I want 1.5 GB."))) == 1


def test_a_reason_that_is_not_given_can_be_any() -> None:
    [task] = make("suspend")
    [first] = DOMAIN.readings(saying(task, WHY, "The phone was stolen."))
    assert first[-1].arguments["reason"] == "lost"
    assert len(DOMAIN.readings(saying(task, WHY, "I have my reasons."))) == 1, "no record has it"


def test_roaming_that_is_neither_to_be_on_nor_off_can_be_both() -> None:
    [task] = make("roaming")
    assert len(outcomes(saying(task, "", opening="Please see to the roaming of my line."))) == 2
    assert len(outcomes(task)) == 1


def test_who_does_not_say_where_it_is_can_be_abroad() -> None:
    [task] = make("mobile_data", "roaming_off")
    gold = [effect(task, task.gold)]
    assert outcomes(task) == outcomes(saying(task, PLACE)) == gold, "at home nothing is mended"
    assert outcomes(saying(task, PLACE, "I am at home.")) == []
    [home] = make("mobile_data", "data_off")
    assert len(outcomes(saying(home, PLACE))) == 2


def test_words_that_lead_to_nobody_lead_nowhere() -> None:
    [task] = make("refuel")
    nobody = replace(task.scenario.identity[0], says=("My phone number is 555-000-0000.",))
    scenario = replace(task.scenario, identity=(nobody,))
    assert DOMAIN.readings(replace(task, scenario=scenario)) == []


def test_nothing_of_what_is_wanted_is_looked_at() -> None:
    """A task that wants something else than its customer says has another end than its words."""
    for kind in ("refuel", "suspend", "roaming", "mobile_data"):
        [task] = make(kind)
        [request] = task.scenario.requests
        blank = replace(request, want=request.want and replace(request.want, arguments={}))
        scenario = replace(task.scenario, requests=(blank,))
        found = DOMAIN.readings(replace(task, scenario=scenario, gold=()))
        assert [effect(task, calls) for calls in found] == [effect(task, task.gold)]
