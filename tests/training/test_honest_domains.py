"""Small honest domains pass the probes; one that mostly refuses is told why it does not."""

import random
import sys
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any, Literal

import pytest
from rich.console import Console

from harness.assembly.components import Components
from harness.assembly.config import load_config
from harness.assembly.guarded_domain import guarded
from harness.evaluation.domain_defaults import DomainDefaults
from harness.evaluation.typed_tools import Refused, TypedWorld, tool, tools_of
from harness.llm.roles import open_registry
from harness.report.rewards import probes_table, probes_values
from harness.scaffold.templates.domain import Sample
from harness.training.reward_probing import SANE_SHARE, Probing, probe_reward
from harness.types import Change, Changes, Fact, Request, Scenario, Split, Task, ToolCall

WEATHER = Path(__file__).parents[1] / "thirdparty" / "harness_weather"
DAYS = ("Monday", "Tuesday", "Friday")


class Salon(TypedWorld):
    """The appointments of one customer."""

    def __init__(self, records: Any) -> None:
        self.records, self.booked = records, dict[str, str]()

    @tool("read", private=True)
    def list_services(self, phone: str) -> list[str]:
        """List what a customer can book."""
        if phone != self.records["phone"]:
            raise Refused("there is no such customer")
        return ["cut", "colour"]

    @tool("read", identifies=True)
    def find_customer(self, phone: str) -> str:
        """Find a customer by phone."""
        if phone != self.records["phone"]:
            raise Refused("there is no such customer")
        return "found"

    @tool("write")
    def book(
        self, service: Literal["cut", "colour"], day: Literal["Monday", "Tuesday", "Friday"]
    ) -> str:
        """Book a service on a day."""
        self.booked[service] = day
        return "booked"

    def changes(self) -> Changes:
        return tuple(
            Change(path=(one,), before=None, after=day) for one, day in sorted(self.booked.items())
        )


class Booking(DomainDefaults):
    """Sixty fixed tasks for each split, no generator and no solver of its own."""

    name = "salon"
    policy = "Find the customer by phone first. Book only after the customer has said yes."
    tools = tools_of(Salon)

    def tasks(self, split: Split) -> Sequence[Task]:
        return [self._task(split, number) for number in range(60)]

    def open(self, task: Task) -> Salon:
        return Salon(task.world)

    def _task(self, split: Split, number: int) -> Task:
        rng = random.Random(f"{split} {number}")
        day, phone = rng.choice(DAYS), f"555-{split}-{number}"
        want = ToolCall(
            name="book", arguments={"service": rng.choice(["cut", "colour"]), "day": day}
        )
        find = ToolCall(name="find_customer", arguments={"phone": phone})
        look = ToolCall(name="list_services", arguments={"phone": phone})
        when = Fact(
            about="the day", asked_by=("day",), says=(f"On {day}.",), recognised_by=(day.lower(),),
            needed_for=("day",),
        )  # fmt: skip
        who = Fact(about="your phone", asked_by=("phone",), says=(f"It is {phone}.",))
        says = (f"I would like a {want.arguments['service']}.",)
        ask = Request(kind="book", says=says, facts=(when,), want=want, verbs=("book",))
        return Task(
            id=f"{split}-{number}", domain="salon", split=split, gold=(find, look, want),
            world={"phone": phone}, tags=("book",),
            scenario=Scenario(reason="hair", identity=(who,), requests=(ask,)),
        )  # fmt: skip


def weather() -> Any:
    sys.path.insert(0, str(WEATHER))
    try:
        from harness_weather import domain
    finally:
        sys.path.remove(str(WEATHER))
    return domain


def probed(domain: Any, count: int = 60) -> Probing:
    config = load_config(flags={"domain": "retail", "executor": "asyncio"})
    parts = Components(config, open_registry())
    parts.__dict__["domain"] = guarded(domain, "test:domain")
    return probe_reward(parts, count)


@pytest.mark.parametrize("make", [Sample, Booking, lambda: weather().Weather()])
def test_an_honest_small_domain_passes_every_probe(make: Any) -> None:
    found = probed(make())
    assert found.tasks == 60
    assert found.let_through == []
    assert found.doing_nothing is not None
    assert not found.doing_nothing.is_too_often_right


def test_nobody_skips_the_identification_where_nothing_is_private() -> None:
    rows = {row.probe: row for row in probed(Sample(), 10).rows}
    assert rows["unidentified"].tasks == 0
    assert {row.probe: row for row in probed(Booking(), 10).rows}["unidentified"].tasks > 0


def text_of(found: Probing) -> str:
    console = Console(file=StringIO(), width=200)
    console.print(probes_table(found))
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_a_domain_that_mostly_refuses_is_told_why_probes_are_not_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    domain = weather()
    monkeypatch.setattr(domain, "RARE", {"mandatory_flood": 4.0, "out_of_scope": 4.0})
    found = probed(domain.Weather())
    nothing = found.doing_nothing
    assert nothing is not None
    assert "refuse" in found.let_through
    assert nothing.success > SANE_SHARE
    assert {*list(nothing.tags)[:2]} <= {"mandatory_flood", "out_of_scope", "cancel", "bill"}
    text = text_of(found)
    assert f"doing nothing earns up to {nothing.reward:.2f}" in text
    assert "on mandatory_flood" in text
    assert "let at most 10% of the tasks" in text
    values: Any = probes_values(found)["doing_nothing"]
    assert values["tags"]["mandatory_flood"]["reward"] == pytest.approx(1.5)
    assert "doing nothing earns" not in text_of(probed(Sample()))


def test_too_few_tasks_are_said_to_be() -> None:
    found = probed(weather().Weather(), 6)
    assert found.unsure
    assert f"too few tasks to be sure of {', '.join(found.unsure)}" in text_of(found)
