"""Both ways to attend to slots read the same, whatever rows share a pass."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from harness_local.attention import padded_attention, row_attention
from harness_local.cache import SlotCache
from harness_local.window import SHORT, Window

HEADS, KEYS, DIM = 4, 2, 8

rows = st.lists(
    st.tuples(st.integers(0, 40), st.one_of(st.integers(1, SHORT), st.integers(1, 3 * SHORT))),
    min_size=1,
    max_size=6,
)


def passed(cache: SlotCache, window: Window, states: Tensor) -> tuple[Tensor, Tensor]:
    cache.look_at(window)
    return cache.update(states, -states, layer_idx=0)


def states(heads: int, window: Window) -> Tensor:
    return torch.randn(1, heads, sum(window.counts), DIM)


@settings(max_examples=60, deadline=None)
@given(rows, st.randoms(use_true_random=False))
def test_padding_changes_nothing(rows: list[tuple[int, int]], random: object) -> None:
    slots = list(range(len(rows)))
    random.shuffle(slots)  # type: ignore[attr-defined]
    cache = SlotCache(dtype=torch.float32, device=torch.device("cpu"))
    old = [(slot, start) for slot, (start, _) in zip(slots, rows, strict=True) if start]
    if old:
        before = Window(
            slots=[slot for slot, _ in old],
            starts=[0] * len(old),
            counts=[start for _, start in old],
        )
        passed(cache, before, states(KEYS, before))
    window = Window(
        slots=slots, starts=[start for start, _ in rows], counts=[count for _, count in rows]
    )
    keys, values = passed(cache, window, states(KEYS, window))
    query = states(HEADS, window)
    one_by_one = row_attention(query, keys, values, window, None)
    together = padded_attention(query, keys, values, window, None)
    torch.testing.assert_close(together, one_by_one)


@pytest.mark.parametrize("attend", [row_attention, padded_attention])
def test_slots_that_were_never_written_spoil_nothing(attend: object) -> None:
    cache = SlotCache(dtype=torch.float32, device=torch.device("cpu"))
    window = Window(slots=[5, 0], starts=[0, 0], counts=[2, 1])
    torch.use_deterministic_algorithms(True)  # which fills what is not initialised with NaN
    try:
        keys, values = passed(cache, window, states(KEYS, window))
    finally:
        torch.use_deterministic_algorithms(False)
    read = attend(states(HEADS, window), keys, values, window, None)  # type: ignore[operator]
    assert read.isfinite().all()
