"""Turn a wanted write that was not made into the mistake that prevented it."""

from __future__ import annotations

from collections import Counter
from itertools import groupby

from harness.types import ToolCall
from harness_scripted.acting import told_call
from harness_scripted.finding import (
    Finding,
    invalid_call,
    plain_noun,
    show,
    wrong,
    wrong_argument,
)
from harness_scripted.reading import REPEATS, Reading, is_guided
from harness_scripted.speech import agrees, contradicts, hear, wavers

MANY_ERRORS = 3
"""So many failed calls, if they are at least half of all, are what went wrong."""


def why_missing(reading: Reading, call: ToolCall) -> Finding:
    """What prevented a wanted write."""
    span = reading.span(reading.request_of(call))
    return (
        _attempt(reading, call)
        or stuck(reading)
        or _misproposed(reading, call, span)
        or handed_over(reading)
        or _refused(reading, call, span)
        or _looping(reading)
        or _left_out(reading, call, span)
    )


def _attempt(reading: Reading, call: ToolCall) -> Finding | None:
    """The last failed try at the wanted write: a wrong argument, or an invalid call."""
    tries = [m for m in reading.made if m.failed and m.call.name == call.name]
    if not tries:
        return None
    made = tries[-1]
    if set(made.call.arguments) == set(call.arguments) and not made.call.same_as(call):
        return wrong_argument(reading, made, call)
    return invalid_call(made)


def stuck(reading: Reading) -> Finding | None:
    """Errors that dominate, or what filled a conversation up to its limit; None if neither."""
    failed = [made for made in reading.made if made.failed]
    many = len(failed) >= MANY_ERRORS and 2 * len(failed) >= len(reading.made)
    if failed and (many or reading.trajectory.ended == "too_many_errors"):
        repeated = reading.repeated
        looping = repeated is not None and repeated.failed and not repeated.malformed
        return _looping(reading) if looping else invalid_call(failed[0])
    if reading.trajectory.ended != "max_steps":
        return None
    return _looping(reading) or _no_progress(reading)


def _misproposed(reading: Reading, call: ToolCall, span: range) -> Finding | None:
    """A proposal that the user rejected because it contradicts what the user knows."""
    at = reading.request_of(call)
    facts = reading.requests[at].facts if at >= 0 else ()
    for turn in span[:-1]:
        offer, answer = reading.messages[turn], reading.messages[turn + 1]
        if offer.role != "assistant" or answer.role != "user" or agrees(answer.content):
            continue
        heard = hear(offer.content)
        odd = [f for f in facts if heard.proposes and contradicts(heard.text, f)]
        names = [name for fact in odd for name in fact.needed_for if name in call.arguments]
        if names:
            noun = plain_noun(reading.tools.get(call.name), names[0])
            return Finding(
                kind=wrong(noun),
                turn=turn,
                tool=call.name,
                summary=f"A wrong {noun} was proposed; the task wanted {show(call)}.",
                evidence=f"{offer.content!r} was answered by {answer.content!r}",
            )
    return None


def handed_over(reading: Reading) -> Finding | None:
    """The transfer of a user none of whose requests asked for one; None if there was none."""
    made = reading.handover
    if made is None or any(r.outcome == "transferred" for r in reading.requests):
        return None
    return Finding(
        kind="needless_transfer",
        turn=made.turn,
        tool=made.call.name,
        summary="The user was handed over although the request could be handled.",
    )


def _refused(reading: Reading, call: ToolCall, span: range) -> Finding | None:
    turn = reading.refusal_in(span)
    if turn is None:
        return None
    return Finding(
        kind="should_have_acted",
        turn=turn,
        tool=call.name,
        summary=f"The agent refused; the task wanted {show(call)}.",
        evidence=f"the agent said {reading.messages[turn].content!r}",
    )


def _looping(reading: Reading) -> Finding | None:
    """Equal calls, or equal words, again and again."""
    made = reading.repeated
    if made is not None:
        return Finding(
            kind="repeated_call",
            turn=made.turn,
            tool=made.call.name,
            summary=f"{show(made.call)} was made {REPEATS} times or more.",
        )
    said = [m for m in reading.messages if m.role != "tool" and not m.calls]
    answers = [*(m.content for m in said[1:]), ""]
    texts = [
        m.content
        for m, answer in zip(said, answers, strict=True)
        if m.role == "assistant" and not wavers(answer)
    ]
    tools = reading.domain.user_tools
    # Looks may be told again after each repair; only in a row they are a loop.
    rows = [(text, len(list(row))) for text, row in groupby(texts)]
    counts = Counter(text for text in texts if not hear(text).closes and not told_call(text, tools))
    for text, times in rows:
        counts[text] = max(counts[text], times if told_call(text, tools) else 0)
    return _no_progress(reading) if max(counts.values(), default=0) >= REPEATS else None


def _left_out(reading: Reading, call: ToolCall, span: range) -> Finding:
    turns = [i for i in span if reading.messages[i].role == "assistant"]
    gave_up = reading.trajectory.ended == "agent_stop"
    why = "the agent went on without it"
    if gave_up or not turns:
        why = "the talk ended before it"
    kind = "gave_up" if gave_up else "missing_step"
    if not gave_up and _is_rest(reading, call):
        kind, why = "stopped_early", "the agent stopped after what it had done before"
    return Finding(
        kind=kind,
        turn=max(turns, default=reading.last_turn),
        tool=call.name,
        summary=f"{show(call)} was never made: {why}.",
    )


def _is_rest(reading: Reading, call: ToolCall) -> bool:
    """Whether a step, and all after it, are left out of a request that was begun with the user."""
    at = reading.request_of(call)
    steps = reading.steps[at] if 0 <= at < len(reading.steps) else []
    if not is_guided(steps):
        return False
    made = [one.call for one in (*reading.writes, *reading.changed)]
    done = []
    for step in steps:
        found = next((n for n, one in enumerate(made) if one.same_as(step)), None)
        done.append(found is not None)
        if found is not None:
            del made[found]
    left = [n for n, step in enumerate(steps) if step.same_as(call) and not done[n]]
    return bool(left) and any(done[: left[0]]) and not any(done[left[0] :])


def _no_progress(reading: Reading) -> Finding:
    last = reading.messages[reading.last_turn].content
    return Finding(
        kind="no_progress",
        turn=reading.last_turn,
        summary="The talk went on without getting anywhere.",
        evidence=f"the agent's last words were {last!r}" if last else "",
    )
