"""Turn the conversations of a run into compressed parts: an index of all, and blocks of some.

A part is JSON, deflated, so that a browser decodes it by itself and only when it is asked for. The
index has a column for each property that lists are filtered and sorted by. A block holds whole
conversations, those on one task together, and each text in them once: what arms and trials say
alike costs nothing. Sampled tokens, where a run kept them, are in parts beside the blocks.
``modules/run.js``, ``modules/block.js`` and ``modules/tokens.js`` read what is written here.
"""

from __future__ import annotations

import hashlib
import json
import math
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from harness.report.arms import arm_label
from harness.results.every_conversation import Conversation, Finding
from harness.runtime.foreign_text import visible
from harness.types import Changes, Json, Message, Task, ToolCall, Usage

FORMAT = 1
"""The version of what parts hold."""

BLOCK = 32
"""A block is full with so many conversations; those on one task are not parted."""

MOST = 96
"""But no block has more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """The parts of a run by name, deflated; names are digests of what they hold.

    ``blocks`` are in the order in which the index counts them; ``tokens`` has the part with the
    tokens of each, "" where none were kept.
    """

    parts: Mapping[str, bytes]
    index: str
    pool: str
    blocks: Sequence[str]
    tokens: Sequence[str]
    conversations: int

    @property
    def manifest(self) -> dict[str, Json]:
        """Which part is what."""
        return {
            "format": FORMAT,
            "index": self.index,
            "pool": self.pool,
            "blocks": list[Json](self.blocks),
            "tokens": list[Json](self.tokens),
        }


@dataclass(slots=True)
class _Parts:
    """Deflated parts by name; those of ``before`` are not deflated again."""

    before: Mapping[str, bytes]
    made: dict[str, bytes] = field(default_factory=dict)

    def add(self, value: object) -> str:
        """The name of the part that holds the value."""
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        raw = text.encode("utf-8", "replace")
        name = hashlib.sha256(raw).hexdigest()[:20]
        self.made[name] = self.before.get(name) or zlib.compress(raw, 9)
        return name


def pack(
    about: Mapping[str, object],
    pool: Mapping[str, object],
    conversations: Iterable[Conversation],
    before: Mapping[str, bytes] | None = None,
) -> Pack:
    """The run's parts.

    about: what the page says of the run besides its conversations. pool: the targeted tasks and
    refusals. before: the parts of an earlier pack, for what did not change since.
    """
    parts = _Parts(before or {})
    found = list(conversations)
    places = [(0, 0)] * len(found)
    blocks: list[str] = []
    tokens: list[str] = []
    for numbers in _blocks(found):
        for place, number in enumerate(numbers):
            places[number] = (len(blocks), place)
        block = [found[number] for number in numbers]
        blocks.append(parts.add(_block(block)))
        tokens.append(parts.add(_token_part(block)) if any(map(_has_tokens, block)) else "")
    index = {**_plain_table(about), **_index(found, places)}
    return Pack(
        index=parts.add(index),
        pool=parts.add(_plain_table(pool)),
        blocks=blocks,
        tokens=tokens,
        parts=parts.made,
        conversations=len(found),
    )


def _blocks(conversations: Sequence[Conversation]) -> Iterator[list[int]]:
    """The numbers of the conversations, block by block, by task."""
    by_task: dict[str, list[int]] = {}
    for number, one in enumerate(conversations):
        by_task.setdefault(one.task_id, []).append(number)
    block: list[int] = []
    for numbers in by_task.values():
        block += numbers
        while len(block) > MOST:
            yield block[:MOST]
            block = block[MOST:]
        if len(block) >= BLOCK:
            yield block
            block = []
    if block:
        yield block


def _has_tokens(one: Conversation) -> bool:
    """Whether there are tokens, and the text that they made."""
    return one.trajectory is not None and one.sampled is not None and bool(one.sampled.turns)


def _token_part(block: Sequence[Conversation]) -> dict[str, Json]:
    """The tokens of a block's conversations by their places in it, each token once: its id and what
    it reads by itself. A turn is the number of its message, its tokens, their log-probabilities in
    thousandths of a nat, and from which place on which weights sampled.
    """
    known: dict[tuple[int, str], int] = {}
    rows: list[Json] = []
    for one in block:
        if one.sampled is None:
            rows.append(None)
            continue
        pairs = zip(one.sampled.ids, one.sampled.texts, strict=True)
        places = [known.setdefault(pair, len(known)) for pair in pairs]
        turns: list[Json] = []
        for turn in one.sampled.turns:
            versions: list[Json] = [[start, visible(name)] for start, name in turn.versions]
            said: list[Json] = [places[token] for token in turn.tokens]
            turns.append([turn.message, said, list[Json](turn.millinats), versions])
        rows.append(turns)
    return {"tokens": [[id, visible(text)] for id, text in known], "rows": rows}


# --- the index ------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Names:
    """Values, each once, and where in the list each is."""

    known: dict[str, int] = field(default_factory=dict)

    def at(self, value: str) -> int:
        return self.known.setdefault(value, len(self.known))

    @property
    def values(self) -> list[str]:
        return [visible(value) for value in self.known]


def _index(
    conversations: Sequence[Conversation], places: Sequence[tuple[int, int]]
) -> dict[str, Json]:
    sources, arms, kinds, endings = _Names(), _Names(), _Names(), _Names()
    uncounted, blames, mistakes, patterns = _Names(), _Names(), _Names(), _Names()
    for names in (uncounted, blames, mistakes, patterns):
        names.at("")
    tasks: dict[tuple[str, str], int] = {}
    listed: list[Json] = []
    rows: list[list[Json]] = []
    for one, (block, place) in zip(conversations, places, strict=True):
        last = one.findings[-1] if one.findings else None
        key = (one.kind, one.task_id)
        if key not in tasks:
            tasks[key] = len(listed)
            listed.append(_listed(one.task_id, one.task))
        rows.append(
            [
                visible(one.id), sources.at(one.source), arms.at(one.arm), kinds.at(one.kind),
                tasks[key], one.trial, int(one.success), uncounted.at(one.uncounted),
                endings.at(one.ended), _number(one.total), one.turns, one.tokens,
                blames.at(one.blame), mistakes.at(last.diagnosis.kind if last else ""),
                patterns.at(last.pattern_id if last else ""), one.step, one.group,
                int(one.trajectory is not None), int(_has_tokens(one)), block, place,
            ]
        )  # fmt: skip
    return {
        "sources": list[Json](sources.values),
        "arms": [{"name": visible(name), "label": arm_label(visible(name))} for name in arms.known],
        "kinds": list[Json](kinds.values),
        "endings": list[Json](endings.values),
        "reasons": list[Json](uncounted.values),
        "blames": list[Json](blames.values),
        "mistakes": list[Json](mistakes.values),
        "pattern_ids": list[Json](patterns.values),
        "tasks": listed,
        "columns": dict(zip(COLUMNS, _columns(rows), strict=True)),
    }


COLUMNS = (
    "id", "source", "arm", "kind", "task", "trial", "success", "uncounted", "ended", "total",
    "turns", "tokens", "blame", "mistake", "pattern", "step", "group", "kept", "sampled",
    "block", "place",
)  # fmt: skip


def _columns(rows: Sequence[Sequence[Json]]) -> list[Json]:
    return [[row[number] for row in rows] for number in range(len(COLUMNS))]


def _listed(id: str, task: Task | None) -> Json:
    """A task as lists show it: its id, what it is about, its tags."""
    if task is None:
        return [visible(id), "", []]
    scenario = task.scenario
    about = scenario.reason or scenario.instructions
    return [visible(id), visible(about)[:200], [visible(tag) for tag in task.tags]]


# --- blocks ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Texts:
    """The texts of a block, each once; everything else refers to them by number."""

    known: dict[str, int] = field(default_factory=dict)

    def at(self, text: str) -> int:
        return self.known.setdefault(text, len(self.known))

    def json(self, value: Json) -> int:
        return self.at(json.dumps(value, ensure_ascii=False))


def _block(conversations: Sequence[Conversation]) -> dict[str, Json]:
    texts = _Texts()
    tasks: dict[tuple[str, str], int] = {}
    told: list[Json] = []
    rows: list[Json] = []
    for one in conversations:
        key = (one.kind, one.task_id)
        if key not in tasks:
            tasks[key] = len(told)
            told.append(None if one.task is None else _task(texts, one.task))
        rows.append({"task": tasks[key], **_conversation(texts, one)})
    return {"texts": [visible(text) for text in texts.known], "tasks": told, "rows": rows}


def _conversation(texts: _Texts, one: Conversation) -> dict[str, Json]:
    trajectory, grade = one.trajectory, one.grade
    row: dict[str, Json] = {
        "terms": [[texts.at(t.name), _number(t.value), texts.at(t.note)] for t in one.terms]
    }
    if one.findings:
        row["findings"] = [_finding(texts, finding) for finding in one.findings]
    if trajectory is not None:
        row["messages"] = [_message(texts, message) for message in trajectory.messages]
        row["usage"] = {visible(role): _usage(used) for role, used in trajectory.usage.items()}
        row["policy"] = texts.at(trajectory.policy)
        row["seed"] = trajectory.seed
        if trajectory.fault:
            row["fault"] = texts.at(trajectory.fault)
    if grade is not None:
        row |= {"wanted": _changes(texts, grade.wanted), "actual": _changes(texts, grade.actual)}
        said = {"unsaid": grade.unsaid, "unjudged": grade.unjudged}
        row |= {name: [texts.at(text) for text in found] for name, found in said.items() if found}
        if why := grade.ungradeable or grade.contradicted:
            row["ungradeable"] = texts.at(why)
        if grade.parts:
            row["parts"] = {visible(name): passed for name, passed in grade.parts.items()}
    return row


def _message(texts: _Texts, message: Message) -> Json:
    """Role, text, calls, the id of the call it answers, whether it is an error, whose call it is;
    what is empty at the end is left out.
    """
    calls: list[Json] = [_call(texts, call) for call in message.calls]
    row: list[Json] = [
        message.role[0],
        texts.at(message.content),
        calls or 0,
        texts.at(message.call_id) if message.call_id else -1,
        int(message.is_error),
        message.requestor[0] if message.requestor != "agent" else 0,
    ]
    for empty in (0, 0, -1, 0):
        if row[-1] != empty:
            break
        row.pop()
    return row


def _call(texts: _Texts, call: ToolCall) -> Json:
    return [texts.at(call.name), texts.json(dict(call.arguments)), texts.at(call.id)]


def _changes(texts: _Texts, changes: Changes) -> Json:
    """Path, value before and value after."""
    return [
        [texts.at("/".join(one.path)), texts.json(one.before), texts.json(one.after)]
        for one in changes
    ]


def _finding(texts: _Texts, finding: Finding) -> Json:
    one = finding.diagnosis
    return {
        "round": finding.round,
        "pattern": texts.at(finding.pattern_id),
        "assigned": finding.assigned,
        "blame": texts.at(one.blame),
        "kind": texts.at(one.kind),
        "turn": one.turn,
        "summary": texts.at(one.summary),
        "evidence": texts.at(one.evidence),
        "severity": texts.at(one.severity),
        "tool": texts.at(one.tool),
    }


def _usage(used: Usage) -> Json:
    return [used.tokens_in, used.tokens_out, used.calls, _number(used.cost_usd)]


def _task(texts: _Texts, task: Task) -> dict[str, Json]:
    told = task.scenario
    row: dict[str, Json] = {
        "id": texts.at(task.id),
        "gold": [_call(texts, call) for call in task.gold],
        "communicate": [texts.at(text) for text in task.communicate],
        "tags": [texts.at(tag) for tag in task.tags],
    }
    for name in ("reason", "known", "unknown", "instructions", "persona"):
        if text := getattr(told, name):
            row[name] = texts.at(text)
    if task.origin is not None:
        row["origin"] = texts.json(
            {"round": task.origin.round, "pattern": task.origin.pattern_id,
             "trajectory": task.origin.trajectory_id, "parent": task.origin.parent_task_id,
             "injector": task.origin.injector}
        )  # fmt: skip
    return row


def _plain_table(value: Mapping[str, object]) -> dict[str, object]:
    return {visible(str(key)): _plain(item) for key, item in value.items()}


def _plain(value: object) -> object:
    """The value with visible text alone."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, Mapping):
        return _plain_table(value)
    if isinstance(value, Sequence):
        return [_plain(item) for item in value]
    return _number(value) if isinstance(value, float) else value


def _number(value: float) -> float | None:
    """The number with six digits; None for what is none, which JSON does not know."""
    return float(f"{value:.6g}") if math.isfinite(value) else None
