"""The tools of telecom, the agent's and the user's, answer as in tau2 and change what they do
there, in any order; so do the functions that set a scene or assert its end."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from functools import cache
from random import Random
from typing import Any

import pytest

from harness.types import Requestor, Tool, ToolCall
from harness_taskkit.state import ToolError
from harness_telecom.compat import TAU2, Compat
from harness_telecom.staging import STAGING
from harness_telecom.tools import TOOLS, USER_TOOLS

from .official import needs_tau2
from .parity import NAMES, ODD, TOOL_NAMES
from .telecom import (
    START_HASHES,
    environment,
    known_bill_ids,
    network,
    official_answer,
    official_states,
    our_states,
    our_world,
)

pytestmark = [
    needs_tau2,
    pytest.mark.filterwarnings("ignore:Pydantic serializer warnings"),
]

CALLS = 20
"""Calls in a sequence."""

ODDER: tuple[Any, ...] = (
    *ODD, 2.0, 0.5, "2", 10**20, 10**400, float("inf"), float("nan"), "internet", "broken",
    {"apn_name": "broken"}, {"apn_name": "x"}, {"apn_name": None}, {"mms_port": "8080"},
    {"mms_port": 1.5}, {"mmsc_url": None, "mms_proxy": "p"}, {"reset_at_reboot": "true"},
    {"reset_at_reboot": 2}, {"speed": 1}, {"self": 1}, "4g_only", "SMS", "Storage", -1,
)  # fmt: skip
"""Values of types that the schemas do not allow, or not everywhere."""

Script = Sequence[tuple[str, ToolCall]]
"""Calls of tools and of functions that are none, marked "call" and "stage"."""


@cache
def scene_calls() -> tuple[ToolCall, ...]:
    """Calls by which official tasks set their scenes, and others of the same functions."""
    of_user: dict[str, list[dict[str, Any]]] = {
        "set_user_location": [{"abroad": True}, {"abroad": False}],
        "lock_sim_card": [{"mode": "pin"}, {"mode": "puk"}, {"mode": "no"}],
        "set_wifi_calling": [
            {"enabled": True, "mms_over_wifi": True}, {"enabled": False}, {"enabled": True},
            {"enabled": True, "mms_over_wifi": False},
        ],
        "remove_app_permission": [
            {"app_name": "messaging", "permission": "storage"},
            {"app_name": "messaging", "permission": "SMS"},
            {"app_name": "camera", "permission": "sms"},
            {"app_name": "browser", "permission": "location"},
        ],
        "assert_service_status": [
            {"expected_status": status} for status in ("connected", "no_service", "gone")
        ],
        "assert_internet_speed": [
            {"expected_speed": 200, "expected_desc": "excellent"}, {"expected_speed": 10},
            {"expected_speed": 0, "expected_desc": "Poor"},
        ],
    }  # fmt: skip
    line = {"customer_id": "C1001", "line_id": "L1002"}
    of_carrier: dict[str, list[dict[str, Any]]] = {
        "set_data_usage": [{**line, "data_used_gb": used} for used in (1.0, 15.1, 99)],
        "suspend_line_for_overdue_bill": [
            {**line, "new_bill_id": "B1234321", "contract_ended": ended} for ended in (True, False)
        ],
        "assert_data_refueling_amount": [{**line, "expected_amount": gb} for gb in (2.0, 0, 1)],
        "assert_line_status": [
            {**line, "expected_status": status} for status in ("Active", "Suspended")
        ],
        "assert_overdue_bill_exists": [
            {"customer_id": "C1001", "overdue_bill_id": bill} for bill in ("B1234321", "B1001", "B")
        ],
        "assert_no_overdue_bill": [
            {"overdue_bill_id": bill} for bill in ("B1234321", "B1001", "B1002")
        ],
    }
    known = {"agent": of_carrier, "user": of_user}
    found = []
    for side, functions in STAGING.items():
        for name in functions:
            usual = [{"expected_status": value} for value in (True, False)]
            takes_none = not name.startswith("assert") or name == "assert_internet_not_excellent"
            for given in known[side].get(name, [{}] if takes_none else usual):
                found.append(ToolCall(name=name, arguments=given, requestor=side))
    return tuple(call for call in found if call.name != "set_user_info")


def script(rng: Random, length: int = CALLS) -> Script:
    """A user, and calls of both sides about it; now and then the scene changes."""
    line = rng.choice([*network().lines.values()])
    number = line["phone_number"] if rng.random() < 0.95 else "555-000-0000"
    info = {"name": "Ada Reed", "phone_number": number}
    steps = [("stage", ToolCall(name="set_user_info", arguments=info, requestor="user"))]
    if rng.random() < 0.1:
        steps = []
    for _ in range(length):
        if rng.random() < 0.15:
            steps.append(("stage", rng.choice(scene_calls())))
        else:
            steps.append(("call", call(rng, line["line_id"])))
    return steps


def call(rng: Random, line_id: str) -> ToolCall:
    """A call of either side; one in five is spoilt."""
    side: Requestor = rng.choice(["agent", "user"])
    tool = rng.choice(TOOLS if side == "agent" else USER_TOOLS)
    name, given, damage = tool.name, arguments(rng, tool, line_id), rng.randrange(40)
    if damage == 0 and given:
        given.pop(rng.choice(sorted(given)))
    elif damage == 1:
        given[rng.choice((*NAMES, "network"))] = rng.choice(ODDER)
    elif damage == 2:
        name = rng.choice(TOOL_NAMES)
    elif damage < 7 and given:
        given[rng.choice(sorted(given))] = rng.choice(ODDER)
    elif damage == 7:
        side = "user" if side == "agent" else "agent"
    return ToolCall(name=name, arguments=given, requestor=side)


def arguments(rng: Random, tool: Tool, line_id: str) -> dict[str, Any]:
    """Arguments that go through more often than not."""
    data = network()
    owner = next(c for c in data.customers.values() if line_id in c["line_ids"])
    other = rng.choice([*data.customers.values()])
    customer = owner if rng.random() < 0.8 else other
    ids = [*data.plans, *data.devices, *data.lines, *data.bills, *data.customers]
    given: dict[str, Any] = {
        "customer_id": customer["customer_id"],
        "line_id": line_id if rng.random() < 0.8 else rng.choice([*data.lines, "L0"]),
        "bill_id": rng.choice([*customer["bill_ids"] * 3, "B1234321", *data.bills]),
        "phone_number": rng.choice([customer["phone_number"], "555-000-0000"]),
        "full_name": rng.choice([customer["full_name"], customer["full_name"].upper(), "Ada"]),
        "dob": rng.choice([customer["date_of_birth"], "1990-01-01"]),
        "id": rng.choice([*ids, "L0", "X1", ""]),
        "limit": rng.choice([12, 1, 0, -1]),
        "reason": "lost",
        "gb_amount": rng.choice([2.0, 1, 0.1, 3, 0, -1]),
        "summary": "The customer wants a human.",
        "mode": rng.choice(["4g_5g_preferred", "4g_only", "3g_only", "2g_only", "5g_only"]),
        "app_name": rng.choice(["messaging", "messaging", "browser", "camera"]),
        "permission": rng.choice(["sms", "storage", "phone", "network", "SMS", "location"]),
        "apn_settings": rng.choice([{}, {"apn_name": "broken"}, {"mmsc_url": None}]),
    }
    if rng.random() < 0.5:
        del given["limit"]
    return {name: given[name] for name in tool.nouns if name in given}


def compare(
    script: Script, compat: Compat = TAU2, *, solo: bool = False, each: bool = True
) -> None:
    """Have both sides do the same: answers are equal, and so are both databases, after ``each``
    step or at the end.
    """
    from tau2.data_model.tasks import EnvFunctionCall

    made, world = environment(solo_mode=solo), our_world(compat, solo=solo)
    for kind, step in script:
        if kind == "call":
            result = world.call(step)
            assert (result.content, result.is_error) == official_answer(made, step), step
        else:
            side = "user" if step.requestor == "user" else "assistant"
            official = EnvFunctionCall(
                env_type=side, func_name=step.name, arguments=dict(step.arguments)
            )
            theirs = outcome(lambda asked=official: made.run_env_function_call(asked))
            assert outcome(lambda asked=step: world.stage(asked)) == theirs, step
        if each or step is script[-1][1]:
            assert our_states(world) == official_states(made), step


def outcome(function: Any) -> Any:
    """What a function returns, or the words of what it raises."""
    try:
        return function()
    except (ToolError, ValueError, AttributeError, TypeError) as error:
        return f"Error: {error}"


def compare_many(calls: int, *, seed: int = 0, compat: Compat = TAU2, solo: bool = False) -> None:
    with known_bill_ids():
        for number in range(calls // CALLS):
            compare(script(Random(f"{seed}/{number}")), compat, solo=solo)


def test_the_official_databases_have_their_official_hashes() -> None:
    states = our_states(our_world())
    assert states == official_states(environment())
    assert tuple(hashlib.sha256(text.encode()).hexdigest() for text in states) == START_HASHES


def test_every_record_is_read_alike() -> None:
    made, world = environment(), our_world()
    data: Mapping[str, Mapping[str, Any]] = network().tables
    for key in [key for kind, table in data.items() if kind != "user" for key in table]:
        read = ToolCall(name="get_details_by_id", arguments={"id": key})
        assert official_answer(made, read) == (world.call(read).content, False)


def test_1_000_calls_are_answered_alike_and_leave_the_same_states() -> None:
    compare_many(1_000)


@pytest.mark.slow
def test_20_000_calls_are_answered_alike_and_leave_the_same_states() -> None:
    compare_many(20_000, seed=1)


def test_an_agent_alone_has_all_tools() -> None:
    compare_many(400, solo=True)


TOLD_ELSEWHERE = (
    "silent_transfer", "python_arithmetic", "unsynchronised_gold", "lasting_vpn_fault",
)  # fmt: skip
"""Switches that no answer and no state shows, or that no tool here obeys, and a rare one."""


@pytest.mark.parametrize("switch", [f.name for f in fields(Compat) if f.name not in TOLD_ELSEWHERE])
def test_the_comparison_notices_each_switch(switch: str) -> None:
    other = replace(TAU2, **{switch: not getattr(TAU2, switch)})
    with pytest.raises(AssertionError):
        compare_many(20_000, compat=other)


def test_the_comparison_notices_a_vpn_that_stays_slow() -> None:
    names = ("break_vpn", "disconnect_vpn", "connect_vpn", "check_vpn_status")
    steps = [
        (
            "stage" if name == "break_vpn" else "call",
            ToolCall(name=name, arguments={}, requestor="user"),
        )
        for name in names
    ]
    compare(steps)
    with pytest.raises(AssertionError):
        compare(steps, replace(TAU2, lasting_vpn_fault=False))


@pytest.mark.parametrize("odd", ODDER, ids=repr)
def test_each_argument_of_an_odd_type_is_answered_alike(odd: Any) -> None:
    info = {"name": "Ada Reed", "phone_number": "555-123-2002"}
    steps = [("stage", ToolCall(name="set_user_info", arguments=info, requestor="user"))]
    looks = [
        ("call", ToolCall(name=name, arguments={}, requestor="user"))
        for name in (
            "check_apn_settings", "check_network_mode_preference", "can_send_mms",
            "reset_apn_settings", "toggle_data", "reboot_device",
        )
    ]  # fmt: skip
    sides: tuple[tuple[Requestor, tuple[Tool, ...]], ...] = (("agent", TOOLS), ("user", USER_TOOLS))
    for side, tools in sides:
        for tool in tools:
            for spoiled in tool.nouns:
                given = {**arguments(Random(1), tool, "L1002"), spoiled: odd}
                asked = ToolCall(name=tool.name, arguments=given, requestor=side)
                steps.append(("call", asked))
                steps += looks if side == "user" else []
    with known_bill_ids():
        compare(steps, each=False)
