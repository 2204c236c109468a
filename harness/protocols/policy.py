"""The agent: the conversation it sees, and how it takes its turns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from harness.protocols.turns import AgentTurn, Conversation
from harness.types import Checkpoint, TokenTrace


class Policy(Protocol):
    """The agent. Many conversations run at once on one event loop; ``act`` is called once per
    turn.
    """

    id: str

    async def act(self, conversation: Conversation, *, seed: int) -> AgentTurn:
        """The next turn. Raise ``RolloutFault`` when there is none."""
        ...

    def forget(self, conversation_id: str) -> None:
        """The conversation is over: what was kept for it can be dropped."""


@runtime_checkable
class ReadablePolicy(Policy, Protocol):
    """A policy whose turns carry ``TurnTokens`` that it can show to people."""

    def token_texts(self, ids: Sequence[int]) -> list[str]:
        """What each of these tokens reads by itself: special ones by their names, and what is no
        character by itself as U+FFFD.
        """
        ...


@runtime_checkable
class SamplingPolicy(Policy, Protocol):
    """A policy that draws its turns at random, more or less so."""

    def set_temperature(self, temperature: float) -> None:
        """Sample at this temperature from now on (0: greedy)."""
        ...


@runtime_checkable
class TrainablePolicy(SamplingPolicy, Protocol):
    """A policy whose weights a trainer can change, here or on a server.

    ``checkpoint`` is what it was opened from. Its turns carry their ``TurnTokens``.
    """

    checkpoint: Checkpoint

    def encode(self, conversation: Conversation) -> TokenTrace:
        """The ids this policy would have seen and made in a finished conversation; logprobs are
        0.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write model, tokenizer and whatever else is needed to open the policy again from
        ``folder``.
        """
        ...

    def weights_changed(self) -> None:
        """A trainer has changed the weights: turns must be sampled from the new ones, and nothing
        computed with the old ones (such as a KV cache) may be used any more.
        """
        ...


@runtime_checkable
class InProcessPolicy(TrainablePolicy, Protocol):
    """A policy whose weights are in this process, where a trainer changes them in place.

    ``model`` is a ``torch.nn.Module`` of a transformers causal LM, ``tokenizer`` its tokenizer:
    typed loosely so that the core needs neither. Turns may be sampled elsewhere: then
    ``weights_changed`` brings the weights there, and with an attribute ``samples_elsewhere`` that
    is true turns may be asked for while a trainer changes ``model``.
    """

    model: Any
    tokenizer: Any
