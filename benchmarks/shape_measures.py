"""Turn official and generated retail tasks into specimens of one form, and measure their shape."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal, cast

from harness.errors import PluginFailed
from harness.types import Json, Recipe, Split, ToolCall
from harness_retail.answers import amount_of
from harness_retail.database import database
from harness_retail.domain import RetailDomain
from harness_retail.features import DEAD_ENDS
from harness_retail.official_shop import official_database
from harness_retail.records import User
from harness_retail.state import Database
from harness_retail.tools import TOOLS, RetailWorld
from harness_tau2.data import official_data

WRITES = tuple(tool.name for tool in TOOLS if tool.kind == "write")
_READS = ("get_user_details", "get_order_details", "get_product_details")
_BY_EMAIL, _BY_NAME = "find_user_id_by_email", "find_user_id_by_name_zip"
_TRANSFER = "transfer_to_human_agents"
_REFUSALS = tuple(name for name in DEAD_ENDS if name != "transfer")
_ORDER_ID = re.compile(r"#W\d{7}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Specimen:
    """One task: the calls that fulfil it with whether each fails, and what must be said.

    ``scenario`` is what the user is told, ``tags`` the features (None: not recorded).
    ``finds_customer``: whether the calls begin at the beginning; many official lists do not.
    """

    shop: Database
    calls: tuple[tuple[ToolCall, bool], ...]
    scenario: str
    communicate: tuple[str, ...]
    tags: frozenset[str] | None
    changed: bool

    @property
    def finds_customer(self) -> bool:
        return any(call.name in (_BY_EMAIL, _BY_NAME) for call, _ in self.calls)

    @property
    def writes(self) -> list[ToolCall]:
        return [call for call, _ in self.calls if call.name in WRITES]

    def fails(self, *names: str) -> bool:
        """Whether a call of one of these tools fails."""
        return any(failed and call.name in names for call, failed in self.calls)

    def user(self) -> User | None:
        """The customer, from the records that the calls are about."""
        for call, _ in self.calls:
            order = self.shop.orders.get(str(call.arguments.get("order_id")))
            user_id = order["user_id"] if order else str(call.arguments.get("user_id"))
            if user_id in self.shop.users:
                return self.shop.users[user_id]
        return None


def official_tasks() -> list[Specimen]:
    """The official tasks, their gold calls replayed on the official shop.

    Raises ``HarnessError`` if there is no official data on this machine.
    """
    data = official_data("retail")
    shop = official_database(data.folder)
    specimens = []
    for task in data.tasks.values():
        criteria = cast("dict[str, Json]", task["evaluation_criteria"])
        actions = cast("list[dict[str, Json]]", criteria.get("actions") or [])
        calls = [
            ToolCall(name=str(a["name"]), arguments=cast("dict[str, Json]", a["arguments"]))
            for a in actions
        ]
        told = cast("list[str]", criteria.get("communicate_info") or [])
        scenario = json.dumps(task["user_scenario"])
        specimens.append(_replayed(shop, calls, scenario, told, None))
    return specimens


def generated_tasks(split: Split, count: int, seed: int) -> list[Specimen]:
    """Generated tasks in the default mix, with the calls of their solution.

    Raises ``PluginFailed`` if one has none.
    """
    domain = RetailDomain()
    specimens = []
    for task in itertools.islice(domain.generate(seed, Recipe(split=split)), count):
        groups = domain.solve(task)
        if groups is None:
            raise PluginFailed(f"the generated task {task.id} has no solution")
        calls = [call for group in groups for call in group]
        shop = database(str(task.world["database"]))
        told, tags = task.communicate, frozenset(task.tags)
        specimens.append(_replayed(shop, calls, task.scenario.instructions, told, tags))
    return specimens


def _replayed(
    shop: Database,
    calls: Sequence[ToolCall],
    scenario: str,
    told: Sequence[str],
    tags: frozenset[str] | None,
) -> Specimen:
    world = RetailWorld(shop)
    failed = [world.call(call).is_error for call in calls]
    return Specimen(
        shop=shop,
        calls=tuple(zip(calls, failed, strict=True)),
        scenario=scenario,
        communicate=tuple(told),
        tags=tags,
        changed=any(change.path != ("transferred",) for change in world.changes()),
    )


# --- measures ------------------------------------------------------------------------------------

Unit = Literal["share", "mean"]
Sample = Sequence[Specimen]
Measure = Callable[[Sample], float | None]


def _share(holds: Callable[[Specimen], bool]) -> Measure:
    """The share of tasks of which something holds."""
    return lambda sample: fmean(holds(specimen) for specimen in sample)


def _of_full(measure: Measure) -> Measure:
    """A measure of those tasks only whose calls begin with finding the customer."""
    return lambda sample: measure([specimen for specimen in sample if specimen.finds_customer])


def _mean(count: Callable[[Specimen], float]) -> Measure:
    return lambda sample: fmean(count(specimen) for specimen in sample)


def _write_share(tool: str) -> Measure:
    """The share of a tool in all writes."""
    return lambda sample: fmean(w.name == tool for s in sample for w in s.writes)


def _uses(specimen: Specimen, tool: str) -> int:
    return sum(call.name == tool for call, _ in specimen.calls)


def _share_using(tool: str) -> Measure:
    return _share(lambda specimen: _uses(specimen, tool) > 0)


def _mean_uses(tool: str) -> Measure:
    return _mean(lambda specimen: _uses(specimen, tool))


def _tagged(*tags: str) -> Measure:
    """The share of tasks with a feature that official tasks do not record; None for those."""

    def measure(sample: Sample) -> float | None:
        known = [specimen.tags for specimen in sample if specimen.tags is not None]
        return fmean(bool(found.intersection(tags)) for found in known) if known else None

    return measure


def _orders_written(specimen: Specimen) -> list[str]:
    return [str(w.arguments["order_id"]) for w in specimen.writes if "order_id" in w.arguments]


def _several_items(sample: Sample) -> float:
    """The share of writes with more than one item, of those that are about items."""
    lists = [w.arguments.get("item_ids") for s in sample for w in s.writes]
    return fmean(len(items) > 1 for items in lists if isinstance(items, list))


def _pays_by_gift_card(sample: Sample) -> float:
    """The share of the writes with a payment method in which it is a gift card."""
    methods = [w.arguments.get("payment_method_id") for s in sample for w in s.writes]
    return fmean(str(method).startswith("gift_card") for method in methods if method)


def _gift_card_limits(specimen: Specimen) -> bool:
    """Whether a gift card of the customer's holds no more than one of the writes costs."""
    user = specimen.user()
    methods = user["payment_methods"].values() if user else ()
    balances = [m["balance"] for m in methods if m["source"] == "gift_card"]
    costs = [cost for write in specimen.writes if (cost := _cost(specimen, write)) > 0]
    return any(balance <= cost for cost in costs for balance in balances)


def _cost(specimen: Specimen, write: ToolCall) -> float:
    """What a payment method must cover for a write, in US dollars."""
    order = specimen.shop.orders.get(str(write.arguments.get("order_id")))
    pays = "new_item_ids" in write.arguments or write.name == "modify_pending_order_payment"
    return amount_of(specimen.shop, order, write) if order and pays else 0.0


def _orders_of_customer(sample: Sample) -> float:
    users = [specimen.user() for specimen in sample]
    return fmean(len(user["orders"]) for user in users if user)


def _shops(sample: Sample) -> list[Database]:
    return list({specimen.shop.name: specimen.shop for specimen in sample}.values())


def _per_shop(count: Callable[[Database], float]) -> Measure:
    return lambda sample: fmean(count(shop) for shop in _shops(sample))


def _items_per_order(shop: Database) -> float:
    return fmean(len(order["items"]) for order in shop.orders.values())


def _variants_per_product(shop: Database) -> float:
    return fmean(len(product["variants"]) for product in shop.products.values())


MEASURES: Mapping[str, tuple[Unit, Measure]] = {
    "writes per task": ("mean", _mean(lambda s: len(s.writes))),
    "tasks with no write": ("share", _share(lambda s: not s.writes)),
    "tasks with 1 write": ("share", _share(lambda s: len(s.writes) == 1)),
    "tasks with 2 writes": ("share", _share(lambda s: len(s.writes) == 2)),
    "tasks with 3 writes": ("share", _share(lambda s: len(s.writes) == 3)),
    "tasks with 4 or more writes": ("share", _share(lambda s: len(s.writes) > 3)),
    "tasks that change nothing": ("share", _share(lambda s: not s.changed)),
    "tasks with a transfer": ("share", _share(lambda s: _uses(s, _TRANSFER) > 0)),
    **{f"writes: {tool}": ("share", _write_share(tool)) for tool in WRITES},
    "tasks that write to several orders": (
        "share",
        _share(lambda s: len(set(_orders_written(s))) > 1),
    ),
    "tasks that write to one order twice": (
        "share",
        _share(lambda s: len(set(_orders_written(s))) < len(_orders_written(s))),
    ),
    "item writes with several items": ("share", _several_items),
    "writes with a payment method that use a gift card": ("share", _pays_by_gift_card),
    "tasks where a gift card is too small or just enough": ("share", _share(_gift_card_limits)),
    "calls per task *": ("mean", _of_full(_mean(lambda s: len(s.calls)))),
    "tasks with 10 or more calls *": ("share", _of_full(_share(lambda s: len(s.calls) > 9))),
    "customer found by name and zip code *": ("share", _of_full(_share_using(_BY_NAME))),
    "customer found by email *": ("share", _of_full(_share_using(_BY_EMAIL))),
    "orders looked up per task *": ("mean", _of_full(_mean_uses("get_order_details"))),
    "products looked up per task *": ("mean", _of_full(_mean_uses("get_product_details"))),
    "tasks that use the calculator *": ("share", _of_full(_share_using("calculate"))),
    "tasks where the customer is not found at first *": (
        "share",
        _of_full(_share(lambda s: s.fails(_BY_EMAIL, _BY_NAME))),
    ),
    "tasks with another failing look-up *": ("share", _of_full(_share(lambda s: s.fails(*_READS)))),
    "tasks with a failing write": ("share", _share(lambda s: s.fails(*WRITES))),
    "tasks with something to be told": ("share", _share(lambda s: bool(s.communicate))),
    "tasks with several things to be told": ("share", _share(lambda s: len(s.communicate) > 1)),
    "tasks whose customer names an order id": (
        "share",
        _share(lambda s: _ORDER_ID.search(s.scenario) is not None),
    ),
    "orders of the task's customer": ("mean", _orders_of_customer),
    "orders per customer of the shop": (
        "mean",
        _per_shop(lambda shop: len(shop.orders) / len(shop.users)),
    ),
    "items per order": ("mean", _per_shop(_items_per_order)),
    "variants per product": ("mean", _per_shop(_variants_per_product)),
    "products in the shop": ("mean", _per_shop(lambda shop: len(shop.products))),
    "customers in the shop": ("mean", _per_shop(lambda shop: len(shop.users))),
    "tasks with a request to refuse": ("share", _tagged(*_REFUSALS)),
    "tasks with a change of mind": ("share", _tagged("change_of_mind")),
    "tasks with something told only when asked": ("share", _tagged("withheld")),
    "tasks with two orders that fit the words": ("share", _tagged("two_orders")),
}
"""What is compared. ``*``: over the tasks whose calls begin with finding the customer."""
