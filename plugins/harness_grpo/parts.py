"""Turn the rows of a step's batch into parts that pass through the model at once."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import torch
from torch import Tensor

from harness.training.packed.cores import split
from harness_grpo.readings import Readings

Batch = dict[str, Tensor]
"""Rollouts as tensors, one row each; what has no dimension is the same for all rows."""

FAIR = 2048
"""Tokens of a part: with more, a core would be done long before another; it would be no faster."""

Metrics = defaultdict[str, list[float]]
"""What TRL counts, by its names."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows, and what is read and counted while their loss is computed.

    It is kept with them, for parts may be computed at once and in any order.
    """

    rows: Batch
    readings: Readings = field(default_factory=Readings)
    metrics: Metrics = field(default_factory=lambda: defaultdict(list))


def parts_of(batch: Batch, part_tokens: int, *, packs: bool) -> list[Part]:
    """The rows in parts of similar length, of at most ``part_tokens`` tokens or one longer row.

    Where rows are packed padding does not count, and parts have at most ``FAIR`` tokens.
    """
    lengths = [1 + int(count) for count in batch["completion_mask"].sum(1)]
    most = min(FAIR, part_tokens) if packs else part_tokens
    dealt = split(range(len(lengths)), most, length=lengths.__getitem__, packed=packs)
    return [Part(rows=_cut(batch, rows, width=lengths[rows[0]] - 1)) for rows in dealt]


def some_rows(batch: Batch, rows: slice | Tensor | list[int]) -> Batch:
    """The batch with those rows alone."""
    return {name: value if value.dim() == 0 else value[rows] for name, value in batch.items()}


def sampled(rows: Batch) -> Tensor:
    """(rows, width): whether each token of a completion is the policy's own."""
    return rows["completion_mask"].mul(rows["tool_mask"]) > 0


def whole(rows: Batch) -> tuple[Tensor, Tensor]:
    """Ids of whole conversations, (rows, 1 + width), padded on the right, and their lengths."""
    ids = torch.cat([rows["prompt_ids"], rows["completion_ids"]], dim=1)
    return ids, rows["prompt_mask"].sum(1) + rows["completion_mask"].sum(1)


def _cut(batch: Batch, rows: list[int], width: int) -> Batch:
    """Those rows, without what is padding in all of them."""
    narrow = {name: value[:, :width] if value.dim() > 1 else value for name, value in batch.items()}
    return some_rows(narrow, rows)
