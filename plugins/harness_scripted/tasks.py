"""Turn a task into the reason why no agent can do it."""

from __future__ import annotations

from collections.abc import Sequence

from harness.types import Changes, ToolCall
from harness_scripted.finding import Finding, show
from harness_scripted.reading import Reading


def wrong_task(reading: Reading) -> Finding | None:
    """Why nobody can do the task as it is graded; None if it can be done.

    ``gold_fails``: a wanted write does not work. ``gold_incomplete`` and ``gold_wrong``: what is
    wanted is less than, or other than, what the scenario asks for. ``unsolvable``: the domain's
    solver finds no way from what the user says to what is wanted.
    """
    if reading.domain.solve(reading.task) is not None:
        return None
    return _gold_fails(reading) or _gold_differs(reading) or _task(reading, "unsolvable", _NO_WAY)


def _gold_fails(reading: Reading) -> Finding | None:
    world = reading.domain.open(reading.task)
    failing = [call for call in reading.task.gold if world.call(call).is_error]
    if not failing:
        return None
    return _task(reading, "gold_fails", f"The task wants {show(failing[0])}, which does not work.")


def _gold_differs(reading: Reading) -> Finding | None:
    asked = [request.want for request in reading.requests if request.want is not None]
    wanted = reading.wanted
    if _effect(reading, asked) == _effect(reading, wanted):
        return None
    unasked = [call for call in wanted if not any(call.same_as(want) for want in asked)]
    unwanted = [want for want in asked if not any(call.same_as(want) for call in wanted)]
    if unasked:
        why = f"The task wants {show(unasked[0])}, which its user does not ask for."
        return _task(reading, "gold_wrong", why)
    why = f"The user asks for {show(unwanted[0])}, which the task does not want."
    return _task(reading, "gold_incomplete", why) if unwanted else None


def _effect(reading: Reading, calls: Sequence[ToolCall]) -> Changes:
    world = reading.domain.open(reading.task)
    for call in calls:
        world.call(call)
    return world.changes()


def _task(reading: Reading, kind: str, why: str) -> Finding:
    return Finding(blame="task", kind=kind, turn=reading.last_turn, summary=why)


_NO_WAY = "The domain's solver finds no solution."
