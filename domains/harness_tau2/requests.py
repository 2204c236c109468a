"""Turn the gold calls of an official task into what a scripted user asks for and knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from harness.protocols import World
from harness.types import Fact, Json, Request, ToolCall

TRANSFER = "transfer_to_human_agents"

_READING = ("calculate", "check", "find", "get", "list", "search", "think", "transfer")
"""How the names of official tools begin that change nothing, in all domains."""

_SYNONYMS = ("modify", "change", "update")


@dataclass(frozen=True, slots=True)
class About:
    """How arguments are asked for, and how their value is told; several are told together."""

    names: tuple[str, ...]
    noun: str
    asked_by: tuple[str, ...]
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """What a domain knows of its own calls. Without it, names of tools and arguments must do.

    ``writes``: names of tools. ``arguments``: all that users tell, in that order. ``alternatives``:
    values that an agent might take for that of an argument. ``world``: a fresh one, where gold
    writes that fail are to be known.
    """

    writes: frozenset[str] | None = None
    arguments: tuple[About, ...] = ()
    alternatives: Callable[[str, ToolCall], Sequence[str]] = lambda name, call: ()
    world: Callable[[], World] | None = None

    def is_write(self, call: ToolCall) -> bool:
        """Whether the agent changes something by the call."""
        if self.writes is not None:
            return call.name in self.writes
        return call.requestor == "agent" and not call.name.startswith(_READING)

    def told(self, call: ToolCall) -> Sequence[About]:
        return self.arguments or [_by_name(name) for name in call.arguments]


BY_NAME = Telling()
"""For files of domains that may not be installed here."""


def identity_fact(known: str) -> Fact:
    """Who the user is, as far as the scenario says."""
    return Fact(
        about="who you are",
        asked_by=("name", "email", "zip", "who you are", "user id", "identity"),
        says=(known,),
        needed_for=("email", "first_name", "last_name", "user_id"),
    )


def requests_of(
    reason: str, gold: Sequence[ToolCall], *, asks: bool, telling: Telling
) -> tuple[Request, ...]:
    """One request for each gold write, in order; at the end one for a transfer; at least one.

    ``asks``: whether the agent must say something. Gold writes that fail are wishes that must be
    refused. Where all that is to be done is the user's to do, it wants help.
    """
    failing = failing_writes(gold, telling)
    requests = [
        _write_request(call, telling) if number not in failing else _refused(call)
        for number, call in enumerate(gold)
        if telling.is_write(call)
    ]
    if any(call.name == TRANSFER for call in gold):
        requests.append(_plain("transfer", "Then let me talk to a human.", "transferred"))
    if asks and (not requests or requests[-1].outcome != "done"):
        requests.insert(0, _plain("question", "I have a question about this.", "done"))
    if not requests and any(call.requestor == "user" for call in gold):
        requests = [_plain("help", reason, "done")]
    first, *others = requests or [_plain("refusal", reason, "refused")]
    return (replace(first, says=(reason,)), *others)


def ticket_request(ticket: str, gold: Sequence[ToolCall]) -> Request:
    """What an agent without a user is to do; there is nobody whom it could ask for a yes."""
    transfers = any(call.name == TRANSFER for call in gold)
    return _plain("ticket", ticket, "transferred" if transfers else "done")


def failing_writes(
    gold: Sequence[ToolCall], telling: Telling, world: World | None = None
) -> frozenset[int]:
    """The indices of the gold writes that a fresh world answers with an error.

    Without a ``world`` it is the domain's own; none fails where that is unknown.
    """
    world = world or (telling.world() if telling.world else None)
    if world is None:
        return frozenset()
    failed = [world.call(call).is_error for call in gold]
    return frozenset(n for n, call in enumerate(gold) if failed[n] and telling.is_write(call))


def texts(value: Json) -> list[str]:
    """All different texts in a value, in order; an object, and a number, is one text."""
    if isinstance(value, list):
        return list(dict.fromkeys(text for part in value for text in texts(part)))
    if isinstance(value, dict):
        return [", ".join(text for part in value.values() for text in texts(part))]
    if isinstance(value, int | float):
        return [str(value)]
    return [value] if value is not None else []


def _plain(kind: str, says: str, outcome: Literal["done", "refused", "transferred"]) -> Request:
    return Request(kind=kind, says=(says,), outcome=outcome)


def _refused(call: ToolCall) -> Request:
    return _plain(call.name, _wish(call), "refused")


def _write_request(call: ToolCall, telling: Telling) -> Request:
    verb = call.name.partition("_")[0]
    return Request(
        kind=call.name,
        says=(_wish(call),),
        facts=tuple(_facts(call, telling)),
        want=call,
        verbs=_SYNONYMS if verb in _SYNONYMS else (verb,),
    )


def _wish(call: ToolCall) -> str:
    return f"I would like to {call.name.replace('_', ' ')}, please."


def _by_name(argument: str) -> About:
    noun = argument.removesuffix("s").removesuffix("_id").replace("_", " ")
    return About((argument,), f"the {noun}", (noun,), f"It is {noun} {{}}.")


def _facts(call: ToolCall, telling: Telling) -> Iterator[Fact]:
    wanted = {text for value in call.arguments.values() for text in texts(value)}
    for about in telling.told(call):
        name, *others = about.names
        if others:
            yield from _together(about, call)
            continue
        for text in texts(call.arguments.get(name)):
            yield Fact(
                about=about.noun,
                asked_by=about.asked_by,
                says=(about.says.format(text),),
                recognised_by=(text.lower(),),
                conflicts_with=tuple(
                    other.lower()
                    for other in telling.alternatives(name, call)
                    if other not in wanted
                ),
                needed_for=(name,),
            )


def _together(about: About, call: ToolCall) -> Iterator[Fact]:
    parts = [text for name in about.names for text in texts(call.arguments.get(name)) if text]
    if about.names[0] in call.arguments:
        yield Fact(
            about=about.noun,
            asked_by=about.asked_by,
            says=(about.says.format(", ".join(parts)),),
            recognised_by=(parts[0].lower(),),
            needed_for=about.names,
        )
