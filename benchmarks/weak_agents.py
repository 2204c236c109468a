"""Agents that do all well but for one known weakness.

Each weakness looks at records and words, as a careless agent would, and never at a task's tags: it
errs where the situation invites it and nowhere else.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from harness.errors import ConfigError, RolloutFault
from harness.protocols import AgentTurn, Conversation, Domain
from harness.types import Json, Task, ToolCall
from harness_scripted.bench import Bench
from harness_scripted.plan import Act, Step, plan
from harness_scripted.script import Script, Turns


@dataclass(frozen=True, slots=True)
class Scene:
    """A task as an agent meets it, and what would be right to do."""

    task: Task
    domain: Domain
    acts: tuple[Act, ...]

    def write(self, act: Act) -> tuple[int, ToolCall] | None:
        """The place and the call of the write of an act; None if it makes none."""
        want = act.request.want
        found = [(n, step.call) for n, step in enumerate(act.steps)]
        return next(((n, call) for n, call in found if want and call.same_as(want)), None)

    def works(self, call: ToolCall) -> bool:
        """Whether the call goes through on a fresh world."""
        return not self.domain.open(self.task).call(call).is_error


Weakness = Callable[[Scene], Iterator[tuple[int, Act]]]
"""The acts that the weak agent does otherwise, with their places."""


class WeakAgent:
    """The expert with one weakness; ``name`` is what it is called."""

    def __init__(self, name: str, weakness: Weakness) -> None:
        self.id = f"weak:{name}"
        self.weakness = weakness
        self._playing: dict[str, Turns] = {}

    async def act(self, conversation: Conversation, *, seed: int) -> AgentTurn:
        turns = self._playing.get(conversation.id)
        if turns is not None:
            return turns.send(conversation.messages)
        own = seed - len(conversation.messages)
        acts = self.acts(conversation.task, conversation.domain)
        script = Script(conversation.task, conversation.domain, seed=own)
        turns = self._playing[conversation.id] = script.play(acts, conversation.messages)
        return next(turns)

    def forget(self, conversation_id: str) -> None:
        self._playing.pop(conversation_id, None)

    def acts(self, task: Task, domain: Domain) -> list[Act]:
        """What the agent does; raises ``RolloutFault`` if the solver sees no solution."""
        acts = plan(task, domain)
        if acts is None:
            raise RolloutFault("agent_fault", f"{task.id} has no solution")
        changed = [*acts]
        for place, act in self.weakness(Scene(task, domain, acts)):
            changed[place] = act
        stop = next((n for n, act in enumerate(changed) if act.ending == "stop"), len(changed))
        return changed[: stop + 1]


# --- what the weak do otherwise -------------------------------------------------------------------


def made(act: Act, place: int, **arguments: Json) -> Act:
    """The act with other arguments in its write; what was proposed stays as it was."""
    step = act.steps[place]
    call = replace(step.call, arguments={**step.call.arguments, **arguments})
    return replace(
        act, steps=(*act.steps[:place], replace(step, call=call), *act.steps[place + 1 :])
    )


def refused(act: Act, place: int) -> Act:
    return replace(act, steps=act.steps[:place], ending="refused", refusal="that is not possible")


def obliging(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Finds something to carry out where it should refuse."""
    bench = Bench(scene.domain, scene.task, scene.acts, random.Random(scene.task.id))
    for number, act in enumerate(scene.acts):
        if act.ending == "refused":
            call = next(bench.inventions(act.request.verbs), None)
            if call is not None:
                yield number, replace(act, steps=(*act.steps, Step(call=call)), ending="done")


def no_transfer(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Refuses what a human should take over."""
    for number, act in enumerate(scene.acts):
        if act.ending == "transferred":
            reads = tuple(step for step in act.steps if step.call.name.startswith(("find", "get")))
            yield number, replace(act, steps=reads, ending="refused", refusal="")


def silent(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Does not say what the customer asked to be told."""
    yield from ((n, replace(act, tell=())) for n, act in enumerate(scene.acts) if act.tell)


def hasty(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Writes without waiting for a yes, which shows where the customer changes its mind."""
    for number, act in enumerate(scene.acts):
        found = scene.write(act)
        if found is not None and act.request.revision is not None:
            step = replace(act.steps[found[0]], call=act.request.revision.proposal, proposals=())
            yield number, replace(act, steps=(*act.steps[: found[0]], step))


def stumbles(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Gives up when the first look-up of the customer finds nobody."""
    if len(scene.task.scenario.identity) > 1:
        yield 0, replace(scene.acts[0], steps=scene.acts[0].steps[:1], ending="stop")


def impatient(scene: Scene) -> Iterator[tuple[int, Act]]:
    """Gives up on a request that does not say all at once."""
    for number, act in enumerate(scene.acts):
        found = scene.write(act)
        if found is not None and any(not fact.volunteered for fact in act.request.facts):
            yield number, replace(act, steps=act.steps[: found[0]], ending="stop")
            return


def weaknesses_of(domain: str) -> Mapping[str, Weakness]:
    """The weaknesses that agents of a domain can have, by name. Raises ``ConfigError``."""
    from weak_airline import AIRLINE
    from weak_retail import RETAIL
    from weak_telecom import TELECOM

    known = {"retail": RETAIL, "airline": AIRLINE, "telecom": TELECOM}
    if domain not in known:
        raise ConfigError(
            f"no weak agents are known for the domain {domain!r}",
            hint=f"Known: {', '.join(known)}.",
        )
    return {weakness.__name__: weakness for weakness in known[domain]}
