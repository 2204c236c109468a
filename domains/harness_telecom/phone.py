"""What a user's phone does by itself: it looks for a network, and some things work or do not."""

from __future__ import annotations

from typing import Any

from harness.types import Json
from harness_taskkit.state import ToolError
from harness_telecom.records import (
    BROKEN,
    CONNECTED,
    EXCELLENT,
    FAIR,
    FASTEST,
    G2,
    G3,
    G4,
    G5,
    GOOD,
    NETWORK_MODES,
    NO_NETWORK,
    NO_SERVICE,
    NO_SIGNAL,
    POOR,
    SIM_ACTIVE,
    SIM_MISSING,
    App,
    Phone,
)
from harness_telecom.state import Overlay

_SIGNALS = {
    NO_SIGNAL: "📵 No Signal",
    POOR: "📶¹ Poor",
    FAIR: "📶² Fair",
    GOOD: "📶³ Good",
    EXCELLENT: "📶⁴ Excellent",
}

_MBPS = {G2: (0.1, 0.4), G3: (1.0, 5.0), G4: (10.0, 100.0), G5: (50.0, 500.0)}
"""The slowest and the fastest of each technology."""

_SIGNAL_FACTORS = {POOR: 0.2, FAIR: 0.5, GOOD: 0.8, EXCELLENT: 1.0}
SLOW_VPN_FACTOR, DATA_SAVER_FACTOR = 0.1, 0.2

_RATINGS = ((1, "Very Poor"), (5, "Poor"), (25, "Fair"), (100, "Good"))
"""What a speed below so many Mbps is called."""


def search_network(network: Overlay) -> None:
    """Connect the phone as SIM, mode, airplane mode, APN and line allow.

    Raises ``ToolError`` for APN settings that are none.
    """
    phone = network.writable_phone()
    if sim_status(phone) == SIM_ACTIVE:
        phone["network_connection_status"] = CONNECTED
        found = _found(phone["network_mode_preference"], network)
        phone["network_technology_connected"], phone["network_signal_strength"] = found
    else:
        _disconnect(phone)
    if phone["airplane_mode"]:
        _disconnect(phone)
    if apn(phone, "apn_name") == BROKEN or not network.surroundings["line_active"]:
        _disconnect(phone)


def sim_status(phone: Phone) -> str:
    return SIM_MISSING if phone["sim_card_missing"] else phone["sim_card_status"]


def apn(phone: Phone, name: str) -> Any:
    """A value of the APN settings. Raises ``ToolError``, in Python's words, if they are none."""
    settings = phone["active_apn_settings"]
    if not isinstance(settings, dict):
        raise ToolError(f"'{type(settings).__name__}' object has no attribute '{name}'")
    return settings[name]


def set_apn(phone: Phone, name: str, value: Json) -> None:
    """Change a value of the APN settings. Raises ``ToolError`` as ``apn`` does."""
    apn(phone, name)
    phone["active_apn_settings"] = {**phone["active_apn_settings"], name: value}


def set_permission(phone: Phone, app_name: str, permission: str, *, granted: bool) -> None:
    """Give an app a permission, or take it."""
    apps = phone["app_statuses"]
    permissions = {**apps[app_name]["permissions"], permission: granted}
    app = App(app_name=apps[app_name]["app_name"], permissions=permissions)
    phone["app_statuses"] = {**apps, app_name: app}


def data_works(network: Overlay) -> bool:
    """Whether the phone has internet by its network."""
    phone, around = network.phone, network.surroundings
    if (
        phone["airplane_mode"]
        or phone["network_signal_strength"] == NO_SIGNAL
        or phone["network_connection_status"] == NO_SERVICE
        or not phone["data_enabled"]
        or around["mobile_data_usage_exceeded"]
    ):
        return False
    roams = phone["roaming_enabled"] and around["roaming_allowed"]
    return bool(not around["is_abroad"] or roams)


def speed(network: Overlay) -> tuple[float | None, str]:
    """The speed of the internet in Mbps, and what it is called; None where there is none."""
    if not data_works(network):
        return None, "No Connection"
    phone = network.phone
    vpn = phone["vpn_details"] if phone["vpn_connected"] else None
    factor = SLOW_VPN_FACTOR if vpn and vpn["server_performance"] == POOR else 1.0
    if phone["data_saver_mode"]:
        factor *= DATA_SAVER_FACTOR
    low, high = _MBPS.get(phone["network_technology_connected"], (0.0, 0.0))
    signal = _SIGNAL_FACTORS.get(phone["network_signal_strength"], 0.0)
    found = round((low + high) / 2.0 * signal * factor, 2)
    return found, next((name for limit, name in _RATINGS if found < limit), "Excellent")


def mms_works(network: Overlay) -> bool:
    """Whether the messaging app can send pictures."""
    phone = network.phone
    if not data_works(network) or phone["network_technology_connected"] == G2:
        return False
    if phone["wifi_calling_enabled"] and phone["wifi_calling_mms_over_wifi"]:
        return False
    app = phone["app_statuses"].get("messaging") if apn(phone, "mmsc_url") is not None else None
    return app is not None and app["permissions"]["storage"] and app["permissions"]["sms"]


def status_bar(network: Overlay) -> str:
    """What the top of the screen shows."""
    phone = network.phone
    shown = ["✈️ Airplane Mode"] if phone["airplane_mode"] else _network_icons(phone)
    if phone["wifi_enabled"] and phone["wifi_connected"]:
        ssid = phone["wifi_ssid"]
        shown.append(f"📡 Connected to {ssid}" if ssid else "📡 Enabled")
    if phone["vpn_connected"]:
        shown.append("🔒 VPN Connected")
    return " | ".join([*shown, f"🔋 {phone['battery_level']}%"])


def _network_icons(phone: Phone) -> list[str]:
    technology = phone["network_technology_connected"]
    shown = [_SIGNALS.get(phone["network_signal_strength"], _SIGNALS[NO_SIGNAL])]
    if technology != NO_NETWORK:
        shown.append(technology)
    if not phone["data_enabled"] or technology == NO_NETWORK:
        return [*shown, "📵 Data Disabled"]
    saving = ["🔽 Data Saver"] if phone["data_saver_mode"] else []
    return [*shown, "📱 Data Enabled", *saving]


def _found(mode: Any, network: Overlay) -> tuple[str, str]:
    """Technology and signal of the network that a phone in that mode finds."""
    signals = network.surroundings["signal_strength"]
    technology = NETWORK_MODES.get(mode, G4) if isinstance(mode, str) else G4
    signal = signals.get(technology, NO_SIGNAL)
    if mode == FASTEST and signal == NO_SIGNAL:
        technology, signal = G4, signals.get(G4, NO_SIGNAL)
    return technology, signal


def _disconnect(phone: Phone) -> None:
    phone["network_connection_status"] = NO_SERVICE
    phone["network_technology_connected"] = NO_NETWORK
    phone["network_signal_strength"] = NO_SIGNAL
