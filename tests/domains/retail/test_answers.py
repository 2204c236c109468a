"""What customers want to be told: right, needed for success, and found by those who look it up."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Sequence

import pytest

from harness.errors import ConfigError
from harness.evaluation.rollout import run_rollouts
from harness.protocols import Conversation, RolloutJob, RolloutSetup, Settings, UserTurn
from harness.types import Message, Recipe, Request, Task, ToolCall, Trajectory
from harness_asyncio.executor import asyncio_executor
from harness_retail.answers import amount_of
from harness_retail.database import database
from harness_retail.domain import RetailDomain
from harness_retail.features import SUPPORTS
from harness_retail.operations import OPERATIONS
from harness_retail.records import Order
from harness_retail.state import Database
from harness_scripted.expert import expert
from harness_scripted.user import scripted_user
from harness_taskkit.wording import amount_text

DOMAIN = RetailDomain()


def make(count: int, *required: str, seed: int = 1) -> list[Task]:
    return list(itertools.islice(DOMAIN.generate(seed, Recipe(required=required)), count))


def questions(task: Task) -> list[Request]:
    return [request for request in task.scenario.requests if request.kind == "question"]


def call(name: str, **arguments: object) -> ToolCall:
    return ToolCall(name=name, arguments=arguments)  # type: ignore[arg-type]


# --- amounts -------------------------------------------------------------------------------------


def test_an_amount_is_the_total_the_returned_prices_or_the_difference(tiny: Database) -> None:
    order = tiny.orders["#W2"]
    cancel = call("cancel_pending_order", order_id="#W2", reason="no longer needed")
    assert amount_of(tiny, order, cancel) == 30.0
    back = call("return_delivered_order_items", order_id="#W2", item_ids=["11", "12"])
    assert amount_of(tiny, order, back) == 30.0
    swap = call("exchange_delivered_order_items", item_ids=["12"], new_item_ids=["13"])
    assert amount_of(tiny, order, swap) == -7.5


@pytest.mark.parametrize(
    ("amount", "text"),
    [(46.6, "46.6"), (46.63, "46.63"), (500.0, "500"), (1200.0, "1200"), (100.5, "100.5")],
)
def test_an_amount_is_written_so_that_longer_ways_contain_it(amount: float, text: str) -> None:
    assert amount_text(amount) == text
    assert text in f"{amount:.2f}"


@pytest.mark.parametrize("amount", [0.0, 7.0, 5.5, 46.0])
def test_an_amount_that_could_be_said_by_chance_is_not_asked_for(amount: float) -> None:
    assert amount_text(amount) == ""


@pytest.mark.parametrize("kind", SUPPORTS["amount"])
def test_the_last_request_asks_for_what_its_call_moves(kind: str) -> None:
    for task in make(10, kind, "amount"):
        request, shop = task.scenario.requests[-1], database(str(task.world["database"]))
        assert request.kind == kind
        assert request.want is not None
        order = shop.orders[str(request.want.arguments["order_id"])]
        assert task.communicate == (amount_text(abs(amount_of(shop, order, request.want))),)
        assert all(re.search(r"\bhow\b|I also want to know", text) for text in request.says)


# --- questions -----------------------------------------------------------------------------------


def test_a_question_is_answered_by_the_customers_own_records() -> None:
    kinds = set()
    for task in make(60, "question"):
        (request,), shop = questions(task), database(str(task.world["database"]))
        assert request.want is None
        assert request.outcome == "done"
        groups = DOMAIN.solve(task)
        assert groups is not None
        (user_id,) = {
            str(c.arguments["user_id"]) for c in groups[0] if c.name == "get_user_details"
        }
        user = shop.users[user_id]
        (answer,) = task.communicate
        if "gift card" in request.says[0]:
            kinds.add("balance")
            methods = user["payment_methods"].values()
            assert answer in [amount_text(m["balance"]) for m in methods if "balance" in m]
            continue
        numbers, totals = _answers([shop.orders[key] for key in user["orders"]])
        kinds.add("tracking" if "tracking" in request.says[0] else "total")
        assert answer in (numbers if "tracking" in request.says[0] else totals)
    assert kinds == {"balance", "tracking", "total"}


def _answers(orders: Sequence[Order]) -> tuple[list[str], list[str]]:
    """The tracking numbers and the totals of orders."""
    numbers = [n for order in orders for f in order["fulfillments"] for n in f["tracking_id"]]
    return numbers, [amount_text(order["payment_history"][0]["amount"]) for order in orders]


def test_the_balance_is_asked_for_before_anything_can_change_it() -> None:
    for task in make(60, "question"):
        for index, request in enumerate(task.scenario.requests):
            if request.kind == "question" and not request.facts:
                assert not any(_moves_money(r) for r in task.scenario.requests[:index])


def _moves_money(request: Request) -> bool:
    return request.want is not None and request.kind != "user_address"


def test_a_task_has_one_request_at_most_that_wants_to_be_told_something() -> None:
    for task in make(300):
        assert len(task.communicate) <= 1
        assert bool(task.communicate) == bool({"amount", "question"} & set(task.tags))


@pytest.mark.parametrize("other", ["question", "transfer"])
def test_an_amount_does_not_go_with_what_must_come_last_or_asks_itself(other: str) -> None:
    with pytest.raises(ConfigError, match="amount"):
        DOMAIN.generate(1, Recipe(required=("amount", other)))


def test_a_right_end_without_the_answer_is_no_success() -> None:
    for feature in ("question", "amount"):
        for task in make(10, feature):
            world = DOMAIN.open(task)
            for gold in task.gold:
                world.call(gold)
            silent = Trajectory(
                id="t", task_id=task.id, trial=0, policy="p", seed=0, messages=(), ended="user_stop"
            )
            grade = DOMAIN.grade(task, world, silent)
            assert not grade.success
            assert grade.wanted == grade.actual
            assert grade.unsaid == task.communicate


@pytest.mark.parametrize(
    "required", [("question",), ("question", "withheld"), ("amount",), ("same_order",)]
)
def test_the_expert_satisfies_the_scripted_user(required: tuple[str, ...]) -> None:
    tasks = make(40, *required, seed=3)
    jobs = [RolloutJob(task=task, trial=0, seed=n) for n, task in enumerate(tasks)]
    setup = RolloutSetup(domain=DOMAIN, user=scripted_user(Settings()))
    episodes = run_rollouts(jobs, expert(Settings()), setup, asyncio_executor(Settings()))
    assert all(episode.grade.success for episode in episodes)


def test_the_scripted_user_takes_a_bare_answer_and_asks_again_without_one() -> None:
    task = next(t for t in make(40, "question") if len(t.scenario.requests) == 1)
    answered, put_off = (reply(task, f"It is {text}.") for text in (task.communicate[0], "late"))
    assert answered.stop
    assert not answered.gave_up
    assert put_off.message.content in task.scenario.requests[0].says


def reply(task: Task, said: str) -> UserTurn:
    user = scripted_user(Settings())
    messages = (
        Message(role="assistant", content=DOMAIN.greeting),
        Message(role="user", content=task.scenario.requests[0].says[0]),
        Message(role="assistant", content=said),
    )
    talk = Conversation(id="c", domain=DOMAIN, task=task, messages=messages)
    return asyncio.run(user.reply(task, talk, seed=3))


# --- two changes to one order --------------------------------------------------------------------


def test_the_second_change_to_an_order_follows_that_of_its_address() -> None:
    seconds = set()
    for task in make(60, "same_order"):
        calls = [c for c in task.gold if "order_id" in c.arguments]
        by_order = [
            [c.name for c in calls if c.arguments["order_id"] == order_id]
            for order_id in {str(c.arguments["order_id"]) for c in calls}
        ]
        (twice,) = [names for names in by_order if len(names) > 1]
        assert twice[0] == OPERATIONS["modify_address"].tool
        assert len(twice) == 2
        seconds.add(twice[1])
    assert seconds == {OPERATIONS[kind].tool for kind in SUPPORTS["same_order"]}


@pytest.mark.parametrize("kind", ["modify_address", "cancel", "refuse_status", "question"])
def test_two_changes_to_one_order_go_with_other_requests(kind: str) -> None:
    assert all({kind, "same_order"} <= set(task.tags) for task in make(8, kind, "same_order"))
