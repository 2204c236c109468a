"""What a policy that reads and writes tokens itself wants of whatever samples them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from harness.types import VersionSpan


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledTurn:
    """One turn: ``ids``, the last an end token unless a limit was hit; ``logprobs``, one for each,
    in nats at the sampling temperature; ``versions``, which weights sampled which of the ids: () if
    that is not known.
    """

    ids: Sequence[int]
    logprobs: Sequence[float]
    versions: tuple[VersionSpan, ...] = ()


class TurnSampler(Protocol):
    """Samples turns from one language model, in this process or behind a server.

    Many conversations ask at once, on one event loop. The sampler keeps the ids of each: it is told
    the new ones only, and may keep what it computed from the old ones.
    """

    temperature: float
    """At which the next turns are sampled (0: greedy)."""

    async def turn(self, conversation: str, ids: Sequence[int], *, seed: int) -> SampledTurn:
        """Add ``ids`` to the conversation and sample until an end token.

        The same ids, seed, temperature and weights give the same turn. Raises ``RolloutFault``:
        "context_overflow" when the conversation is or gets too long, "infrastructure_fault" where
        the server has no answer.
        """
        ...

    def forget(self, conversation: str) -> None:
        """The conversation is over; a turn of it that is still being sampled is given up."""
        ...

    def weights_changed(self) -> None:
        """The next turn must be sampled from the weights as they are now: nothing computed with
        older ones may be used. Conversations go on, and their next spans have another version.
        """
        ...
