"""Turn what a record says of its conversation into a verdict: by a field, by a condition, or as the
file's format has it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isfinite

from harness.errors import ConfigError
from harness.interchange.expressions import Expression, Unknown, field_of
from harness.runtime.foreign_text import clean
from harness.types import Episode, Grade, Json, Score

NO_OUTCOME = "no outcome is recorded"
DID_THE_TASK = "The agent did all that the user asked for and its policy allows, correctly."
"""What a judge decides where nothing else says how a conversation ended."""

_GOOD = frozenset(
    {"success", "succeeded", "pass", "passed", "ok", "true", "yes", "resolved", "correct", "c",
     "good", "done", "solved", "completed", "y", "positive", "up", "thumbs_up", "thumbs up", "👍"}
)  # fmt: skip
_BAD = frozenset(
    {"failure", "failed", "fail", "error", "false", "no", "unresolved", "incorrect", "wrong", "i",
     "bad", "unsolved", "incomplete", "n", "negative", "down", "thumbs_down", "thumbs down", "👎"}
)  # fmt: skip
_SHOWN = 12
"""Fields that an error lists."""


def by_field(
    episodes: Sequence[Episode], originals: Mapping[str, Mapping[str, Json]], path: str
) -> list[Episode]:
    """The episodes with the verdict in a field of their records, where it says one.

    True, words like "passed" and 1 are successes; false, words like "failed" and smaller numbers
    are not. Raises ``ConfigError`` if no record has a verdict there, for a scale such as stars, of
    which only the reader knows what is good, and where all verdicts are the same beside words that
    are none: those may be the other ones.
    """
    values = [_at(originals.get(episode.trajectory.id, {}), path) for episode in episodes]
    _refuse_scale(values, path)
    _refuse_one_sided(values, path)
    found = [settled(e, verdict(v)) for e, v in zip(episodes, values, strict=True)]
    if not any(episode.grade.is_decided for episode in found):
        raise ConfigError(
            f"no record has a verdict in the field {path!r}",
            hint=f"{_fields(originals)} A verdict is true or false, a number (1 is a success), or "
            "a word such as 'passed'; for anything else use --failed-if.",
        )
    return found


def _refuse_scale(values: Sequence[Json], path: str) -> None:
    numbers = [number for value in values if (number := _number(value)) is not None]
    if numbers and max(numbers) > 1:
        low, high = min(numbers), max(numbers)
        raise ConfigError(
            f"the field {path!r} has numbers from {low:g} to {high:g}: which of them are failures?",
            hint=f"Name the limit, such as --failed-if '{path} < {high:g}'.",
        )


def _refuse_one_sided(values: Sequence[Json], path: str) -> None:
    found = {verdict(value) for value in values} - {None}
    unknown = Counter(v for v in values if isinstance(v, str) and v and verdict(v) is None)
    if len(found) == 1 and unknown:
        most = {clean(value, 30): count for value, count in unknown.most_common(_SHOWN)}
        raise ConfigError(
            f"the field {path!r} has words that are no verdict "
            f"({', '.join(f'{word!r}: {count}' for word, count in most.items())}), and all others "
            f"are {'successes' if True in found else 'failures'}",
            hint=f'Name the failures, such as --failed-if "{path} in {list(most)}".',
        )


def _number(value: Json) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if isfinite(number) else None


def by_condition(
    episodes: Sequence[Episode], originals: Mapping[str, Mapping[str, Json]], condition: str
) -> list[Episode]:
    """The episodes, failed where the condition holds (see ``Expression``). It also reads
    ``facts_of`` the conversation, unless the record has a field of that name.

    Raises ``ConfigError`` if it can be told of no record.
    """
    expression = Expression(condition)
    found = []
    for episode in episodes:
        record = {**facts_of(episode), **originals.get(episode.trajectory.id, {})}
        failed = expression.holds(record)
        found.append(settled(episode, None if failed is None else not failed))
    if not any(episode.grade.is_decided for episode in found):
        facts = ", ".join(facts_of(episodes[0])) if episodes else ""
        raise ConfigError(
            f"it can be told of no record whether {condition!r} holds",
            hint=f"{_fields(originals)} Each conversation has: {facts}.",
        )
    return found


def by_judge(episodes: Sequence[Episode]) -> list[Episode]:
    """The episodes without a verdict, left to a judge to decide."""
    grade = Grade(success=True, unjudged=(DID_THE_TASK,))
    return [e if e.grade.is_decided else replace(e, grade=grade) for e in episodes]


def settled(episode: Episode, success: bool | None) -> Episode:
    """The episode with that verdict; None: there is none."""
    if success is None:
        grade = Grade(success=False, ungradeable=NO_OUTCOME)
        return replace(episode, grade=grade, score=Score(success=False))
    return replace(
        episode,
        grade=Grade(success=success),
        score=Score(success=success, total=float(success)),
    )


def verdict(value: Json) -> bool | None:
    """Whether the value says that all went well; None if it says neither."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value >= 1
    if isinstance(value, str):
        word = value.strip().casefold()
        if (number := _number(word)) is not None:
            return bool(number) if number in (0, 1) else None
        return True if word in _GOOD else False if word in _BAD else None
    return None


def facts_of(episode: Episode) -> dict[str, Json]:
    """What a condition can ask of every conversation: the numbers of ``messages``, ``calls`` and
    ``errors``, the ``tools`` called, the ``last`` text and its ``last_role``, how it ``ended``.
    """
    trajectory = episode.trajectory
    texts = [m for m in trajectory.messages if m.role != "tool" and m.content]
    return {
        "messages": len(trajectory.messages),
        "calls": len(trajectory.calls),
        "errors": sum(message.is_error for message in trajectory.messages),
        "tools": [call.name for call in trajectory.calls],
        "last": texts[-1].content if texts else "",
        "last_role": texts[-1].role if texts else "",
        "ended": trajectory.ended,
    }


def candidates(originals: Mapping[str, Mapping[str, Json]]) -> list[str]:
    """The fields of the records that could be a verdict, those of most records first."""
    seen: Counter[str] = Counter()
    for record in originals.values():
        for name, value in record.items():
            inner = value.items() if isinstance(value, dict) else ()
            seen.update(f"{name}.{key}" for key, part in inner if verdict(part) is not None)
            seen.update([name] if verdict(value) is not None else [])
    return [name for name, _ in seen.most_common(_SHOWN)]


def _at(record: Mapping[str, Json], path: str) -> Json:
    try:
        return field_of(record, path)
    except Unknown:
        return None


def _fields(originals: Mapping[str, Mapping[str, Json]]) -> str:
    found = candidates(originals)
    if not found:
        return "The records have no field that could be a verdict."
    return f"Fields that could be one: {', '.join(found)}."
