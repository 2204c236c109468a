"""Put one request together: what it opens with, what is told when asked, what is called."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from harness.types import Fact, Json, Request, Revision, ToolCall
from harness_taskkit.choices import Choice
from harness_taskkit.wording import vary


class Operation(Protocol):
    """What carries a request out: a tool with its arguments, and the words of an offer to do it."""

    @property
    def tool(self) -> str: ...

    @property
    def arguments(self) -> tuple[str, ...]: ...

    @property
    def verbs(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A request with what the task needs besides: its gold call, and the features it has.

    ``gold`` is None where nothing is written. ``forbidden`` is what an agent would call that does
    not refuse; None if the request is granted. ``tell`` is what the agent must have said.
    """

    request: Request
    gold: ToolCall | None = None
    forbidden: ToolCall | None = None
    tell: tuple[str, ...] = ()
    features: frozenset[str] = frozenset()


def question(
    leads: Sequence[str],
    facts: Sequence[Fact],
    answer: str,
    rng: random.Random,
    *,
    kind: str = "question",
    verbs: tuple[str, ...],
) -> Draft | None:
    """The wish to know what the records hold; None if they do not.

    Facts that are not volunteered are withheld.
    """
    if not answer:
        return None
    request = Request(kind=kind, says=tuple(vary([leads], rng)), facts=tuple(facts), verbs=verbs)
    hides = any(not fact.volunteered for fact in facts)
    features = frozenset({kind, "withheld"} if hides else {kind})
    return Draft(request=request, tell=(answer,), features=features)


def transfer(request: Request, summary: str, *features: str) -> Draft:
    """What no tool serves: a human gets it, with that summary."""
    call = ToolCall(name="transfer_to_human_agents", arguments={"summary": summary})
    handed = replace(request, verbs=(*request.verbs, "transfer"), outcome="transferred")
    return Draft(request=handed, gold=call, features=frozenset(features))


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafter:
    """Makes a request of choices. ``flaw``: why it must be refused, "" if it need not be."""

    rng: random.Random
    choices: Sequence[Choice]
    flaw: str

    def told(
        self,
        facts: Sequence[Fact],
        ways: Sequence[Sequence[Fact]],
        *,
        hints: Sequence[Fact],
        withhold: bool,
        last: Sequence[Fact] = (),
    ) -> list[Fact]:
        """The facts that the opening tells.

        ``ways``: groups of facts each of which it can leave out as a whole; with ``withhold`` at
        least one is, or ``last`` if there are none. ``hints`` are left out every other time.
        """
        hidden: list[Fact] = []
        if hints and not self.flaw and self.rng.random() < 0.5:
            hidden += hints
        if withhold and ways:
            for way in self.rng.sample(ways, self.rng.randint(1, len(ways))):
                hidden += way
        elif withhold and not self.flaw:
            hidden += last
        return [fact for fact in facts if fact not in hidden]

    def openings(
        self,
        leads: Sequence[str],
        told: Sequence[Fact],
        *,
        hint: Sequence[str] = (),
        question: Sequence[str] = (),
    ) -> list[str]:
        """Texts with a lead, the ``hint`` and choices that are told, and a question if any."""
        parts = [leads, *(fact.says for fact in told if fact.says == hint)]
        for choice in self.choices:
            says = choice.fact.says if choice.first is None else choice.first.says
            if choice.fact in told and says:
                parts.append(says)
        return vary([*parts, question] if question else parts, self.rng)

    def arguments(self, known: Mapping[str, Json], *, final: bool) -> dict[str, Json]:
        """What is known with what was chosen; not ``final``: as it is before changes of mind."""
        filled = dict(known)
        for choice in self.choices:
            filled |= choice.arguments
            if choice.first is not None and not final:
                filled |= choice.first.arguments
        return filled

    def request(
        self,
        kind: str,
        says: Sequence[str],
        facts: Sequence[Fact],
        told: Sequence[Fact],
        *,
        call: ToolCall,
        proposal: ToolCall,
        verbs: tuple[str, ...],
        refusal: str = "",
    ) -> Request:
        """The request: ``call`` is wanted in the end, ``proposal`` before a change of mind.

        ``refusal`` is why, where no choice says it.
        """
        revised = next((choice for choice in self.choices if choice.first is not None), None)
        refusals = (choice.refusal for choice in self.choices if choice.refusal)
        return Request(
            kind=kind,
            says=tuple(says),
            facts=tuple(replace(fact, volunteered=fact in told) for fact in facts),
            want=None if self.flaw else call,
            verbs=verbs,
            outcome="refused" if self.flaw else "done",
            refusal=refusal or next(refusals, ""),
            revision=Revision(proposal=proposal, says=revised.fact.says) if revised else None,
        )

    def call(
        self, operation: Operation, known: Mapping[str, Json], *, final: bool = True
    ) -> ToolCall:
        """The operation's call with what is known and what was chosen."""
        filled = self.arguments(known, final=final)
        arguments = {name: filled[name] for name in operation.arguments if name in filled}
        return ToolCall(name=operation.tool, arguments=arguments)

    def draft(
        self,
        kind: str,
        operation: Operation,
        known: Mapping[str, Json],
        says: Sequence[str],
        facts: Sequence[Fact],
        told: Sequence[Fact],
        *,
        refusal: str = "",
        answer: str = "",
        features: Collection[str] = (),
    ) -> Draft:
        """The request with the call that it wants, or is refused; ``answer`` is to be told.

        ``features`` are those that do not follow from choices, facts and answer.
        """
        call = self.call(operation, known)
        request = self.request(
            kind,
            says,
            facts,
            told,
            call=call,
            proposal=self.call(operation, known, final=False),
            verbs=operation.verbs,
            refusal=refusal,
        )
        named = {"withheld": len(told) < len(facts), "amount": bool(answer)}
        return Draft(
            request=request,
            gold=None if self.flaw else call,
            forbidden=call if self.flaw else None,
            tell=(answer,) if answer else (),
            features=frozenset(
                self.features(kind).union(features, (name for name in named if named[name]))
            ),
        )

    def features(self, kind: str) -> set[str]:
        """The kind or why it is refused, and what the choices bring."""
        return {f"refuse_{self.flaw}" if self.flaw else kind}.union(
            *(choice.features for choice in self.choices)
        )
