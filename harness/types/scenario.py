"""Who the user is and what it wants: in prose for language models, in parts for scripts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.types.messages import ToolCall


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing the simulated user knows and tells when asked.

    ``about``: what it is, as a question would put it ("which payment method to use").
    ``asked_by``: lower-case words; a question that contains one of them is a question for this
    fact. ``says``: wordings of the answer. ``recognised_by`` and ``conflicts_with``: lower-case
    phrases by which the user recognises that a proposal respects, or contradicts, what it knows.
    ``needed_for``: names of tool arguments that cannot be filled in before this is told.
    ``volunteered``: already told in the request's opening.
    """

    about: str
    asked_by: tuple[str, ...]
    says: tuple[str, ...]
    recognised_by: tuple[str, ...] = ()
    conflicts_with: tuple[str, ...] = ()
    needed_for: tuple[str, ...] = ()
    volunteered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """A change of mind: the user first wants ``proposal``, and when it is offered says one of
    ``says``.
    """

    proposal: ToolCall
    says: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One thing the user wants from the conversation.

    ``says``: wordings of the opening. ``want``: the write that fulfils it; None where the right
    outcome is to refuse or to transfer. ``verbs``: lower-case words, one of which an offer to carry
    it out contains. ``refusal``: why it must be refused, as the agent would put it.
    """

    kind: str
    says: tuple[str, ...]
    facts: tuple[Fact, ...] = ()
    want: ToolCall | None = None
    verbs: tuple[str, ...] = ()
    outcome: Literal["done", "refused", "transferred"] = "done"
    refusal: str = ""
    revision: Revision | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Who the user is and what it wants: in prose for language models, as requests for scripted
    users.

    ``identity`` are the facts that hold for the whole conversation (who I am). ``requests`` are in
    the order in which the user brings them up.
    """

    reason: str
    known: str = ""
    unknown: str = ""
    instructions: str = ""
    persona: str = ""
    identity: tuple[Fact, ...] = ()
    requests: tuple[Request, ...] = ()
