"""Turn proofs of failed groups into batches of imitation, once enough of them are together."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

from harness.training.proof_traces import Proof, Proofs
from harness.types import stable_seed


class Buffer:
    """Collects the tasks whose groups wholly failed, each once at a time, until there are ``size``,
    or as many as have a usable proof.

    Ma et al., "ReLIFT" (arXiv:2506.07527): reinforcement, and now and then an epoch of imitation on
    the hardest questions met since.
    """

    def __init__(self, proofs: Proofs, *, size: int, batch_size: int, seed: int) -> None:
        self._proofs = proofs
        self._size = size
        self._batch_size = batch_size
        self._seed = seed
        self._ids: list[str] = []
        self._epochs = 0

    def add(self, task_id: str) -> None:
        """Take the task in, unless it is there or has no usable proof."""
        if task_id not in self._ids and self._proofs.of(task_id) is not None:
            self._ids.append(task_id)

    def take(self) -> list[list[Proof]]:
        """An epoch in shuffled batches, after which the buffer is empty; [] if it is not full."""
        full = min(self._size, self._proofs.counts()["usable"])
        if not self._ids or len(self._ids) < full:
            return []
        random = Random(stable_seed("buffer", self._seed, self._epochs))
        shuffled = random.sample(self._ids, len(self._ids))
        proofs = [proof for task_id in shuffled if (proof := self._proofs.of(task_id))]
        self._epochs += 1
        self._ids = []
        return [
            proofs[at : at + self._batch_size] for at in range(0, len(proofs), self._batch_size)
        ]

    def state(self) -> dict[str, Any]:
        """Tasks and epochs so far, to resume from."""
        return {"ids": list(self._ids), "epochs": self._epochs}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._ids, self._epochs = list(state["ids"]), state["epochs"]
