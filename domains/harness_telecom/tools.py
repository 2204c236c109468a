"""Telecom's 13 tools of the agent and 30 of the user, and the world that carries out calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any

from harness.types import Json, Tool, ToolCall, ToolKind
from harness_taskkit.state import ToolError
from harness_taskkit.toolbox import (
    REFUSALS,
    STRING,
    Argument,
    Toolbox,
    ToolboxWorld,
    make_tool,
    one_of,
)
from harness_telecom import actions, checks, reads, writes
from harness_telecom.compat import FIXED, Compat
from harness_telecom.records import BROKEN, INTERNET, NETWORK_MODES, PERMISSIONS
from harness_telecom.staging import STAGING
from harness_telecom.state import Network, Overlay, synchronise


def _optional(kind: str) -> dict[str, Json]:
    return {"anyOf": [{"type": kind}, {"type": "null"}]}


_APN: dict[str, Json] = {
    "type": "object",
    "properties": {
        "apn_name": one_of(INTERNET, BROKEN),
        "reset_at_reboot": {"type": "boolean"},
        "mms_apn": _optional("string"),
        "mmsc_url": _optional("string"),
        "mms_proxy": _optional("string"),
        "mms_port": _optional("integer"),
    },
}

_ARGUMENTS: Mapping[str, Argument] = {
    "apn_settings": Argument(
        "APN settings", "All settings; what is left out gets its usual value.", _APN
    ),
    "app_name": Argument("app", "The app, such as 'messaging'.", STRING),
    "bill_id": Argument("bill", "The bill, such as 'B1001'.", STRING),
    "customer_id": Argument("customer", "The customer, such as 'C1001'.", STRING),
    "dob": Argument("date of birth", "The date of birth, such as '1985-06-15'.", STRING),
    "full_name": Argument("full name", "First and last name.", STRING),
    "gb_amount": Argument("amount in GB", "How much data to add, in GB.", {"type": "number"}),
    "id": Argument("id", "An id that begins with C, L, D, B or P.", STRING),
    "limit": Argument("limit", "The most bills to show.", {"type": "integer", "default": 12}),
    "line_id": Argument("line", "The line, such as 'L1001'.", STRING),
    "mode": Argument("network mode", "What to look for.", one_of(*NETWORK_MODES)),
    "permission": Argument("permission", "What the app may use.", one_of(*PERMISSIONS)),
    "phone_number": Argument("phone number", "The number, such as '555-123-2001'.", STRING),
    "reason": Argument("reason", "Why the line is suspended.", STRING),
    "summary": Argument("summary", "What the customer wants, in one or two sentences.", STRING),
}


def _tool(
    name: str, kind: ToolKind, arguments: Sequence[str], description: str, **about: Any
) -> Tool:
    given = {argument: _ARGUMENTS[argument] for argument in arguments}
    return make_tool(name, kind, given, description, **about)


_LINE = ("customer_id", "line_id")

TOOLS: tuple[Tool, ...] = (
    _tool(
        "get_customer_by_phone",
        "read",
        ("phone_number",),
        "Find the customer of a phone number, be it a contact or a line.",
        identifies=True,
    ),
    _tool(
        "get_customer_by_id",
        "read",
        ("customer_id",),
        "Show a customer's profile.",
        identifies=True,
    ),
    _tool(
        "get_customer_by_name",
        "read",
        ("full_name", "dob"),
        "List the customers of a name who were born on a day.",
        identifies=True,
    ),
    _tool(
        "get_details_by_id",
        "read",
        ("id",),
        "Show a customer, line, device, bill or plan.",
        private=True,
    ),
    _tool(
        "suspend_line",
        "write",
        (*_LINE, "reason"),
        "Suspend an active line, for at most six months.",
        private=True,
    ),
    _tool(
        "resume_line",
        "write",
        _LINE,
        "Make a line active that is suspended or waits for its activation.",
        private=True,
    ),
    _tool(
        "get_bills_for_customer",
        "read",
        ("customer_id", "limit"),
        "Show a customer's bills, the newest first.",
        optional=("limit",),
        private=True,
    ),
    _tool(
        "send_payment_request",
        "write",
        ("customer_id", "bill_id"),
        "Ask the customer to pay a bill now; only one at a time. Look at the bill's status first.",
        private=True,
    ),
    _tool(
        "get_data_usage",
        "read",
        _LINE,
        "Show how much data a line has used, may use and got besides, and when the cycle ends.",
        private=True,
    ),
    _tool("enable_roaming", "write", _LINE, "Let a line be used abroad, at no cost.", private=True),
    _tool("disable_roaming", "write", _LINE, "Let a line no longer be used abroad.", private=True),
    _tool(
        "transfer_to_human_agents",
        "generic",
        ("summary",),
        "Hand the customer to a human agent. Only if the policy leaves nothing else, or it is "
        "asked for.",
        followup="YOU ARE BEING TRANSFERRED TO A HUMAN AGENT. PLEASE HOLD ON.",
    ),
    _tool(
        "refuel_data",
        "write",
        (*_LINE, "gb_amount"),
        "Add data to a line for this cycle; its price goes on the next bill.",
        private=True,
    ),
)
"""The agent's tools, in the official order."""

USER_TOOLS: tuple[Tool, ...] = (
    _tool("check_status_bar", "read", (), "Look at the icons at the top of your screen."),
    _tool(
        "check_network_status",
        "read",
        (),
        "See airplane mode, SIM card, signal, mobile data, roaming and Wi-Fi at one glance.",
    ),
    _tool("check_network_mode_preference", "read", (), "See what networks your phone prefers."),
    _tool(
        "set_network_mode_preference",
        "write",
        ("mode",),
        "Choose what networks your phone prefers.",
    ),
    _tool("run_speed_test", "read", (), "Measure the speed of your mobile internet."),
    _tool("toggle_airplane_mode", "write", (), "Switch airplane mode on, or off if it is on."),
    _tool("check_sim_status", "read", (), "See whether your SIM card works, or is locked."),
    _tool("reseat_sim_card", "write", (), "Take your SIM card out and put it back in."),
    _tool("toggle_data", "write", (), "Switch mobile data on, or off if it is on."),
    _tool("toggle_roaming", "write", (), "Switch data roaming on, or off if it is on."),
    _tool("check_data_restriction_status", "read", (), "See whether data saver mode is on."),
    _tool("toggle_data_saver_mode", "write", (), "Switch data saver mode on, or off if it is on."),
    _tool("check_apn_settings", "read", (), "See the APN and where picture messages are sent."),
    _tool("set_apn_settings", "write", ("apn_settings",), "Enter other APN settings."),
    _tool(
        "reset_apn_settings",
        "write",
        (),
        "Have the APN settings set back to the usual ones when your phone starts the next time.",
    ),
    _tool("check_wifi_status", "read", (), "See whether Wi-Fi is on and connected."),
    _tool("toggle_wifi", "write", (), "Switch Wi-Fi on, or off if it is on."),
    _tool("check_wifi_calling_status", "read", (), "See whether Wi-Fi calling is on."),
    _tool("toggle_wifi_calling", "write", (), "Switch Wi-Fi calling on, or off if it is on."),
    _tool("check_vpn_status", "read", (), "See whether a VPN is connected, and which."),
    _tool("connect_vpn", "write", (), "Connect to your VPN."),
    _tool("disconnect_vpn", "write", (), "Leave the VPN."),
    _tool("check_installed_apps", "read", (), "List the apps on your phone."),
    _tool("check_app_status", "read", ("app_name",), "See what an app may do."),
    _tool("check_app_permissions", "read", ("app_name",), "See the permissions of an app."),
    _tool(
        "grant_app_permission",
        "write",
        ("app_name", "permission"),
        "Give an app a permission.",
    ),
    _tool("can_send_mms", "read", (), "Try whether your messaging app can send pictures."),
    _tool("reboot_device", "write", (), "Turn your phone off and on again."),
    _tool("check_payment_request", "read", (), "See whether you were asked to pay a bill."),
    _tool("make_payment", "write", (), "Pay the bill that you were asked to pay."),
)
"""The user's tools, in the official order."""


def offered_tools(compat: Compat) -> tuple[Tool, ...]:
    """The agent's tools; they are the same however they behave."""
    return TOOLS


def _functions(tools: Iterable[Tool], *modules: ModuleType) -> dict[str, Callable[..., object]]:
    """The functions with the names of the tools."""
    known: dict[str, Callable[..., object]] = {}
    for module in modules:
        known |= {
            tool.name: getattr(module, tool.name) for tool in tools if hasattr(module, tool.name)
        }
    return known


_AGENTS = Toolbox(
    "TelecomTools", {tool.name: tool for tool in TOOLS}, _functions(TOOLS, reads, writes)
)
_USERS = Toolbox(
    "TelecomUserTools",
    {tool.name: tool for tool in USER_TOOLS},
    _functions(USER_TOOLS, checks, actions),
)


class TelecomWorld(ToolboxWorld):
    """One conversation's view of a carrier and of the user's phone.

    ``solo``: the agent has the user's tools, too, and there is no user.
    """

    __slots__ = ("solo",)
    toolbox = _AGENTS
    user_toolbox = _USERS
    _overlay: Overlay

    def __init__(self, network: Network, compat: Compat = FIXED, *, solo: bool = False) -> None:
        super().__init__(Overlay(network, compat))
        self.solo = solo

    def toolbox_for(self, call: ToolCall) -> Toolbox:
        if not self.solo:
            return _AGENTS if call.requestor == "agent" else _USERS
        if call.requestor == "user":
            raise ToolError("User tool calls are not allowed in solo mode")
        return _USERS if call.name in _USERS.functions else _AGENTS

    def follow(self) -> None:
        """Each side learns what the other did."""
        synchronise(self._overlay)

    def stages(self, call: ToolCall) -> bool:
        """Whether the caller's side has the function: one of ``STAGING``, or a tool."""
        return self._staging(call) is not None

    def stage(self, call: ToolCall) -> object:
        """What the function returns; it need be no tool. Each side learns what it did.

        Raises ``ToolError`` where there is no such function, and on unfit calls.
        """
        function = self._staging(call)
        if function is None:
            raise ToolError(f"the {call.requestor} has no function {call.name!r}")
        try:
            found = function(self._overlay, **call.arguments)
            synchronise(self._overlay)
        except REFUSALS as error:
            raise ToolError(str(error)) from error
        return found

    def _staging(self, call: ToolCall) -> Callable[..., object] | None:
        toolbox = _AGENTS if call.requestor == "agent" else _USERS
        return STAGING[call.requestor].get(call.name) or toolbox.functions.get(call.name)


class DeafWorld(TelecomWorld):
    """A world in which neither side learns what the other did, as in tau2 where gold calls are
    made.
    """

    __slots__ = ()

    def follow(self) -> None:
        return None
