"""Rules that see mistakes in a conversation of any agent, from the conversation alone."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from harness.types import Blame, Severity
from harness_traces.arguments import is_id, objection
from harness_traces.conversation import Heard, Made, alike, is_yes, noun, takes_leave, values_of

REPEATED = 3
"""So many equal calls with equal results, and nothing changed between them, are one too many."""

_DOWN = re.compile(
    r"time[d -]?out|timeout|rate.?limit|too many requests|unavailable|connection (?:refused|reset)"
    r"|internal server error|bad gateway|\b(?:429|500|502|503|504)\b",
    re.IGNORECASE,
)
_HAND_OVER = re.compile(r"transfer|escalat|hand_?(?:off|over)|human|live_?agent", re.IGNORECASE)
_NO = re.compile(
    r"not (?:allowed|permitted|possible|able|eligible|something (?:i|we) can)|can(?:no|'|’)t\b"
    r"|unable to|impossible|against (?:our |the )?polic|won['’]t be able|\bdenied\b"
    r"|nicht möglich|kann (?:ich )?(?:\w+ )?(?:leider )?nicht|ne (?:peux|pouvons) pas"
    r"|no (?:puedo|podemos|es posible)|não (?:posso|é possível)|できません|无法|не могу",
    re.IGNORECASE,
)
_CLAIM = re.compile(
    r"\b(?:i(?:['’]ve| have)|we(?:['’]ve| have)|has been|have been|is now|are now)\s+"
    r"(?:(?:now|just|successfully|already|also)\s+)*([a-z]{3,})\b",
    re.IGNORECASE,
)
_DONE = re.compile(
    r"\b(?:(?:all|that['’]?s|is|it['’]?s|now) (?:done|completed?|finished|settled)|all set|"
    r"taken care of|(?:has|have) been (?:processed|completed|handled|carried out))\b|^done\b",
    re.IGNORECASE,
)
_STATED = re.compile(
    r"(?:\s+(?:is|was|are|of)|:|\s*=)\s*(?:(?:now|currently)\s+)?"
    r"(?:[$€£]\s*(?P<number>\d[\d,]*(?:\.\d+)?)|(?P<plain>\d[\d,]*(?:\.\d+)?)\b"
    r"|[\"'“]?(?P<word>[a-z]{4,})[\"'”]?(?=\W|$))",
    re.IGNORECASE,
)
_NO_VALUE = frozenset(
    {"still", "currently", "already", "also", "unknown", "that", "this", "what", "correct",
     "available", "there", "been", "being", "only", "just", "your", "very", "shown", "listed"}
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """A mistake that the conversation shows, and where."""

    kind: str
    turn: int
    summary: str
    tool: str = ""
    blame: Blame = "agent"
    severity: Severity = "major"


Rule = Callable[[Heard], Iterator[Sign]]


def signs_of(heard: Heard) -> Iterator[Sign]:
    """What the rules see, the most telling first: a rule of ``RULES`` comes before those below it,
    and within one the earliest message.
    """
    for rule in RULES:
        yield from rule(heard)


def down_tool(heard: Heard) -> Iterator[Sign]:
    """The last answer of a tool says that it or its server was down."""
    last: dict[str, Made] = {made.call.name: made for made in heard.made}
    for name, made in last.items():
        if made.failed and made.result and _DOWN.search(made.result.content[:500]):
            yield Sign(
                kind="tool_down",
                turn=made.turn,
                tool=name,
                blame="tool",
                summary=f"{name} was down: {made.result.content[:120]}",
            )


def unknown_tool(heard: Heard) -> Iterator[Sign]:
    for made in heard.made:
        if heard.tools and made.call.name not in heard.tools and not made.worked:
            name = made.call.name
            yield Sign(
                kind="unknown_tool", turn=made.turn, tool=name, summary=f"There is no tool {name}."
            )


def invalid_arguments(heard: Heard) -> Iterator[Sign]:
    """Arguments that are no JSON or do not fit the tool's schema, and were never mended."""
    for made in heard.made:
        if _mended(heard, made):
            continue
        wrong = objection(made.call, heard.tools.get(made.call.name))
        if wrong:
            yield _of_call(
                made,
                "invalid_arguments",
                f"{made.call.name} was called with bad arguments: {wrong}.",
            )


def repeated_call(heard: Heard) -> Iterator[Sign]:
    seen: Counter[tuple[str, str]] = Counter()
    for made in heard.made:
        if heard.kind(made.call) == "write" and made.worked:
            seen.clear()
            continue
        arguments = json.dumps(dict(made.call.arguments), sort_keys=True)
        key = (f"{made.call.name} {arguments}", made.result.content if made.result else "")
        seen[key] += 1
        if seen[key] == REPEATED:
            yield _of_call(
                made,
                "repeated_call",
                f"{made.call.name} was called again and again with the same arguments.",
            )


def failed_call(heard: Heard) -> Iterator[Sign]:
    """A write that was answered with an error, and never made with success."""
    for made in heard.made:
        if made.failed and made.result and not _mended(heard, made):
            if heard.kind(made.call) != "write" or _DOWN.search(made.result.content[:500]):
                continue
            yield _of_call(
                made,
                "failed_call",
                f"{made.call.name} failed and was not made good: {made.result.content[:120]}",
            )


def acted_otherwise(heard: Heard) -> Iterator[Sign]:
    """A write with a value that differs from what was offered and agreed to.

    The offer must name at least half of the call's values; what the user's reply names is agreed.
    """
    for made in heard.writes:
        values = values_of(made.call.arguments)
        offer, reply = made.offer.casefold(), made.reply.casefold()
        other = [(name, v) for name, v in values if not _names(offer, v) and not _names(reply, v)]
        if not made.reply or not other or 2 * len(other) > len(values):
            continue
        for name, value in other:
            if any(c.isdigit() for c in value) or value.casefold() in heard.known_before(made.turn):
                yield _of_call(
                    made,
                    f"wrong_{noun(name)}",
                    f"{made.call.name} was called with another {noun(name)} than the user "
                    f"agreed to: {value}.",
                )
                break


def extra_write(heard: Heard) -> Iterator[Sign]:
    """A second write by one tool after one consent, with other values than were offered. Where the
    offer named those of the first one no more ("both of them?"), what the user has named counts.
    """
    for before, made in zip(heard.writes, heard.writes[1:], strict=False):
        same = before.call.name == made.call.name and not before.call.same_as(made.call)
        between = any(before.turn < turn < made.turn for turn, _ in heard.asked)
        is_named = _share_offered(before) >= 0.5
        asked = "" if is_named else "\n".join(t for n, t in heard.asked if n < made.turn)
        if same and before.worked and not between and _share_offered(made, asked) < 1:
            yield _of_call(
                made,
                "extra_write",
                f"{made.call.name} was called once more, for what nobody asked for.",
            )


def claimed_action(heard: Heard) -> Iterator[Sign]:
    """The agent says that it has done something that its tool did not do, or was never asked to."""
    for turn, text in heard.said:
        for claim in _CLAIM.finditer(text):
            tools = [name for name in heard.tools if _does(name, claim[1])]
            tools = [name for name in tools if heard.tools[name].kind == "write"]
            tried = [m for m in heard.made if m.call.name in tools and m.turn < turn]
            if not tools or any(made.worked for made in tried):
                continue
            kind = "contradicted_result" if any(made.failed for made in tried) else "claimed_action"
            why = "though it failed" if tried else "and was never called"
            yield Sign(
                kind=kind,
                turn=turn,
                tool=tools[0],
                summary=f"The agent says {claim[0]!r}, which is for {tools[0]}, {why}.",
            )


def claimed_done(heard: Heard) -> Iterator[Sign]:
    """The agent says that it is done, and has changed nothing since it last said so."""
    since = -1
    for turn, text in heard.said:
        if not _DONE.search(text):
            continue
        if not any(since < made.turn < turn and made.worked for made in heard.writes):
            yield Sign(
                kind="claimed_action",
                turn=turn,
                summary="The agent says that it is done, and nothing was changed.",
            )
        since = turn


def contradicted_result(heard: Heard) -> Iterator[Sign]:
    """The agent states another value of a field than every result had."""
    known: dict[str, list[tuple[int, str]]] = {}
    for at, name, value in heard.leaves:
        if len(name) > 3 and isinstance(value, str | int | float) and not isinstance(value, bool):
            known.setdefault(name, []).append((at, str(value).casefold()))
    for name, values in known.items():
        spoken = re.compile(rf"\b{re.escape(name.replace('_', ' '))}", re.IGNORECASE)
        for turn, text in heard.said:
            for match in spoken.finditer(text):
                stated = _STATED.match(text, match.end())
                told = [value for at, value in values if at < turn]
                if stated and told and _contradicts(stated, told, heard.known_before(turn)):
                    said = stated[0].strip(" :=")
                    yield Sign(
                        kind="contradicted_result",
                        turn=turn,
                        summary=f"The agent says of {name}: {said}; the tools said {told[-1][:60]}",
                    )


def handed_over(heard: Heard) -> Iterator[Sign]:
    for made in heard.made:
        if _HAND_OVER.search(made.call.name) and not made.failed:
            yield _of_call(
                made,
                "handed_over",
                "The conversation was handed over to somebody else.",
            )


def refused_request(heard: Heard) -> Iterator[Sign]:
    for turn, text in heard.said:
        if _NO.search(text):
            yield Sign(kind="refused_request", turn=turn, summary="The agent refused a request.")


def ended_early(heard: Heard) -> Iterator[Sign]:
    """The agent has the last word, without a question, and no call was made for the last request,
    unless the user took its leave; or the conversation breaks off before the agent speaks.
    """
    if not heard.messages:
        return
    turn, last = len(heard.messages) - 1, heard.messages[-1]
    if last.role == "tool" or last.calls:
        yield Sign(kind="unfinished", turn=turn, summary="It breaks off after a call.")
    asked = [at for at, _ in heard.asked]
    has_last_word = last.role == "assistant" and last.content and not _asks(last.content)
    if has_last_word and asked and not takes_leave(heard.asked[-1][1]):
        wrote = any(made.turn > asked[-1] and made.worked for made in heard.writes)
        if not wrote:
            yield Sign(
                kind="ended_early",
                turn=turn,
                summary="The agent ended the conversation before anything was done.",
            )


def ignored_request(heard: Heard) -> Iterator[Sign]:
    """The user says the same again, since nothing was done about it."""
    for number, (turn, text) in enumerate(heard.asked):
        for earlier, said in heard.asked[:number]:
            done = any(earlier < made.turn < turn and made.worked for made in heard.writes)
            if not done and alike(said, text):
                yield Sign(
                    kind="ignored_request",
                    turn=turn,
                    summary="The user had to say the same again: the request was passed over.",
                )
                return


def invented_argument(heard: Heard) -> Iterator[Sign]:
    """An id that neither user nor tool had named."""
    for made in heard.made:
        known: str | None = None
        for name, value in values_of(made.call.arguments):
            if not is_id(value):
                continue
            known = heard.known_before(made.turn) if known is None else known
            if value.casefold() not in known:
                yield _of_call(
                    made,
                    "invented_argument",
                    f"{made.call.name} was called with a {noun(name)} that nobody had "
                    f"named: {value[:60]}.",
                )


def unconfirmed_write(heard: Heard) -> Iterator[Sign]:
    """A write that was not offered first, where the user did not say yes."""
    for made in heard.writes:
        if made.worked and _share_offered(made) < 0.3 and not is_yes(made.reply):
            yield _of_call(
                made,
                "unconfirmed_write",
                f"{made.call.name} was called without asking the user first.",
            )


RULES: tuple[Rule, ...] = (
    down_tool,
    unknown_tool,
    invalid_arguments,
    repeated_call,
    extra_write,
    acted_otherwise,
    claimed_action,
    claimed_done,
    contradicted_result,
    failed_call,
    handed_over,
    refused_request,
    ended_early,
    ignored_request,
    invented_argument,
    unconfirmed_write,
)


# --- what the rules ask ---------------------------------------------------------------------------


def _of_call(made: Made, kind: str, summary: str) -> Sign:
    return Sign(kind=kind, turn=made.turn, tool=made.call.name, summary=summary)


def _mended(heard: Heard, made: Made) -> bool:
    return any(
        m.call.name == made.call.name and m.turn > made.turn and m.worked for m in heard.made
    )


def _names(text: str, value: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(value.casefold())}(?!\w)", text) is not None


def _share_offered(made: Made, asked: str = "") -> float:
    """Of the values of a call, the share that the offer or what the user ``asked`` for names."""
    values = values_of(made.call.arguments)
    told = f"{made.offer}\n{asked}".casefold()
    named = sum(_names(told, value) for _, value in values)
    return named / len(values) if values else 1.0


def _does(tool: str, verb: str) -> bool:
    """Whether the verb of a claim ("cancelled") is in the tool's name ("cancel_order")."""
    said = verb.casefold()
    words = re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", tool).casefold())
    return any(len(w) > 3 and said.startswith(w.removesuffix("e")[:6]) for w in words[:1])


def _contradicts(stated: re.Match[str], told: list[str], known: str) -> bool:
    number = stated["number"] or stated["plain"]
    if number:
        plain = number.replace(",", "").rstrip(".")
        numbers = {float(value) for value in told if re.fullmatch(r"-?\d+(?:\.\d+)?", value)}
        return len(numbers) == len(set(told)) and float(plain) not in numbers and plain not in known
    word = stated["word"].casefold()
    return all(v.isalpha() for v in told) and word not in told and word not in _NO_VALUE


def _asks(text: str) -> bool:
    return text.rstrip().endswith(("?", "？", "؟"))
