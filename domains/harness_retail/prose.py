"""Tell a scenario in prose, for users and agents that are language models."""

from __future__ import annotations

from collections.abc import Sequence

from harness.types import Fact, Request, Scenario
from harness_retail.records import User
from harness_taskkit import prose
from harness_taskkit.people import address_line

_KINDS = {
    "cancel": "cancel an order",
    "return": "return something",
    "exchange": "exchange something",
    "modify_items": "change items of an order",
    "modify_address": "change the address of an order",
    "modify_payment": "change the payment of an order",
    "user_address": "change the address in your profile",
    "question": "ask something",
    "transfer": "get something done that needs a human",
}


def tell(user: User, identity: Sequence[Fact], requests: Sequence[Request]) -> Scenario:
    """The scenario with its prose."""
    name = user["name"]
    return prose.tell(
        f"You contact the shop to {', then to '.join(_KINDS[r.kind] for r in requests)}.",
        [
            f"Your name is {name['first_name']} {name['last_name']}.",
            f"You live at {address_line(user['address'])}.",
        ],
        "You know no item ids, product ids or payment ids, and no order ids except those that "
        "are mentioned in your instructions.",
        identity=identity,
        requests=requests,
    )
