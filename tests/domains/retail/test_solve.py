"""The solver: finds its way by the customer's words, and proves it on a fresh world."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from harness.protocols import Domain, Settings
from harness.types import Recipe, Task, ToolCall
from harness_retail import harness_domains
from harness_retail.database import database
from harness_retail.domain import RetailDomain
from harness_retail.operations import OPERATIONS

DOMAIN = RetailDomain()


def make(count: int, *required: str, seed: int = 2) -> list[Task]:
    recipe = Recipe(required=required)
    return list(itertools.islice(DOMAIN.generate(seed, recipe), count))


def solved(task: Task) -> list[list[ToolCall]]:
    groups = DOMAIN.solve(task)
    assert groups is not None
    return [list(group) for group in groups]


def assert_solves(task: Task) -> None:
    world, gold = DOMAIN.open(task), DOMAIN.open(task)
    results = [world.call(call) for group in solved(task) for call in group]
    for call in task.gold:
        gold.call(call)
    assert world.changes() == gold.changes()
    assert sum(result.is_error for result in results) == ("failing_lookup" in task.tags)


def test_the_hook_offers_the_domain_by_its_name() -> None:
    domain = harness_domains()["retail"](Settings())
    assert isinstance(domain, Domain)
    assert domain.name == "retail"
    assert "explicit yes" in domain.policy


@pytest.mark.parametrize("split", ["validation", "test"])
def test_the_held_out_tasks_are_all_solved(split: str) -> None:
    for task in DOMAIN.tasks(split):  # type: ignore[arg-type]
        assert_solves(task)


def test_300_generated_tasks_are_all_solved() -> None:
    for task in make(300):
        assert_solves(task)


@pytest.mark.slow
def test_10_000_seeds_are_all_solved() -> None:
    for seed in range(10_000):
        (task,) = make(1, seed=seed)
        assert_solves(task)


@pytest.mark.parametrize("feature", [feature.name for feature in DOMAIN.features])
def test_tasks_with_each_feature_are_solved(feature: str) -> None:
    for task in make(12, feature):
        assert_solves(task)


def test_there_is_one_group_per_request_and_the_first_finds_the_customer() -> None:
    for task in make(60):
        groups = solved(task)
        assert len(groups) == len(task.scenario.requests)
        names = [call.name for call in groups[0]]
        look_ups = len(task.scenario.identity)
        assert all(name.startswith("find_user_id_by_") for name in names[:look_ups])
        assert names[look_ups] == "get_user_details"
        for request, group in zip(task.scenario.requests, groups, strict=True):
            if request.want is not None:
                assert group[-1] == request.want


def test_nothing_is_read_twice() -> None:
    for task in make(200):
        reads = [
            (call.name, *map(str, call.arguments.values()))
            for group in solved(task)
            for call in group
            if call.name.startswith("get_")
        ]
        assert len(set(reads)) == len(reads)


def test_every_write_was_preceded_by_a_look_at_its_order_and_products() -> None:
    for task in make(200):
        seen: set[str] = set()
        shop = database(str(task.world["database"]))
        for call in (call for group in solved(task) for call in group):
            if call.name in ("get_order_details", "get_product_details"):
                seen |= {str(value) for value in call.arguments.values()}
            if "order_id" in call.arguments:
                assert call.arguments["order_id"] in seen
            for new_id in call.arguments.get("new_item_ids") or []:  # type: ignore[union-attr]
                (product,) = [p for p in shop.products.values() if new_id in p["variants"]]
                assert product["product_id"] in seen


def test_orders_are_read_in_the_order_of_the_profile_until_the_described_one() -> None:
    for task in make(100, "cancel"):
        shop = database(str(task.world["database"]))
        group = solved(task)[0]
        request = task.scenario.requests[0]
        if request.kind != "cancel" or request.want is None or "two_orders" in task.tags:
            continue
        user_id = next(c.arguments["user_id"] for c in group if c.name == "get_user_details")
        orders = shop.users[str(user_id)]["orders"]
        read = [c.arguments["order_id"] for c in group if c.name == "get_order_details"]
        wanted = str(request.want.arguments["order_id"])
        if "#W" in request.facts[0].says[0]:
            assert read == [wanted]
        else:
            assert read == orders[: orders.index(wanted) + 1]


def test_all_orders_are_read_where_only_a_later_answer_tells_two_apart() -> None:
    checked = 0
    for task in make(60, "two_orders"):
        request, group = task.scenario.requests[0], solved(task)[0]
        hints = [f for f in request.facts if f.about == "which of the two orders you mean"]
        if not hints or hints[0].volunteered:
            continue
        checked += 1
        shop = database(str(task.world["database"]))
        user_id = next(c.arguments["user_id"] for c in group if c.name == "get_user_details")
        read = [c.arguments["order_id"] for c in group if c.name == "get_order_details"]
        assert read == shop.users[str(user_id)]["orders"]
        assert "order_id" not in hints[0].needed_for
        assert request.want is not None
        assert set(hints[0].needed_for) & set(request.want.arguments)
    assert checked > 10


def test_a_refusal_is_based_on_the_status_that_was_read() -> None:
    for task in make(60, "refuse_status"):
        shop = database(str(task.world["database"]))
        seen: set[str] = set()
        for request, group in zip(task.scenario.requests, solved(task), strict=True):
            seen |= {str(c.arguments["order_id"]) for c in group if c.name == "get_order_details"}
            if request.outcome != "refused":
                continue
            statuses = {shop.orders[order_id]["status"] for order_id in seen}
            assert statuses & set(OPERATIONS[request.kind].wrong_statuses)


def test_facts_for_a_refusal_are_told_or_asked_for_by_a_look_up() -> None:
    looked_up_by = {"order_id", "product_id"}
    for name in ("refuse_status", "refuse_payment", "refuse_variant"):
        for task in make(40, name, "withheld"):
            for request in task.scenario.requests:
                if request.outcome == "refused":
                    assert all(
                        f.volunteered or looked_up_by & {*f.needed_for} for f in request.facts
                    )


def test_a_task_whose_words_lead_elsewhere_is_not_solved() -> None:
    for task in make(20, "cancel"):
        index, request = next(
            (i, r) for i, r in enumerate(task.scenario.requests) if r.kind == "cancel" and r.want
        )
        assert request.want is not None
        shop = database(str(task.world["database"]))
        wanted = request.want.arguments["order_id"]
        other = next(key for key in shop.orders if key != wanted)
        lost = replace(
            request,
            want=replace(request.want, arguments={**request.want.arguments, "order_id": other}),
        )
        requests = (*task.scenario.requests[:index], lost, *task.scenario.requests[index + 1 :])
        spoilt = replace(task, scenario=replace(task.scenario, requests=requests))
        assert DOMAIN.solve(spoilt) is None


def test_a_task_whose_gold_is_not_reached_is_not_solved() -> None:
    task = make(1, "return")[0]
    assert DOMAIN.solve(task) is not None
    assert DOMAIN.solve(replace(task, gold=())) is None


def test_a_task_of_an_unknown_customer_is_not_solved() -> None:
    task = make(1, "return")[0]
    nobody = replace(
        task.scenario.identity[0], says=("My email is nobody@example.com.",), needed_for=("email",)
    )
    stranger = replace(task, scenario=replace(task.scenario, identity=(nobody,)))
    assert DOMAIN.solve(stranger) is None
