"""Join the logged requests of a conversation, each of which holds all that came before it."""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import reduce

from harness.types import Json, Message, stable_id
from harness_traces.recordings import Record
from harness_traces.requests import Logged

THREADS = (
    "conversation_id", "session_id", "thread_id", "conversationId", "sessionId", "conversation",
)  # fmt: skip
"""Where requests, or their ``metadata``, say which conversation they are of."""

ENDS = 2
"""How many ends a conversation has at most: of its last request, and of one answered anew."""

JOINED = "requests that a later one goes on from, read with it"


def chained(found: Sequence[tuple[str, Logged]]) -> Iterator[tuple[str, Logged, int]]:
    """Records of a file, each with its place and behind what it goes on from by the id of an
    answer, whatever their order; and of how many others that is. Those that are gone on from are
    no records of their own; what two go on from is read with both.
    """
    by_answer = {one.answer_id: n for n, (_, one) in enumerate(found) if one.answer_id}
    before = {
        n: by_answer[one.goes_on_from]
        for n, (_, one) in enumerate(found)
        if one.goes_on_from in by_answer
    }
    read: set[int] = set()
    for last in sorted(range(len(found)), key=set(before.values()).__contains__):
        if last in read:
            continue
        chain = {last: found[last][1]}  # newest first; ids that go in a circle end where they began
        while (earlier := before.get(next(reversed(chain)))) is not None and earlier not in chain:
            chain[earlier] = found[earlier][1]
        read.update(chain)
        oldest_first = list(chain.values())[::-1]
        messages = [message for one in oldest_first for message in one.messages]
        fields = reduce(_merged, (one.fields for one in oldest_first))
        place, newest = found[last]
        yield place, replace(newest, messages=messages, fields=fields), len(chain) - 1


def joined(records: Iterable[Record]) -> list[Record]:
    """The records without those that another one goes on from, in the order of the file.

    A request is gone on from where another begins with all its messages and its answer, and has
    more; of requests without an answer only if both say that they are of one conversation, where
    the same request twice is a retry. What they name is no conversation if more came of it than a
    request that was sent again or answered anew explains: a project, or a user. Each is gone on
    from once, so that two conversations that begin alike stay two. What the earlier one says
    besides, such as a verdict or its tools, is kept where the later one does not say it.
    """
    listed = list(records)
    ended = dict(enumerate(listed))
    waiting: defaultdict[tuple[str, ...], deque[int]] = defaultdict(deque)
    told = [list(_digests(record.chat.messages)) for record in listed]
    names = [_named(record) for record in listed]
    conversations = _conversations(names, told)
    for number in sorted(ended, key=lambda n: len(told[n])):
        record, whose, digests = listed[number], names[number], told[number]
        if not digests:
            continue
        is_one = whose in conversations
        is_request = record.is_answered or record.chat.messages[-1].role != "assistant"
        for digest in reversed(digests if is_one and is_request else digests[:-1]):
            if earlier := waiting.get((*whose, digest)):
                ended[number] = _with(record, ended.pop(earlier.popleft()))
                break
        if is_one or record.is_answered:
            waiting[*whose, digests[-1]].append(number)
    return [ended[number] for number in sorted(ended)]


def _named(record: Record) -> tuple[str, str, str]:
    """The conversation, the task and the user that a record names."""
    return _thread(record.rest), record.task, str(record.rest.get("user") or "")


def _conversations(
    names: Sequence[tuple[str, ...]], told: Sequence[Sequence[str]]
) -> set[tuple[str, ...]]:
    """The names with a thread that are of one conversation: its requests go on from each other."""
    begun: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    ends: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for whose, digests in zip(names, told, strict=True):
        begun[whose].update(digests[:-1])
        ends[whose].update(digests[-1:])
    return {whose for whose in ends if whose[0] and len(ends[whose] - begun[whose]) <= ENDS}


def _thread(rest: Mapping[str, Json]) -> str:
    metadata = rest.get("metadata")
    places = [rest, metadata if isinstance(metadata, dict) else {}]
    found = next((place[name] for place in places for name in THREADS if place.get(name)), "")
    return str(found.get("id", "") if isinstance(found, dict) else found)


def _with(record: Record, earlier: Record) -> Record:
    record.chat.odd[JOINED] += 1 + earlier.chat.odd[JOINED]
    tools = {tool.name: tool for tool in (*earlier.tools, *record.tools)}
    rest = _merged(earlier.rest, record.rest)
    return replace(record, rest=rest, tools=tuple(tools.values()))


def _merged(earlier: Mapping[str, Json], later: Mapping[str, Json]) -> dict[str, Json]:
    found = {**earlier, **{name: value for name, value in later.items() if value is not None}}
    for name, value in found.items():
        before = earlier.get(name)
        if isinstance(value, dict) and isinstance(before, dict):
            found[name] = _merged(before, value)
    return found


def _digests(messages: Sequence[Message]) -> Iterator[str]:
    """One for each message, of all up to it: who said what and called what, whatever its ids."""
    digest = ""
    for message in messages:
        calls = [[call.name, json.dumps(call.arguments, sort_keys=True)] for call in message.calls]
        digest = stable_id("messages", digest, message.role, message.content.strip(), calls)
        yield digest
