"""Turn token ids into turns that vLLM samples, each from weights that are known."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.errors import ModelError, ProviderError, RolloutFault
from harness.protocols import SampledTurn
from harness.types import VersionSpan
from harness_vllm.fleet import Fleet
from harness_vllm.replica import Lost, Replica
from harness_vllm.weights import Weights

SEEDS = 2**31
_CUT = "abort"
"""Why a completion ended that the server was told to cut, to get new weights."""


@dataclass(slots=True, kw_only=True)
class _Talk:
    """A conversation: its ids, and the replica that has them in its prefix cache."""

    replica: Replica
    ids: list[int] = field(default_factory=list)
    asked: asyncio.Future[Any] | None = None


@dataclass(slots=True, kw_only=True)
class _Turn:
    """What was sampled of a turn so far: several parts, where weights changed in the middle."""

    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    versions: list[VersionSpan] = field(default_factory=list)
    parts: int = 0


class VllmSampler:
    """A ``TurnSampler``: every turn sends the whole conversation to the replica that had it before,
    whose prefix cache has all but the new ids.

    ``ends`` are the ids that end a turn; ``weights`` what the next turns are sampled from.
    """

    def __init__(
        self, fleet: Fleet, weights: Weights, *, ends: frozenset[int], temperature: float
    ) -> None:
        self.temperature = temperature
        self.weights = weights
        self.fleet = fleet
        self._ends = ends
        self._talks: dict[str, _Talk] = {}

    async def turn(self, conversation: str, ids: Sequence[int], *, seed: int) -> SampledTurn:
        talk = self._talks.get(conversation)
        if talk is None:
            talk = self._talks[conversation] = _Talk(replica=self.fleet.seat())
        known = [*talk.ids, *ids]
        room = self._max_context() - len(known)
        if room < 1:
            raise RolloutFault(
                "context_overflow",
                f"the conversation has {len(known)} tokens, the limit is {self._max_context()}",
            )
        limit = min(self.fleet.options.max_new_tokens, room)
        turn = _Turn()
        ended = False
        while not ended:
            ended = await self._part(talk, known, turn, limit=limit, seed=seed)
        talk.ids = [*known, *turn.ids]
        return SampledTurn(ids=turn.ids, logprobs=turn.logprobs, versions=tuple(turn.versions))

    def forget(self, conversation: str) -> None:
        talk = self._talks.pop(conversation, None)
        if talk is None:
            return
        self.fleet.leave(talk.replica)
        if talk.asked is not None:
            talk.asked.cancel()

    def weights_changed(self) -> None:
        self.fleet.bring(self.weights, cuts=True)

    def _max_context(self) -> int:
        limits = (self.fleet.options.max_context, self.fleet.longest)
        return min(limit for limit in limits if limit)

    async def _part(
        self, talk: _Talk, known: Sequence[int], turn: _Turn, *, limit: int, seed: int
    ) -> bool:
        """Sample the rest of the turn, or what of it there is time for; whether it ended."""
        prompt = [*known, *turn.ids]
        asked = {
            "max_tokens": limit - len(turn.ids),
            "temperature": self.temperature,
            "seed": (seed + turn.parts) % SEEDS,
            "stop_token_ids": sorted(self._ends),
            "logprobs": 0,
        }
        choice, version = await self._answer(talk, prompt, asked)
        ids, logprobs = _sampled(choice, prompt, talk.replica)
        turn.parts += 1
        if ids:
            start = len(turn.ids)
            span = VersionSpan(start=start, stop=start + len(ids), version=version)
            if turn.versions and turn.versions[-1].version == version:
                span = VersionSpan(start=turn.versions.pop().start, stop=span.stop, version=version)
            turn.versions.append(span)
        turn.ids += ids
        turn.logprobs += logprobs
        reason = choice["finish_reason"]
        if reason == "stop" and turn.ids[-1] not in self._ends:
            raise ModelError(
                f"the server at {talk.replica.url} ended a turn with the token {turn.ids[-1]}, "
                "which ends none here, or left out the one that does",
                hint="Serve the folder that the policy names: its generation config has the ends.",
            )
        return reason != _CUT or len(turn.ids) >= limit

    async def _answer(
        self, talk: _Talk, prompt: Sequence[int], asked: dict[str, Any]
    ) -> tuple[dict[str, Any], str]:
        """The completion and the version it is from. A server that gives none is seen to, or
        another asked.
        """
        error: Exception | None = None
        for _ in range(self.fleet.options.tries):
            weights = await self._entered()
            life = talk.replica.life
            try:
                body = talk.replica.request(prompt, cache_salt=weights.version, **asked)
                talk.asked = asyncio.ensure_future(talk.replica.sampled(body))
                choice, is_new = await talk.asked
                if not is_new or await asyncio.to_thread(self.fleet.has, talk.replica, weights):
                    return choice, weights.version
                error = Lost(f"{talk.replica.url} has started again with other weights")
            except Lost as lost:
                error = lost
            except ProviderError as refused:
                raise RolloutFault("infrastructure_fault", str(refused)) from refused
            finally:
                talk.asked = None
                self.fleet.end()
            try:
                await asyncio.to_thread(self.fleet.mend, talk.replica, weights, life)
            except Lost as lost:
                error = lost
                self._move(talk)
            except ProviderError as failed:
                if self.fleet.own is not None:
                    raise
                error = failed
                self._move(talk)
        raise RolloutFault("infrastructure_fault", f"no vLLM server answers: {error}")

    async def _entered(self) -> Weights:
        """The weights that the turn may be sampled from now."""
        while True:
            weights = self.weights
            if self.fleet.begin(weights.version):
                return weights
            await asyncio.to_thread(self.fleet.bring, weights)

    def _move(self, talk: _Talk) -> None:
        self.fleet.leave(talk.replica)
        talk.replica = self.fleet.seat(besides=talk.replica)


def _sampled(
    choice: dict[str, Any], prompt: Sequence[int], replica: Replica
) -> tuple[list[int], list[float]]:
    """The ids and their log-probabilities, in nats. Raises ``ModelError`` if they do not fit."""
    ids = choice.get("token_ids")
    logprobs = (choice.get("logprobs") or {}).get("token_logprobs") or []
    if ids is None or choice.get("prompt_token_ids") != list(prompt) or len(ids) != len(logprobs):
        raise ModelError(
            f"the server at {replica.url} answered {len(ids or [])} tokens with {len(logprobs)} "
            "log-probabilities, or saw another prompt than was sent",
            hint="Use vLLM 0.22 or later, which knows return_token_ids.",
        )
    if not ids and choice["finish_reason"] != _CUT:
        raise ModelError(
            f"the server at {replica.url} answered without a token",
            hint="Use vLLM 0.22 or later; its log says more.",
        )
    return [int(token) for token in ids], [float(value) for value in logprobs]
