"""Put one request together: what it opens with, what is told when asked, what is called."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from harness.types import Fact, Json, Request, Revision, ToolCall
from harness_taskkit.choices import Choice
from harness_taskkit.wording import vary


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

    def features(self, kind: str) -> set[str]:
        """The kind or why it is refused, and what the choices bring."""
        return {f"refuse_{self.flaw}" if self.flaw else kind}.union(
            *(choice.features for choice in self.choices)
        )
