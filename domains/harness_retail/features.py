"""What can be woven into a task: kinds of requests, ways to make them harder, and how often."""

from __future__ import annotations

from collections.abc import Mapping

from harness.types import Feature
from harness_taskkit.plan import Mix

WRITES: Mapping[str, float] = {
    "cancel": 14.5,
    "return": 25,
    "exchange": 20,
    "modify_items": 20,
    "modify_address": 9,
    "modify_payment": 7,
    "user_address": 7,
}
"""The kinds of requests that are carried out, with their share in the default mix."""

DEAD_ENDS: Mapping[str, float] = {
    "refuse_status": 30,
    "refuse_payment": 15,
    "refuse_variant": 20,
    "refuse_other_user": 10,
    "transfer": 25,
}
"""The kinds that end in a refusal or a transfer, with their share among those."""

QUESTION = "question"
"""The kind that changes nothing: the records hold the answer."""

_ORDER_KINDS = ("cancel", "return", "exchange", "modify_items", "modify_address", "modify_payment")
_ITEM_KINDS = ("exchange", "modify_items")

SUPPORTS: Mapping[str, tuple[str, ...]] = {
    "two_orders": (*_ORDER_KINDS, "refuse_status"),
    "same_order": ("modify_items", "modify_payment"),
    "withheld": (*WRITES, "refuse_status", "refuse_payment", "refuse_variant", QUESTION),
    "several_items": ("return", *_ITEM_KINDS),
    "same_but": _ITEM_KINDS,
    "cheapest": _ITEM_KINDS,
    "fallback": _ITEM_KINDS,
    "payment_choice": ("return", *_ITEM_KINDS, "modify_payment"),
    "change_of_mind": tuple(kind for kind in WRITES if kind != "cancel"),
    "amount": ("cancel", "return", *_ITEM_KINDS, "modify_payment"),
}
"""The kinds of requests that can be made harder in each way."""

_WRONG_THING = ("wrong_order", "wrong_item", "missing_step", "no_progress")
_NEEDLESS = ("should_have_acted", "gave_up", "missing_confirmation", "extra_write", "repeated_call")
_REFUSAL = ("should_have_refused", "invalid_call", "extra_write", "needless_transfer")

FEATURES: tuple[Feature, ...] = (
    Feature(
        name="cancel",
        description="Cancel a pending order for one of the two allowed reasons.",
        provokes=("wrong_reason", "wrong_tool", *_NEEDLESS),
    ),
    Feature(
        name="return",
        description="Return items of a delivered order.",
        provokes=("wrong_payment_method", "wrong_item", "wrong_tool", *_NEEDLESS),
    ),
    Feature(
        name="exchange",
        description="Exchange items of a delivered order for other variants.",
        provokes=("wrong_variant", "wrong_payment_method", "wrong_tool", *_NEEDLESS),
    ),
    Feature(
        name="modify_items",
        description="Swap items of a pending order for other variants.",
        provokes=("wrong_variant", "wrong_payment_method", "wrong_tool", *_NEEDLESS),
    ),
    Feature(
        name="modify_address",
        description="Change the shipping address of a pending order.",
        provokes=("wrong_address", "wrong_tool", *_NEEDLESS),
    ),
    Feature(
        name="modify_payment",
        description="Change the payment method of a pending order.",
        provokes=("wrong_payment_method", "wrong_tool", *_NEEDLESS),
    ),
    Feature(
        name="user_address",
        description="Change the address in the customer's profile.",
        provokes=("wrong_address", "wrong_tool", *_NEEDLESS),
    ),
    Feature(
        name="refuse_status",
        description="What the order's status forbids, such as to return a pending order.",
        provokes=("wrong_order", *_REFUSAL),
    ),
    Feature(
        name="refuse_payment",
        description="A refund to a forbidden place, or a gift card with too little on it.",
        provokes=("wrong_payment_method", *_REFUSAL),
    ),
    Feature(
        name="refuse_variant",
        description="A variant that is not available, or a different product.",
        provokes=("wrong_variant", *_REFUSAL),
    ),
    Feature(
        name="refuse_other_user",
        description="A request about the order of somebody else.",
        provokes=("wrong_order", *_REFUSAL),
    ),
    Feature(
        name="transfer",
        description="A request that no tool serves: the customer goes to a human.",
        provokes=("missing_transfer", "should_have_refused", "extra_write", "gave_up"),
    ),
    Feature(
        name=QUESTION,
        description="The customer only wants to know something that the records hold.",
        provokes=("not_said", "extra_write", "needless_transfer"),
    ),
    Feature(
        name="two_orders",
        description="Two orders hold the described product; another item or the status decides.",
        provokes=_WRONG_THING,
    ),
    Feature(
        name="same_order",
        description="A second change to a pending order: its address first, then something else.",
        provokes=(
            "should_have_acted",
            "wrong_order",
            "missing_step",
            "repeated_call",
            "extra_write",
            "gave_up",
        ),
    ),
    Feature(
        name="withheld",
        description="Something the agent needs is told only when it asks.",
        provokes=("missing_step", "no_progress", "wrong_payment_method", "wrong_reason", "gave_up"),
    ),
    Feature(
        name="several_items",
        description="Two or more items in one return, exchange or modification.",
        provokes=("wrong_item", "wrong_variant", "missing_step", "repeated_call", "invalid_call"),
    ),
    Feature(
        name="same_but",
        description="The wanted variant is given relative to the current one.",
        provokes=("wrong_variant", "wrong_item"),
    ),
    Feature(
        name="cheapest",
        description="The wanted variant is the cheapest available one.",
        provokes=("wrong_variant",),
    ),
    Feature(
        name="fallback",
        description="The first choice is not available, the second is.",
        provokes=("wrong_variant", "should_have_acted", "invalid_call"),
    ),
    Feature(
        name="payment_choice",
        description="The customer has several payment methods and names one.",
        provokes=("wrong_payment_method",),
    ),
    Feature(
        name="change_of_mind",
        description="When asked to confirm, the customer wants something else after all.",
        provokes=(
            "missing_confirmation",
            "wrong_variant",
            "wrong_item",
            "wrong_address",
            "wrong_payment_method",
            "extra_write",
        ),
    ),
    Feature(
        name="amount",
        description="The customer wants to be told an amount: a refund, a difference, a total.",
        provokes=("not_said",),
    ),
    Feature(
        name="multi_request",
        description="Two to five requests in one conversation.",
        provokes=("missing_step", "repeated_call", "wrong_order", "gave_up", "no_progress"),
    ),
    Feature(
        name="failing_lookup",
        description="What the customer says first, an email or an old zip code, finds nobody.",
        provokes=("gave_up", "repeated_call", "no_progress", "needless_transfer", "missing_step"),
    ),
)
"""All features; requests have one kind each (the first thirteen), the rest make them harder."""

NAMES: frozenset[str] = frozenset(feature.name for feature in FEATURES)

MIX = Mix(
    domain="retail",
    names=NAMES,
    writes=WRITES,
    dead_ends=DEAD_ENDS,
    question=QUESTION,
    recordless=frozenset({"user_address"}),
    supports=SUPPORTS,
    wishes={
        "two_orders": 0.22,
        "withheld": 0.28,
        "several_items": 0.3,
        "same_but": 0.45,
        "cheapest": 0.06,
        "fallback": 0.1,
        "change_of_mind": 0.08,
    },
    clashes=(
        frozenset({"two_orders", "several_items"}),
        frozenset({"two_orders", "same_order"}),
        frozenset({"same_but", "cheapest"}),
        frozenset({"same_but", "fallback"}),
        frozenset({"cheapest", "fallback"}),
        frozenset({"change_of_mind", "same_but"}),
        frozenset({"change_of_mind", "cheapest"}),
        frozenset({"change_of_mind", "fallback"}),
    ),
    again="same_order",
    first="modify_address",
    counts={1: 56, 2: 22, 3: 15, 4: 6, 5: 1},
    counts_with={
        **{kind: {1: 55, 2: 30, 3: 15} for kind in DEAD_ENDS},
        QUESTION: {1: 30, 2: 40, 3: 30},
    },
    dead_end=0.1,
    questions=0.09,
    failing_lookup=0.09,
    twice=0.35,
    amount=0.36,
)
"""The default mix."""
