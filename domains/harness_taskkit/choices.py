"""What a customer decides in a request: arguments, the fact that tells them, a change of mind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from harness.types import Fact, Json
from harness_taskkit.wording import revised


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstThought:
    """What the customer wants until it is offered; ``says`` stand in the opening."""

    arguments: Mapping[str, Json]
    says: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One decision: the arguments it fills in and the fact that tells it.

    ``refusal`` is why it must be refused, "" if it need not be. With ``first``, the fact is what
    the customer says when it changes its mind.
    """

    arguments: Mapping[str, Json]
    fact: Fact
    features: frozenset[str] = frozenset()
    refusal: str = ""
    first: FirstThought | None = None


def fact_of(
    about: str,
    asked_by: str,
    says: Sequence[str],
    needed_for: str,
    right: Sequence[str] = (),
    wrong: Sequence[str] = (),
) -> Fact:
    """A fact: phrases of ``asked_by`` have slashes between them, names of arguments spaces.

    ``right`` and ``wrong`` are the phrases that it is recognised by and conflicts with.
    """
    return Fact(
        about=about,
        asked_by=tuple(asked_by.split("/")),
        says=tuple(says),
        recognised_by=tuple(right),
        conflicts_with=tuple(wrong),
        needed_for=tuple(needed_for.split()),
    )


def told_of(facts: Sequence[Fact], *arguments: str) -> str:
    """What the facts say that one of the arguments needs."""
    return " ".join(fact.says[0] for fact in facts if {*arguments} & {*fact.needed_for})


def changed(choice: Choice, first: FirstThought, openings: Sequence[str]) -> Choice:
    """The choice as a change of mind after a first thought; ``openings`` announce it."""
    says = revised(choice.fact.says, openings)
    return replace(
        choice,
        fact=replace(choice.fact, says=says, volunteered=True),
        features=choice.features | {"change_of_mind"},
        first=first,
    )


def instead(fact: Fact) -> Fact:
    """Who the customer is, as told when the first look-up has found nobody."""
    return replace(
        fact,
        about="other details to find you by instead",
        asked_by=("instead", "not found", "could not find"),
    )
