"""What can be wrong with a phone or its line: how it comes about, what mends it, what shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from harness.types import Json, Requestor, ToolCall
from harness_telecom.records import FASTEST

Symptom = Literal["no_service", "mobile_data", "picture_messages"]
"""What a customer notices; each needs what the ones before it need."""

SYMPTOMS: tuple[Symptom, ...] = ("no_service", "mobile_data", "picture_messages")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong: ``breaks`` are functions that break it, by name and arguments, and
    ``mends`` the tools that put it right, in order.

    ``where``: the side whose functions and tools they are. The carrier's get the line and its
    customer, too. ``symptom``: the least that the customer notices. ``abroad``: only there.
    ``apart``: faults that hide this one or undo it, so that a phone has one of them at most.
    """

    symptom: Symptom
    breaks: Mapping[str, Mapping[str, Json]]
    mends: Mapping[str, Mapping[str, Json]]
    where: Requestor = "user"
    abroad: bool = False
    apart: tuple[str, ...] = ()


FAULTS: Mapping[str, Fault] = {
    "airplane_mode": Fault(
        symptom="no_service",
        mends={"toggle_airplane_mode": {}},
        breaks={"turn_airplane_mode_on": {}},
        apart=("slow_vpn",),
    ),
    "loose_sim": Fault(
        symptom="no_service", mends={"reseat_sim_card": {}}, breaks={"unseat_sim_card": {}}
    ),
    "broken_apn": Fault(
        symptom="no_service",
        mends={"reset_apn_settings": {}, "reboot_device": {}},
        breaks={"break_apn_settings": {}},
        apart=("no_picture_address",),
    ),
    "data_off": Fault(
        symptom="mobile_data", mends={"toggle_data": {}}, breaks={"turn_data_off": {}}
    ),
    "roaming_off": Fault(
        symptom="mobile_data",
        mends={"toggle_roaming": {}},
        breaks={"turn_roaming_off": {}},
        abroad=True,
    ),
    "line_not_roaming": Fault(
        symptom="mobile_data",
        mends={"enable_roaming": {}},
        breaks={"disable_roaming": {}},
        where="agent",
        abroad=True,
    ),
    "data_used_up": Fault(
        symptom="mobile_data",
        mends={"refuel_data": {}},
        breaks={"set_data_usage": {}},
        where="agent",
    ),
    "data_saver": Fault(
        symptom="mobile_data",
        mends={"toggle_data_saver_mode": {}},
        breaks={"turn_data_saver_mode_on": {}},
    ),
    "old_network_mode": Fault(
        symptom="mobile_data",
        mends={"set_network_mode_preference": {"mode": FASTEST}},
        breaks={"set_network_mode_preference": {"mode": "2g_only"}},
    ),
    "slow_vpn": Fault(
        symptom="mobile_data",
        mends={"disconnect_vpn": {}},
        breaks={"break_vpn": {}},
        apart=("airplane_mode",),
    ),
    "wifi_calling": Fault(
        symptom="picture_messages",
        mends={"toggle_wifi_calling": {}},
        breaks={"set_wifi_calling": {"enabled": True, "mms_over_wifi": True}},
    ),
    "no_picture_address": Fault(
        symptom="picture_messages",
        mends={"reset_apn_settings": {}, "reboot_device": {}},
        breaks={"break_apn_mms_setting": {}},
        apart=("broken_apn",),
    ),
    "no_sms_permission": Fault(
        symptom="picture_messages",
        mends={"grant_app_permission": {"app_name": "messaging", "permission": "sms"}},
        breaks={"remove_app_permission": {"app_name": "messaging", "permission": "sms"}},
    ),
    "no_storage_permission": Fault(
        symptom="picture_messages",
        mends={"grant_app_permission": {"app_name": "messaging", "permission": "storage"}},
        breaks={"remove_app_permission": {"app_name": "messaging", "permission": "storage"}},
    ),
}
"""By name, in the order in which they are brought about."""

DATA_USED_UP = "data_used_up"

ONLY_SLOW = frozenset({"data_saver", "slow_vpn"})
"""Faults that make data slow; picture messages can be sent all the same."""

ASSERTIONS: Mapping[Symptom, ToolCall] = {
    "no_service": ToolCall(
        name="assert_service_status", arguments={"expected_status": "connected"}, requestor="user"
    ),
    "mobile_data": ToolCall(
        name="assert_internet_speed",
        arguments={"expected_speed": 100, "expected_desc": "excellent"},
        requestor="user",
    ),
    "picture_messages": ToolCall(
        name="assert_can_send_mms", arguments={"expected_status": True}, requestor="user"
    ),
}
"""What must hold of the phone in the end."""


def noticed_as(symptom: Symptom) -> list[str]:
    """The faults by which the symptom can come about, alone or with others."""
    upto = SYMPTOMS[: SYMPTOMS.index(symptom) + 1]
    fitting = [name for name, fault in FAULTS.items() if fault.symptom in upto]
    if symptom == "picture_messages":
        return [name for name in fitting if name not in ONLY_SLOW]
    return fitting


def breaking(name: str, line: Mapping[str, Json], data_limit: float) -> list[ToolCall]:
    """The calls that bring the fault about; ``line``: the arguments of its line and customer."""
    fault = FAULTS[name]
    over: dict[str, Json] = {"data_used_gb": data_limit + 0.4} if name == DATA_USED_UP else {}
    return _calls(fault.breaks, fault.where, line, over)


def mending(name: str, line: Mapping[str, Json], amount: float) -> list[ToolCall]:
    """The calls that put the fault right; ``amount``: of data to add where it is used up, in GB."""
    fault = FAULTS[name]
    added: dict[str, Json] = {"gb_amount": amount} if name == DATA_USED_UP else {}
    return _calls(fault.mends, fault.where, line, added)


def _calls(
    named: Mapping[str, Mapping[str, Json]],
    where: Requestor,
    line: Mapping[str, Json],
    more: Mapping[str, Json],
) -> list[ToolCall]:
    known = line if where == "agent" else {}
    return [
        ToolCall(name=name, arguments={**known, **arguments, **more}, requestor=where)
        for name, arguments in named.items()
    ]
