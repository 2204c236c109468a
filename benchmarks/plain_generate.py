"""Turn token ids of live conversations into turns by ``model.generate``, as trainers do it."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from harness.errors import RolloutFault
from harness.protocols import SampledTurn
from harness_local.policy import LocalPolicy
from harness_local.sampler import Limits

_HOPS = 6
"""Turns of the event loop in which conversations that wait for nothing else ask for their next."""


def plain_policy(policy: LocalPolicy, limits: Limits, *, temperature: float) -> LocalPolicy:
    """The same model and codec, sampled by ``model.generate``."""
    plain = copy.copy(policy)
    ends, pad = policy._codec.ends, policy.tokenizer.pad_token_id
    plain._talks = {}
    plain._sampler = PlainSampler(  # type: ignore[assignment]
        policy.model, ends=ends, pad=pad, limits=limits, temperature=temperature
    )
    return plain


class PlainSampler:
    """Samples for all who wait at once, and feeds each conversation from its start every turn.

    It has the methods of ``harness_local.sampler.Sampler`` that a policy calls. It computes no
    log-probabilities: TRL does that in a pass of its own, which is not charged here.
    """

    def __init__(
        self,
        model: Any,
        *,
        ends: frozenset[int],
        pad: int,
        limits: Limits,
        temperature: float,
    ) -> None:
        self.temperature = temperature
        self._model = model
        self._ends = ends
        self._pad = pad
        self._limits = limits
        self._ids: dict[str, list[int]] = {}
        self._waiting: list[tuple[list[int], asyncio.Future[SampledTurn]]] = []
        self._engine: asyncio.Task[None] | None = None

    async def turn(self, conversation: str, ids: Sequence[int], *, seed: int) -> SampledTurn:
        """Feed ``ids`` and sample a turn, by the random state of the process: no seed counts."""
        row = self._ids.setdefault(conversation, [])
        row.extend(ids)
        if len(row) >= self._limits.max_context:
            raise RolloutFault("context_overflow", "the conversation is too long")
        said: asyncio.Future[SampledTurn] = asyncio.get_running_loop().create_future()
        self._waiting.append((row, said))
        if self._engine is None or self._engine.done():
            self._engine = asyncio.create_task(self._run())
        sampled = await said
        row.extend(sampled.ids)
        return sampled

    def forget(self, conversation: str) -> None:
        self._ids.pop(conversation, None)

    def weights_changed(self) -> None:
        """Nothing is kept that could be stale."""

    async def _run(self) -> None:
        while self._waiting:
            for _ in range(_HOPS):
                await asyncio.sleep(0)
            batch, self._waiting = self._waiting, []
            for (_, said), ids in zip(batch, self._generate([r for r, _ in batch]), strict=True):
                said.set_result(SampledTurn(ids=ids, logprobs=[0.0] * len(ids)))

    def _generate(self, rows: Sequence[Sequence[int]]) -> list[list[int]]:
        longest = max(map(len, rows))
        padded = torch.tensor([[self._pad] * (longest - len(row)) + [*row] for row in rows])
        mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
        with torch.inference_mode():
            made: Tensor = self._model.generate(
                input_ids=padded,
                attention_mask=mask,
                do_sample=True,
                temperature=self.temperature,
                top_k=0,
                top_p=1.0,
                max_new_tokens=min(self._limits.max_new_tokens, self._limits.max_context - longest),
                eos_token_id=sorted(self._ends),
                pad_token_id=self._pad,
            )
        return [self._trimmed(ids) for ids in made[:, longest:].tolist()]

    def _trimmed(self, ids: list[int]) -> list[int]:
        end = next((place for place, token in enumerate(ids) if token in self._ends), len(ids))
        return ids[: end + 1]
