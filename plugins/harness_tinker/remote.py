"""A model on a Tinker server: its log-probabilities, its updates, and its weights back by name.

A server may lose it: sessions end, servers start again. Then a new model is made from the state
kept last, and the updates since are made again, so that the weights are those it had.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import tinker
from tinker import types

from harness.errors import RunError
from harness_tinker.backends import BACKENDS
from harness_tinker.rows import Floats, Request, Row, Wire, wire
from harness_tinker.server import REFUSED, Server

T = TypeVar("T")

LOST = (tinker.TinkerError, ValueError, TimeoutError)
"""What the client raises when a session or a model is gone, or nothing answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which weights of a server: those of ``base_model``, or the state and the sampler's weights
    saved under these names ("": none).

    ``rank`` and ``seed`` are those of the adapter that a new model gets; ``label`` is what the
    weights are called ("": their name on the server).
    """

    base_model: str
    rank: int
    seed: int
    state: str = ""
    sampler: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Updated:
    """What an update said: for each row of each request the log-probabilities (nats) that its
    tokens had before it, 0 for the first id; and the norm of the gradient (NaN: not told).
    """

    logprobs: Sequence[Sequence[Floats]]
    grad_norm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    requests: Sequence[Request]
    learning_rate: float


class RemoteModel:
    """The weights of one policy. Calls wait for the server; not to be used by two threads at once.

    ``losses``: how often the server had lost the model and it was made again.
    """

    def __init__(self, server: Server, place: Place) -> None:
        self.server = server
        self.place = place
        self.losses = 0
        self._backend = BACKENDS[server.options.backend]
        self._training: tinker.TrainingClient | None = None
        self._sampling: tinker.SamplingClient | None = None
        self._resume = ""
        self._since: list[_Step] = []
        self.updates = 0
        self._saved = 0
        self._named, self._named_at = "", -1

    @property
    def version(self) -> str:
        """Another one for other weights."""
        place = self.place
        label = place.label or place.sampler or place.state or place.base_model
        return f"{label}+{self.updates}" if self.updates else label

    def sampling_client(self) -> tinker.SamplingClient:
        """A client that samples from the weights as they are."""
        if self._sampling is None:
            self._sampling = self._retried(self._made_sampler)
        return self._sampling

    def sampler_lost(self) -> None:
        """Make another sampling client when one is asked for next."""
        self._sampling = None

    def lost(self) -> None:
        """The server knows the session no more: model and sampling client are made again."""
        self.losses += 1
        self._training = self._sampling = None
        self.server.forget()

    def logprobs(self, rows: Sequence[Row]) -> list[Floats]:
        """For each row the log-probabilities (nats) of its ids as the weights are, 0 for the first.

        Nothing is learnt.
        """
        if not rows:
            return []
        asked = Request(rows=rows, loss="cross_entropy")
        sent = wire(asked, self._backend, rows=len(rows))
        data = _data(sent)

        def ask(client: tinker.TrainingClient) -> list[Floats]:
            future = client.forward(data, sent.loss, dict(sent.config) or None)
            return _logprobs(future.result(self.server.options.seconds), rows)

        return self._on_model(ask)

    def update(self, requests: Sequence[Request], learning_rate: float) -> Updated:
        """One step of Adam on the sum of the requests' losses."""
        step = _Step(requests=[r for r in requests if r.rows], learning_rate=learning_rate)
        updated = self._on_model(lambda client: self._make(client, step))
        self._since.append(step)
        self.updates += 1
        self._sampling = None
        return updated

    def keep(self, name: str) -> str:
        """Save weights and optimizer on the server, to go on from; returns their name there."""
        self._resume = self._state(name)
        self._since = []
        return self._resume

    def resume(self, state: str, updates: int) -> None:
        """Go on from a state that ``keep`` has saved, after so many updates."""
        self._resume, self.updates, self._since = state, updates, []
        self._training = self._sampling = None

    def save(self, name: str) -> Place:
        """Save the weights on the server, to sample from and to train from; returns their names.

        Weights that were never trained stay where they are.
        """
        if not self.updates:
            return self.place
        state = self._state(name)
        return replace(self.place, state=state, sampler=self._saved_sampler(name))

    def named(self) -> Place:
        """Weights that another client can sample from: saved under a name if they were trained."""
        if not self.updates and not self._resume:
            return self.place
        if self._named_at != self.updates:
            self._named, self._named_at = self._saved_sampler("rollouts"), self.updates
        return replace(self.place, sampler=self._named, label=self.version)

    def close(self) -> None:
        """Give the place on the server back."""
        if self._training is not None:
            self.server.unload(str(self._training.model_id))
        self._training = self._sampling = None
        self.server.forget()

    def __del__(self) -> None:
        # A run trains several policies, and a server has few places.
        with suppress(Exception):
            self.close()

    def _state(self, name: str) -> str:
        asked = self._fresh(name)
        wait = self.server.options.seconds
        return self._on_model(lambda client: client.save_state(asked).result(wait).path)

    def _saved_sampler(self, name: str) -> str:
        asked = self._fresh(f"{name}-sampler")
        wait = self.server.options.seconds
        return self._on_model(lambda c: c.save_weights_for_sampler(asked).result(wait).path)

    def _fresh(self, name: str) -> str:
        """A name on the server that this model has not used yet."""
        self._saved += 1
        return f"{re.sub(r'[^A-Za-z0-9_-]', '-', name)[:200]}-{self._saved}"

    def _made_sampler(self) -> tinker.SamplingClient:
        if self.updates or self._resume:
            return self._model().save_weights_and_get_sampling_client()
        client = self.server.client()
        if self.place.sampler:
            return client.create_sampling_client(model_path=self.place.sampler)
        return client.create_sampling_client(base_model=self.place.base_model)

    def _make(self, client: tinker.TrainingClient, step: _Step) -> Updated:
        rows = sum(len(request.rows) for request in step.requests)
        asked = []
        for request in step.requests:
            sent = wire(request, self._backend, rows=rows)
            data = _data(sent)
            asked.append(client.forward_backward(data, sent.loss, dict(sent.config) or None))
        stepped = client.optim_step(types.AdamParams(learning_rate=step.learning_rate))
        wait = self.server.options.seconds
        outputs = [future.result(wait) for future in asked]
        metrics = stepped.result(wait).metrics or {}
        norms = [value for name, value in metrics.items() if "grad_norm" in name]
        pairs = zip(outputs, step.requests, strict=True)
        return Updated(
            logprobs=[_logprobs(output, request.rows) for output, request in pairs],
            grad_norm=float(norms[0]) if norms else float("nan"),
        )

    def _on_model(self, do: Callable[[tinker.TrainingClient], T]) -> T:
        return self._retried(lambda: do(self._model()))

    def _model(self) -> tinker.TrainingClient:
        if self._training is None:
            self._training = self._made_model()
        return self._training

    def _retried(self, do: Callable[[], T]) -> T:
        """What it returns, on a model made again if the server has lost it."""
        options = self.server.options
        for tried in range(1, options.tries + 1):
            try:
                return do()
            except REFUSED as error:
                raise self.server.failed(error) from error
            except LOST as error:
                if tried == options.tries:
                    raise self.server.failed(error) from error
                self.lost()
        raise AssertionError("not reached")

    def _made_model(self) -> tinker.TrainingClient:
        client, place = self.server.client(), self.place
        try:
            if self._resume:
                made = client.create_training_client_from_state_with_optimizer(self._resume)
            elif place.state:
                made = client.create_training_client_from_state(place.state)
            else:
                made = client.create_lora_training_client(
                    base_model=place.base_model, rank=place.rank, seed=place.seed
                )
        except tinker.NotFoundError as error:
            raise RunError(
                f"the server at {self.server.url} no longer has the weights "
                f"{self._resume or place.state or place.base_model!r}",
                hint="Start it with the folder of checkpoints and the database it had, or train "
                "from an earlier checkpoint.",
            ) from error
        for step in self._since:
            self._make(made, step)
        return made


def _data(sent: Wire) -> list[types.Datum]:
    made = []
    for ids, arrays in zip(sent.inputs, sent.arrays, strict=True):
        tensors = {name: types.TensorData.from_numpy(array) for name, array in arrays.items()}
        read = types.ModelInput.from_ints(ids.tolist())
        made.append(types.Datum(model_input=read, loss_fn_inputs=tensors))
    return made


def _logprobs(output: types.ForwardBackwardOutput, rows: Sequence[Row]) -> list[Floats]:
    found = []
    for row, said in zip(rows, output.loss_fn_outputs, strict=True):
        known = np.zeros(len(row.ids), dtype=np.float32)
        known[1:] = said["logprobs"].to_numpy().ravel()[: len(row.ids) - 1]
        found.append(known)
    return found
