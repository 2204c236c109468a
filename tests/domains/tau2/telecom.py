"""The official telecom environment beside ours: both databases small enough to copy each time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from harness.types import ToolCall
from harness_telecom.compat import TAU2, Compat
from harness_telecom.official_network import official_database
from harness_telecom.state import Network
from harness_telecom.tools import TelecomWorld
from harness_telecom.writes import draft_id

from .official import data_folder

START_HASHES = (
    "304cf5ef059852e117ea801ab9a5efc24c9713ec887679dc2e30acceb4b6742d",
    "e1f3a8637388808221228ff3f87294444e6b64caf721f5eb243a85d0a9380b28",
)
"""The official hashes of the official databases, the carrier's and the user's."""

KINDS = ("plans", "customers", "lines", "bills", "devices")


def network() -> Network:
    return official_database(data_folder())


def our_world(compat: Compat = TAU2, *, solo: bool = False) -> TelecomWorld:
    return TelecomWorld(network(), compat, solo=solo)


def environment(*, solo_mode: bool = False) -> Any:
    """A fresh official environment; what tau2 keeps between environments is as it was at first."""
    from loguru import logger
    from tau2.domains.telecom.environment import TelecomEnvironment
    from tau2.domains.telecom.tools import TelecomTools
    from tau2.domains.telecom.user_tools import TelecomUserTools

    logger.remove()
    carrier, user, vpn = _databases()
    TelecomUserTools.default_vpn_details = vpn.model_copy()
    made = TelecomEnvironment(
        "telecom",
        "",
        TelecomTools(carrier.model_copy(deep=True)),
        TelecomUserTools(user.model_copy(deep=True)),
    )
    made.set_solo_mode(solo_mode)
    return made


@contextmanager
def known_bill_ids() -> Iterator[None]:
    """Let tau2 give drafts our ids; its own are random, so that no two of its states are equal."""
    from tau2.domains.telecom.tools import TelecomTools

    charge, fresh = TelecomTools._apply_one_time_charge, SimpleNamespace(hex="")

    def charged(self: Any, customer_id: str, *rest: Any) -> None:
        bills = len(self.get_customer_by_id(customer_id).bill_ids)
        fresh.hex = draft_id(customer_id, bills).removeprefix("B")
        charge(self, customer_id, *rest)

    with (
        patch.object(TelecomTools, "_apply_one_time_charge", charged),
        patch("tau2.domains.telecom.tools.uuid.uuid4", lambda: fresh),
    ):
        yield


def official_answer(made: Any, call: ToolCall) -> tuple[str, bool]:
    """What the official environment answers, and whether it is an error."""
    from tau2.data_model.message import ToolCall as OfficialCall

    requestor = "user" if call.requestor == "user" else "assistant"
    answer = made.get_response(
        OfficialCall(name=call.name, arguments=dict(call.arguments), requestor=requestor)
    )
    return answer.content, answer.error


def official_states(made: Any) -> tuple[str, str]:
    """The text of both databases that the official hashes are made of."""
    return tuple(  # type: ignore[return-value]
        json.dumps(kit.db.model_dump(), sort_keys=True, default=str)
        for kit in (made.tools, made.user_tools)
    )


def our_states(world: TelecomWorld) -> tuple[str, str]:
    """The same of our world."""
    records: Mapping[str, Mapping[str, Any]] = world.records()
    carrier = {kind: list(records[kind].values()) for kind in KINDS}
    return json.dumps(carrier, sort_keys=True), json.dumps(records["user"], sort_keys=True)


@cache
def _databases() -> tuple[Any, Any, Any]:
    from tau2.domains.telecom.environment import get_environment
    from tau2.domains.telecom.user_tools import TelecomUserTools

    made = get_environment()
    vpn = TelecomUserTools.default_vpn_details.model_copy()
    return made.tools.db, made.user_tools.db, vpn
