from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import pytest

from harness.evaluation.rollout import run_rollouts
from harness.protocols import RolloutJob, RolloutSetup, Settings
from harness.types import Recipe, Task, ToolCall
from harness_airline.domain import AirlineDomain
from harness_airline.payments import sum_of
from harness_asyncio.executor import asyncio_executor
from harness_scripted.expert import expert
from harness_scripted.user import scripted_user

DOMAIN = AirlineDomain()


def tasks_with(*features: str, count: int = 20) -> list[Task]:
    return list(islice(DOMAIN.generate(5, Recipe(required=features, requests=1)), count))


def worked_out(task: Task) -> tuple[list[float], ToolCall]:
    """What the calculator says when the task is done, and the write."""
    groups = DOMAIN.solve(task)
    assert groups is not None
    world = DOMAIN.open(task)
    sums = [world.call(call) for group in groups for call in group if call.name == "calculate"]
    return [float(one.content) for one in sums], task.gold[0]


@pytest.mark.parametrize("feature", ["insured", "payment_split", "one_stop", "cheapest"])
def test_the_price_of_a_booking_is_worked_out(feature: str) -> None:
    for task in tasks_with("book", feature):
        sums, write = worked_out(task)
        *_, last = write.arguments["payment_methods"]  # type: ignore[misc]
        assert last["amount"] in sums  # type: ignore[index, call-overload]


@pytest.mark.parametrize("feature", ["book", "add_bags"])
def test_how_many_bags_are_not_free_is_worked_out(feature: str) -> None:
    for task in tasks_with(feature, "extra_bags"):
        if task.scenario.requests[0].revision is None:
            sums, write = worked_out(task)
            assert write.arguments["nonfree_baggages"] in sums


def test_how_many_bags_there_are_is_worked_out_where_only_those_on_top_are_said() -> None:
    (plain,) = islice(DOMAIN.generate(5, Recipe(required=("add_bags",), requests=1, plain=True)), 1)
    _, write = worked_out(plain)
    said = plain.scenario.requests[0].facts
    assert any(f"{write.arguments['total_baggages']} checked bag" in fact.says[0] for fact in said)
    for task in tasks_with("add_bags", "more_bags"):
        sums, write = worked_out(task)
        assert task.scenario.requests[0].revision or write.arguments["total_baggages"] == sums[-1]


def test_a_compensation_is_worked_out_by_passenger() -> None:
    for task in tasks_with("compensate"):
        sums, write = worked_out(task)
        assert sums[-1:] == [write.arguments["amount"]]


def test_what_is_on_several_cards_is_worked_out() -> None:
    for task in tasks_with("several_methods", count=5):
        groups = DOMAIN.solve(task)
        assert groups is not None
        world, *sums = DOMAIN.open(task), *(c for c in groups[0] if c.name == "calculate")
        assert [float(world.call(call).content) for call in sums] == [float(*task.communicate)]


def test_a_booking_is_summed_up_without_what_it_does_not_have() -> None:
    booking = {"nonfree_baggages": 0, "insurance": "no", "payment_methods": [{"amount": 90}]}
    assert sum_of([90], 1, booking) == "1 * 90"
    assert sum_of([90, 80], 1, booking) == "1 * (90 + 80)"
    extras = {"nonfree_baggages": 2, "insurance": "yes"}
    split = {**booking, **extras, "payment_methods": [{"amount": 40}, {"amount": 460}]}
    assert sum_of([90, 80], 2, split) == "2 * (90 + 80) + 50 * 2 + 30 * 2 - 40"


def test_all_that_a_sum_needs_is_told_before_it() -> None:
    for task, messages in talks(tasks_with("book", "withheld", count=10)):
        first = next((n for n, m in enumerate(messages) if names(m) == ["calculate"]), 0)
        told = " ".join(m.content for m in messages[:first] if m.role == "user")
        for fact in task.scenario.requests[0].facts if first else ():
            if "expression" in fact.needed_for and not fact.volunteered:
                assert any(text in told for text in fact.says)


def test_proposals_name_the_values_of_objects_without_json() -> None:
    for _, messages in talks(tasks_with("book", count=5)):
        offers = [m.content for m in messages if "(yes/no)" in m.content]
        assert offers
        assert not any(mark in offer for offer in offers for mark in '{["')


def names(message) -> list[str]:  # type: ignore[no-untyped-def]
    return [call.name for call in message.calls]


def talks(tasks: list[Task]) -> Iterator[tuple[Task, tuple]]:  # type: ignore[type-arg]
    setup = RolloutSetup(domain=DOMAIN, user=scripted_user(Settings()))
    jobs = [RolloutJob(task=task, trial=0, seed=1) for task in tasks]
    for episode in run_rollouts(jobs, expert(Settings()), setup, asyncio_executor(Settings())):
        assert episode.score.success
        yield episode.task, episode.trajectory.messages
