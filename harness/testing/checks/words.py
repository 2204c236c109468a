"""Turn a domain's customers into findings: they tell what is needed, and a teacher that only talks
and calls gets their tasks done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from functools import cache

from harness.assembly.registry import Registry
from harness.errors import HarnessError
from harness.evaluation.rollout import rollout
from harness.injection.similarity import leaves
from harness.protocols import Domain, Policy, RolloutJob, RolloutSetup, Settings, UserSimulator
from harness.testing.checks.worlds import carry_out, sayings, solution
from harness.testing.findings import Check, demand
from harness.types import Episode, Request, Task

TEACHER, USER = "expert", "scripted"
"""Who play tasks in words."""

LEAST = 0.75
"""The share of tasks that a teacher does in words."""


def check_facts(check: Check, domain: Domain, tasks: Sequence[Task]) -> None:
    """A request whose customer tells nothing of what is to be done cannot be fulfilled."""
    with check.rule(
        "An agent can only find out what the customer says or the records tell.",
        "Give the request a Fact for each argument that only the customer knows, with `says`, "
        "`asked_by` and `needed_for`; or say it in the opening, in `says`.",
    ):
        reads = {tool.name for tool in domain.tools if tool.kind == "read"}
        for task in tasks:
            _check_identity(domain, task)
            calls = solution(domain, task)
            _, found = carry_out(domain, task, calls)
            looks_up = any(call.name in reads for call in calls)
            text = " ".join([*sayings(task), *(result.content for result in found)]).lower()
            for request in task.scenario.requests:
                untold = [] if request.facts else [*_untold(request, text, looks_up)]
                demand(
                    not untold,
                    f"the customer of task {task.id} tells what it wants, found no fact and "
                    f"nowhere {', '.join(untold)}",
                    where=f"task {task.id}, request {request.kind!r}",
                )


def _check_identity(domain: Domain, task: Task) -> None:
    """The first look-up can only be by what the customer says."""
    reads = {tool.name for tool in domain.tools if tool.identifies} or {
        tool.name for tool in domain.tools if tool.kind == "read"
    }
    first = next((call for call in solution(domain, task) if call.name in reads), None)
    text = " ".join(sayings(task)).lower()
    for name, value in first.arguments.items() if first is not None else ():
        untold = [leaf for leaf in leaves(value) if not _is_in(leaf, text)]
        demand(
            not untold,
            f"the customer of task {task.id} tells who it is, found nowhere {name}={value!r} of "
            f"the first look-up {first.name if first else ''}",
            where=f"task {task.id}, Scenario.identity",
            mend="Give the scenario an identity Fact that says it.",
        )


def check_words(
    check: Check,
    domain: Domain,
    tasks: Sequence[Task],
    *,
    count: int,
    teacher: Policy | None = None,
    user: UserSimulator | None = None,
) -> None:
    """Play some tasks with a teacher and a user that speak; left out where neither is installed."""
    players = (teacher or _made("policy", TEACHER), user or _made("user simulator", USER))
    if players[0] is None or players[1] is None:
        return
    step = max(1, len(tasks) // count)
    with check.rule(
        "Demonstrations and proofs are such conversations: without them there is nothing to "
        "imitate and no task is admitted.",
        "Read the conversation with `harness eval --domain NAME --policy expert`, and correct the "
        "facts, the solver or the policy of the task.",
    ):
        played = asyncio.run(_played(domain, [*tasks][::step][:count], *players))  # type: ignore[arg-type]
        lost = [e for e in played if not e.score.success and not e.grade.unjudged]
        told = ", ".join(f"{e.task.id} ({_why(e)})" for e in lost[:3])
        demand(
            len(lost) <= (1 - LEAST) * len(played),
            f"a teacher does the tasks in words, found {len(lost)} of {len(played)} failed: {told}",
        )


def _untold(request: Request, text: str, looks_up: bool) -> Iterator[str]:
    """Ids of records are looked up: where the solution leaves that out, they tell nothing."""
    if request.want is None:
        return
    for name, value in request.want.arguments.items():
        missing = [leaf for leaf in leaves(value) if not _is_in(leaf, text)]
        if missing and (looks_up or not name.endswith(("_id", "_ids"))):
            yield f"{name}={missing[0]!r}"


def _is_in(leaf: str, text: str) -> bool:
    return leaf.lower() in text or leaf.lower().replace("_", " ") in text


@cache
def _made(kind: str, name: str) -> object | None:
    registry = Registry()
    try:
        return registry.make(kind, name, Settings())  # type: ignore[call-overload, no-any-return]
    except HarnessError:
        return None


async def _played(
    domain: Domain, tasks: Sequence[Task], teacher: Policy, user: UserSimulator
) -> list[Episode]:
    setup = RolloutSetup(domain=domain, user=user)
    jobs = [RolloutJob(task=task, trial=0, seed=number) for number, task in enumerate(tasks)]
    return [await rollout(job, teacher, setup) for job in jobs]


def _why(episode: Episode) -> str:
    fault = episode.trajectory.fault
    return f"{episode.trajectory.ended}: {fault}" if fault else episode.trajectory.ended
