"""Find the rows of tool results that an agent's turn rests on: it cites them before it speaks.

A small model chooses better in steps. What it needs an id for stands in a row beside the id; to
copy that row first makes of one hard choice several easy ones, as a chain of thought does. Which
rows a turn rests on is a function of the conversation up to it, so that any teacher's turns can be
written this way, whatever it thought itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from harness_local.lexicon import Lexicon

_FADING = 0.6
"""What a word weighs that the user said one turn ago, beside one just said."""
_LOOK_UP_WORDS = 2
"""A row that a call rests on has so many words: a mere list of ids says nothing about them."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A row as it was shown: all its ids, the aliases among them in order, and its words."""

    ids: tuple[int, ...]
    handles: tuple[int, ...]
    words: frozenset[int]

    @property
    def description(self) -> tuple[int, ...]:
        """The row up to its last alias: without numbers."""
        places = (at for at, token in enumerate(reversed(self.ids)) if token in self.handles)
        return self.ids[: len(self.ids) - next(places, 0)]

    def tells_of(self, handle: int, least: int) -> bool:
        """Whether it says something about the handle rather than only naming it."""
        if handle not in self.handles or len(self.words) < least:
            return False
        described = handle == self.handles[-1] and len(self.handles) == 2
        return len(self.words) > 1 or described or handle == self.handles[0]


class Sources:
    """The rows of one conversation, and what the user said, as far as they were heard."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._cents = frozenset(lexicon.cents)
        self._digits = lexicon.digits
        self._special = lexicon.special - self._cents
        self._aliases = frozenset(lexicon.aliases)
        self._rows: list[_Row] = []
        self._frequency: Counter[int] = Counter()
        self._said: dict[int, int] = {}
        self._turns = 0
        self._cited: set[tuple[int, ...]] = set()
        self._spoken: set[int] = set()

    def shown(self, ids: Sequence[int]) -> None:
        """A row was shown to the agent."""
        words = frozenset(ids) - self._special
        self._rows.append(_Row(tuple(ids), tuple(i for i in ids if i in self._aliases), words))
        self._frequency.update(words)

    def said(self, ids: Iterable[int]) -> None:
        """The user said something."""
        self._turns += 1
        self._said.update(dict.fromkeys(ids, self._turns))

    def forget_cited(self) -> None:
        """A request is over: what was cited for it may be cited again."""
        self._cited.clear()
        self._spoken.clear()

    def cite(self, turn: Sequence[int], *, calls: bool) -> Iterator[tuple[int, ...]]:
        """The rows for the handles and sums of a turn in its order, none twice for one request.

        For each that the user did not name it is the row that has most of what the user said, rare
        words and late ones first. A turn that ``calls`` a tool cites for what the agent has not
        spoken of yet.
        """
        least = _LOOK_UP_WORDS if calls else 1
        handles = dict.fromkeys(token for token in turn if token in self._aliases)
        for handle in handles:
            rows = [row for row in self._rows if handle in row.handles]
            known = handle in self._said or (calls and handle in self._spoken)
            if not known and not any(row.ids in self._cited for row in rows):
                rows = [row for row in rows if row.tells_of(handle, least)]
                yield from (row.description for row in self._best(rows, handles))
        self._spoken.update(handles)
        for amount in () if calls else self._amounts(turn):
            rows = [row for row in self._rows if _contains(row.ids, amount)]
            if not any(row.ids in self._cited for row in rows):
                yield from (row.ids for row in self._best(rows, handles))

    def _best(self, rows: Sequence[_Row], handles: Collection[int]) -> list[_Row]:
        """The row to cite, in a list; [] if there is none."""
        if not rows:
            return []

        def fit(row: _Row) -> tuple[float, int]:
            return self._relevance(row), len(set(row.handles).intersection(handles))

        row = max(reversed(rows), key=fit)
        self._cited.add(row.ids)
        return [row]

    def _amounts(self, turn: Sequence[int]) -> Iterator[tuple[int, ...]]:
        """The ids of each number with cents."""
        start = 0
        for place, token in enumerate(turn):
            if token in self._cents:
                yield tuple(turn[start : place + 1])
            if token not in self._digits:
                start = place + 1

    def _relevance(self, row: _Row) -> float:
        return sum(self._weight(word) for word in row.words if word in self._said)

    def _weight(self, word: int) -> float:
        return float(_FADING ** (self._turns - self._said[word])) / self._frequency[word]


def _contains(ids: Sequence[int], run: Sequence[int]) -> bool:
    places = range(len(ids) - len(run) + 1)
    return any(tuple(ids[at : at + len(run)]) == run for at in places)


def without_citations(ids: Sequence[int], mark: int, ends: Collection[int]) -> list[int]:
    """What is left of a turn when citations, which the mark opens, are dropped up to their end."""
    kept: list[int] = []
    cites = False
    for token in ids:
        cites = (cites or token == mark) and token not in ends
        if not cites:
            kept.append(token)
    return kept
