"""Turn demonstrations into token rows, and rows into batches: a share of parts for each core."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

import numpy as np
from torch.utils.data import DataLoader, IterableDataset

from harness.errors import HarnessError, NothingToLearn
from harness.protocols import Conversation, Domain, TrainablePolicy
from harness.runtime.processes import end_with_parent
from harness.types import Episode, Task, stable_id

T = TypeVar("T")

Row = dict[str, list[int]]
"""``input_ids`` and ``labels`` of one conversation; a label is -100 where nothing is learnt. One
that lost words of the agent when it was cut has the key ``CUT``, too."""

Part = dict[str, Any]
"""What a collator makes of some rows: tensors for one forward pass."""

IGNORED = -100
CUT = "cut"

_IN_VAIN = 100
_AHEAD = 4
"""Batches that wait to be trained on."""
_ROW_STEP, _PART_STEP = 32, 128
"""Lengths of conversations and of packed parts are multiples of this number of tokens."""
_NO_ROW: Row = {"input_ids": [], "labels": []}


def token_rows(
    episodes: Iterable[Episode],
    policy: TrainablePolicy,
    domain_of: Callable[[Task], Domain],
    max_length: int,
) -> Iterator[Row]:
    """Each conversation cut after ``max_length`` ids, with labels on the policy's own tokens alone.

    A conversation without a label is left out. Raises ``NothingToLearn`` after ``_IN_VAIN`` of them
    in a row, as demonstrations never run out.
    """
    in_vain = 0
    for episode in episodes:
        conversation = Conversation(
            id=episode.trajectory.id,
            domain=domain_of(episode.task),
            task=episode.task,
            messages=episode.trajectory.messages,
        )
        trace = policy.encode(conversation)
        ids, sampled = trace.ids[:max_length], trace.sampled[:max_length]
        if sampled[1:].any():
            labels = np.where(sampled, ids, IGNORED)
            row = {"input_ids": ids.tolist(), "labels": labels.tolist()}
            yield {**row, CUT: []} if trace.sampled[max_length:].any() else row
        in_vain = 0 if sampled[1:].any() else in_vain + 1
        if in_vain == _IN_VAIN:
            raise NothingToLearn(
                f"the last {in_vain} demonstrations have no turn of the agent in their first "
                f"{max_length} tokens; the last of them has {len(trace.ids)} tokens",
                hint="Raise max_length in [options.sft]: the policy text and the tools come first.",
            )


def rounded(rows: Sequence[Row], pad: int, *, longest: int) -> list[Row]:
    """The rows of a packed part, padded with ``pad`` to few different lengths.

    None becomes longer than ``longest``, the model's limit of positions.

    oneDNN compiles a kernel for each new shape of a matrix product, which takes about as long as a
    product of matrices as small as these.
    """
    lengths = [min(longest, row_length(row) + -row_length(row) % _ROW_STEP) for row in rows]
    filled = [_filled(row, n - row_length(row), pad) for row, n in zip(rows, lengths, strict=True)]
    missing = -sum(map(row_length, filled)) % _PART_STEP
    return [*filled, _filled(_NO_ROW, missing, pad)] if missing else filled


class Batches(IterableDataset[Sequence[Row]]):
    """Batches of ``size`` rows; the last may be smaller. ``first`` are rows taken already."""

    def __init__(self, first: Sequence[Row], rows: Iterator[Row], *, size: int) -> None:
        self._first = list(first)
        self._rows = rows
        self._size = size

    def skip(self, batches: int) -> None:
        """Skip so many batches: those that a resumed run has already trained on."""
        for _ in range(batches):
            next(iter(self), None)

    def __iter__(self) -> Iterator[Sequence[Row]]:
        while rows := [*self._first, *islice(self._rows, self._size - len(self._first))]:
            self._first = []
            yield rows


def load(batches: Batches, *, ahead: bool) -> Iterator[Sequence[Row]]:
    """The batches; with ``ahead`` a forked process makes them during training.

    What it raises is raised here unchanged.
    """
    if not ahead:
        yield from batches
        return
    for found in DataLoader(
        _Told(batches),
        batch_size=None,
        collate_fn=_as_it_is,
        num_workers=1,
        prefetch_factor=_AHEAD,
        multiprocessing_context="fork",
        worker_init_fn=lambda _: end_with_parent(),
    ):
        if isinstance(found, BaseException):
            raise found
        yield found


def note_cut(batches: Iterable[Sequence[Row]], cut: set[str]) -> Iterator[Sequence[Row]]:
    """The batches as they are; ``cut`` gets an id of each row that lost words of the agent."""
    for rows in batches:
        cut.update(stable_id("row", row["input_ids"]) for row in rows if CUT in row)
        yield rows


class _Told(IterableDataset[Sequence[Row] | HarnessError]):
    """Batches, and the error that ended them: the loader would pass it on only as text."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches

    def __iter__(self) -> Iterator[Sequence[Row] | HarnessError]:
        try:
            yield from self._batches
        except HarnessError as error:
            yield error


def _as_it_is(found: T) -> T:
    return found


def _filled(row: Row, count: int, pad: int) -> Row:
    return {
        "input_ids": [*row["input_ids"], *[pad] * count],
        "labels": [*row["labels"], *[IGNORED] * count],
    }


def row_length(row: Row) -> int:
    """Its tokens."""
    return len(row["input_ids"])
