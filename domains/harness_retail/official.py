"""The official retail domain on our retail engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TypeAlias

from harness.assembly.config import read_options
from harness.protocols import Domain, Settings
from harness.types import ToolCall
from harness_retail.compat import FIXED, TAU2, Compat
from harness_retail.official_shop import official_database
from harness_retail.state import Database
from harness_retail.tools import TOOLS, RetailWorld, offered_tools
from harness_tau2.data import OfficialData, official_data
from harness_tau2.domain import Options, Tau2Domain
from harness_tau2.engine import Engine
from harness_tau2.requests import About, Telling, texts
from harness_tau2.wire import Object

NAME = "tau2-retail"

Shop: TypeAlias = Engine[Database, Compat]

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
    kit = "tau2.domains.retail.tools:RetailTools"

    def __init__(self, data: OfficialData, options: Options) -> None:
        is_newer = any(map(_is_newer, data.tasks.values()))
        compat = replace(TAU2 if options.compat == "tau2" else FIXED, item_details=is_newer)
        shop = Engine(official_database(data.folder), compat, RetailWorld)
        super().__init__(data, options, shop, offered_tools(compat))
        self._newer = shop.behaving(replace(compat, item_details=True))

    @cached_property
    def telling(self) -> Telling:  # type: ignore[override]
        return telling(self.engine)

    def engine_of(self, official: Object) -> Shop:
        return self._newer if _is_newer(official) else self.engine


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
