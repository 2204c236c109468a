"""Make requests that end in a refusal or a transfer."""

from __future__ import annotations

from collections.abc import Mapping

from harness.types import Request, ToolCall
from harness_retail.choices import Flaw
from harness_retail.operations import OPERATIONS
from harness_retail.requests import draft_request
from harness_retail.targets import Customer
from harness_retail.wording import spoken
from harness_taskkit.drafts import Draft, transfer
from harness_taskkit.wording import with_article

OUT_OF_SCOPE: Mapping[str, tuple[str, ...]] = {
    "The customer wants to change the email of the account.": (
        "I want to change the email of my account.",
        "Please put a new email into my profile.",
    ),
    "The customer wants to change the name in the profile after a marriage.": (
        "I got married, so please change the last name in my profile.",
        "My last name has changed. Please correct it in my profile.",
    ),
    "The customer wants a price match with another shop.": (
        "I saw the same thing cheaper in another shop and want you to match the price.",
        "Another shop is cheaper. Please match its price.",
    ),
    "The customer wants an invoice for a company.": (
        "I need an invoice made out to my company.",
        "Please send me an invoice with the tax number of my company.",
    ),
    "The customer wants to close the account.": (
        "I want to close my account for good.",
        "Please delete my account and all my data.",
    ),
    "The customer complains about the courier.": (
        "The courier was rude to me, and I want to make a formal complaint.",
        "I want to complain about the courier who came to my door.",
    ),
    "The customer wants a quote for a bulk order.": (
        "I want a quote for 200 pieces for my company.",
        "My company wants to buy 200 pieces. Please make me an offer.",
    ),
    "The customer wants a repair under warranty.": (
        "Something I bought last year broke, and I want it repaired under warranty.",
        "I need a repair under warranty for something I bought last year.",
    ),
}
"""What no tool serves: the summary for the human agent, and how customers put it."""

_FLAWED: Mapping[str, tuple[Flaw, tuple[str, ...]]] = {
    "refuse_status": (
        "status",
        ("cancel", "return", "exchange", "modify_items", "modify_address", "modify_payment"),
    ),
    "refuse_payment": ("payment", ("return", "modify_payment", "exchange", "modify_items")),
    "refuse_variant": ("variant", ("exchange", "modify_items")),
}


def draft_dead_end(customer: Customer, kind: str, wanted: frozenset[str]) -> Draft | None:
    """A request of one of the kinds ``features.DEAD_ENDS``; None if this customer has none."""
    if kind == "transfer":
        return _transfer(customer)
    if kind == "refuse_other_user":
        return _other_user(customer)
    flaw, writes = _FLAWED[kind]
    order = customer.rng.sample(writes, len(writes))
    drafts = (draft_request(customer, write, wanted, flaw=flaw) for write in order)
    return next((draft for draft in drafts if draft is not None), None)


def _transfer(customer: Customer) -> Draft:
    summary, says = customer.rng.choice(list(OUT_OF_SCOPE.items()))
    return transfer(Request(kind="transfer", says=says), summary, "transfer")


def _other_user(customer: Customer) -> Draft | None:
    """The wish to cancel the pending order of a friend."""
    orders = [
        order
        for order in customer.database.orders.values()
        if order["status"] == "pending" and order["user_id"] != customer.user["user_id"]
    ]
    if not orders:
        return None
    order = customer.rng.choice(orders)
    name = customer.database.users[order["user_id"]]["name"]
    friend = f"{name['first_name']} {name['last_name']}"
    item = with_article(spoken(customer.rng.choice(order["items"])["name"]))
    request = Request(
        kind="cancel",
        says=(
            f"My friend {friend} ordered {item} from you. Please cancel that order, "
            "it is no longer needed.",
            f"I want to cancel an order of {friend}, a friend of mine. It has {item} in it "
            "and is no longer needed.",
        ),
        verbs=OPERATIONS["cancel"].verbs,
        outcome="refused",
        refusal="I can only help you with your own orders and profile",
    )
    forbidden = ToolCall(
        name=OPERATIONS["cancel"].tool,
        arguments={"order_id": order["order_id"], "reason": "no longer needed"},
    )
    return Draft(request=request, forbidden=forbidden, features=frozenset({"refuse_other_user"}))
