"""Turn the gold calls of an official task into calls that go right or wrong in a named way.

A mutation makes other calls of the gold calls, or None where it makes no sense for them. What it
makes is determined by the random generator that it is given. These suit the tasks of any domain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from harness.types import Json, ToolCall

from .drawing import Calls, Hand, with_argument

Mutate = Callable[[Hand, Calls], Calls | None]

_VALUES: tuple[Json, ...] = (7, 3.5, None, True, [], ["#W0000000"], {}, {"id": "1"}, "", "x")


# --- calls left out, made twice, moved ------------------------------------------------------------


def _gold(hand: Hand, calls: Calls) -> Calls:
    return calls


def _nothing(hand: Hand, calls: Calls) -> Calls:
    return []


def _reads_only(hand: Hand, calls: Calls) -> Calls:
    return [call for call in calls if not hand.is_write(call)]


def _writes_only(hand: Hand, calls: Calls) -> Calls:
    return [call for call in calls if hand.is_write(call)]


def _without_one(hand: Hand, calls: Calls) -> Calls | None:
    dropped = hand.rng.choice(calls) if calls else None
    return [call for call in calls if call is not dropped] if dropped else None


def _without_a_write(hand: Hand, calls: Calls) -> Calls | None:
    writes = _writes_only(hand, calls)
    dropped = hand.rng.choice(writes) if writes else None
    return [call for call in calls if call is not dropped] if dropped else None


def _cut_short(hand: Hand, calls: Calls) -> Calls | None:
    return calls[: hand.rng.randrange(len(calls))] if calls else None


def _one_twice(hand: Hand, calls: Calls) -> Calls | None:
    return hand.insert(calls, hand.rng.choice(calls)) if calls else None


def _all_twice(hand: Hand, calls: Calls) -> Calls | None:
    return calls + calls if calls else None


def _in_another_order(hand: Hand, calls: Calls) -> Calls | None:
    shuffled = hand.rng.sample(calls, len(calls))
    return shuffled if shuffled != calls else None


def _writes_backwards(hand: Hand, calls: Calls) -> Calls | None:
    writes = _writes_only(hand, calls)
    return _reads_only(hand, calls) + writes[::-1] if len(writes) > 1 else None


# --- other arguments ------------------------------------------------------------------------------


def _wrong_type(hand: Hand, calls: Calls) -> Calls | None:
    def retyped(call: ToolCall) -> ToolCall:
        name = hand.rng.choice(list(call.arguments))
        return with_argument(call, name, hand.other(_VALUES, call.arguments[name]))

    return hand.change(calls, retyped, where=lambda call: call.arguments)


def _missing_argument(hand: Hand, calls: Calls) -> Calls | None:
    def poorer(call: ToolCall) -> ToolCall:
        dropped = hand.rng.sample(list(call.arguments), hand.rng.randint(1, len(call.arguments)))
        left = {name: value for name, value in call.arguments.items() if name not in dropped}
        return replace(call, arguments=left)

    return hand.change(calls, poorer, where=lambda call: call.arguments)


def _extra_argument(hand: Hand, calls: Calls) -> Calls | None:
    names = ("note", "order", "item_id", "confirm")
    return hand.change(calls, lambda call: with_argument(call, hand.rng.choice(names), "yes"))


# --- calls besides --------------------------------------------------------------------------------


def _extra_reads(hand: Hand, calls: Calls) -> Calls:
    return hand.insert(calls, *(hand.read() for _ in range(hand.rng.randint(1, 4))))


def _extra_write(hand: Hand, calls: Calls) -> Calls:
    return hand.insert(calls, hand.write())


def _failing_call(hand: Hand, calls: Calls) -> Calls:
    return hand.insert(calls, hand.failing())


def _unknown_tool(hand: Hand, calls: Calls) -> Calls:
    return hand.insert(calls, hand.strange())


def _unknown_tool_instead(hand: Hand, calls: Calls) -> Calls | None:
    return hand.change(calls, lambda call: replace(call, name=f"{call.name}s"))


def _call_by_the_user(hand: Hand, calls: Calls) -> Calls:
    call = hand.rng.choice([hand.read(), hand.write()])
    return hand.insert(calls, replace(call, requestor="user"))


def _write_by_the_user(hand: Hand, calls: Calls) -> Calls | None:
    return hand.change(calls, lambda call: replace(call, requestor="user"), where=hand.is_write)


# --- all ------------------------------------------------------------------------------------------


def named(*mutations: Mutate) -> dict[str, Mutate]:
    """The mutations by their names in words."""
    return {mutate.__name__.strip("_").replace("_", " "): mutate for mutate in mutations}


def with_several(kinds: Mapping[str, Mutate]) -> Mapping[str, Mutate]:
    """The kinds, and one that makes two or three of them, one after the other."""

    def several(hand: Hand, calls: Calls) -> Calls:
        for mutate in hand.rng.sample(list(kinds.values()), hand.rng.randint(2, 3)):
            calls = mutate(hand, list(calls)) or calls
        return calls

    return {**kinds, "several": several}


COMMON: Mapping[str, Mutate] = named(
    _gold,
    _nothing,
    _reads_only,
    _writes_only,
    _without_one,
    _without_a_write,
    _cut_short,
    _one_twice,
    _all_twice,
    _in_another_order,
    _writes_backwards,
    _wrong_type,
    _missing_argument,
    _extra_argument,
    _extra_reads,
    _extra_write,
    _failing_call,
    _unknown_tool,
    _unknown_tool_instead,
    _call_by_the_user,
    _write_by_the_user,
)
"""The ways to go right or wrong in any domain, by name."""
