"""Turn patterns named by their terms into ones that a chat model has named, where one is
configured.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.assembly.components import Components
from harness.errors import RolloutFault, awaited, plugin_boundary
from harness.evaluation.in_order import in_order
from harness.protocols import PatternNamer
from harness.types import Diagnosis, ErrorPattern, Json


def name_patterns(
    parts: Components,
    patterns: Sequence[ErrorPattern],
    diagnoses: Sequence[Diagnosis],
    previous: Sequence[ErrorPattern] = (),
) -> tuple[list[ErrorPattern], Mapping[str, Json]]:
    """The patterns with names, and facts about the naming: {} without a chat model.

    A pattern that comes back keeps what the same chat model called it. Where the model has no
    usable answer, or calls two patterns the same, the distinctive terms stay; both are counted.
    """
    namer = parts.namer
    if namer is None:
        return list(patterns), {}
    known = {p.id: p for p in previous if p.named_by == namer.name}
    answers = _answers(parts, namer, patterns, diagnoses, known)
    faults = [answer for answer in answers if isinstance(answer, str)]
    labelled = [
        pattern if isinstance(answer, str) else answer
        for answer, pattern in zip(answers, patterns, strict=True)
    ]
    named = _told_apart(labelled, patterns)
    if faults:
        lost = f"{len(faults)} of {len(patterns)} patterns"
        parts.notify("warning", message=f"{namer.name} gave no usable name for {lost}: {faults[0]}")
    info: dict[str, Json] = {
        "by": namer.name,
        "prompt": namer.version,
        "named": sum(bool(p.named_by) for p in named),
        "kept": sum(p.id in known for p in patterns),
        "unusable": len(faults),
        "alike": sum(not p.named_by for p in named) - len(faults),
    }
    return named, info


def _answers(
    parts: Components,
    namer: PatternNamer,
    patterns: Sequence[ErrorPattern],
    diagnoses: Sequence[Diagnosis],
    known: Mapping[str, ErrorPattern],
) -> list[ErrorPattern | str]:
    """Each pattern with its name, or why it has none, in order; known ones are not asked for."""
    said = {d.trajectory_id: d for d in diagnoses}
    names = {p.id: known.get(p.id, p).name for p in patterns}

    async def one(pattern: ErrorPattern) -> ErrorPattern | str:
        if old := known.get(pattern.id):
            return _called(pattern, old)
        members = [said[id] for id in pattern.members if id in said]
        others = [name for id, name in names.items() if id != pattern.id]
        try:
            doing = f"name for pattern {pattern.id}"
            with plugin_boundary(parts.plugins.namer, doing, faults=True):
                named = namer.label(pattern, members, others)
                return await awaited(ErrorPattern, named, "label()")
        except RolloutFault as fault:
            return str(fault)

    return in_order(parts.executor, one, patterns, stays_here=True, plugin=parts.plugins.executor)


def _called(pattern: ErrorPattern, old: ErrorPattern) -> ErrorPattern:
    return replace(pattern, name=old.name, description=old.description, named_by=old.named_by)


def _told_apart(
    named: Sequence[ErrorPattern], before: Sequence[ErrorPattern]
) -> list[ErrorPattern]:
    """The patterns; of several with one name, all but the first have the name they had before."""
    seen: Counter[str] = Counter(p.name.casefold() for p in named if not p.named_by)
    found = []
    for pattern, plain in zip(named, before, strict=True):
        if pattern.named_by and seen[pattern.name.casefold()]:
            found.append(plain)
            continue
        seen[pattern.name.casefold()] += 1
        found.append(pattern)
    return found
