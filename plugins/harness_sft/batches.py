"""Turn demonstrations into token rows, and rows into batches of parts for one pass each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
from torch.utils.data import IterableDataset

from harness.protocols import Conversation, Domain, TrainablePolicy
from harness.types import Episode

Row = dict[str, list[int]]
"""``input_ids`` and ``labels`` of one conversation; a label is -100 where nothing is learnt."""

Part = dict[str, Any]
"""What a collator makes of some rows: tensors for one forward pass."""

IGNORED = -100


def token_rows(
    episodes: Iterable[Episode], policy: TrainablePolicy, domain: Domain, max_length: int
) -> Iterator[Row]:
    """Each conversation cut after ``max_length`` ids, with labels on the policy's own tokens alone.

    A conversation without a label is left out.
    """
    for episode in episodes:
        conversation = Conversation(
            id=episode.trajectory.id,
            domain=domain,
            task=episode.task,
            messages=episode.trajectory.messages,
        )
        trace = policy.encode(conversation)
        ids, sampled = trace.ids[:max_length], trace.sampled[:max_length]
        if sampled[1:].any():
            labels = np.where(sampled, ids, IGNORED)
            yield {"input_ids": ids.tolist(), "labels": labels.tolist()}


def split_rows(rows: Sequence[Row], part_tokens: int) -> list[list[Row]]:
    """Parts of rows of like length, at most ``part_tokens`` with padding, or of one longer row."""
    parts: list[list[Row]] = []
    for row in sorted(rows, key=lambda row: -len(row["input_ids"])):
        if parts and len(parts[-1][0]["input_ids"]) * (len(parts[-1]) + 1) <= part_tokens:
            parts[-1].append(row)
        else:
            parts.append([row])
    return parts


class Batches(IterableDataset[dict[str, list[Part]]]):
    """Batches of ``size`` rows for a trainer, each as ``{"parts": collated parts}``.

    ``first`` are rows already taken from ``rows``. The last batch may be smaller.
    """

    def __init__(
        self,
        first: Sequence[Row],
        rows: Iterator[Row],
        collate: Callable[[list[Row]], Part],
        *,
        size: int,
        part_tokens: int,
    ) -> None:
        self._first = list(first)
        self._rows = rows
        self._collate = collate
        self._size = size
        self._part_tokens = part_tokens

    def __iter__(self) -> Iterator[dict[str, list[Part]]]:
        rows, self._first = self._first, []
        while rows := [*rows, *islice(self._rows, self._size - len(rows))]:
            yield {"parts": [self._collate(part) for part in split_rows(rows, self._part_tokens)]}
            rows = []
