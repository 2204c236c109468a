"""The shape of what a writer hands in, and what can be wrong with it in words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import BaseModel, Field

from harness.llm.explorer import Exploration
from harness.llm.quoting import phrases
from harness.protocols import Domain
from harness.types import Json, ToolCall

Text = Annotated[str, Field(min_length=1, max_length=400)]
Word = Annotated[str, Field(min_length=2, max_length=60)]


class WrittenFact(BaseModel):
    """One thing the customer knows about a request."""

    about: Text
    asked_by: list[Word] = Field(min_length=1, max_length=8)
    says: list[Text] = Field(min_length=1, max_length=3)
    recognised_by: list[Word] = Field(default_factory=list, max_length=8)
    conflicts_with: list[Word] = Field(default_factory=list, max_length=8)
    needed_for: list[str] = Field(min_length=1, max_length=12)
    volunteered: bool


class WrittenRequest(BaseModel):
    """One thing the customer wants."""

    change: int = Field(description="The number of the wanted change")
    opening: list[Text] = Field(min_length=1, max_length=3)
    facts: list[WrittenFact] = Field(min_length=1, max_length=8)


class WrittenTask(BaseModel):
    """What a customer says who wants all the changes."""

    reason: Text
    unknown: str = Field("", max_length=800)
    instructions: str = Field(min_length=1, max_length=2000)
    persona: str = Field("", max_length=400)
    requests: list[WrittenRequest] = Field(min_length=1, max_length=6)
    must_say: list[Text] = Field(default_factory=list, max_length=4)


def objections_to(draft: WrittenTask, found: Exploration, domain: Domain) -> list[str]:
    """What keeps a draft from being a task about the explored changes; [] if nothing does."""
    return [
        *_miscounted(draft, found),
        *_revealed(draft, found),
        *_unfounded(draft, found),
        *_unsettled(draft, found, domain),
        *_self_defeating(draft, found),
    ]


def _miscounted(draft: WrittenTask, found: Exploration) -> list[str]:
    given = [request.change for request in draft.requests]
    wanted = list(range(1, len(found.writes) + 1))
    if given == wanted:
        return []
    return [
        f"requests: one for each of the changes {wanted} in this order is wanted, found {given}"
    ]


def _revealed(draft: WrittenTask, found: Exploration) -> Iterator[str]:
    """Ids that customers do not know but the draft tells."""
    text = " ".join(_all_text(draft))
    for key in dict.fromkeys(key for call in found.writes for key in _ids(call)):
        if re.search(rf"(?<!\w){re.escape(key)}(?!\w)", text):
            yield f"the id {key!r} is told, which no customer knows"


def _unfounded(draft: WrittenTask, found: Exploration) -> Iterator[str]:
    """What the agent must say though no tool answers it."""
    answers = " ".join(found.answers).lower().replace(",", "")
    for text in draft.must_say:
        if text.lower() not in answers:
            yield f"must_say: {text!r} is in no tool's answer (write it without commas)"


def _unsettled(draft: WrittenTask, found: Exploration, domain: Domain) -> Iterator[str]:
    """Arguments that neither a fact nor a look-up settles, and facts for no argument."""
    shapes = (tool.parameters.get("properties") for tool in domain.tools)
    arguments = {name for shape in shapes if isinstance(shape, Mapping) for name in shape}
    answers = " ".join(found.looked_up)
    for request, want in zip(draft.requests, found.writes, strict=False):
        settled = {name for fact in request.facts for name in fact.needed_for}
        for name in sorted(settled - arguments):
            yield f"needed_for: {name!r} is no argument of any tool"
        for name, value in want.arguments.items():
            if name not in settled and not all(str(v) in answers for v in _leaves(value)):
                yield f"needed_for: no fact of change {request.change} settles {name!r}"


def _self_defeating(draft: WrittenTask, found: Exploration) -> Iterator[str]:
    """Phrases by which the customer would turn down the very change it wants."""
    for request, want in zip(draft.requests, found.writes, strict=False):
        values = (str(v) for value in want.arguments.values() for v in _leaves(value))
        wanted = " ".join(values).lower().replace("_", " ")
        for fact in request.facts:
            hit = [phrase for phrase in phrases(fact.conflicts_with) if phrase in wanted]
            if hit and not any(phrase in wanted for phrase in phrases(fact.recognised_by)):
                yield f"conflicts_with: {hit[0]!r} is in the wanted change {request.change} itself"


def _all_text(draft: WrittenTask) -> Iterator[str]:
    yield from (draft.reason, draft.instructions, draft.persona)
    for request in draft.requests:
        yield from request.opening
        for fact in request.facts:
            yield from (fact.about, *fact.says)


def _ids(call: ToolCall) -> Iterator[str]:
    """The values of a call's ``*_id`` and ``*_ids`` arguments."""
    for name, value in call.arguments.items():
        if name.endswith(("_id", "_ids")):
            yield from (str(leaf) for leaf in _leaves(value))


def _leaves(value: Json) -> Iterator[str | int | float | bool | None]:
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        yield value
        return
    for part in value:
        yield from _leaves(part)
