"""The official retail domain on our retail engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property

from harness.assembly.config import read_options
from harness.protocols import Domain, Settings
from harness.types import Task, Tool, ToolCall
from harness_retail.compat import FIXED, TAU2
from harness_retail.official_shop import Shop, official_database
from harness_retail.state import Database
from harness_retail.tools import TOOLS, RetailWorld
from harness_tau2.data import OfficialData, official_data
from harness_tau2.domain import Options, Tau2Domain
from harness_tau2.requests import About, Telling, texts
from harness_tau2.schemas import official_tools
from harness_tau2.starting import starting_records
from harness_tau2.tasks import official_task
from harness_tau2.wire import Object

NAME = "tau2-retail"

_KIT = "tau2.domains.retail.tools:RetailTools"
_NEWER_TOOL = "get_item_details"
_REASONS = ("no longer needed", "ordered by mistake")
_WRITES = frozenset(tool.name for tool in TOOLS if tool.kind == "write")

_ARGUMENTS = (
    About(("order_id",), "the order", ("order",), "It is order {}."),
    About(("item_ids",), "the items", ("item", "product"), "It is item {}."),
    About(
        ("new_item_ids",), "the new items", ("new", "variant", "option"), "I want item {} for it."
    ),
    About(("payment_method_id",), "the payment method", ("payment", "refund", "pay"), "Use {}."),
    About(("reason",), "the reason", ("reason", "why"), "The reason is: {}."),
    About(
        ("address1", "address2", "city", "state", "country", "zip"),
        "the new address",
        ("address", "street", "city"),
        "The address is {}.",
    ),
)


def tau2_retail(settings: Settings) -> Domain:
    """The official retail tasks. Raises ``MissingExtra`` if their data is not on this machine."""
    options = read_options(Options, settings, name=NAME)
    return Tau2Retail(official_data("retail"), options)


class Tau2Retail(Tau2Domain):
    """The official shop, its policy and its tool schemas; our tools carry the calls out."""

    name = NAME

    def __init__(self, data: OfficialData, options: Options) -> None:
        super().__init__(data, options)
        is_newer = any(map(_is_newer, data.tasks.values()))
        compat = replace(TAU2 if options.compat == "tau2" else FIXED, item_details=is_newer)
        self.shop = Shop(database=official_database(data.folder), compat=compat)
        self._newer = replace(self.shop, compat=replace(compat, item_details=True))
        self._own_tools = [tool for tool in TOOLS if is_newer or tool.name != _NEWER_TOOL]

    @cached_property
    def tools(self) -> Sequence[Tool]:  # type: ignore[override]
        """The official schemas, in the official order; imported when first looked at."""
        return official_tools(_KIT, self._own_tools)

    @cached_property
    def telling(self) -> Telling:  # type: ignore[override]
        return telling(self.shop)

    def open(self, task: Task) -> RetailWorld:
        """The world of a task of any version, with the tools that version has.

        Raises ``ConfigError`` for an initial state that the shop cannot hold.
        """
        official = official_task(task)
        if official is None:
            return self.shop.open()
        shop = self._newer if _is_newer(official) else self.shop
        return (_started(shop, official) if official.get("initial_state") else shop).open()


def _started(shop: Shop, official: Object) -> Shop:
    """The shop after what the task says happened before the conversation."""
    records = shop.open().records()
    started = starting_records(official, records, lambda held: shop.holding(held).open())
    return shop.holding(started)


def telling(shop: Shop) -> Telling:
    """How the customers of the shop ask, and which other values an agent might take for theirs."""
    return Telling(
        writes=_WRITES,
        arguments=_ARGUMENTS,
        alternatives=_alternatives(shop.database),
        world=shop.open,
    )


def _alternatives(database: Database) -> Callable[[str, ToolCall], Sequence[str]]:
    """Values an agent might take for the right one: those that stand near it in the records."""

    def alternatives(name: str, call: ToolCall) -> Sequence[str]:
        order = database.orders.get(str(call.arguments.get("order_id")))
        if name == "reason":
            return _REASONS
        if order is None:
            return ()
        user = database.users[order["user_id"]]
        if name == "order_id":
            return user["orders"]
        if name == "payment_method_id":
            return list(user["payment_methods"])
        if name == "item_ids":
            return [item["item_id"] for item in order["items"]]
        ids = texts(call.arguments["item_ids"])
        products = [i["product_id"] for i in order["items"] if i["item_id"] in ids]
        return [variant for key in products for variant in database.products[key]["variants"]]

    return alternatives


def _is_newer(raw: Object) -> bool:
    """Whether a task is of tau2 1.0 or later: it names the newer tool, or its reward is none of
    the older ones, which all count what is communicated.
    """
    criteria = raw.get("evaluation_criteria")
    if not isinstance(criteria, dict):
        return False
    basis, actions = criteria.get("reward_basis"), criteria.get("actions")
    if isinstance(basis, list) and "COMMUNICATE" not in basis:
        return True
    return any(
        isinstance(action, dict) and action.get("name") == _NEWER_TOOL
        for action in (actions if isinstance(actions, list) else ())
    )
