"""Turn a reading of a failed episode into the agent's first decisive mistake."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.types import ToolCall
from harness_scripted.finding import (
    Finding,
    consent,
    difference,
    nearest,
    plain,
    show,
    wrong_argument,
)
from harness_scripted.omissions import handed_over, stuck, why_missing
from harness_scripted.reading import Made, Reading
from harness_scripted.speech import confirmed

NO_EXPLANATION = "wrong_state"
"""The kind of a failure that no single rule explains."""


def first_mistake(reading: Reading) -> Finding:
    """The earliest mistake that changed the outcome, or what kept a right one from counting."""
    decisive = _decisive(reading)
    if decisive:
        return min(decisive, key=lambda finding: finding.turn)
    return next(_formal(reading))


def signs(reading: Reading) -> set[str]:
    """The kinds of all mistakes that can be seen, decisive or not."""
    found = [*_decisive(reading), *_formal(reading)]
    kinds = {finding.kind for finding in found} - {NO_EXPLANATION}
    if reading.repeated is not None:
        kinds.add("repeated_call")
    if any(made.malformed for made in reading.made):
        kinds.add("invalid_call")
    return kinds


def _decisive(reading: Reading) -> list[Finding]:
    """Writes that were wrong or left out, the agent's and those that it had the user make."""
    if reading.grade.wanted == reading.grade.actual:
        return []
    sides = (reading.unmatched, reading.user_unmatched)
    return [
        finding
        for extra, missing in sides
        for finding in (*_wrong_writes(reading, extra, missing), *_left(reading, extra, missing))
    ]


def _wrong_writes(
    reading: Reading, extra: Sequence[Made], missing: Sequence[ToolCall]
) -> Iterator[Finding]:
    left = list(missing)
    for made in extra:
        near = nearest(made.call, left)
        if near is not None:
            left.remove(near)
            yield wrong_argument(reading, made, near)
        else:
            yield _unwanted(reading, made, left)


def _unwanted(reading: Reading, made: Made, missing: list[ToolCall]) -> Finding:
    hopeless = reading.hopeless(made)
    values = [plain(value) for value in made.call.arguments.values()]
    at = reading.current(made.turn)
    related = [
        call
        for call in missing
        if at in (-1, reading.request_of(call))
        and any(plain(value) in values for value in call.arguments.values())
    ]
    if hopeless is not None:
        kind, why = "should_have_refused", hopeless.refusal or "it is not to be done"
    elif related:
        kind, why = "wrong_tool", f"the task wanted {show(related[0])}"
    else:
        kind, why = "extra_write", "nobody wanted it"
    return Finding(
        kind=kind,
        turn=made.turn,
        tool=made.call.name,
        severity="critical",
        summary=f"{show(made.call)} was made, but {why}.",
        evidence=difference(reading) + consent(reading, made),
    )


def _left(
    reading: Reading, extra: Sequence[Made], missing: Sequence[ToolCall]
) -> Iterator[Finding]:
    replaced = {made.call.name for made in extra}
    for call in missing:
        if call.name not in replaced:
            yield why_missing(reading, call)


def _formal(reading: Reading) -> Iterator[Finding]:
    """What keeps the right changes from counting, the weightiest first; the last always holds."""
    turn = reading.last_turn
    unfinished = stuck(reading) if reading.trajectory.ended != "user_stop" else None
    if unfinished is not None:
        yield unfinished
    needless = handed_over(reading)
    if needless is not None:
        yield needless
    if reading.handover is None and any(r.outcome == "transferred" for r in reading.requests):
        summary = "The user was not handed over to a human."
        yield Finding(kind="missing_transfer", turn=turn, summary=summary)
    if _is_out_of_order(reading):
        summary = "All that was wanted was done, in an order that leads elsewhere."
        evidence = difference(reading)
        yield Finding(kind="wrong_order_of_steps", turn=turn, summary=summary, evidence=evidence)
    if reading.grade.unsaid:
        summary = f"The agent never said {', '.join(reading.grade.unsaid)}."
        yield Finding(kind="not_said", turn=turn, severity="minor", summary=summary)
    if reading.trajectory.ended == "agent_stop":
        summary = "The agent ended the talk before the user did."
        yield Finding(kind="gave_up", turn=turn, summary=summary)
    for made in reading.writes:
        if not confirmed(reading.messages, made.turn):
            yield Finding(
                kind="missing_confirmation",
                turn=made.turn,
                tool=made.call.name,
                severity="minor",
                summary=f"{show(made.call)} was made without the user's yes.",
            )
    summary = "The end is not the wanted one, and no single call explains why."
    yield Finding(kind=NO_EXPLANATION, turn=turn, summary=summary)


def _is_out_of_order(reading: Reading) -> bool:
    """Whether the wanted writes of both sides, and no others, led to another end."""
    if reading.grade.wanted == reading.grade.actual or not reading.changed:
        return False
    return not any((*reading.unmatched, *reading.user_unmatched))
