"""The worked example of the method: two orders with a blue mug, told apart by the vase in one."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import islice

import pytest

import harness_retail.database
import harness_retail.generate
from harness.evaluation.rollout import rollout
from harness.injection.admission import Options
from harness.injection.candidates import InjectionContext
from harness.injection.engine import inject_tasks
from harness.injection.static_gates import Known, cheap_gates
from harness.protocols import RolloutJob, RolloutSetup, Settings
from harness.testing.fakes import play
from harness.types import Diagnosis, Episode, ErrorPattern, Recipe, Task, ToolCall
from harness_retail.database import shop_of
from harness_retail.domain import RetailDomain
from harness_retail.records import Address, OrderItem, Product, User, Variant, new_order
from harness_retail.state import Database
from harness_scripted.expert import oracle
from harness_scripted.injector import template_injector
from harness_scripted.user import scripted_user

HOME = Address(
    address1="1 Oak Lane", address2="Apt 2", city="Austin", country="USA", state="TX", zip="78704"
)
THINGS = {"Mug": "blue", "Ceramic Vase": "white", "Frying Pan": "black"}
ORDER_A = "#W1000002"


def item(name: str) -> OrderItem:
    key = str(1000 + list(THINGS).index(name))
    options = {"color": THINGS[name]}
    return OrderItem(name=name, product_id=f"9{key}", item_id=key, price=20.0, options=options)


def product(name: str) -> Product:
    one = item(name)
    variant = Variant(item_id=one["item_id"], options=one["options"], available=True, price=20.0)
    return Product(name=name, product_id=one["product_id"], variants={one["item_id"]: variant})


SHOP = Database(
    name="retail/train/1",
    split="train",
    products={p["product_id"]: p for p in map(product, THINGS)},
    users={
        "ada_reed_1000": User(
            user_id="ada_reed_1000",
            name={"first_name": "Ada", "last_name": "Reed"},
            address=HOME,
            email="ada.reed@example.com",
            payment_methods={"paypal_10002": {"source": "paypal", "id": "paypal_10002"}},
            orders=[ORDER_A],
        )
    },
    orders={
        ORDER_A: new_order(
            ORDER_A,
            "ada_reed_1000",
            HOME,
            [item("Mug"), item("Ceramic Vase")],
            status="pending",
            paid_by="paypal_10002",
        )
    },
)


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> RetailDomain:
    """The shop of the source trajectory: one customer, whose order A has a mug and a vase."""
    domain = RetailDomain()
    for split in ("train", "validation", "test"):
        domain.tasks(split)  # type: ignore[arg-type]
    for module in (harness_retail.database, harness_retail.generate):
        monkeypatch.setattr(module, "database", lambda name: SHOP)
    return domain


def planted_failure() -> tuple[Episode, Diagnosis]:
    """An agent that took the wrong one of two orders with a mug."""
    domain = RetailDomain()
    recipe = Recipe(required=("two_orders", "cancel"), requests=1)
    [task] = islice(domain.generate(1, recipe), 1)
    [request] = task.scenario.requests
    facts = (replace(request.facts[0], recognised_by=("mug",)), *request.facts[1:])
    request = replace(request, facts=facts)
    task = replace(task, scenario=replace(task.scenario, requests=(request,)))
    episode = play(domain, task)
    return episode, Diagnosis(
        trajectory_id=episode.trajectory.id,
        task_id=task.id,
        blame="agent",
        kind="wrong_order",
        turn=2,
        summary="cancel_pending_order was made for another order.",
        tool="cancel_pending_order",
    )


FAILURE = planted_failure()


def injected(shop: RetailDomain) -> list[Task]:
    failure = FAILURE
    pattern = ErrorPattern(
        id="p1",
        name="wrong order",
        description="",
        members=(failure[0].trajectory.id,),
        share=1.0,
        kinds={"wrong_order": 1},
    )
    known, options = Known(shop, []), Options(off=("new", "distinct"))
    context = InjectionContext(
        injector=template_injector(Settings()),
        domain=shop,
        gates=cheap_gates(shop, known, options),
        known=known,
        options=options,
    )
    made = inject_tasks([pattern], {"p1": [failure]}, context, count=12, round=1, seed=4)
    return list(made.tasks)


def test_a_planted_multi_order_failure_becomes_the_article_s_task(shop: RetailDomain) -> None:
    tasks = injected(shop)
    assert tasks
    said = [text for task in tasks for text in task.scenario.requests[0].says]
    assert any("blue mug" in text and "the one with the ceramic vase too" in text for text in said)
    for task in tasks:
        [want] = task.gold
        assert (want.name, want.arguments["order_id"]) == ("cancel_pending_order", ORDER_A)
        orders = [shop_of(task.world).orders[k] for k in user_of(task)["orders"]]
        held = [{(i["name"], i["options"]["color"]) for i in order["items"]} for order in orders]
        assert len(held) == 2
        assert all(("Mug", "blue") in items for items in held)
        assert sum(("Frying Pan", "black") in items for items in held) == 1


def user_of(task: Task) -> User:
    return shop_of(task.world).users["ada_reed_1000"]


def test_its_lineage_leads_to_the_failure_and_the_source_trajectory(shop: RetailDomain) -> None:
    failure, _ = FAILURE
    for task in injected(shop):
        assert task.origin is not None
        assert task.origin.trajectory_id == failure.trajectory.id
        assert task.origin.exemplars == (failure.trajectory.id,)
        assert task.origin.feature == "two_orders"
        assert task.origin.source[-1].same_as(task.gold[0])
        assert {call.name for call in task.origin.source} >= {"get_order_details"}


def test_the_right_mug_succeeds_and_the_other_one_fails(shop: RetailDomain) -> None:
    task = injected(shop)[0]
    setup = RolloutSetup(domain=shop, user=scripted_user(Settings()))
    episode = asyncio.run(
        rollout(RolloutJob(task=task, trial=0, seed=1), oracle(Settings()), setup)
    )
    assert episode.score.success
    [other] = [key for key in user_of(task)["orders"] if key != ORDER_A]
    wrong = ToolCall(
        name="cancel_pending_order", arguments={**task.gold[0].arguments, "order_id": other}
    )
    assert not play(shop, task, [wrong]).grade.success
