"""Technical support as the policy has it: look, repair what is found wrong, and look again."""

from __future__ import annotations

from dataclasses import dataclass

from harness_telecom.desk import Desk
from harness_telecom.faults import Symptom
from harness_telecom.records import FASTEST

_MESSAGING = "messaging"


class Lost(Exception):
    """Only a human can help; ``why`` is what to tell it."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A phone in trouble: its line, the day of today, whether its customer is ``abroad``, and the
    data to add if it is used up, in GB.
    """

    desk: Desk
    line_id: str
    today: str
    abroad: bool
    amount: float


def support(case: Case, symptom: Symptom) -> bool:
    """Repair what makes the symptom; whether it is gone. Raises ``Lost``."""
    _see_to_line(case)
    shown = _see_to_service(case)
    if "Cellular Connection: connected" not in shown:
        return False
    if symptom == "no_service":
        return True
    _see_to_data(case, shown)
    return _see_to_speed(case) if symptom == "mobile_data" else _see_to_pictures(case)


def _see_to_line(case: Case) -> None:
    desk = case.desk
    line = desk.line(case.line_id)
    if line["status"] != "Suspended":
        return
    if line["contract_end_date"] < case.today:
        raise Lost("The contract of the customer's suspended line has ended.")
    if desk.has_paid():
        desk.act("resume_line", desk.arguments(case.line_id))
        desk.tell("reboot_device")


def _see_to_service(case: Case) -> str:
    """The network status in the end."""
    desk = case.desk
    shown = desk.tell("check_network_status")
    if "Airplane Mode: ON" in shown:
        desk.tell("toggle_airplane_mode")
        shown = desk.tell("check_network_status")
    if "SIM Card Status: missing" in shown:
        desk.tell("reseat_sim_card")
        shown = desk.tell("check_network_status")
    if "SIM Card Status: locked" in shown:
        raise Lost("The SIM card of the customer's phone is locked.")
    if "Cellular Connection: connected" not in shown:
        if "Current APN Name: broken" in desk.tell("check_apn_settings"):
            _reset_apn(desk)
        shown = desk.tell("check_network_status")
    return shown


def _see_to_data(case: Case, shown: str) -> None:
    desk = case.desk
    if "Mobile Data Enabled: No" in shown:
        desk.tell("toggle_data")
    if case.abroad:
        if not desk.line(case.line_id)["roaming_enabled"]:
            desk.act("enable_roaming", desk.arguments(case.line_id))
        if "Data Roaming Enabled: No" in shown:
            desk.tell("toggle_roaming")
    known = desk.arguments(case.line_id)
    usage = desk.act("get_data_usage", known)
    limit = float(usage["data_limit_gb"]) + float(usage["data_refueling_gb"])
    if float(usage["data_used_gb"]) >= limit:
        desk.act("refuel_data", {**known, "gb_amount": case.amount})


def _see_to_speed(case: Case) -> bool:
    desk = case.desk
    if "(Excellent)" in desk.tell("run_speed_test"):
        return True
    if "is ON" in desk.tell("check_data_restriction_status"):
        desk.tell("toggle_data_saver_mode")
    _see_to_mode(desk)
    if "poor" in desk.tell("check_vpn_status").lower():
        desk.tell("disconnect_vpn")
    return "(Excellent)" in desk.tell("run_speed_test")


def _see_to_pictures(case: Case) -> bool:
    desk = case.desk
    _see_to_mode(desk)
    if " can send " in desk.tell("can_send_mms"):
        return True
    if "turned ON" in desk.tell("check_wifi_calling_status"):
        desk.tell("toggle_wifi_calling")
    if "messages): Not Set" in desk.tell("check_apn_settings"):
        _reset_apn(desk)
    granted = desk.tell("check_app_permissions", app_name=_MESSAGING)
    for permission in ("sms", "storage"):
        if permission not in granted:
            desk.tell("grant_app_permission", app_name=_MESSAGING, permission=permission)
    return " can send " in desk.tell("can_send_mms")


def _see_to_mode(desk: Desk) -> None:
    mode = desk.tell("check_network_mode_preference")
    if "2g_only" in mode or "3g_only" in mode:
        desk.tell("set_network_mode_preference", mode=FASTEST)


def _reset_apn(desk: Desk) -> None:
    desk.tell("reset_apn_settings")
    desk.tell("reboot_device")
