"""A policy that is a model on a Tinker server: sampled there, trained there, its weights brought
back.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from transformers import PreTrainedTokenizerBase

from harness.errors import ConfigError
from harness.protocols import TrainingJob
from harness.types import Checkpoint
from harness_local.codec import Codec
from harness_local.codec_folder import write_codec
from harness_local.turns import CodecPolicy
from harness_tinker.remote import RemoteModel
from harness_tinker.sampler import TinkerSampler
from harness_tinker.weights import ADAPTER, has_weights, merge, unpack

PLACE_FILE = "tinker.json"
"""The file of a checkpoint that says under which names the server has its weights."""


class TinkerPolicy(CodecPolicy):
    """A ``TrainablePolicy`` whose weights are those of ``remote``.

    Pickled, it is another client that samples from the same weights, saved under a name of their
    own on the server; it cannot train them.
    """

    has_threads = True
    """See ``harness.protocols.has_threads``: the client of the server has one."""

    def __init__(
        self,
        *,
        model: RemoteModel,
        base: Path,
        tokenizer: PreTrainedTokenizerBase,
        codec: Codec,
        checkpoint: Checkpoint,
    ) -> None:
        options = model.server.options
        sampler = TinkerSampler(model, ends=codec.ends, temperature=options.temperature)
        super().__init__(codec=codec, sampler=sampler, checkpoint=checkpoint)
        self.remote = model
        self._base = base
        self._tokenizer = tokenizer

    def save(self, folder: Path) -> None:
        """Save the weights on the server under names that ``folder`` notes, and bring the adapter
        here; merged into the base where its weights are here, so that any program can open it.
        """
        folder.mkdir(parents=True, exist_ok=True)
        place = self.remote.save(folder.parent.name or "policy")
        if place.sampler:
            adapter = unpack(self.remote.server.archive(place.sampler), folder / ADAPTER)
            if self.remote.server.options.merge and has_weights(self._base):
                merge(self._base, adapter, folder)
        self._tokenizer.save_pretrained(str(folder))
        write_codec(folder, self._codec)
        noted = {**asdict(place), "url": self.remote.server.url, "base": str(self._base)}
        (folder / PLACE_FILE).write_text(json.dumps(noted, indent=1) + "\n")

    def __reduce__(self) -> tuple[object, ...]:
        from harness_tinker.opening import Luggage, arrived

        with TemporaryDirectory() as folder:
            self._tokenizer.save_pretrained(folder)
            write_codec(Path(folder), self._codec)
            files = {file.name: file.read_bytes() for file in sorted(Path(folder).iterdir())}
        luggage = Luggage(
            options=replace(self.remote.server.options, temperature=self._sampler.temperature),
            place=self.remote.named(),
            checkpoint=self.checkpoint,
            files=files,
        )
        return arrived, (luggage,)


def remote_policy(job: TrainingJob, trainer: str) -> TinkerPolicy:
    """The job's policy. Raises ``ConfigError`` if it is no model on a Tinker server."""
    if isinstance(job.policy, TinkerPolicy):
        return job.policy
    raise ConfigError(
        f"the trainer {trainer!r} trains models on a Tinker server, and the policy is "
        f"{job.policy.checkpoint.policy!r}",
        hint="Choose --policy tinker:FOLDER, or the trainers sft and grpo for a local policy.",
    )
