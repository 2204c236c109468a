"""Tell a scenario in prose, for users and agents that are language models."""

from __future__ import annotations

from collections.abc import Sequence

from harness.types import Fact, Request, Scenario
from harness_airline.records import User
from harness_taskkit import prose

_KINDS = {
    "cancel": "cancel a trip",
    "change_flights": "change the flights of a trip",
    "change_cabin": "change the cabin of a trip",
    "add_bags": "change the checked bags of a trip",
    "change_passengers": "change the passengers of a trip",
    "book": "book a trip",
    "compensate": "be compensated",
    "insure": "insure a trip",
    "question": "ask something",
    "transfer": "get something done that needs a human",
}


def tell(user: User, identity: Sequence[Fact], requests: Sequence[Request]) -> Scenario:
    """The scenario with its prose."""
    name = user["name"]
    return prose.tell(
        f"You contact the airline to {', then to '.join(_KINDS[r.kind] for r in requests)}.",
        [
            f"Your name is {name['first_name']} {name['last_name']}, born {user['dob']}.",
            "Today is May 15, 2024.",
        ],
        "You know no flight numbers or payment ids, and no reservation ids except those that are "
        "mentioned in your instructions.",
        identity=identity,
        requests=requests,
    )
