"""Functions that official tasks name besides the tools: they set a scene, or assert its end.

Each side has its own, by name; all take the overlay and arguments by name.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import Literal

from harness.types import Requestor
from harness_taskkit.state import ToolError
from harness_telecom import actions, writes
from harness_telecom.phone import (
    data_works,
    mms_works,
    search_network,
    set_apn,
    set_permission,
    speed,
)
from harness_telecom.records import (
    ACTIVE,
    BROKEN,
    NETWORK_STATUSES,
    OVERDUE,
    PAID,
    POOR,
    SIM_PIN,
    SIM_PUK,
    SUSPENDED,
)
from harness_telecom.state import Overlay

Function = Callable[..., object]

# --- the carrier's side ---------------------------------------------------------------------------


def set_data_usage(network: Overlay, customer_id: str, line_id: str, data_used_gb: float) -> str:
    network.line_of(customer_id, line_id)
    network.writable_line(line_id)["data_used_gb"] = data_used_gb
    return f"Data usage set to {data_used_gb} GB for line {line_id}"


def suspend_line_for_overdue_bill(
    network: Overlay, customer_id: str, line_id: str, new_bill_id: str, contract_ended: bool
) -> str:
    """Give the customer an overdue bill for last month, and suspend the line until it is paid."""
    if network.line(line_id)["status"] != ACTIVE:
        raise ToolError("Line must be active to suspend for unpaid bill")
    price = network.plan(network.line(line_id)["plan_id"])["price_per_month"]
    if price <= 0:
        raise ToolError("Amount must be positive for overdue bill")
    bills = [network.bill(bill_id) for bill_id in network.customer(customer_id)["bill_ids"]]
    if any(bill["status"] == OVERDUE for bill in bills):
        raise ToolError("Customer already has an overdue bill")
    today = datetime.date.fromisoformat(network.database.today)
    last = today.replace(day=1) - datetime.timedelta(days=1)
    bill = writes.new_bill(new_bill_id, customer_id, last.replace(day=1), last, OVERDUE)
    writes.add_item(network, bill, f"Charge for line {line_id}", price)
    writes.put_bill(network, bill)
    line = network.writable_line(line_id)
    line["status"] = SUSPENDED
    line["suspension_start_date"] = network.database.today
    if contract_ended:
        line["contract_end_date"] = str(last)
    return (
        f"Line {line_id} suspended for unpaid bill {new_bill_id}. Contract ended: {contract_ended}"
    )


def assert_data_refueling_amount(
    network: Overlay, customer_id: str, line_id: str, expected_amount: float
) -> bool:
    line = network.line_of(customer_id, line_id)
    return abs(line["data_refueling_gb"] - expected_amount) < 1e-6


def assert_line_status(
    network: Overlay, customer_id: str, line_id: str, expected_status: str
) -> bool:
    return network.line_of(customer_id, line_id)["status"] == expected_status


def assert_overdue_bill_exists(network: Overlay, customer_id: str, overdue_bill_id: str) -> bool:
    if overdue_bill_id not in network.customer(customer_id)["bill_ids"]:
        raise ToolError(f"Overdue bill {overdue_bill_id} not found")
    if network.bill(overdue_bill_id)["status"] != OVERDUE:
        raise ToolError(f"Overdue bill {overdue_bill_id} is not overdue")
    return True


def assert_no_overdue_bill(network: Overlay, overdue_bill_id: str) -> bool:
    """Whether the bill is paid, or there is none."""
    try:
        return network.bill(overdue_bill_id)["status"] == PAID
    except ToolError:
        return True


# --- the user's side ------------------------------------------------------------------------------


def set_user_info(network: Overlay, name: str, phone_number: str) -> None:
    around = network.writable_surroundings()
    around["name"], around["phone_number"] = name, phone_number


def set_user_location(network: Overlay, abroad: bool) -> None:
    network.writable_surroundings()["is_abroad"] = abroad


def simulate_network_search(network: Overlay) -> None:
    search_network(network)


def turn_airplane_mode_on(network: Overlay) -> str:
    if not actions.flip_airplane_mode(network):
        actions.flip_airplane_mode(network)
    return "Airplane Mode is now ON."


def turn_airplane_mode_off(network: Overlay) -> str:
    if actions.flip_airplane_mode(network):
        actions.flip_airplane_mode(network)
    return "Airplane Mode is now OFF."


def unseat_sim_card(network: Overlay) -> str:
    network.writable_phone()["sim_card_missing"] = True
    search_network(network)
    return "SIM card un-seated successfully."


def lock_sim_card(network: Overlay, mode: str) -> str:
    locked = {"pin": SIM_PIN, "puk": SIM_PUK}.get(mode)
    if locked:
        network.writable_phone()["sim_card_status"] = locked
    search_network(network)
    return f"SIM card locked successfully in {mode} mode."


def turn_data_on(network: Overlay) -> str:
    """Does not look for a network."""
    network.writable_phone()["data_enabled"] = True
    return "Data connection restored."


def turn_data_off(network: Overlay) -> str:
    _flip_to(network, "data_enabled", on=False)
    return "Data connection broken."


def turn_roaming_on(network: Overlay) -> str:
    _flip_to(network, "roaming_enabled", on=True)
    return "Data Roaming is now ON."


def turn_roaming_off(network: Overlay) -> str:
    _flip_to(network, "roaming_enabled", on=False)
    return "Data Roaming is now OFF."


def turn_data_saver_mode_on(network: Overlay) -> str:
    network.writable_phone()["data_saver_mode"] = True
    return "Data Saver Mode is now ON."


def turn_data_saver_mode_off(network: Overlay) -> str:
    network.writable_phone()["data_saver_mode"] = False
    return "Data Saver Mode is now OFF."


def break_apn_settings(network: Overlay) -> str:
    set_apn(network.writable_phone(), "apn_name", BROKEN)
    search_network(network)
    return "APN settings broken. Please call reset_apn_settings() to fix."


def break_apn_mms_setting(network: Overlay) -> str:
    set_apn(network.writable_phone(), "mmsc_url", None)
    return "APN MMS setting broken. Please call reset_apn_settings() to fix."


def set_wifi_calling(network: Overlay, enabled: bool, mms_over_wifi: bool | None = None) -> str:
    phone = network.writable_phone()
    if phone["wifi_calling_enabled"] != enabled:
        phone["wifi_calling_enabled"] = not phone["wifi_calling_enabled"]
    told = f"Wi-Fi Calling is now {'ON' if enabled else 'OFF'}."
    if mms_over_wifi is None:
        return told
    phone["wifi_calling_mms_over_wifi"] = mms_over_wifi
    return f"{told}\nMMS over Wi-Fi is now {'ON' if mms_over_wifi else 'OFF'}."


def break_vpn(network: Overlay) -> str:
    """Connect to a slow VPN."""
    actions.connect_vpn(network)
    phone = network.writable_phone()
    if phone["vpn_details"] is None:
        raise ToolError("'NoneType' object has no attribute 'server_performance'")
    phone["vpn_details"] = {**phone["vpn_details"], "server_performance": POOR}
    network.slow_vpn = True
    return "VPN connection broken."


def remove_app_permission(network: Overlay, app_name: str, permission: str) -> tuple[bool, str]:
    app, name = network.phone["app_statuses"].get(app_name), permission.lower()
    if app is None:
        return False, f"App '{app_name}' not found. Cannot remove permission."
    if name not in app["permissions"]:
        return False, f"Permission '{name}' not tracked for app '{app_name}'."
    set_permission(network.writable_phone(), app_name, name, granted=False)
    return True, f"Permission '{name}' removed from app '{app_name}'."


def assert_airplane_mode_status(network: Overlay, expected_status: bool) -> bool:
    return network.phone["airplane_mode"] == expected_status


def assert_service_status(network: Overlay, expected_status: str) -> bool:
    if expected_status not in NETWORK_STATUSES:
        raise ToolError(f"{expected_status!r} is not a valid NetworkStatus")
    return network.phone["network_connection_status"] == expected_status


def assert_mobile_data_status(network: Overlay, expected_status: bool) -> bool:
    return data_works(network) == expected_status


def assert_mobile_roaming_status(network: Overlay, expected_status: bool) -> bool:
    return network.phone["roaming_enabled"] == expected_status


def assert_mobile_data_saver_mode_status(network: Overlay, expected_status: bool) -> bool:
    return network.phone["data_saver_mode"] == expected_status


def assert_internet_speed(
    network: Overlay, expected_speed: float, expected_desc: str | None = None
) -> bool:
    mbps, rating = speed(network)
    fast = (mbps or 0.0) >= expected_speed
    return fast and (expected_desc is None or rating.lower() == expected_desc.lower())


def assert_internet_not_excellent(network: Overlay) -> bool:
    return speed(network)[1] != "Excellent"


def assert_can_send_mms(network: Overlay, expected_status: bool) -> bool:
    return mms_works(network) == expected_status


def assert_mobile_data_usage_exceeded(network: Overlay, expected_status: bool) -> bool:
    return network.surroundings["mobile_data_usage_exceeded"] == expected_status


def _flip_to(
    network: Overlay, switch: Literal["data_enabled", "roaming_enabled"], *, on: bool
) -> None:
    """tau2 flips the switch, and flips it back if that was wrong."""
    if actions.flip_and_search(network, switch) != on:
        actions.flip_and_search(network, switch)


_OF_CARRIER = (
    set_data_usage,
    suspend_line_for_overdue_bill,
    assert_data_refueling_amount,
    assert_line_status,
    assert_overdue_bill_exists,
    assert_no_overdue_bill,
)

_OF_USER = (
    set_user_info,
    set_user_location,
    simulate_network_search,
    turn_airplane_mode_on,
    turn_airplane_mode_off,
    unseat_sim_card,
    lock_sim_card,
    turn_data_on,
    turn_data_off,
    turn_roaming_on,
    turn_roaming_off,
    turn_data_saver_mode_on,
    turn_data_saver_mode_off,
    break_apn_settings,
    break_apn_mms_setting,
    set_wifi_calling,
    break_vpn,
    remove_app_permission,
    assert_airplane_mode_status,
    assert_service_status,
    assert_mobile_data_status,
    assert_mobile_roaming_status,
    assert_mobile_data_saver_mode_status,
    assert_internet_speed,
    assert_internet_not_excellent,
    assert_can_send_mms,
    assert_mobile_data_usage_exceeded,
)

STAGING: Mapping[Requestor, Mapping[str, Function]] = {
    "agent": {function.__name__: function for function in _OF_CARRIER},
    "user": {function.__name__: function for function in _OF_USER},
}
"""By side and name."""
