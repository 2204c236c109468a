"""Turn an official task of any version into one of ours; nothing of it is lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.protocols import World
from harness.types import Scenario, Split, Task, ToolCall
from harness_tau2.criteria import BASES, Action, Criteria, read_criteria
from harness_tau2.requests import BY_NAME, Telling, identity_fact, requests_of
from harness_tau2.starting import staged
from harness_tau2.wire import Misfit, Object, as_object, entries, fields, need, text


def task_from_official(
    raw: Object, *, split: Split, domain: str, telling: Telling = BY_NAME
) -> Task:
    """The task, with the whole of ``raw`` in ``world["official"]``.

    ``telling``: where a scripted user is to know which values are wrong, and which gold writes
    fail. Raises ``Misfit`` naming the place if id or scenario are missing or a value is of the
    wrong kind; ``problems`` tells what a well-formed task asks for that cannot be done.
    """
    criteria = read_criteria(raw)
    gold = (*_history_calls(raw), *(action.call for action in _actions(criteria)))
    said = criteria is not None and "COMMUNICATE" in criteria.basis
    communicate = criteria.communicate if criteria and said else ()
    return Task(
        id=need(raw, "id", str),
        domain=domain,
        split=split,
        scenario=_scenario(raw, gold, bool(communicate), telling),
        world={"database": domain.replace("-", "/"), "official": dict(raw)},
        gold=gold,
        communicate=communicate,
    )


def official_task(task: Task) -> Object | None:
    """The official task that a task of ours was made from; None if it was made from none."""
    found = task.world.get("official")
    return found if isinstance(found, dict) else None


def problems(raw: Object, tools: Sequence[str], world: World | None = None) -> tuple[str, ...]:
    """What of a task cannot be carried out or judged with the tools of these names, in words.

    () if all can. A task with problems is kept all the same: gold calls that fail change nothing.
    ``world``: where assertions are checked, None if nowhere.
    """
    try:
        criteria = read_criteria(raw)
        return tuple(_problems(raw, criteria, tools, world))
    except Misfit as error:
        return (f"{error.place}: {error}",)


def _problems(
    raw: Object, criteria: Criteria | None, tools: Sequence[str], world: World | None
) -> Iterator[str]:
    unknown = {a.call.name: 0 for a in _actions(criteria) if a.call.name not in tools}
    yield from (f"the gold calls name {name!r}, which is no tool here" for name in unknown)
    for basis in criteria.basis if criteria else ():
        if basis not in BASES:
            yield f"the reward basis {basis!r} is unknown"
    yield from criteria.unknown_assertions(staged(world)) if criteria else ()
    if fields(raw, "initial_state").get("message_history"):
        yield "it starts in the middle of a conversation"


def _actions(criteria: Criteria | None) -> Sequence[Action]:
    return criteria.actions if criteria else ()


def _history_calls(raw: Object) -> Iterator[ToolCall]:
    """The calls of the conversation that the task starts with: their effects are wanted too."""
    for message in entries(fields(raw, "initial_state"), "message_history"):
        for call in entries(as_object(message, "initial_state.message_history"), "tool_calls"):
            made = as_object(call, "initial_state.message_history")
            yield ToolCall(
                name=need(made, "name", str),
                arguments=fields(made, "arguments"),
                requestor="user" if made.get("requestor") == "user" else "agent",
            )


def _scenario(raw: Object, gold: Sequence[ToolCall], asks: bool, telling: Telling) -> Scenario:
    user = need(raw, "user_scenario", dict)
    instructions = user.get("instructions")
    if isinstance(instructions, str):
        told: Object = {"reason_for_call": instructions}
    else:
        told = need(user, "instructions", dict)
    reason, known = text(told, "reason_for_call"), text(told, "known_info")
    return Scenario(
        reason=reason,
        known=known,
        unknown=text(told, "unknown_info"),
        instructions=text(told, "task_instructions"),
        persona=text(user, "persona"),
        identity=(identity_fact(known),) if known else (),
        requests=requests_of(reason, gold, asks=asks, telling=telling),
    )
