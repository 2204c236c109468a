"""The user's tools that change nothing: each tells what the user sees on its phone."""

from __future__ import annotations

from typing import Any

from harness_taskkit.state import ToolError
from harness_telecom.phone import apn, mms_works, sim_status, speed, status_bar
from harness_telecom.records import SIM_ACTIVE, SIM_MISSING, SIM_PIN, SIM_PUK, Vpn
from harness_telecom.state import Overlay

_SIM = {
    SIM_ACTIVE: "Your SIM card is active and working.",
    SIM_MISSING: "No SIM card detected in the phone.",
    SIM_PIN: "The SIM card is locked with a PIN code.",
    SIM_PUK: "The SIM card is locked with a PUK code.",
}

_ADVICE = {
    "Very Poor": "Connection is very slow. Basic web browsing might be difficult.",
    "Poor": "Connection is slow. Web browsing may be sluggish, streaming difficult.",
    "Fair": "Connection is okay for web browsing and some standard definition streaming.",
    "Good": "Connection is good for most activities, including HD streaming.",
    "Excellent": "Connection is very fast.",
}


def check_status_bar(network: Overlay) -> str:
    return f"Status Bar: {status_bar(network)}"


def check_network_status(network: Overlay) -> str:
    phone = network.phone
    lines = [
        f"Airplane Mode: {on_off(phone['airplane_mode'])}",
        f"SIM Card Status: {sim_status(phone)}",
        f"Cellular Connection: {phone['network_connection_status']}",
        f"Cellular Signal: {phone['network_signal_strength']}",
        f"Cellular Network Type: {phone['network_technology_connected']}",
        f"Mobile Data Enabled: {_yes_no(phone['data_enabled'])}",
        f"Data Roaming Enabled: {_yes_no(phone['roaming_enabled'])}",
        f"Wi-Fi Radio: {on_off(phone['wifi_enabled'])}",
        f"Wi-Fi Connected: {_yes_no(phone['wifi_connected'])}",
    ]
    if phone["wifi_connected"]:
        lines.append(f"Connected Wi-Fi Network: {phone['wifi_ssid']}")
    return "\n".join(lines)


def check_network_mode_preference(network: Overlay) -> str:
    return f"Network Mode Preference: {named_mode(network.phone['network_mode_preference'])}"


def check_sim_status(network: Overlay) -> str:
    return _SIM[sim_status(network.phone)]


def check_data_restriction_status(network: Overlay) -> str:
    if network.phone["data_saver_mode"]:
        return "Data Saver mode is ON (limits data usage)."
    return "Data Saver mode is OFF."


def check_apn_settings(network: Overlay) -> str:
    phone = network.phone
    if not isinstance(phone["active_apn_settings"], dict):
        apn(phone, "model_copy")
    return (
        f"Current APN Name: {apn(phone, 'apn_name') or 'Not Set'}\n"
        f"MMSC URL (for picture messages): {apn(phone, 'mmsc_url') or 'Not Set'}\n"
        "(These are technical settings, usually best left unchanged.)"
    )


def check_wifi_status(network: Overlay) -> str:
    phone = network.phone
    if not phone["wifi_enabled"]:
        return "Wi-Fi is turned OFF."
    if not phone["wifi_connected"]:
        return "Wi-Fi is ON but not connected to any network."
    ssid, signal = phone["wifi_ssid"], phone["wifi_signal_strength"]
    return f"Wi-Fi is ON and connected to '{ssid}'. Signal strength: {signal}."


def check_wifi_calling_status(network: Overlay) -> str:
    return f"Wi-Fi Calling is currently turned {on_off(network.phone['wifi_calling_enabled'])}."


def check_vpn_status(network: Overlay) -> str:
    phone = network.phone
    if phone["vpn_connected"]:
        details = phone["vpn_details"]
        if details is None:
            return "VPN is ON and connected (no specific details available)."
        return f"VPN is ON and connected. Details: {_told(network, details)}"
    if phone["vpn_enabled_setting"]:
        return "VPN is turned ON in settings, but currently not connected."
    return "VPN is turned OFF."


def check_installed_apps(network: Overlay) -> str:
    apps = ", ".join(network.phone["app_statuses"])
    return f"The following apps are installed on the phone: {apps}"


def check_app_status(network: Overlay, app_name: str) -> str:
    granted = _granted(network, app_name)
    if granted is None:
        return f"App '{app_name}' not found on this phone."
    if not granted:
        return f"Status for App: {app_name}\n - Permissions: None granted."
    lines = [f"   - {permission}" for permission in granted]
    return "\n".join([f"Status for App: {app_name}", " - Permissions Granted:", *lines])


def check_app_permissions(network: Overlay, app_name: str) -> str:
    granted = _granted(network, app_name)
    if granted is None:
        return f"App '{app_name}' not found on this phone."
    if not granted:
        return f"App '{app_name}' currently has no permissions granted."
    return f"App '{app_name}' has permission for: {', '.join(granted)}."


def can_send_mms(network: Overlay) -> str:
    can = "can" if mms_works(network) else "cannot"
    return f"Your messaging app {can} send MMS messages."


def run_speed_test(network: Overlay) -> str:
    mbps, rating = speed(network)
    if mbps is None:
        return f"Speed test failed: {rating}."
    return f"Speed Test Result: {mbps:.2f} Mbps ({rating}). {_ADVICE[rating]}"


def check_payment_request(network: Overlay) -> str:
    request = network.surroundings["payment_request"]
    if request is None:
        return "No payment request has been made."
    return (
        f"You have a payment request for bill {request['bill_id']} of {request['amount_due']} USD."
    )


def on_off(value: object) -> str:
    return "ON" if value else "OFF"


def named_mode(mode: Any) -> str:
    """The mode's name. Raises ``ToolError``, in Python's words, for what is no mode."""
    if isinstance(mode, str):
        return mode
    raise ToolError(f"'{type(mode).__name__}' object has no attribute 'value'")


def _yes_no(value: object) -> str:
    return "Yes" if value else "No"


def _granted(network: Overlay, app_name: str) -> list[str] | None:
    app = network.phone["app_statuses"].get(app_name)
    return (
        None if app is None else [name for name, granted in app["permissions"].items() if granted]
    )


def _told(network: Overlay, details: Vpn) -> str:
    level = details["server_performance"]
    if network.compat.raw_vpn_details:
        return (
            f"{{'server_address': {details['server_address']!r}, "
            f"'protocol': {details['protocol']!r}, "
            f"'server_performance': <PerformanceLevel.{level.upper()}: '{level}'>}}"
        )
    address, protocol = details["server_address"], details["protocol"]
    return f"server {address}, protocol {protocol}, performance {level}"
