"""Turn a good plan into one with a single decisive mistake of a known kind."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice, pairwise

from harness.protocols import Domain
from harness.types import Json, Requestor, Task, ToolCall, stable_seed
from harness_scripted.bench import Bench, properties
from harness_scripted.finding import wrong
from harness_scripted.plan import Act, Step, plan
from harness_scripted.speech import normal

FOREVER = 1000
"""More calls than any limit on steps or errors allows."""

BOTH: tuple[Requestor, ...] = ("agent", "user")

VARIANTS = 20
"""How many mistakes of one form are tried to find one of the kinds asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """What goes wrong, as ``Diagnosis.kind`` would name it, and the acts that cause it."""

    kind: str
    acts: tuple[Act, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which mistakes are made: one of ``kinds`` (empty: any); where it would be one of ``without``,
    none, as if the policy had unlearned it.
    """

    kinds: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


ANY = Choice()


def planted_mistake(
    domain: Domain, task: Task, seed: int, rate: float, choice: Choice = ANY
) -> Mistake | None:
    """The mistake that the noisy policy makes in a conversation; None if it makes none.

    seed: the job's. rate: the share of conversations with a mistake, in [0, 1]. Also None where the
    task has no solution or leaves no room for a mistake of choice.
    """
    rng = random.Random(stable_seed("mistake", task.id, seed))
    acts = plan(task, domain) if rng.random() < rate else None
    if acts is None:
        return None
    bench = Bench(domain, task, acts, rng)
    makers = [_wrong_argument] * WRONG_ARGUMENT_WEIGHT + list(OTHERS)
    if domain.user_tools:
        makers += GUIDED
    rng.shuffle(makers)
    kinds = choice.kinds
    tried = (mistake for maker in makers for mistake in islice(maker(bench), VARIANTS))
    found = next((one for one in tried if not kinds or one.kind in kinds), None)
    return None if found is None or found.kind in choice.without else found


def _mistake(bench: Bench, kind: str, at: int, act: Act) -> Mistake:
    return Mistake(kind=kind, acts=(*bench.acts[:at], act, *bench.acts[at + 1 :]))


def _wrong_argument(bench: Bench) -> Iterator[Mistake]:
    """The right write is proposed, but made with one wrong argument; or the user is told one."""
    for i, j in bench.writes(BOTH):
        for name, call in bench.variants((i, j), deep=True):
            act = bench.acts[i]
            other = replace(act.steps[j], call=call)
            steps = (*act.steps[:j], other, *act.steps[j + 1 :])
            tool = bench.tool(call)
            noun = tool.noun(name) if tool else normal(name)
            yield _mistake(bench, wrong(noun), i, replace(act, steps=steps))


def _extra_write(bench: Bench) -> Iterator[Mistake]:
    for i, j in bench.writes(BOTH):
        for _, call in bench.variants((i, j), deep=True):
            act = bench.acts[i]
            if bench.effect([*bench.calls, call]) not in (None, bench.right):
                steps = (*act.steps[: j + 1], Step(call=call), *act.steps[j + 1 :])
                yield _mistake(bench, "extra_write", i, replace(act, steps=steps))


def _missing_step(bench: Bench) -> Iterator[Mistake]:
    """One write is left out; if it is the last of several with the user, that is to stop early."""
    for i, j in bench.writes(BOTH):
        act = bench.acts[i]
        guided = bench.guided(act)
        changed = replace(act, steps=(*act.steps[:j], *act.steps[j + 1 :]))
        kind = "stopped_early" if len(guided) > 1 and j == guided[-1] else "missing_step"
        mistake = _mistake(bench, kind, i, changed)
        if not guided or bench.outcome(mistake.acts) != bench.right:
            yield mistake


def _stopped_early(bench: Bench) -> Iterator[Mistake]:
    """A request that takes several writes with the user is held for done after some of them."""
    for i, act in enumerate(bench.acts):
        for j in bench.guided(act)[1:]:
            mistake = _mistake(bench, "stopped_early", i, replace(act, steps=act.steps[:j]))
            if bench.outcome(mistake.acts) != bench.right:
                yield mistake


def _wrong_order(bench: Bench) -> Iterator[Mistake]:
    """Two writes, of which one is the user's, change places."""
    for i, act in enumerate(bench.acts):
        guided = bench.guided(act)
        for j, k in pairwise(guided):
            steps = list(act.steps)
            steps[j], steps[k] = steps[k], steps[j]
            mistake = _mistake(bench, "wrong_order_of_steps", i, replace(act, steps=tuple(steps)))
            if bench.outcome(mistake.acts) not in (None, bench.right):
                yield mistake


def _missing_confirmation(bench: Bench) -> Iterator[Mistake]:
    for i, j in bench.writes():
        act = bench.acts[i]
        steps = (*act.steps[:j], Step(call=act.steps[j].call), *act.steps[j + 1 :])
        yield _mistake(bench, "missing_confirmation", i, replace(act, steps=steps))


def _repeated_call(bench: Bench) -> Iterator[Mistake]:
    for i, act in enumerate(bench.acts):
        first = act.steps[0].call if act.steps else None
        looks = first and first.requestor == "agent" and bench.kind(first) == "read"
        if looks and bench.writes(BOTH):
            steps = (replace(act.steps[0], times=FOREVER), *act.steps[1:])
            yield _mistake(bench, "repeated_call", i, replace(act, steps=steps))


def _invalid_call(bench: Bench) -> Iterator[Mistake]:
    for i, j in bench.writes():
        act = bench.acts[i]
        bad = replace(act.steps[j].call, arguments={})
        steps = (*act.steps[:j], replace(act.steps[j], call=bad, times=FOREVER))
        yield _mistake(bench, "invalid_call", i, replace(act, steps=steps))


def _should_have_refused(bench: Bench) -> Iterator[Mistake]:
    for i, act in enumerate(bench.acts):
        if act.ending == "refused":
            for call in bench.inventions(act.request.verbs):
                steps = (*act.steps, Step(call=call))
                yield _mistake(
                    bench, "should_have_refused", i, replace(act, steps=steps, ending="done")
                )


def _should_have_acted(bench: Bench) -> Iterator[Mistake]:
    for i, j in bench.writes(BOTH):
        act = bench.acts[i]
        refused = replace(act, steps=act.steps[:j], ending="refused", refusal="")
        yield _mistake(bench, "should_have_acted", i, refused)


def _gave_up(bench: Bench) -> Iterator[Mistake]:
    for i, j in bench.writes(BOTH):
        act = bench.acts[i]
        yield _mistake(bench, "gave_up", i, replace(act, steps=act.steps[:j], ending="stop"))


def _needless_transfer(bench: Bench) -> Iterator[Mistake]:
    tool = next((t for t in bench.tools.values() if t.followup), None)
    if tool is None or any(act.ending == "transferred" for act in bench.acts):
        return
    arguments: dict[str, Json] = dict.fromkeys(properties(tool), "the user needs help")
    for i, j in bench.writes(BOTH):
        act = bench.acts[i]
        call = ToolCall(name=tool.name, arguments=arguments)
        steps = (*act.steps[:j], Step(call=call))
        changed = replace(act, steps=steps, ending="transferred")
        yield _mistake(bench, "needless_transfer", i, changed)


def _missing_transfer(bench: Bench) -> Iterator[Mistake]:
    for i, act in enumerate(bench.acts):
        if act.ending == "transferred":
            kept = tuple(step for step in act.steps if bench.kind(step.call) == "read")
            changed = replace(act, steps=kept, ending="refused", refusal="")
            yield _mistake(bench, "missing_transfer", i, changed)


def _not_said(bench: Bench) -> Iterator[Mistake]:
    for i, act in enumerate(bench.acts):
        if act.tell:
            yield _mistake(bench, "not_said", i, replace(act, tell=()))


WRONG_ARGUMENT_WEIGHT = 4
OTHERS: tuple[Callable[[Bench], Iterator[Mistake]], ...] = (
    _extra_write,
    _missing_step,
    _missing_confirmation,
    _repeated_call,
    _invalid_call,
    _should_have_refused,
    _should_have_acted,
    _gave_up,
    _needless_transfer,
    _missing_transfer,
    _not_said,
)

GUIDED: tuple[Callable[[Bench], Iterator[Mistake]], ...] = (_stopped_early, _wrong_order)
"""Mistakes that need steps of the user."""
