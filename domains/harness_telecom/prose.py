"""Tell a scenario in prose, for users and agents that are language models."""

from __future__ import annotations

from collections.abc import Sequence

from harness.types import Fact, Request, Scenario
from harness_taskkit import prose
from harness_telecom.records import Customer

_KINDS = {
    "no_service": "get your phone connected again",
    "mobile_data": "get fast mobile internet on your phone again",
    "picture_messages": "be able to send picture messages again",
    "refuel": "have data added to a line",
    "roaming": "have roaming of a line changed",
    "suspend": "have a line suspended",
    "resume": "have a line resumed",
    "pay_bill": "pay a bill",
    "question": "ask something",
    "transfer": "get something done that needs a human",
}


def tell(customer: Customer, identity: Sequence[Fact], requests: Sequence[Request]) -> Scenario:
    """The scenario with its prose."""
    wishes = ", then to ".join(_KINDS[request.kind] for request in requests)
    return prose.tell(
        f"You contact your mobile carrier to {wishes}.",
        [
            f"Your name is {customer['full_name']}, born {customer['date_of_birth']}.",
            "Today is February 25, 2025.",
        ],
        "You do not know what is wrong with your phone, and you know no ids of lines or bills. On "
        "your phone you do only what you are told, one thing at a time, and tell what you see. If "
        "you get a payment request that you asked for or agreed to, you pay it when told to.",
        identity=identity,
        requests=requests,
    )
