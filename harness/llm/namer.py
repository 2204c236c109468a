"""Turn error patterns into ones with names and descriptions that a chat model has written."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from pydantic import BaseModel, Field

from harness.llm.prompts import prompt
from harness.llm.quoting import plain, quoted
from harness.llm.structured import Form, fill_in
from harness.protocols import ChatClient
from harness.types import Diagnosis, ErrorPattern

SHOWN = 12
"""Explanations of a pattern that the model reads: its exemplars', then others from all over it."""

LONGEST = 400
"""Characters of one explanation that it reads."""


class Label(BaseModel):
    """What a group of mistakes is called."""

    name: str = Field(min_length=3, max_length=60, description="A short noun phrase")
    description: str = Field(min_length=10, max_length=200, description="One sentence")


LABEL = Form(name="label", description="Give the group its name.", shape=Label)

_ID = re.compile(r"#\w*\d|\d{4,}|\w+_\w*\d")


class LLMNamer:
    """Asks once for each pattern, and once more where the answer cannot be used."""

    def __init__(self, chat: ChatClient) -> None:
        self.chat = chat

    @property
    def name(self) -> str:
        return f"{self.chat.provider}:{self.chat.model}"

    @property
    def version(self) -> str:
        """That of the prompt."""
        return prompt("name").version

    async def label(
        self, pattern: ErrorPattern, members: Sequence[Diagnosis], others: Sequence[str]
    ) -> ErrorPattern:
        """The pattern with the model's words; ``others`` are the names to tell it apart from.

        Raises ``RolloutFault`` ("infrastructure_fault") if two answers in a row cannot be used.
        """
        about = prompt("name")
        label = await fill_in(
            LABEL,
            self.chat,
            case_of(pattern, members, others),
            system=about.text,
            version=about.version,
            check=lambda label: _objections(label, others),
        )
        return replace(
            pattern,
            name=plain(label.name),
            description=plain(label.description),
            named_by=self.name,
        )


def case_of(pattern: ErrorPattern, members: Sequence[Diagnosis], others: Sequence[str]) -> str:
    """The pattern as quoted data."""
    tools = Counter(d.tool for d in members if d.tool).most_common(5)
    lines = [
        "# The group",
        f"failures: {len(members)}",
        *(f"kind {quoted(kind)}: {count}" for kind, count in pattern.kinds.items()),
        *(f"tool {quoted(tool)}: {count}" for tool, count in tools),
        "# What was said of some of them",
        *(quoted(diagnosis.summary, LONGEST) for diagnosis in shown(pattern, members)),
        "# The other groups",
        *(map(quoted, others) if others else ["(there are none)"]),
    ]
    return "\n".join(lines)


def shown(pattern: ErrorPattern, members: Sequence[Diagnosis]) -> list[Diagnosis]:
    """Members whose explanations differ: the exemplars, then some from all over the pattern."""
    first = [d for d in members if d.trajectory_id in pattern.exemplars]
    rest = [d for d in members if d.trajectory_id not in pattern.exemplars]
    step = max(1, len(rest) // SHOWN)
    distinct = {diagnosis.summary: diagnosis for diagnosis in reversed([*first, *rest[::step]])}
    return list(reversed(distinct.values()))[:SHOWN]


def _objections(label: Label, others: Sequence[str]) -> list[str]:
    wrong = [
        f"{field}: it holds an id or a number ({found[0]!r}); name the mistake, not one case of it"
        for field, text in (("name", label.name), ("description", label.description))
        if (found := _ID.search(text))
    ]
    if label.name.strip().casefold() in {other.casefold() for other in others}:
        wrong.append("name: another group is called so")
    return wrong
