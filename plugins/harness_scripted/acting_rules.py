"""Turn what a user was told to do, did, and said it saw into its violation of what it is to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from harness.types import ToolCall
from harness_scripted.acting import tells, told_call
from harness_scripted.finding import Finding, show
from harness_scripted.reading import Made, Reading
from harness_scripted.speech import claims, keeps_to_itself, mentions, normal


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One message of the agent to a user with tools of its own, and what came of it.

    ``call``: what it told the user to do; None if nothing, or nothing that can be made out.
    ``answer``: the index of what the user then said; -1 if nothing.
    """

    turn: int
    call: ToolCall | None
    acted: tuple[Made, ...]
    answer: int

    def did(self, call: ToolCall) -> Made | None:
        return next((made for made in self.acted if made.call.same_as(call)), None)


def acting_faults(reading: Reading) -> Iterator[Finding]:
    """What the user did otherwise than it was told, or told otherwise than it saw."""
    if not reading.user_tools or reading.grade.wanted == reading.grade.actual:
        return
    told = list(_told(reading))
    for rule in (_acted_otherwise, _left_undone, _misreported, _kept_to_itself):
        yield from rule(reading, told)


def _told(reading: Reading) -> Iterator[Told]:
    messages = reading.messages
    ends = [n for n, message in enumerate(messages) if message.role == "assistant"]
    for start, end in zip(ends, [*ends[1:], len(messages)], strict=True):
        if reading.is_text(start):
            said = [n for n in range(start + 1, end) if _is_said(reading, n)]
            yield Told(
                turn=start,
                call=told_call(messages[start].content, reading.domain.user_tools),
                acted=tuple(made for made in reading.acted if start < made.turn < end),
                answer=said[-1] if said else -1,
            )


def _is_said(reading: Reading, turn: int) -> bool:
    return reading.messages[turn].role == "user" and not reading.messages[turn].calls


def _acted_otherwise(reading: Reading, told: list[Told]) -> Iterator[Finding]:
    """An unwanted write of the user that it was not told to make."""
    unwanted = [made.turn for made in reading.user_unmatched[0]]
    for one in told:
        words = reading.messages[one.turn].content
        unclear = one.call is None and tells(words)
        for made in one.acted:
            is_unwanted = made.kind == "write" and made.turn in unwanted
            if unclear or not is_unwanted or mentions(normal(words), [made.call.name]):
                continue
            kind, why = "acted_unasked", "though nobody told it to"
            if one.call and not one.did(one.call):
                kind, why = "acted_otherwise", f"where it was told to make {show(one.call)}"
            yield _finding(kind, made.turn, f"The user made {show(made.call)} {why}.", made.call)


def _left_undone(reading: Reading, told: list[Told]) -> Iterator[Finding]:
    """A wanted write that the user was told to make, and did not."""
    missing = reading.user_unmatched[1]
    for one in told:
        call = one.call
        if call is None or one.acted or one.answer < 0:
            continue
        said = reading.messages[one.answer].content
        found = partial(_finding, turn=one.answer, call=call, said=said)
        if not any(call.same_as(other) for other in missing):
            continue
        if claims(said):
            yield found("claimed_undone", why=f"The user said that it made {show(call)}.")
        elif reading.trajectory.ended == "user_stop" and one is told[-1]:
            yield found("left_when_told", why=f"The user left when it was to make {show(call)}.")


def _misreported(reading: Reading, told: list[Told]) -> Iterator[Finding]:
    """A look of which the user told something else than it saw."""
    for one in told:
        made = one.did(one.call) if one.call else None
        if made is None or made.result is None or made.kind != "read" or one.answer < 0:
            continue
        said = reading.messages[one.answer].content
        if _contradicts(reading, made, _flat(said)):
            why = f"The user did not tell what {show(made.call)} showed: {made.result.content!r}."
            yield _finding("misreported", one.answer, why, made.call, said)


def _contradicts(reading: Reading, made: Made, said: str) -> bool:
    """Whether words tell what a look shows at another time, or numbers that nobody has named."""
    seen = _flat(made.result.content) if made.result else ""
    if seen in said:
        return False
    known = " ".join(_flat(message.content) for message in reading.messages[: made.turn])
    if set(_NUMBER.findall(said)) - set(_NUMBER.findall(f"{seen} {known}")):
        return True
    return any(text in said for text in _at_other_times(reading, made.call))


def _at_other_times(reading: Reading, call: ToolCall) -> set[str]:
    """What a look shows before the conversation, and after what is wanted."""
    before, after = reading.domain.open(reading.task), reading.domain.open(reading.task)
    for gold in reading.task.gold:
        after.call(gold)
    return {_flat(world.call(call).content) for world in (before, after)}


def _flat(content: str) -> str:
    return normal(" ".join(content.split()))


def _kept_to_itself(reading: Reading, told: list[Told]) -> Iterator[Finding]:
    """A look that the user said again and again it took, and nothing of what it saw."""
    silent: list[ToolCall] = []
    for one in told:
        call = one.call
        if call is None or one.answer < 0 or not one.did(call):
            continue
        said = reading.messages[one.answer].content
        tool = reading.user_tools.get(call.name)
        if tool is None or tool.kind != "read" or not keeps_to_itself(said):
            continue
        if any(call.same_as(other) for other in silent):
            why = f"The user did not tell what {show(call)} showed."
            yield _finding("kept_to_itself", one.answer, why, call, said)
        silent.append(call)


def _finding(kind: str, turn: int, why: str, call: ToolCall, said: str = "") -> Finding:
    return Finding(
        blame="user_simulator",
        kind=kind,
        turn=turn,
        tool=call.name,
        summary=why,
        evidence=f"the user said {said!r}" if said else "",
    )


_NUMBER = re.compile(r"\d+(?:\.\d+)?")
