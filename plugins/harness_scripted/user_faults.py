"""Turn a simulated user's messages into its violation of its scenario, if there is one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.types import Fact, Json, Request, ToolCall
from harness_scripted.acting_rules import acting_faults
from harness_scripted.finding import Finding, differences, nearest, plain, show
from harness_scripted.reading import Made, Reading
from harness_scripted.speech import agrees, contains_any, contradicts, hear, mentions, normal

STUCK = 4
"""So many equal messages in a row are no answers any more: a working user leaves earlier."""


def users_fault(reading: Reading) -> Finding | None:
    """What the user did that a user who keeps to its scenario does not; None if nothing.

    Only what can have cost the outcome counts; the first rule that finds something decides.
    """
    return next(_faults(reading), None)


def _faults(reading: Reading) -> Iterator[Finding]:
    yield from _spoke_as_agent(reading)
    yield from _repeated_itself(reading)
    yield from acting_faults(reading)
    yield from _left_too_early(reading)
    yield from _named_wrong_values(reading)
    yield from _misstated_identity(reading)
    yield from _forgot_request(reading)
    for call in reading.unmatched[1]:
        yield from _withheld_fact(reading, call)
        yield from _turned_down(reading, call)


def _spoke_as_agent(reading: Reading) -> Iterator[Finding]:
    turns = [i for i in _users(reading) if _AS_AGENT.search(normal(reading.messages[i].content))]
    if turns:
        yield _finding(
            reading, "spoke_as_agent", turns[0], "The user spoke as if it were the agent."
        )


def _repeated_itself(reading: Reading) -> Iterator[Finding]:
    """Equal messages in a row, whatever the agent said in between."""
    turns = _users(reading)
    for start in range(len(turns) - STUCK + 1):
        row = turns[start : start + STUCK]
        said = {normal(reading.messages[i].content) for i in row}
        between = range(row[0] + 1, row[-1])
        answered = {reading.messages[i].content for i in between if reading.is_text(i)}
        if len(said) == 1 and len(answered) > 1:
            why = f"The user said the same {STUCK} times, whatever the agent asked or proposed."
            yield _finding(reading, "repeated_itself", row[1], why)
            return


def _left_too_early(reading: Reading) -> Iterator[Finding]:
    """The user answered the proposal of a wanted write by leaving."""
    messages, missing = reading.messages, reading.unmatched[1]
    if reading.trajectory.ended != "user_stop" or len(messages) < 2:
        return
    proposal, answer = messages[-2], messages[-1]
    meant = [
        call
        for call in missing
        if (agrees(answer.content) or _names(hear(proposal.content).text, call))
        and _is_first_offer(reading, call)
    ]
    if hear(proposal.content).proposes and meant:
        yield Finding(
            blame="user_simulator",
            kind="left_too_early",
            turn=len(messages) - 1,
            tool=meant[0].name,
            summary="The user left between a proposal and the write it was for.",
            evidence=f"{proposal.content!r} was answered by {answer.content!r}",
        )


def _named_wrong_values(reading: Reading) -> Iterator[Finding]:
    """A write, done or tried, whose wrong value was the user's own and is not in its scenario."""
    extra, missing = reading.unmatched
    left, names = list(missing), {call.name for call in missing}
    tried = [made for made in reading.made if made.failed and made.call.name in names]
    for made in (*extra, *tried):
        near = nearest(made.call, left)
        if near is not None:
            left.remove(near)
        against = near or nearest(made.call, reading.wanted)
        odd = differences(made.call, against) if against else list(made.call.arguments)
        for name in odd:
            turn = _first_named_by_user(reading, made, made.call.arguments.get(name))
            if turn is not None:
                yield _wrong_value(reading, made, near, name, turn)


def _wrong_value(
    reading: Reading, made: Made, near: ToolCall | None, name: str, turn: int
) -> Finding:
    value = plain(made.call.arguments.get(name))
    if near is None:
        kind, why = (
            "added_request",
            f"The user asked for {show(made.call)}, which is no wish of its",
        )
    elif any(contradicts(normal(value), fact) for fact in _facts(reading, name)):
        kind, why = "contradicted_scenario", f"The user said {value} against what it knows"
    else:
        kind, why = "named_unknown", f"The user named {value}, which it cannot know"
    return _finding(reading, kind, turn, f"{why}.", tool=made.call.name)


def _misstated_identity(reading: Reading) -> Iterator[Finding]:
    """A look-up that failed on something the user gave, that its scenario does not hold."""
    about = {name for fact in reading.task.scenario.identity for name in fact.needed_for}
    for made in reading.made:
        if made.kind != "read" or not made.failed:
            continue
        for name, value in made.call.arguments.items():
            turn = _first_named_by_user(reading, made, value) if name in about else None
            if turn is not None:
                why = f"The user gave {plain(value)} as its own, which its scenario does not hold."
                yield _finding(reading, "misstated_identity", turn, why, tool=made.call.name)


def _forgot_request(reading: Reading) -> Iterator[Finding]:
    """A satisfied user that left before it had brought up all its requests."""
    openings = reading.openings
    silent = [n for n, start in enumerate(openings) if start is None]
    if reading.trajectory.ended == "user_stop" and silent and len(silent) < len(openings):
        why = f"The user left without bringing up its request {silent[0] + 1} of {len(openings)}."
        yield _finding(reading, "forgot_request", len(reading.messages) - 1, why)


def _withheld_fact(reading: Reading, call: ToolCall) -> Iterator[Finding]:
    """A fact that the agent asked for, the user knows, and never told."""
    request = _request(reading, call)
    span = reading.span(reading.request_of(call))
    for fact in request.facts if request else ():
        if fact.volunteered or not set(fact.needed_for) & set(call.arguments):
            continue
        users = [i for i in span if reading.messages[i].role == "user"]
        said = [normal(reading.messages[i].content) for i in users]
        if any(contains_any(t, fact.says) or mentions(t, fact.recognised_by) for t in said):
            continue
        for turn, text in zip(users, said, strict=True):
            asked = hear(reading.messages[turn - 1].content).question if turn else ""
            if _IGNORANT.search(text) and _is_for(asked, fact):
                why = f"The user would not tell {fact.about}, which it knows."
                yield _finding(reading, "withheld_fact", turn, why, tool=call.name)
                return


def _is_for(question: str, fact: Fact) -> bool:
    """Whether a question is for a fact, by the fact's own words or by what it is about."""
    return mentions(question, fact.asked_by) or normal(fact.about) in question


def _turned_down(reading: Reading, call: ToolCall) -> Iterator[Finding]:
    """A proposal of exactly the wanted write that the user rejected again and again."""
    request, span = _request(reading, call), reading.span(reading.request_of(call))
    if request is None or not span:
        return
    if request.revision is not None:
        said = (i for i in span if contains_any(_said(reading, i), request.revision.says))
        span = range(next(said, span.stop), span.stop)
    offers = [
        turn
        for turn in span[:-1]
        if reading.is_text(turn)
        and hear(reading.messages[turn].content).proposes
        and _names(hear(reading.messages[turn].content).text, call)
        and reading.messages[turn + 1].role == "user"
    ]
    refused = [turn for turn in offers if not agrees(reading.messages[turn + 1].content)]
    if len(refused) > 1 and len(refused) == len(offers):
        why = f"The user turned down {show(call)}, which is what it wants."
        yield _finding(reading, "turned_down_right_offer", refused[0] + 1, why, tool=call.name)


# --- who said what --------------------------------------------------------------------------------


def _finding(reading: Reading, kind: str, turn: int, why: str, tool: str = "") -> Finding:
    return Finding(
        blame="user_simulator",
        kind=kind,
        turn=turn,
        tool=tool,
        summary=why,
        evidence=f"the user said {reading.messages[turn].content!r}",
    )


def _said(reading: Reading, turn: int) -> str:
    message = reading.messages[turn]
    return normal(message.content) if message.role == "user" else ""


def _users(reading: Reading) -> list[int]:
    return [i for i, message in enumerate(reading.messages) if message.role == "user"]


def _first_named_by_user(reading: Reading, made: Made, value: Json | None) -> int | None:
    """Where the user brought up a value that its scenario does not have it say there.

    What was said of earlier requests does not count.
    """
    texts = [normal(plain(v)) for v in (value if isinstance(value, list) else [value]) if v]
    at = reading.current(made.turn)
    begun = reading.openings[at] if at >= 0 else None
    for turn, message in enumerate(reading.messages[: made.turn]):
        if message.role == "tool" or turn < (begun or 0):
            continue
        said = normal(message.content)
        if message.role == "user":
            said = _own_words(reading, said)
        if any(mentions(said, [text]) for text in texts):
            return None if message.role != "user" or _is_held(reading, texts) else turn
    return None


def _own_words(reading: Reading, said: str) -> str:
    """What a user said besides the sentences of its scenario."""
    for sentence in sorted(reading.wordings, key=len, reverse=True):
        said = said.replace(normal(sentence), " ")
    return said


def _is_held(reading: Reading, texts: list[str]) -> bool:
    """Whether the values stand in a scenario that its user tells in its own words."""
    if any(start is not None for start in reading.openings):
        return False
    scenario = reading.task.scenario
    prose = (scenario.reason, scenario.known, scenario.instructions, *reading.wordings)
    return any(mentions(normal(text), texts) for text in prose)


def _facts(reading: Reading, argument: str) -> list[Fact]:
    facts = [fact for request in reading.requests for fact in request.facts]
    return [fact for fact in facts if argument in fact.needed_for]


def _request(reading: Reading, call: ToolCall) -> Request | None:
    number = reading.request_of(call)
    return reading.requests[number] if number >= 0 else None


def _names(text: str, call: ToolCall) -> bool:
    """Whether the text tells all values of a call, and no id beside those in its lists."""
    values = [told for value in call.arguments.values() for told in _telling(value)]
    return all(mentions(text, [value]) for value in values) and not _other_ids(text, call)


def _other_ids(text: str, call: ToolCall) -> set[str]:
    """Words that look like the ids in a list of the call's, and are in none of them."""
    lists = [value for value in call.arguments.values() if isinstance(value, list)]
    ids = {normal(one) for value in lists for one in value if isinstance(one, str)}
    shapes = {_shape(one) for one in ids if _ID.fullmatch(one)}
    return {word for word in _WORD.findall(text) if _shape(word) in shapes} - ids


def _shape(word: str) -> str:
    """The same for words that have letters and digits in the same places."""
    return re.sub("[a-z]", "a", re.sub("[0-9]", "0", word))


def _telling(value: Json) -> list[str]:
    """Texts and numbers, also of objects in a list; ids in a list may be told in any form."""
    if isinstance(value, dict):
        return [told for part in value.values() for told in _telling(part)]
    if isinstance(value, list):
        return [told for part in value if isinstance(part, dict) for told in _telling(part)]
    if isinstance(value, bool) or value is None:
        return []
    return [str(value)]


def _is_first_offer(reading: Reading, call: ToolCall) -> bool:
    """Whether the messages about a call's request end with its first proposal."""
    number = reading.request_of(call)
    span = reading.span(number)
    if len(reading.messages) - 1 not in span:
        return False
    texts = [m for m in (reading.messages[i] for i in span) if m.role == "assistant"]
    offers = sum(not m.calls and hear(m.content).proposes for m in texts)
    revised = number >= 0 and reading.requests[number].revision is not None
    return offers <= 1 + revised


_AS_AGENT = re.compile(
    r"\bhow (?:can|may) i (?:help|assist) you\b|\bthank you for contacting\b"
    r"|\banything else i can (?:help|assist|do)\b|\bi can help you with (?:that|this)\b"
    r"|\bi will now check our\b|\bour (?:system|records) (?:show|for you)\b"
)
_WORD = re.compile(r"[a-z0-9]+")
_ID = re.compile(r"(?=.*[0-9])[a-z0-9]{5,}")
_IGNORANT = re.compile(
    r"\b(?:do not|don't) (?:know|remember|recall|have (?:that|it|this))\b|\bno idea\b"
    r"|\bnot sure\b|\b(?:cannot|can't|can not) (?:remember|recall|tell|say)\b"
)
