"""What agents of the telecom domain with one known weakness do otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from weak_agents import (
    Scene,
    Weakness,
    impatient,
    made,
    no_transfer,
    obliging,
    silent,
    stumbles,
)

from harness.types import ToolCall
from harness_scripted.plan import Act, Step
from harness_telecom.database import network_of
from harness_telecom.records import Line

USUAL_AMOUNT = 1.0
USUAL_PERMISSION = "storage"


def _calls(act: Act, name: str) -> list[int]:
    """Where an act makes calls of a tool."""
    return [n for n, step in enumerate(act.steps) if step.call.name == name]


def _without(act: Act, *places: int) -> Act:
    return replace(act, steps=tuple(s for n, s in enumerate(act.steps) if n not in places))


def _writes(scene: Scene, act: Act) -> list[int]:
    tools = (*scene.domain.tools, *scene.domain.user_tools)
    names = {tool.name for tool in tools if tool.kind == "write"}
    return [n for n, step in enumerate(act.steps) if step.call.name in names]


def _lines(scene: Scene) -> Sequence[Line]:
    """The lines of the customer whose phone it is, in the order of the profile."""
    network = network_of(scene.task.world)
    number = network.user["surroundings"]["phone_number"]
    found = network.customer_by_phone.get(number)
    keys = network.customers[found]["line_ids"] if found else ()
    return [network.lines[key] for key in keys]


def first_repair(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Holds the phone for mended after the first thing that was changed on it."""
    for number, act in enumerate(scene.acts):
        places = _writes(scene, act)
        if act.request.want is None and len(places) > 1:
            yield number, replace(act, steps=act.steps[: places[0] + 1])


def no_restart(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Never has the phone restarted."""
    for number, act in enumerate(scene.acts):
        places = _calls(act, "reboot_device")
        if places:
            yield number, _without(act, *places)


def restart_first(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Has the phone restarted before its settings are reset, not after."""
    for number, act in enumerate(scene.acts):
        for place in _calls(act, "reset_apn_settings"):
            steps = list(act.steps)
            steps[place : place + 2] = reversed(steps[place : place + 2])
            yield number, replace(act, steps=tuple(steps))


def phone_alone(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Sees to roaming on the phone, and forgets the carrier's half."""
    for number, act in enumerate(scene.acts):
        places = _calls(act, "enable_roaming")
        if places and act.request.want is None:
            yield number, _without(act, *places)


def bill_left_unpaid(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Resumes a line without having its bill paid."""
    for number, act in enumerate(scene.acts):
        pays = ("send_payment_request", "check_payment_request", "make_payment")
        if _calls(act, "resume_line"):
            yield number, _without(act, *(n for name in pays for n in _calls(act, name)))


def first_line(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Acts on the first line of the profile for which the call goes through."""
    for number, act in enumerate(scene.acts):
        found = scene.write(act)
        if found is None or "line_id" not in found[1].arguments:
            continue
        for line in _lines(scene):
            wrong = made(act, found[0], line_id=line["line_id"])
            if scene.works(wrong.steps[found[0]].call):
                if line["line_id"] != found[1].arguments["line_id"]:
                    yield number, wrong
                break


def usual_amount(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Adds the same amount of data for everybody."""
    for number, act in enumerate(scene.acts):
        for place in _calls(act, "refuel_data"):
            yield number, made(act, place, gb_amount=USUAL_AMOUNT)


def usual_permission(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Has the app given the same permission, whatever it lacks."""
    for number, act in enumerate(scene.acts):
        for place in _calls(act, "grant_app_permission"):
            if act.steps[place].call.arguments["permission"] != USUAL_PERMISSION:
                yield number, made(act, place, permission=USUAL_PERMISSION)


def old_habit(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Chooses 4G alone where the phone should prefer 5G."""
    for number, act in enumerate(scene.acts):
        for place in _calls(act, "set_network_mode_preference"):
            yield number, made(act, place, mode="4g_only")


def doubt_for_deed(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Goes on when a hesitant customer asks back instead of doing what it is told."""
    if "hesitant" not in scene.task.scenario.persona:
        return
    for number, act in enumerate(scene.acts):
        own = [n for n in _writes(scene, act) if act.steps[n].call.requestor == "user"]
        if own:
            yield number, _without(act, own[0])
            return


def blind_to_contract(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Resumes a line whose contract has ended."""
    today = network_of(scene.task.world).today
    for number, act in enumerate(scene.acts):
        if act.ending != "transferred":
            continue
        for line in _lines(scene):
            if line["status"] == "Suspended" and str(line["contract_end_date"]) < today:
                customer = network_of(scene.task.world).customer_by_phone[line["phone_number"]]
                call = ToolCall(
                    name="resume_line",
                    arguments={"customer_id": customer, "line_id": line["line_id"]},
                )
                steps = tuple(s for s in act.steps if s.call.name.startswith("get"))
                yield number, replace(act, steps=(*steps, Step(call=call)), ending="done")


TELECOM: tuple[Weakness, ...] = (
    first_repair,
    no_restart,
    restart_first,
    phone_alone,
    bill_left_unpaid,
    first_line,
    usual_amount,
    usual_permission,
    old_habit,
    doubt_for_deed,
    blind_to_contract,
    obliging,
    no_transfer,
    silent,
    stumbles,
    impatient,
)
