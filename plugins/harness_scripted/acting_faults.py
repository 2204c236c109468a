"""Turn what a user is told to do on its own device into something else that it does instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from harness.types import ToolCall
from harness_scripted.bench import Bench
from harness_scripted.faults import UserFault

Finder = Callable[[Bench], UserFault | None]


def _left_out(kind: str) -> Finder:
    """A fault by which a wanted write of the user is not made."""

    def find(bench: Bench) -> UserFault | None:
        for i, j in bench.writes(("user",)):
            told = bench.acts[i].steps[j].call
            if bench.with_steps(i, j) != bench.right:
                return UserFault(kind=kind, request=i, told=told)
        return None

    return find


def _acted_otherwise(bench: Bench) -> UserFault | None:
    return next(_otherwise(bench, "acted_otherwise", keep=False), None)


def _acted_unasked(bench: Bench) -> UserFault | None:
    return next(_otherwise(bench, "acted_unasked", keep=True), None)


def _otherwise(bench: Bench, kind: str, *, keep: bool) -> Iterator[UserFault]:
    """Another write of the user, that nothing puts right later, after the told one or instead."""
    for i, j in bench.writes(("user",)):
        told = bench.acts[i].steps[j].call
        for other in _others(bench):
            calls = (told, other) if keep else (other,)
            if bench.with_steps(i, j, *calls) not in (None, bench.right):
                yield UserFault(kind=kind, request=i, told=told, other=other)


def _others(bench: Bench) -> Iterator[ToolCall]:
    planned = {call.name for call in bench.calls}
    tools = [
        tool
        for tool in bench.user_tools.values()
        if tool.kind == "write" and not tool.parameters.get("required")
    ]
    bench.rng.shuffle(tools)
    for tool in tools:
        call = ToolCall(name=tool.name, arguments={}, requestor="user")
        if tool.name not in planned and bench.effect([call]) != bench.effect([]):
            yield call


def _looks(bench: Bench) -> Iterator[tuple[int, ToolCall, str]]:
    """Looks of the user that its next step follows from, by request, with what they would show if
    all were well.
    """
    world = bench.domain.open(bench.task)
    shown = iter([world.call(call).content for call in bench.calls])
    for i, act in enumerate(bench.acts):
        shows = [next(shown) for _ in act.steps]
        for step, after, seen in zip(act.steps, act.steps[1:], shows, strict=False):
            if step.call.requestor == "user" and bench.kind(step.call) == "read":
                well = world.call(step.call).content
                if bench.kind(after.call) == "write" and well != seen:
                    yield i, step.call, " ".join(well.split())


def _misreported(bench: Bench) -> UserFault | None:
    found = next(_looks(bench), None)
    return found and UserFault(kind="misreported", request=found[0], told=found[1], value=found[2])


def _kept_to_itself(bench: Bench) -> UserFault | None:
    found = next(_looks(bench), None)
    return found and UserFault(kind="kept_to_itself", request=found[0], told=found[1])


ACTING: Mapping[str, Finder] = {
    "acted_otherwise": _acted_otherwise,
    "acted_unasked": _acted_unasked,
    "claimed_undone": _left_out("claimed_undone"),
    "left_when_told": _left_out("left_when_told"),
    "misreported": _misreported,
    "kept_to_itself": _kept_to_itself,
}
"""What a user can do wrong on its own device, by kind."""

CLAIMS = ("I have done that.", "Okay, I did it.", "Done, I have just done it.")
LEAVES = (
    "I will do that some other time. Goodbye!",
    "I have no time for that now, bye!",
    "That is too much for me. Goodbye.",
)
KEEPS = ("Okay, I have looked.", "I did that.", "Yes, I have done it.")
