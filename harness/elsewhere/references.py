"""Turn what a mapped function holds into references to products of the run, and back.

Rollouts hold the domain with its database, and reward terms and users of strangers: much of it is
large, or cannot be pickled. All of it is made from the configuration, so that another process can
make it itself: what travels is the name of the place that the product has in a run.
"""

from __future__ import annotations

from typing import cast

from harness.assembly.components import Components
from harness.assembly.config import LoopConfig
from harness.llm.role_client import RoleClient
from harness.llm.roles import open_registry
from harness.protocols import ChatGateway, ChatRole, Products

Reference = tuple[str, ...]
"""What stands for a product in a pickle: its persistent id."""

_CHAT = "chat"


def reference(value: object, products: Products) -> Reference | None:
    """What stands for the value; None if it is no product of the run and has to be pickled itself.

    A role's way to a chat model is one, too: cache, limits and budget stay where the run is.
    """
    if isinstance(value, RoleClient):
        return (_CHAT, value.role, f"{value.provider}:{value.model}")
    place = products.place_of(value)
    return None if place is None else (place,)


def resolved(found: Reference, products: Products) -> object:
    """The product of this process that the reference stands for."""
    place, *named = found
    if place != _CHAT:
        return products.at(place)
    role, spec = named
    return products.calls.chat(cast(ChatRole, role), spec)


def made_again(recipe: LoopConfig, calls: ChatGateway) -> Components:
    """Equal products in another process, each made when first needed; ``calls`` is its way to the
    chat models of the run.
    """
    products = Components(recipe, open_registry())
    products.__dict__["calls"] = calls
    return products
