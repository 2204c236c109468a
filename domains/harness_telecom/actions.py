"""The user's tools that change something: switches of its phone, apps, the SIM card, a payment."""

from __future__ import annotations

from typing import Any, Literal

from harness_taskkit.state import ToolError
from harness_telecom.apn_model import as_apn
from harness_telecom.checks import named_mode, on_off
from harness_telecom.phone import (
    apn,
    search_network,
    set_apn,
    set_permission,
    sim_status,
    status_bar,
)
from harness_telecom.records import (
    EXCELLENT,
    NETWORK_MODES,
    NO_SIGNAL,
    POOR,
    SEARCHING,
    SIM_MISSING,
    Phone,
    Vpn,
    new_apn,
)
from harness_telecom.state import Overlay


def set_network_mode_preference(network: Overlay, mode: str) -> str:
    if not isinstance(mode, str) or mode in NETWORK_MODES:
        network.writable_phone()["network_mode_preference"] = mode
        search_network(network)
        if mode is not None:
            return _with_bar(network, f"Preferred Network Mode set to: {named_mode(mode)}")
    options = ", ".join(NETWORK_MODES)
    return _with_bar(
        network,
        f"Failed to set network mode: '{mode}' is not a valid option. Please use one of: {options}",
    )


def toggle_airplane_mode(network: Overlay) -> str:
    flip_airplane_mode(network)
    return _switched(network, "Airplane Mode", "airplane_mode")


def flip_airplane_mode(network: Overlay) -> bool:
    """Whether it is on now. Wi-Fi loses its connection; a VPN is lost as it goes on."""
    phone = network.writable_phone()
    turned_off = phone["airplane_mode"]
    phone["airplane_mode"] = not turned_off
    if turned_off:
        phone["network_connection_status"] = SEARCHING
    if not turned_off or phone["wifi_enabled"]:
        _leave_wifi(phone)
    if not turned_off:
        _leave_vpn(phone)
    search_network(network)
    return phone["airplane_mode"]


def reseat_sim_card(network: Overlay) -> str:
    phone = network.writable_phone()
    phone["sim_card_missing"] = False
    search_network(network)
    if sim_status(phone) == SIM_MISSING:
        raise ToolError("")
    return _with_bar(network, "SIM card re-seated successfully.")


def toggle_data(network: Overlay) -> str:
    flip_and_search(network, "data_enabled")
    return _switched(network, "Mobile Data", "data_enabled")


def toggle_roaming(network: Overlay) -> str:
    flip_and_search(network, "roaming_enabled")
    return _switched(network, "Data Roaming", "roaming_enabled")


def flip_and_search(network: Overlay, switch: Literal["data_enabled", "roaming_enabled"]) -> bool:
    """Whether it is on now."""
    phone = network.writable_phone()
    phone[switch] = not phone[switch]
    search_network(network)
    return phone[switch]


def toggle_data_saver_mode(network: Overlay) -> str:
    phone = network.writable_phone()
    phone["data_saver_mode"] = not phone["data_saver_mode"]
    return _switched(network, "Data Saver Mode", "data_saver_mode")


def set_apn_settings(network: Overlay, apn_settings: Any) -> str:
    if isinstance(apn_settings, dict):
        apn_settings = as_apn(apn_settings)
    phone = network.writable_phone()
    phone["active_apn_settings"] = apn_settings
    status = f"APN settings set to: {apn(phone, 'apn_name')}"
    search_network(network)
    return _with_bar(network, status)


def reset_apn_settings(network: Overlay) -> str:
    """The settings are reset as the phone starts the next time."""
    set_apn(network.writable_phone(), "reset_at_reboot", True)
    search_network(network)
    return _with_bar(network, "APN settings will reset at reboot.")


def toggle_wifi(network: Overlay) -> str:
    if network.phone["airplane_mode"]:
        return _with_bar(network, "Cannot change Wi-Fi settings while Airplane Mode is ON.")
    phone = network.writable_phone()
    phone["wifi_enabled"] = not phone["wifi_enabled"]
    if not phone["wifi_enabled"]:
        _leave_wifi(phone)
    return _switched(network, "Wi-Fi", "wifi_enabled")


def toggle_wifi_calling(network: Overlay) -> str:
    phone = network.writable_phone()
    phone["wifi_calling_enabled"] = not phone["wifi_calling_enabled"]
    return _switched(network, "Wi-Fi Calling", "wifi_calling_enabled")


def connect_vpn(network: Overlay) -> str:
    if network.phone["vpn_connected"]:
        return "VPN already connected."
    phone = network.writable_phone()
    slow = network.slow_vpn and network.compat.lasting_vpn_fault
    phone["vpn_connected"] = True
    phone["vpn_details"] = Vpn(
        server_address="192.168.1.1",
        protocol="OpenVPN",
        server_performance=POOR if slow else EXCELLENT,
    )
    return _with_bar(network, "VPN connected successfully.")


def disconnect_vpn(network: Overlay) -> str:
    left = _leave_vpn(network.writable_phone())
    status = "VPN disconnected successfully." if left else "No active VPN connection to disconnect."
    return _with_bar(network, status)


def grant_app_permission(network: Overlay, app_name: str, permission: str) -> str:
    app = network.phone["app_statuses"].get(app_name)
    wanted = permission.lower()
    if app is None:
        return _with_bar(network, f"Error. App '{app_name}' not found. Cannot grant permission.")
    known = list(app["permissions"])
    if wanted not in known:
        status = (
            f"Error. Permission '{wanted}' not tracked for app '{app_name}', "
            f"available permissions: {known}"
        )
        return _with_bar(network, status)
    set_permission(network.writable_phone(), app_name, wanted, granted=True)
    return _with_bar(network, f"Success. Permission '{wanted}' granted to app '{app_name}'.")


def reboot_device(network: Overlay) -> str:
    phone = network.writable_phone()
    done = []
    if apn(phone, "reset_at_reboot"):
        done.append("Resetting APN settings...")
        phone["active_apn_settings"] = new_apn()
    phone["network_connection_status"] = SEARCHING
    search_network(network)
    return _with_bar(network, "\n".join([*done, "Restarting network services..."]))


def make_payment(network: Overlay) -> str:
    request = network.surroundings["payment_request"]
    if request is None:
        return "You do not have a payment request."
    network.writable_surroundings()["payment_request"] = {**request, "paid": True}
    amount, bill_id = request["amount_due"], request["bill_id"]
    return f"Payment of {amount} USD has been made for bill {bill_id}."


def _switched(
    network: Overlay,
    name: str,
    switch: Literal[
        "airplane_mode",
        "data_enabled",
        "roaming_enabled",
        "data_saver_mode",
        "wifi_enabled",
        "wifi_calling_enabled",
    ],
) -> str:
    return _with_bar(network, f"{name} is now {on_off(network.phone[switch])}.")


def _with_bar(network: Overlay, status: str) -> str:
    return f"{status}\nStatus Bar: {status_bar(network)}"


def _leave_wifi(phone: Phone) -> None:
    phone["wifi_connected"] = False
    phone["wifi_ssid"] = None
    phone["wifi_signal_strength"] = NO_SIGNAL


def _leave_vpn(phone: Phone) -> bool:
    """Whether there was a VPN."""
    was_connected = phone["vpn_connected"]
    if was_connected:
        phone["vpn_connected"] = False
        phone["vpn_details"] = None
    return was_connected
