"""Turn messages into few tokens that a small model can copy from, and tokens into messages.

No policy text and no schemas: the model has learned them. Ids are one-token aliases, tool results
are rows without those already shown, and calls are a few tokens. Before the agent mentions an id,
it cites the row with that id; nobody else sees the citation.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby

from transformers import PreTrainedTokenizerBase

from harness.protocols import Domain
from harness.types import Message
from harness_local.aliases import Aliases, is_handle
from harness_local.calendar import calendar_of
from harness_local.citing import Sources, without_citations
from harness_local.codec import call_id
from harness_local.lexicon import Lexicon, plain
from harness_local.rows import Row, is_code, rows
from harness_local.text import CallWriter, TextWriter
from harness_local.tokenizer import AGENT, CALL, CITE, END, SAID, SAY, TOOL, USER

_WORD = re.compile(r"\w(?:(?:[\w.'-]|(?<=\d):(?=\d))*\w)?")
_HITS = 4
"""How many of the rows that fit what the user says are shown again: the latest."""
_QUOTED = re.compile(r'"([^"\\]+)"')


class CompactCodec:
    """The compact way to write; raises ``ModelError`` for a tokenizer without its tokens."""

    name = "compact"

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self.lexicon = Lexicon(tokenizer)
        self.ends = frozenset({self.lexicon.frame[END]})

    def open(self, domain: Domain) -> CompactTranscript:
        return CompactTranscript(self.lexicon, domain)

    def text_of(self, token: int) -> str:
        return self.lexicon.decode([token])


class CompactTranscript:
    """One conversation in compact form; its aliases are a function of the messages so far."""

    def __init__(self, lexicon: Lexicon, domain: Domain) -> None:
        self._frame = lexicon.frame
        self._lexicon = lexicon
        self._calendar = calendar_of(domain.policy)
        self._shown: set[Row] = set()
        self._said: dict[str, int] = {}
        self._rows: dict[Row, frozenset[str]] = {}
        self._aliases = Aliases(len(lexicon.aliases))
        self._sources = Sources(lexicon)
        self._writes = {tool.name for tool in domain.tools if tool.kind == "write"}
        self._texts = TextWriter(lexicon, self._aliases)
        self._calls = CallWriter(self._texts, domain.tools)
        self._newline = lexicon.encode("\n")

    def context(self, messages: Sequence[Message], *, unfinished: bool) -> list[int]:
        ids = [self._frame[END]] if unfinished else []
        for message in messages:
            if message.role == "assistant":
                continue  # the greeting, the same in every conversation
            if message.role == "tool":
                ids += [self._frame[TOOL], *self._shown_rows(message.content)]
            else:
                content = self._calendar.heard(message.content)
                self._aliases.learn(content, names=True)
                said = list(self._texts.write_heard(content))
                words = _WORD.findall(plain(content))
                self._sources.said(said, words)
                for word in words:
                    self._said.setdefault(word, len(self._said))
                ids += [self._frame[USER], *said, *self._found(content)]
        return [*ids, self._frame[AGENT]]

    def write(self, message: Message, later: Sequence[Message] = ()) -> list[int]:
        text = list(self._texts.write(message.content))
        calls = [token for call in message.calls for token in self._calls.write(call)]
        if calls:
            cited = self._sources.look_up([*text, *calls], partial(self._ahead, later))
        else:
            cited = self._sources.speak(text, self._listed(later))
        ids = [token for row in cited for token in (self._frame[CITE], *row)]
        if ids and not (calls and not text):
            ids.append(self._frame[SAY])
        self._learn(message)
        return [*ids, *text, *calls, self._frame[END]]

    def read(self, sampled: Sequence[int], *, number: int) -> Message:
        frame = self._frame
        ends = (frame[CALL], frame[SAY], frame[END])
        said = without_citations(sampled, frame[CITE], ends)
        spoken, *calls = _cut(said, frame[CALL])
        message = Message(
            role="assistant",
            content=self._texts.read(spoken),
            calls=tuple(self._calls.read(c, call_id(number, i)) for i, c in enumerate(calls)),
        )
        self._learn(message)
        return message

    def _listed(self, later: Sequence[Message]) -> set[int]:
        """The handles in lists of objects of the agent's next call, as far as known by now."""
        calls = next((message.calls for message in later if message.calls), ())
        lists = (v for call in calls for v in call.arguments.values() if isinstance(v, list))
        objects = (one for values in lists for one in values if isinstance(one, dict))
        texts = [value for one in objects for value in one.values() if isinstance(value, str)]
        aliases = set(self._lexicon.aliases)
        return {token for text in texts for token in self._texts.write(text) if token in aliases}

    def _ahead(self, later: Sequence[Message]) -> list[set[int]]:
        """The handles in each of the agent's next texts, as far as they are known by now."""
        texts = [m.content for m in later if m.role == "assistant" and not m.calls]
        return [{token for token in self._texts.write(text)} for text in texts]

    def _shown_rows(self, content: str) -> Iterator[int]:
        """The first row of a tool result, and of the others those that were not shown before.

        Those that the user speaks of come first, in the order in which it does.
        """
        first, *others = rows(content) or [Row()]
        news = [row for row in dict.fromkeys(others) if row not in self._shown]
        self._shown.update(news)
        texts = [self._calendar.noted(row.text) for row in (first, *news)]
        self._aliases.learn("\n".join(texts), places=_QUOTED.findall(content))
        for row in (first, *others):
            self._rows.pop(row, None)  # its order's status may be another now
            self._rows[row] = _words(row)
        yield from self._show(first)
        for row in sorted(news, key=self._turn):
            yield from self._newline
            yield from self._show(row)

    def _turn(self, row: Row) -> tuple[bool, float]:
        """Where a row stands among others: first what the user has said in full, then by when it
        said the first word.
        """
        words = row.cue.split()
        in_full = bool(words) and all(map(self._is_said, words))
        first = next(iter(plain(row.cue).split()), "")
        return not in_full, self._said.get(first, math.inf)

    def _show(self, row: Row) -> list[int]:
        """The row's ids, marked as a whole if the user has said all that it describes."""
        parts = map(self._calendar.noted, (row.of, row.before, row.after))
        of, before, after = map(self._texts.write_heard, parts)
        words = row.cue.split()
        self._understand(row)
        if words and all(map(self._is_said, words)):
            cue = self._texts.write_heard(row.cue)
            ids = [self._frame[SAID], *of, *before, *cue, *after]
        else:
            ids = [*of, *before, *self._marked(words), *after]
        self._sources.shown(ids, self._rows[row])
        return ids

    def _found(self, content: str) -> Iterator[int]:
        """The rows shown before that have most of what the user has just said, once more.

        The first word must be said, of the row or of what contains it.
        """
        said = list(dict.fromkeys(_WORD.findall(plain(content))))
        hits = {row: first for row in self._rows if (first := _first_words(row) & {*said})}
        best = sorted(hits, key=lambda row: len(self._rows[row].intersection(said)))[-_HITS:]
        for row in sorted(best, key=lambda row: min(map(said.index, hits[row]))):
            yield from self._newline
            yield from self._show(row)

    def _marked(self, cue: Iterable[str]) -> Iterator[int]:
        """The words, with a mark before those that the user has said for this request."""
        for said, words in groupby(cue, self._is_said):
            if said:
                yield self._frame[SAID]
            yield from self._texts.write_heard(" ".join(words))

    def _understand(self, row: Row) -> None:
        """Who says the name in a row of a name and its code, and nothing else, says the code."""
        words = row.cue.split()
        *name, code = words or [""]
        if name and row.cue == row.text and is_code(code) and all(map(self._is_said, name)):
            self._said.setdefault(code, len(self._said))

    def _is_said(self, word: str) -> bool:
        return self._said.keys() >= set(plain(word).split())

    def _learn(self, message: Message) -> None:
        """Only after the turn: the agent cannot name by alias what it had not read."""
        if any(call.name in self._writes for call in message.calls):
            self._sources.forget_request()
            self._said.clear()
        self._aliases.learn(message.content)
        for call in message.calls:
            for value in call.arguments.values():
                self._aliases.learn(value if isinstance(value, str) else json.dumps(value))


def _words(row: Row) -> frozenset[str]:
    """The words that describe the row; all that are no handles if none are apart."""
    described = f"{row.of} {row.cue}" if row.cue else row.text
    bare = " ".join(word for word in described.split() if not is_handle(word))
    return frozenset(_WORD.findall(plain(bare)))


def _first_words(row: Row) -> set[str]:
    return {word for part in (row.of, row.cue) for word in plain(part).split()[:1]}


def _cut(ids: Sequence[int], mark: int) -> list[list[int]]:
    parts: list[list[int]] = [[]]
    for token in ids:
        if token == mark:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts
