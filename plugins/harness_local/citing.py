"""Find the rows of tool results that an agent's turn rests on: it cites them before it speaks.

A small model chooses better in steps. The row with an id also says what the id is for; copying that
row first turns one hard choice into several easy ones, like a chain of thought. Which rows a turn
rests on can be computed from the conversation, so any teacher's turns can be written this way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from harness_local.lexicon import Lexicon

_Ids = tuple[int, ...]
_Ahead = Sequence[Collection[int]]
"""The handles in each of the agent's next messages."""

_FADING = 0.6
"""The weight of a word that the user said one turn ago, relative to one just said."""
_LOOK_UP_WORDS = 2
"""A row that a call rests on has at least so many words: a bare list of ids says nothing."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A row as it was shown: all its ids, the aliases among them in order, and its words."""

    ids: tuple[int, ...]
    handles: tuple[int, ...]
    words: frozenset[str]

    @property
    def description(self) -> tuple[int, ...]:
        """The row up to its last alias: without numbers."""
        places = (at for at, token in enumerate(reversed(self.ids)) if token in self.handles)
        return self.ids[: len(self.ids) - next(places, 0)]

    def tells_of(self, handle: int, least: int) -> bool:
        """Whether it says something about the handle rather than only naming it.

        A row that begins with an id is about that one, or about the last.
        """
        if len(self.words) < least or len(self.description) == len(self.handles):
            return False
        return self.ids[0] not in self.handles or handle in (self.handles[0], self.handles[-1])


class Sources:
    """The rows and the user's words of one conversation so far."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._cents = frozenset(lexicon.cents)
        self._digits = {token: lexicon.decode([token]) for token in lexicon.digits}
        self._aliases = frozenset(lexicon.aliases)
        self._rows: list[_Row] = []
        self._said: dict[str, int] = {}
        self._named: set[int] = set()
        self._turns = 0
        self._cited: set[tuple[int, ...]] = set()
        self._spoken: set[int] = set()

    def shown(self, ids: Sequence[int], words: Iterable[str]) -> None:
        """A row was shown to the agent."""
        handles = tuple(token for token in ids if token in self._aliases)
        self._rows.append(_Row(tuple(ids), handles, frozenset(words)))

    def said(self, ids: Iterable[int], words: Iterable[str]) -> None:
        """The user said something."""
        self._turns += 1
        self._said.update(dict.fromkeys(words, self._turns))
        self._named.update(self._aliases.intersection(ids))

    def forget_request(self) -> None:
        """A request is over: what was said and cited for it no longer counts."""
        self._said.clear()
        self._cited.clear()
        self._spoken.clear()

    def look_up(self, turn: Sequence[int], ahead: Callable[[], _Ahead]) -> Iterator[_Ids]:
        """The rows for the handles of a turn that calls a tool, in its order.

        Only for those that were neither named by the user, nor spoken of or cited since the request
        began. It is the row that the agent will come to speak of, if ``ahead`` tells, the handles
        of what it says next, and otherwise the row that has most of what the user said. A number
        of several digits comes from the row that has it and that the agent will come to speak of.
        """
        for handle in self._handles(turn):
            rows = [row for row in self._rows if handle in row.handles]
            if handle in self._named | self._spoken or self._any_cited(rows):
                continue
            rows = [row for row in rows if row.tells_of(handle, _LOOK_UP_WORDS)]
            named = ahead() if rows else ()
            scores = {row: (*_soon(row, handle, named), self._relevance(row)) for row in rows}
            best = max(reversed(rows), key=scores.__getitem__, default=None)
            if best and any(scores[best][1:]):
                yield self._cite(best).description
        self._spoken.update(self._handles(turn))
        yield from self._sums(turn, ahead)

    def _sums(self, turn: Sequence[int], ahead: Callable[[], _Ahead]) -> Iterator[_Ids]:
        for number in self._numbers(turn):
            rows = [row for row in self._rows if row.handles and number in self._numbers(row.ids)]
            named = ahead() if rows and not self._any_cited(rows) else ()
            soon = {row: _soon(row, -1, named) for row in rows}
            best = max(reversed(rows), key=soon.__getitem__, default=None)
            if best and named and soon[best][1]:
                yield self._cite(best).ids

    def speak(self, turn: Sequence[int], listed: Collection[int] = ()) -> Iterator[_Ids]:
        """The rows for the handles and sums of what the agent says, in its order, none twice.

        For each handle that the user did not name it is the row that has most of what the user
        said. A row that tells of a later handle as well waits for that one. For those ``listed``,
        which the next call has in a list of objects, it is the row all of whose handles the turn
        has, said or not: such lists are long, and their rows in order are a draft of them.
        """
        self._cited.clear()
        handles = self._handles(turn)
        for place, handle in enumerate(handles):
            rows = [row for row in self._rows if handle in row.handles]
            if handle in self._named or self._any_cited(rows):
                continue
            rows = [row for row in rows if row.tells_of(handle, 1)]
            best = self._best(rows, handles, whole=handle in listed)
            later = set(handles[place + 1 :]) - self._named
            wanted = best and (handle in listed or self._relevance(best))
            if best and wanted and not later.intersection(best.handles):
                yield self._cite(best).description
        self._spoken.update(handles)
        for amount in self._amounts(turn):
            rows = [row for row in self._rows if _contains(row.ids, amount)]
            best = None if self._any_cited(rows) else self._best(rows, handles)
            if best:
                yield self._cite(best).ids

    def _handles(self, turn: Iterable[int]) -> list[int]:
        return list(dict.fromkeys(token for token in turn if token in self._aliases))

    def _any_cited(self, rows: Iterable[_Row]) -> bool:
        return any(row.ids in self._cited for row in rows)

    def _cite(self, row: _Row) -> _Row:
        self._cited.add(row.ids)
        return row

    def _best(
        self, rows: Sequence[_Row], handles: Collection[int], *, whole: bool = False
    ) -> _Row | None:
        def fit(row: _Row) -> tuple[bool, float, int]:
            known = set(row.handles).intersection(handles)
            is_whole = whole and len(known) == len({*row.handles})
            return is_whole, self._relevance(row), len(known)

        return max(reversed(rows), key=fit, default=None)

    def _amounts(self, turn: Sequence[int]) -> Iterator[_Ids]:
        """The ids of each number with cents."""
        start = 0
        for place, token in enumerate(turn):
            if token in self._cents:
                yield tuple(turn[start : place + 1])
            if token not in self._digits:
                start = place + 1

    def _numbers(self, ids: Sequence[int]) -> list[str]:
        """The whole numbers of two digits and more, in order."""
        found = [""]
        for token in ids:
            text = self._digits.get(token, " ")
            found += [""] if text.startswith(" ") else []
            found[-1] += text.strip()
        return [number for number in found if len(number) > 1]

    def _relevance(self, row: _Row) -> float:
        turns = (self._said[word] for word in row.words if word in self._said)
        return float(sum(_FADING ** (self._turns - turn) for turn in turns))


def _soon(row: _Row, handle: int, ahead: _Ahead) -> tuple[int, int]:
    """How soon the row's other handles will be spoken of, 0 at once, and how many then."""
    counts = [len(set(row.handles).difference([handle]).intersection(named)) for named in ahead]
    place = next((at for at, count in enumerate(counts) if count), len(counts))
    return -place, counts[place] if place < len(counts) else 0


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
