"""The manual as the solver follows it: look, mend what is found wrong, look again, or hand over."""

from __future__ import annotations

import pytest

from harness_telecom.desk import Desk
from harness_telecom.manual import Case, Lost, support

from .conftest import Caller

TODAY = "2025-02-25"


def case(caller: Caller, *, abroad: bool = False, amount: float = 1.5) -> Case:
    desk = Desk(caller.world)
    desk.customer = desk.act("get_customer_by_id", {"customer_id": "C1"})
    desk.taken()
    return Case(desk=desk, line_id="L1", today=TODAY, abroad=abroad, amount=amount)


def names(found: Case) -> list[str]:
    return [call.name for call in found.desk.calls]


def test_a_phone_that_works_is_only_looked_at(caller: Caller) -> None:
    found = case(caller)
    assert support(found, "no_service")
    assert names(found) == ["get_details_by_id", "check_network_status"]
    assert caller.world.changes() == ()


def test_it_looks_again_after_each_repair_and_goes_on_down_the_list(caller: Caller) -> None:
    caller.stage("user", "turn_airplane_mode_on")
    caller.stage("user", "unseat_sim_card")
    caller.stage("user", "break_apn_settings")
    found = case(caller)
    assert support(found, "no_service")
    assert names(found)[1:] == [
        "check_network_status",
        "toggle_airplane_mode",
        "check_network_status",
        "reseat_sim_card",
        "check_network_status",
        "check_apn_settings",
        "reset_apn_settings",
        "reboot_device",
        "check_network_status",
    ]


def test_what_is_as_it_should_be_is_not_switched(caller: Caller) -> None:
    caller.stage("user", "turn_data_saver_mode_on")
    found = case(caller)
    assert support(found, "mobile_data")
    assert [name for name in names(found) if name.startswith("toggle")] == [
        "toggle_data_saver_mode"
    ]


def test_roaming_is_seen_to_in_both_places_and_only_abroad(caller: Caller) -> None:
    caller.stage("user", "set_user_location", abroad=True)
    home, abroad = case(caller), case(caller, abroad=True)
    assert not support(home, "mobile_data")
    assert not {"enable_roaming", "toggle_roaming"} & set(names(home))
    assert support(abroad, "mobile_data")
    assert {"enable_roaming", "toggle_roaming"} <= set(names(abroad))


def test_used_up_data_is_refuelled_by_what_the_customer_wants(caller: Caller) -> None:
    caller.stage("agent", "set_data_usage", customer_id="C1", line_id="L1", data_used_gb=6.0)
    found = case(caller, amount=1.8)
    assert support(found, "mobile_data")
    [call] = [call for call in found.desk.calls if call.name == "refuel_data"]
    assert call.arguments["gb_amount"] == 1.8


def test_a_bill_is_paid_before_the_line_is_resumed_and_then_the_phone_restarted(
    caller: Caller,
) -> None:
    caller.agent("suspend_line", customer_id="C1", line_id="L1", reason="bill")
    caller.user("reboot_device")
    found = case(caller)
    found.desk.lines["L1"] = {**found.desk.line("L1"), "contract_end_date": "2026-01-01"}
    assert support(found, "no_service")
    order = ("send_payment_request", "make_payment", "resume_line", "reboot_device")
    assert [name for name in names(found) if name in order] == [*order]


def test_only_a_human_can_help_where_the_contract_has_ended(caller: Caller) -> None:
    caller.agent("suspend_line", customer_id="C1", line_id="L1", reason="bill")
    found = case(caller)
    found.desk.lines["L1"] = {**found.desk.line("L1"), "contract_end_date": "2025-02-24"}
    with pytest.raises(Lost, match="contract"):
        support(found, "no_service")
    assert "send_payment_request" not in names(found)


def test_only_a_human_can_help_with_a_locked_sim_card(caller: Caller) -> None:
    caller.stage("user", "lock_sim_card", mode="pin")
    with pytest.raises(Lost, match="SIM card"):
        support(case(caller), "picture_messages")


@pytest.mark.parametrize("permission", ["sms", "storage"])
def test_the_app_is_given_what_it_lacks(permission: str, caller: Caller) -> None:
    caller.stage("user", "remove_app_permission", app_name="messaging", permission=permission)
    found = case(caller)
    assert support(found, "picture_messages")
    given = [call.arguments["permission"] for call in found.desk.calls if "grant" in call.name]
    assert given == [permission]
