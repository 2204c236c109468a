"""A policy that says what another one says, and samples it letter by letter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from harness.assembly.components import Components
from harness.protocols import AgentTurn, Conversation, Policy, TurnTokens
from harness.types import VersionSpan

CHANCES = (1.0, 0.7, 0.3, 0.1, 0.02, 0.001)
"""The probabilities of its letters, in turn."""


class Speller:
    """A ``ReadablePolicy``: a token is a letter, its id the code point. The first letter of a turn
    is of the weights "1", the others are of "2".
    """

    def __init__(self, policy: Policy) -> None:
        self.id = f"speller:{policy.id}"
        self._policy = policy

    async def act(self, conversation: Conversation, *, seed: int) -> AgentTurn:
        turn = await self._policy.act(conversation, seed=seed)
        said = turn.message.content or turn.message.calls[0].name
        return replace(
            turn,
            tokens=TurnTokens(
                context=[0, 0],
                sampled=[ord(letter) for letter in said],
                logprobs=[math.log(CHANCES[n % len(CHANCES)]) for n in range(len(said))],
                versions=(
                    VersionSpan(start=0, stop=1, version="1"),
                    VersionSpan(start=1, stop=len(said), version="2"),
                ),
            ),
        )

    def token_texts(self, ids: Sequence[int]) -> list[str]:
        return [chr(token) for token in ids]

    def forget(self, conversation_id: str) -> None:
        self._policy.forget(conversation_id)


def speller(parts: Components, name: str = "expert") -> Speller:
    return Speller(parts.named_policy(name))
