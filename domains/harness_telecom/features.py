"""What can be woven into a task: kinds of requests, ways to make them harder, and how often."""

from __future__ import annotations

from collections.abc import Mapping

from harness.types import Feature
from harness_taskkit.plan import Mix, features_in
from harness_taskkit.wording import sayings
from harness_telecom.faults import FAULTS, SYMPTOMS, noticed_as

TROUBLES: Mapping[str, float] = {"no_service": 18, "mobile_data": 24, "picture_messages": 16}
"""The kinds in which something does not work on the customer's phone."""

WRITES: Mapping[str, float] = {
    **TROUBLES,
    "refuel": 10,
    "roaming": 9,
    "suspend": 7,
    "resume": 9,
    "pay_bill": 7,
}
"""The kinds of requests that are carried out, with their share in the default mix."""

DEAD_ENDS: Mapping[str, float] = {
    "refuse_refuel": 30,
    "refuse_payment": 18,
    "transfer_locked_sim": 18,
    "transfer_contract": 18,
    "transfer": 16,
}
"""The kinds that end in a refusal or a transfer, with their share among those."""

QUESTION = "question"
"""The kind that changes nothing: the records hold the answer."""

SUSPENDED_LINE, SEVERAL, POINTED = "suspended_line", "several_faults", "line_by_device"
AGAIN, UNPAID, HESITANT = "same_line", "unpaid_bill", "hesitant"

_REFUSALS = tuple(kind for kind in DEAD_ENDS if kind.startswith("refuse_"))
_ON_LINES = ("refuel", "roaming", "suspend", "resume")

SUPPORTS: Mapping[str, tuple[str, ...]] = {
    **{
        fault: tuple(symptom for symptom in SYMPTOMS if fault in noticed_as(symptom))
        for fault in FAULTS
    },
    SUSPENDED_LINE: ("no_service",),
    SEVERAL: tuple(TROUBLES),
    HESITANT: tuple(TROUBLES),
    POINTED: (*_ON_LINES, QUESTION),
    UNPAID: ("resume",),
    AGAIN: ("refuel", "roaming"),
    "withheld": ("refuel", "roaming", "suspend", "resume", QUESTION),
    "pressure": _REFUSALS,
    "amount": ("pay_bill",),
}
"""The kinds of requests that can be made harder in each way."""

_GROUPS: Mapping[str, str] = {
    "NEEDLESS": "should_have_acted gave_up missing_confirmation extra_write repeated_call",
    "REFUSED": "should_have_refused invalid_call extra_write needless_transfer",
    "REPAIR": "missing_step should_have_acted needless_transfer gave_up no_progress",
}
"""Mistakes that several features provoke."""

_TABLE = sayings("""
no_service: The phone has no service. / extra_write REPAIR
mobile_data: Mobile data does not work, or is slow. / extra_write REPAIR
picture_messages: Picture messages cannot be sent. / extra_write REPAIR
refuel: Data is added to a line. / wrong_amount_in_gb wrong_line NEEDLESS
roaming: Roaming is switched on or off for a line. / wrong_line wrong_tool NEEDLESS
suspend: A line is suspended. / wrong_line NEEDLESS
resume: A suspended line is resumed. / wrong_line missing_step NEEDLESS
pay_bill: An overdue bill is paid. / wrong_bill missing_step NEEDLESS
refuse_refuel: More data than may be added. / wrong_amount_in_gb REFUSED
refuse_payment: A payment for a bill that is paid. / wrong_bill REFUSED
transfer_locked_sim: The SIM card is locked: the customer goes to a human. / missing_transfer
    extra_write no_progress gave_up
transfer_contract: The contract of a suspended line has ended: the customer goes to a human. /
    missing_transfer extra_write should_have_refused
transfer: A request that no tool serves: the customer goes to a human. / missing_transfer
    should_have_refused extra_write gave_up
question: The customer only wants to know something that the records hold. / not_said extra_write
    needless_transfer
airplane_mode: Airplane mode is on. / REPAIR
loose_sim: The SIM card is not in its place. / REPAIR
broken_apn: The APN is broken; only a restart after the reset brings it back. /
    wrong_order_of_steps REPAIR
data_off: Mobile data is off. / REPAIR
roaming_off: The customer is abroad, and roaming is off on the phone. / REPAIR
line_not_roaming: The customer is abroad, and the line may not roam. / wrong_tool REPAIR
data_used_up: The data of the line is used up. / wrong_amount_in_gb REPAIR
data_saver: Data saver makes the internet slow. / REPAIR
old_network_mode: The phone looks for 2G alone. / wrong_network_mode REPAIR
slow_vpn: A slow VPN makes the internet slow. / REPAIR
wifi_calling: Picture messages are sent over Wi-Fi, which fails. / REPAIR
no_picture_address: The address for picture messages is missing. / wrong_order_of_steps REPAIR
no_sms_permission: The messaging app may not send messages. / wrong_permission REPAIR
no_storage_permission: The messaging app may not read pictures. / wrong_permission REPAIR
suspended_line: The line is suspended for an unpaid bill: payment, resumption, restart. /
    wrong_order_of_steps missing_step REPAIR
several_faults: Several things are wrong at once. / stopped_early missing_step gave_up no_progress
hesitant: The customer asks back before it changes something on the phone, or looks at the wrong
    place first. / stopped_early missing_step gave_up no_progress repeated_call
line_by_device: The customer names a line by its device. / wrong_line missing_step no_progress
unpaid_bill: A line is to be resumed that was suspended for an unpaid bill. / wrong_order_of_steps
    missing_step should_have_acted
same_line: A second change to a line that was resumed. / missing_step wrong_line repeated_call
withheld: Something the agent needs is told only when it asks. / missing_step no_progress
    wrong_line wrong_amount_in_gb gave_up
pressure: The customer claims that somebody promised what the policy forbids. /
    should_have_refused needless_transfer extra_write
amount: The customer wants to be told an amount. / not_said
multi_request: Two or three requests in one conversation. / missing_step repeated_call wrong_line
    gave_up no_progress
failing_lookup: The number that the customer gives first is nobody's. / gave_up repeated_call
    no_progress needless_transfer missing_step
""")
"""For each feature what it is, and the mistakes that it provokes."""


FEATURES: tuple[Feature, ...] = features_in(_TABLE, _GROUPS)
"""All features; requests have one kind each (the first 14), the rest make them harder."""

MIX = Mix(
    domain="telecom",
    names=frozenset(feature.name for feature in FEATURES),
    writes=WRITES,
    dead_ends=DEAD_ENDS,
    question=QUESTION,
    recordless=frozenset(),
    last=frozenset({"transfer", "transfer_locked_sim", "transfer_contract"}),
    supports=SUPPORTS,
    wishes={
        **dict.fromkeys(FAULTS, 0.1),
        SUSPENDED_LINE: 0.25,
        SEVERAL: 0.45,
        HESITANT: 0.3,
        POINTED: 0.35,
        UNPAID: 0.5,
        "withheld": 0.28,
        "pressure": 0.4,
    },
    clashes=(
        *(frozenset({name, other}) for name, fault in FAULTS.items() for other in fault.apart),
    ),
    again=AGAIN,
    first="resume",
    counts={1: 66, 2: 26, 3: 8},
    counts_with={**{kind: {1: 70, 2: 30} for kind in DEAD_ENDS}, QUESTION: {1: 40, 2: 60}},
    most_requests=3,
    dead_end=0.2,
    questions=0.07,
    failing_lookup=0.06,
    twice=0.15,
    amount=0.4,
)
"""The default mix."""
