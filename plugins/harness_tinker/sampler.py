"""Turn token ids into turns that a Tinker server samples from a model's weights as they are."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from threading import Lock

import tinker
from tinker import types

from harness.errors import ModelError, RolloutFault
from harness.protocols import SampledTurn
from harness.types import VersionSpan
from harness_tinker.remote import LOST, RemoteModel
from harness_tinker.server import REFUSED

SEEDS = 2**31


class TinkerSampler:
    """A ``TurnSampler``: every turn sends the whole conversation, and nothing is kept but its ids.

    ``ends`` are the ids that end a turn. Servers cache the prefixes of conversations by themselves.
    """

    def __init__(self, model: RemoteModel, *, ends: frozenset[int], temperature: float) -> None:
        self.temperature = temperature
        self._model = model
        self._ends = ends
        self._ids: dict[str, list[int]] = {}
        self._opening = Lock()

    async def turn(self, conversation: str, ids: Sequence[int], *, seed: int) -> SampledTurn:
        options = self._model.server.options
        known = [*self._ids.get(conversation, []), *ids]
        room = options.max_context - len(known)
        if room < 1:
            raise RolloutFault(
                "context_overflow",
                f"the conversation has {len(known)} tokens, the limit is {options.max_context}",
            )
        asked = types.SamplingParams(
            max_tokens=min(options.max_new_tokens, room),
            seed=seed % SEEDS,
            temperature=self.temperature,
            stop=sorted(self._ends),
        )
        found, version = await self._sampled(types.ModelInput.from_ints(known), asked)
        if found.logprobs is None or len(found.logprobs) != len(found.tokens) or not found.tokens:
            raise ModelError(
                f"the server at {self._model.server.url} answered {len(found.tokens)} tokens and "
                f"{len(found.logprobs or [])} log-probabilities",
                hint="Use a server that returns one for each token, as SkyRL's does.",
            )
        if found.stop_reason == "stop" and found.tokens[-1] not in self._ends:
            raise ModelError(
                f"the server at {self._model.server.url} leaves out the token that ends a turn",
                hint="Use a server that returns it with its log-probability, as SkyRL's does.",
            )
        self._ids[conversation] = [*known, *found.tokens]
        span = VersionSpan(start=0, stop=len(found.tokens), version=version)
        return SampledTurn(ids=found.tokens, logprobs=found.logprobs, versions=(span,))

    def forget(self, conversation: str) -> None:
        self._ids.pop(conversation, None)

    def weights_changed(self) -> None:
        self._model.sampler_lost()

    async def _sampled(
        self, prompt: types.ModelInput, asked: types.SamplingParams
    ) -> tuple[types.SampledSequence, str]:
        """One sequence, and the version of the weights it is from."""
        model = self._model
        error: Exception | None = None
        for _ in range(model.server.options.tries):
            client, version = await asyncio.to_thread(self._open)
            try:
                answer = await asyncio.wait_for(
                    asyncio.wrap_future(client.sample(prompt, 1, asked)),
                    model.server.options.seconds,
                )
                return answer.sequences[0], version
            except REFUSED as refusal:
                error = refusal
                break
            except LOST as lost:
                error = lost
                await asyncio.to_thread(self._renew, client)
        raise RolloutFault(
            "infrastructure_fault", f"{model.server.url}: {type(error).__name__}: {error}"
        )

    def _open(self) -> tuple[tinker.SamplingClient, str]:
        with self._opening:
            return self._model.sampling_client(), self._model.version

    def _renew(self, client: tinker.SamplingClient) -> None:
        """Open a session anew, unless another conversation has done so meanwhile."""
        with self._opening:
            if self._model.sampling_client() is client:
                self._model.lost()
