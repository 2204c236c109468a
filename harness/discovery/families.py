"""Turn kinds of mistakes into the families that a reader thinks in.

The first three are those of the published analysis of failures on retail (Eigen AI, "Teaching
Tool-Use Agents from Their Own Mistakes", 2026-05-04); policy judgement is our own addition.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from harness.types import ErrorPattern
from harness.types.messages import Tool

SELECTION = "Item and argument selection"
CONTROL = "Execution control"
JUDGEMENT = "Policy judgement"
OTHER = "Other"

KINDS: Mapping[str, tuple[str, ...]] = {
    CONTROL: (
        "missing_step", "missing_confirmation", "repeated_call", "gave_up", "no_progress",
        "stopped_early", "wrong_order_of_steps", "extra_write", "not_said", "invalid_call",
        "wrong_state",
    ),
    JUDGEMENT: (
        "should_have_refused", "should_have_acted", "needless_transfer", "missing_transfer",
    ),
    SELECTION: ("wrong_tool", "wrong_argument", "invalid_argument"),
}  # fmt: skip
"""The kinds of mistakes that have one name everywhere, by family. Others are "wrong_NOUN", of the
noun that a tool has for the argument: "wrong_order", "wrong_variant".
"""

_WORDS: Mapping[str, tuple[str, ...]] = {
    CONTROL: ("confirm", "loop", "repeat", "stop", "end", "step", "missing", "early", "progress"),
    JUDGEMENT: ("policy", "refus", "transfer", "escalat", "deni"),
    SELECTION: ("wrong", "argument", "item", "variant", "value", "payment", "address", "mix"),
}


GROUNDING = "Precise grounding"
RECORDS = "Multi-record reasoning"
HORIZON = "Long-horizon execution"
COMPLIANCE = "Policy compliance"
COORDINATION = "Coordination with the user"

_USER = ("user", "customer", "account")
"""Nouns of what identifies the user itself."""

CAPABILITIES = (GROUNDING, RECORDS, HORIZON, COMPLIANCE, COORDINATION, OTHER)
"""What an agent can lack in any domain. ``OTHER`` has the kinds that tell nothing of it."""

_BY_FAMILY: Mapping[str, str] = {
    SELECTION: GROUNDING, CONTROL: HORIZON, JUDGEMENT: COMPLIANCE, OTHER: OTHER,
}  # fmt: skip

_BY_KIND: Mapping[str, str] = {
    "missing_confirmation": COORDINATION,
    "not_said": COORDINATION,
    "invalid_call": GROUNDING,
    "wrong_state": OTHER,
}
"""Kinds that are of another sort than the rest of their family."""


def capability(kind: str, records: Sequence[str], *, guided: bool = False) -> str:
    """Which of ``CAPABILITIES`` a mistake of this kind says the agent lacks.

    records: see ``family``. ``guided``: the mistake is about what the user was to do, with a tool
    of its own.
    """
    if guided:
        return COORDINATION
    return _BY_KIND.get(_slug(kind)) or _BY_FAMILY.get(family(kind, records), RECORDS)


def pattern_capability(pattern: ErrorPattern, records: Sequence[str]) -> str:
    """Which of ``CAPABILITIES`` most members of a pattern lack, as far as their kinds tell.

    records: see ``family``.
    """
    return _most(pattern, lambda kind: capability(kind, records))


def with_families(patterns: Sequence[ErrorPattern], tools: Sequence[Tool]) -> list[ErrorPattern]:
    """The patterns, each with the family that most of its members' kinds belong to."""
    records = record_nouns(tools)
    return [replace(p, family=_most(p, lambda kind: family(kind, records))) for p in patterns]


def _most(pattern: ErrorPattern, name_of: Callable[[str], str]) -> str:
    votes: Counter[str] = Counter()
    for kind, count in pattern.kinds.items():
        votes[name_of(kind)] += count
    return votes.most_common(1)[0][0] if votes else OTHER


def family(kind: str, records: Sequence[str] = ("order",)) -> str:
    """The family of a mistake kind, known or not; ``OTHER`` if nothing in it tells.

    records: the nouns of what one user may have several of (see ``record_nouns``).
    """
    slug = _slug(kind)
    for name, kinds in KINDS.items():
        if slug in kinds:
            return name
    plain = slug.replace("_", " ")
    for noun in records:
        if plain in (f"wrong {noun}", f"wrong {noun} id", f"mixed {noun}s", f"confused {noun}s"):
            return multi_record(noun)
    words = plain.split()
    for name, stems in _WORDS.items():
        if any(word.startswith(stem) for word in words for stem in stems):
            return name
    return OTHER


def _slug(kind: str) -> str:
    return kind.strip().lower().replace(" ", "_").replace("-", "_")


def multi_record(noun: str) -> str:
    """The family of mistaking one record for another: "Multi-order reasoning" for orders."""
    return f"Multi-{noun} reasoning"


def record_nouns(tools: Sequence[Tool]) -> list[str]:
    """The nouns of arguments by which a write acts on a record that a look-up shows by it alone, or
    by it and who the user is.

    In retail: "order"; in telecom: "line". The user is one record and no such noun.
    """
    alone = {name for tool in tools if tool.kind == "read" for name in _single(tool)}
    written = [(tool, name) for tool in tools if tool.kind == "write" for name in _records(tool)]
    return list(dict.fromkeys(_noun(tool, name) for tool, name in written if name in alone))


def _single(tool: Tool) -> list[str]:
    names = _records(tool)
    return names if len(names) == 1 else []


def _records(tool: Tool) -> list[str]:
    """The arguments of a tool but for those that say who the user is."""
    return [name for name in _names(tool) if _noun(tool, name) not in _USER]


def _noun(tool: Tool, argument: str) -> str:
    return tool.noun(argument).removesuffix(" id")


def _names(tool: Tool) -> list[str]:
    properties = tool.parameters.get("properties")
    return list(properties) if isinstance(properties, Mapping) else []
