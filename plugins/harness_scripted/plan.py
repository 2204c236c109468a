"""Turn a task's solution into acts: what an agent does for each request, and how it ends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from harness.protocols import Domain
from harness.types import Request, Task, ToolCall

TICKET = "ticket"
"""The kind of a request that nobody can be asked about."""

Ending = Literal["done", "refused", "transferred", "stop"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One call to make, ``times`` over.

    ``proposals`` are put to the user before it, in order; the last must get a yes. A call of the
    user is one that the agent tells it to make.
    """

    call: ToolCall
    proposals: tuple[ToolCall, ...] = ()
    times: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """The steps for one request, and how it ends; ``tell`` are strings to say at the end."""

    request: Request
    steps: tuple[Step, ...] = ()
    ending: Ending = "done"
    refusal: str = ""
    tell: tuple[str, ...] = field(default=())


def plan(task: Task, domain: Domain) -> tuple[Act, ...] | None:
    """One act for each request of the scenario; None if the domain's solver sees no solution.

    Every write but those of a ticket is proposed first; where the user will change its mind, so is
    what it wanted before.
    """
    groups = domain.solve(task)
    if groups is None:
        return None
    requests = task.scenario.requests
    telling = _telling_request(requests)
    writes = {tool.name for tool in domain.tools if tool.kind == "write"}
    padded = [*groups, *[()] * len(requests)]
    return tuple(
        Act(
            request=request,
            steps=_steps(request, calls, writes),
            ending=request.outcome,
            refusal=request.refusal,
            tell=task.communicate if number == telling else (),
        )
        for number, (request, calls) in enumerate(zip(requests, padded, strict=False))
    )


def _steps(request: Request, calls: Sequence[ToolCall], writes: set[str]) -> tuple[Step, ...]:
    steps = []
    for call in calls:
        asks = call.requestor == "agent" and call.name in writes and request.kind != TICKET
        proposals = (call,) if asks else ()
        if request.revision and request.want and call.same_as(request.want):
            proposals = (request.revision.proposal, *proposals)
        steps.append(Step(call=call, proposals=proposals))
    return tuple(steps)


def _telling_request(requests: Sequence[Request]) -> int:
    """The request that what must be said belongs to: one that wants no write, or else the last."""
    asking = [n for n, r in enumerate(requests) if r.want is None and r.outcome == "done"]
    return asking[0] if asking else len(requests) - 1
