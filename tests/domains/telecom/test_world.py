"""What one side of telecom does shows on the other, and each has its own tools alone."""

from __future__ import annotations

import json

import pytest

from harness_telecom.compat import TAU2
from harness_telecom.state import Network
from harness_telecom.tools import TOOLS, USER_TOOLS, TelecomWorld

from .conftest import Caller, small_network

LINE = {"customer_id": "C1", "line_id": "L1"}


def test_there_are_13_tools_of_the_agent_and_30_of_the_user() -> None:
    assert (len(TOOLS), len(USER_TOOLS)) == (13, 30)
    assert not {tool.name for tool in TOOLS} & {tool.name for tool in USER_TOOLS}


def test_a_payment_goes_from_the_agent_to_the_user_and_back(caller: Caller) -> None:
    caller.agent("send_payment_request", customer_id="C1", bill_id="B1")
    assert "bill B1 of 30.0 USD" in caller.user("check_payment_request").content
    caller.user("make_payment")
    assert json.loads(caller.agent("get_details_by_id", id="B1").content)["status"] == "Paid"
    assert caller.user("check_payment_request").content == "No payment request has been made."


def test_a_suspended_line_takes_the_phone_off_the_network_at_its_next_search(
    caller: Caller,
) -> None:
    caller.agent("suspend_line", **LINE, reason="lost")
    assert "5G" in caller.user("check_status_bar").content
    assert "No Signal" in caller.user("reboot_device").content
    caller.agent("resume_line", **LINE)
    assert "5G" in caller.user("reboot_device").content


def test_roaming_needs_both_sides(caller: Caller) -> None:
    caller.stage("user", "set_user_location", abroad=True)
    caller.user("toggle_roaming")
    assert caller.user("run_speed_test").content == "Speed test failed: No Connection."
    caller.agent("enable_roaming", **LINE)
    assert "275.00 Mbps (Excellent)" in caller.user("run_speed_test").content


def test_used_up_data_can_be_refuelled_and_goes_on_the_next_bill(caller: Caller) -> None:
    caller.stage("agent", "set_data_usage", **LINE, data_used_gb=6.0)
    assert "cannot" in caller.user("can_send_mms").content
    assert json.loads(caller.agent("refuel_data", **LINE, gb_amount=2.0).content)["charge"] == 4.0
    assert "cannot" not in caller.user("can_send_mms").content
    newest = json.loads(caller.agent("get_bills_for_customer", customer_id="C1", limit=1).content)
    assert [(bill["status"], bill["total_due"]) for bill in newest] == [("Draft", 4.0)]


def test_changes_of_both_sides_are_told_and_the_shared_databases_stay_as_they_are() -> None:
    network = small_network()
    caller = Caller()
    caller.world = TelecomWorld(network)
    caller.agent("enable_roaming", **LINE)
    caller.user("toggle_data")
    assert {change.path for change in caller.world.changes()} == {
        ("lines", "L1", "roaming_enabled"),
        ("user", "device", "data_enabled"),
        ("user", "surroundings", "roaming_allowed"),
        ("user", "device", "network_signal_strength"),
    }
    assert network == small_network()


def test_neither_side_has_the_tools_of_the_other(caller: Caller) -> None:
    assert caller.agent("toggle_data").content == "Error: Tool 'toggle_data' not found."
    assert caller.user("suspend_line").content == "Error: Tool 'suspend_line' not found."


def test_alone_the_agent_has_all_tools_and_the_user_none() -> None:
    caller = Caller(solo=True)
    assert not caller.agent("toggle_data").is_error
    assert not caller.agent("enable_roaming", **LINE).is_error
    assert caller.user("toggle_data").is_error


@pytest.mark.parametrize("function", ["assert_nothing", "toggle_nothing"])
def test_a_function_that_there_is_not_is_an_error(caller: Caller, function: str) -> None:
    with pytest.raises(ValueError, match=function):
        caller.stage("user", function)


def test_what_a_schema_does_not_allow_is_refused_and_changes_nothing(caller: Caller) -> None:
    refused = caller.user("set_network_mode_preference", mode="5g_only")
    assert "should be one of 4g_5g_preferred" in refused.content
    assert "an object" in caller.user("set_apn_settings", apn_settings="x").content
    assert "a number" in caller.agent("refuel_data", **LINE, gb_amount="2").content
    assert caller.world.changes() == ()


def test_in_tau2_such_calls_spoil_the_phone() -> None:
    caller = Caller(TAU2)
    assert caller.user("set_apn_settings", apn_settings="x").is_error
    assert caller.user("reboot_device").is_error
    assert caller.world.changes() != ()


def test_a_paid_bill_is_not_asked_for_again_unless_as_in_tau2() -> None:
    for compat in (None, TAU2):
        caller = Caller(compat) if compat else Caller()
        caller.agent("send_payment_request", customer_id="C1", bill_id="B1")
        caller.user("make_payment")
        again = caller.agent("send_payment_request", customer_id="C1", bill_id="B1")
        assert again.is_error == (compat is None)


def test_a_user_that_nobody_knows_is_an_error_only_where_it_matters() -> None:
    network = small_network()
    around = {**network.user["surroundings"], "phone_number": "555-999-9999"}
    records = {**network.__dict__, "user": {**network.user, "surroundings": around}}
    fields = {name: records[name] for name in Network.__dataclass_fields__}
    caller = Caller()
    caller.world = TelecomWorld(Network(**fields))
    assert caller.user("check_wifi_status").content == (
        "Error: Line with phone number 555-999-9999 not found"
    )
