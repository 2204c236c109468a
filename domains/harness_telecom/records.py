"""The shapes of a carrier's records and of a user's phone, in the order in which tau2 has them.

Dates are such as 2025-02-25, times such as 2025-01-20 14:30:00, data in GB, money in US dollars.
"""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict  # pydantic validates no other before Python 3.12

ACTIVE, SUSPENDED, PENDING = "Active", "Suspended", "Pending Activation"
LINE_STATUSES = (ACTIVE, SUSPENDED, PENDING, "Closed")

DRAFT, AWAITING, PAID, OVERDUE = "Draft", "Awaiting Payment", "Paid", "Overdue"
BILL_STATUSES = (DRAFT, "Issued", AWAITING, PAID, OVERDUE, "Disputed")

NO_NETWORK, G2, G3, G4, G5 = "none", "2G", "3G", "4G", "5G"
NO_SIGNAL, POOR, FAIR, GOOD, EXCELLENT = "none", "poor", "fair", "good", "excellent"
CONNECTED, SEARCHING, NO_SERVICE = "connected", "searching", "no_service"
NETWORK_STATUSES = (CONNECTED, SEARCHING, NO_SERVICE, "emergency_only")
SIM_ACTIVE, SIM_MISSING, SIM_PIN, SIM_PUK = "active", "missing", "locked_pin", "locked_puk"
FASTEST = "4g_5g_preferred"
NETWORK_MODES = {FASTEST: G5, "4g_only": G4, "3g_only": G3, "2g_only": G2}
"""What a phone looks for in each mode; in the first 4G where there is no 5G."""

INTERNET, BROKEN = "internet", "broken"
MMSC_URL = "http://mms.carrier.com/mms/wapenc"
PERMISSIONS = ("sms", "storage", "phone", "network")


# --- the carrier ----------------------------------------------------------------------------------


class Address(TypedDict):
    street: str
    city: str
    state: str
    zip_code: str


class Plan(TypedDict):
    plan_id: str
    name: str
    data_limit_gb: float
    price_per_month: float
    data_refueling_price_per_gb: float


class Device(TypedDict):
    """What a line is used with, as the carrier knows it; the user's phone is a ``Phone``."""

    device_id: str
    device_type: str
    model: str
    imei: str | None
    is_esim_capable: bool
    activated: bool
    activation_date: str | None
    last_esim_transfer_date: str | None


class Line(TypedDict):
    """``status`` is one of ``LINE_STATUSES``; data of the current billing cycle."""

    line_id: str
    phone_number: str
    status: str
    plan_id: str
    device_id: str | None
    data_used_gb: float
    data_refueling_gb: float
    roaming_enabled: bool
    contract_end_date: str | None
    last_plan_change_date: str | None
    last_sim_replacement_date: str | None
    suspension_start_date: str | None


class LineItem(TypedDict):
    """An ``amount`` below 0 is a credit."""

    description: str
    amount: float
    date: str
    item_type: str


class Bill(TypedDict):
    """``status`` is one of ``BILL_STATUSES``."""

    bill_id: str
    customer_id: str
    period_start: str
    period_end: str
    issue_date: str
    total_due: float
    due_date: str
    line_items: list[LineItem]
    status: str


class PaymentMethod(TypedDict):
    method_type: str
    account_number_last_4: str
    expiration_date: str


class Customer(TypedDict):
    customer_id: str
    full_name: str
    date_of_birth: str
    email: str
    phone_number: str
    address: Address
    account_status: str
    payment_methods: list[PaymentMethod]
    line_ids: list[str]
    bill_ids: list[str]
    created_at: str
    last_extension_date: str | None
    goodwill_credit_used_this_year: float


# --- the user -------------------------------------------------------------------------------------


class Apn(TypedDict):
    apn_name: str
    reset_at_reboot: bool
    mms_apn: str | None
    mmsc_url: str | None
    mms_proxy: str | None
    mms_port: int | None


class Vpn(TypedDict):
    server_address: str | None
    protocol: str | None
    server_performance: str


class App(TypedDict):
    """``permissions``: whether each of ``PERMISSIONS`` is granted."""

    app_name: str
    permissions: dict[str, bool]


class Phone(TypedDict):
    """The user's phone. ``active_apn_settings`` is an ``Apn``, or whatever tau2's tools let a user
    put there; so is ``network_mode_preference`` one of ``NETWORK_MODES``.
    """

    sim_card_status: str
    sim_card_missing: bool
    airplane_mode: bool
    network_signal_strength: str
    network_technology_connected: str
    network_connection_status: str
    battery_level: int
    data_enabled: bool
    roaming_enabled: bool
    network_mode_preference: Any
    active_apn_settings: Any
    wifi_enabled: bool
    wifi_connected: bool
    wifi_ssid: str | None
    wifi_signal_strength: str
    wifi_calling_enabled: bool
    wifi_calling_mms_over_wifi: bool
    data_saver_mode: bool
    vpn_enabled_setting: bool
    vpn_connected: bool
    vpn_details: Vpn | None
    app_statuses: dict[str, App]


class PaymentRequest(TypedDict):
    bill_id: str
    amount_due: float
    paid: bool


class Surroundings(TypedDict):
    """Where the user is, and what the carrier lets the phone do there.

    ``signal_strength`` by network technology.
    """

    name: str | None
    phone_number: str | None
    is_abroad: bool
    roaming_allowed: bool
    signal_strength: dict[str, str]
    mobile_data_usage_exceeded: bool
    line_active: bool
    payment_request: PaymentRequest | None


def new_apn() -> Apn:
    """The settings that a reset brings back."""
    return Apn(
        apn_name=INTERNET,
        reset_at_reboot=False,
        mms_apn="mms",
        mmsc_url=MMSC_URL,
        mms_proxy=None,
        mms_port=None,
    )


def new_app(name: str, *granted: str) -> App:
    return App(app_name=name, permissions={each: each in granted for each in PERMISSIONS})


def new_phone() -> Phone:
    """A phone on which everything works."""
    return Phone(
        sim_card_status=SIM_ACTIVE,
        sim_card_missing=False,
        airplane_mode=False,
        network_signal_strength=GOOD,
        network_technology_connected=G5,
        network_connection_status=CONNECTED,
        battery_level=80,
        data_enabled=True,
        roaming_enabled=False,
        network_mode_preference=FASTEST,
        active_apn_settings=new_apn(),
        wifi_enabled=False,
        wifi_connected=False,
        wifi_ssid=None,
        wifi_signal_strength=NO_SIGNAL,
        wifi_calling_enabled=False,
        wifi_calling_mms_over_wifi=False,
        data_saver_mode=False,
        vpn_enabled_setting=False,
        vpn_connected=False,
        vpn_details=None,
        app_statuses={
            "messaging": new_app("messaging", "sms", "storage", "phone"),
            "browser": new_app("browser", "network", "storage"),
        },
    )


def new_surroundings() -> Surroundings:
    """At home, with a good network, as nobody's phone."""
    return Surroundings(
        name=None,
        phone_number=None,
        is_abroad=False,
        roaming_allowed=False,
        signal_strength={G2: POOR, G3: FAIR, G4: GOOD, G5: EXCELLENT},
        mobile_data_usage_exceeded=False,
        line_active=True,
        payment_request=None,
    )
