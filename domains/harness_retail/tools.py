"""The shop's 16 tools as the agent sees them, and the world that carries out calls to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.types import Json, Tool, ToolCall, ToolKind
from harness_retail import reads, writes
from harness_retail.compat import FIXED, Compat
from harness_retail.state import Database, Overlay
from harness_taskkit.state import ToolError
from harness_taskkit.toolbox import STRING, Argument, Toolbox, ToolboxWorld, make_tool

_STRINGS: dict[str, Json] = {"type": "array", "items": STRING}

_ARGUMENTS: Mapping[str, tuple[str, str]] = {
    "address1": ("address", "Street and number."),
    "address2": ("address", "Flat, suite or floor."),
    "city": ("address", "City."),
    "country": ("address", "Country, such as USA."),
    "email": ("email", "The customer's email."),
    "expression": ("expression", "Numbers, + - * / ( ) and spaces, such as '19.99 * 2'."),
    "first_name": ("first name", "The customer's first name."),
    "item_id": ("item", "Ten digits that name one variant."),
    "item_ids": ("item", "Ids of the items in the order, one entry for each piece."),
    "last_name": ("last name", "The customer's last name."),
    "new_item_ids": ("variant", "Ids of the new variants, in the same order as item_ids."),
    "order_id": ("order", "The order's id with its leading '#', such as '#W0000000'."),
    "payment_method_id": ("payment method", "An id from the payment methods in the profile."),
    "product_id": ("product", "Ten digits that name the product, not one of its variants."),
    "reason": ("reason", "Either 'no longer needed' or 'ordered by mistake'."),
    "state": ("address", "State in two letters."),
    "summary": ("summary", "What the customer wants, in one or two sentences."),
    "user_id": ("user", "The customer's user id."),
    "zip": ("address", "Zip code."),
}
"""For each argument: what it stands for, and its description."""

_ADDRESS = ("address1", "address2", "city", "state", "country", "zip")
_ITEMS = ("order_id", "item_ids", "new_item_ids", "payment_method_id")


def _tool(
    name: str, kind: ToolKind, arguments: Sequence[str], description: str, **about: Any
) -> Tool:
    described = {name: Argument(*_ARGUMENTS[name], _schema(name)) for name in arguments}
    return make_tool(
        name,
        kind,
        described,
        description,
        identifies=name.startswith("find_user_id"),
        private=kind == "write" or name in ("get_user_details", "get_order_details"),
        **about,
    )


def _schema(argument: str) -> Mapping[str, Json]:
    return _STRINGS if argument.endswith("_ids") else STRING


TOOLS: tuple[Tool, ...] = (
    _tool("find_user_id_by_email", "read", ("email",), "Find the customer's user id by email."),
    _tool(
        "find_user_id_by_name_zip",
        "read",
        ("first_name", "last_name", "zip"),
        "Find the customer's user id by full name and zip code, where the email is not to be had.",
        nouns={"zip": "zip code"},
    ),
    _tool(
        "get_user_details",
        "read",
        ("user_id",),
        "Show a customer's profile: address, payment methods, ids of all orders.",
    ),
    _tool(
        "get_order_details",
        "read",
        ("order_id",),
        "Show an order: its items, status, address and payments.",
    ),
    _tool(
        "get_product_details",
        "read",
        ("product_id",),
        "Show a product with all its variants, their options, prices and availability.",
    ),
    _tool("get_item_details", "read", ("item_id",), "Show one variant by its item id."),
    _tool(
        "list_all_product_types",
        "read",
        (),
        "List the names of all products with their product ids.",
    ),
    _tool(
        "calculate", "generic", ("expression",), "Work out a line of arithmetic, rounded to cents."
    ),
    _tool(
        "cancel_pending_order",
        "write",
        ("order_id", "reason"),
        "Cancel a whole pending order and refund it. Needs the customer's explicit yes.",
        closes="order_id",
    ),
    _tool(
        "modify_pending_order_items",
        "write",
        _ITEMS,
        "Swap items of a pending order for other variants of the same products. Works once per "
        "order, so collect all items first. Needs the customer's explicit yes.",
        closes="order_id",
    ),
    _tool(
        "modify_pending_order_address",
        "write",
        ("order_id", *_ADDRESS),
        "Change where a pending order is sent. Needs the customer's explicit yes.",
    ),
    _tool(
        "modify_pending_order_payment",
        "write",
        ("order_id", "payment_method_id"),
        "Change how a pending order is paid. Needs the customer's explicit yes.",
    ),
    _tool(
        "return_delivered_order_items",
        "write",
        ("order_id", "item_ids", "payment_method_id"),
        "Request the return of items of a delivered order; the refund goes to the payment method. "
        "Works once per order. Needs the customer's explicit yes.",
        closes="order_id",
    ),
    _tool(
        "exchange_delivered_order_items",
        "write",
        _ITEMS,
        "Request the exchange of items of a delivered order for other variants of the same "
        "products. Works once per order, so collect all items first. Needs the customer's "
        "explicit yes.",
        closes="order_id",
    ),
    _tool(
        "modify_user_address",
        "write",
        ("user_id", *_ADDRESS),
        "Change the address in the customer's profile. Needs the customer's explicit yes.",
    ),
    _tool(
        "transfer_to_human_agents",
        "generic",
        ("summary",),
        "Hand the customer to a human, where the request is outside what the tools can do.",
        followup="YOU ARE BEING TRANSFERRED TO A HUMAN AGENT. PLEASE HOLD ON.",
    ),
)
"""All tools; their functions of the same names are in ``reads`` and ``writes``."""

ARGUMENT_NAMES: Mapping[str, tuple[str, ...]] = {tool.name: tuple(tool.nouns) for tool in TOOLS}
"""The arguments of each tool in order; all are required."""

_TOOLBOX = Toolbox(
    "RetailTools",
    {tool.name: tool for tool in TOOLS},
    {tool.name: getattr(writes if tool.kind == "write" else reads, tool.name) for tool in TOOLS},
)


class RetailWorld(ToolboxWorld):
    """One conversation's view of a shop."""

    __slots__ = ()
    toolbox = _TOOLBOX

    def __init__(self, database: Database, compat: Compat = FIXED) -> None:
        super().__init__(Overlay(database, compat))

    def offers(self, tool: Tool) -> bool:
        compat: Compat = self._overlay.compat
        return compat.item_details or tool.name != "get_item_details"

    def check(self, call: ToolCall) -> None:
        compat: Compat = self._overlay.compat
        if not compat.empty_items and call.arguments.get("item_ids", True) in ([], "", {}):
            raise ToolError("item_ids is empty: name the items, one id for each piece")


def offered_tools(compat: Compat) -> tuple[Tool, ...]:
    """The tools that a shop with these switches has."""
    if compat.item_details:
        return TOOLS
    return tuple(tool for tool in TOOLS if tool.name != "get_item_details")
