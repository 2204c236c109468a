"""A policy whose turns vLLM samples; its weights come here only where a trainer wants them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from transformers import PreTrainedTokenizerBase

from harness.assembly.extras import need
from harness.errors import ConfigError
from harness.run_folder import disk_errors
from harness.training.low_rank import plain
from harness.types import Checkpoint
from harness_local.codec import Codec
from harness_local.codec_folder import write_codec
from harness_local.turns import CodecPolicy
from harness_vllm.probe import probe_of
from harness_vllm.sampler import VllmSampler
from harness_vllm.weights import Weights, is_adapter, named_version, untie

_NOT_WEIGHTS = {".log", ".lock"}


class VllmPolicy(CodecPolicy):
    """An ``InProcessPolicy`` that is sampled behind ``fleet``. ``folder`` has its weights; the
    ``model`` is opened when a trainer asks for it, and ``weights_changed`` brings it to the servers
    by way of a folder of its own, such as ``sent``, or by NCCL. ``unties``: the output layer apart.

    Pickled, it is a client of the same servers, for as long as they have these weights; one that
    the run started is started again for it when it dies.
    """

    has_threads = True
    """See ``harness.protocols.has_threads``: clients and servers live in this process."""

    samples_elsewhere = True
    """See ``harness.protocols.InProcessPolicy``."""

    _sampler: VllmSampler

    def __init__(
        self,
        *,
        folder: Path,
        tokenizer: PreTrainedTokenizerBase,
        codec: Codec,
        sampler: VllmSampler,
        checkpoint: Checkpoint,
        sent: TemporaryDirectory[str] | None = None,
        unties: bool = False,
    ) -> None:
        super().__init__(codec=codec, sampler=sampler, checkpoint=checkpoint)
        self.tokenizer = tokenizer
        self.folder = folder
        self._unties = unties
        self._changes = 0
        self._sent = sent

    @cached_property
    def model(self) -> Any:
        """The causal LM of transformers, in the dtype of its folder."""
        if is_adapter(self.folder):
            raise ConfigError(
                f"{self.folder} is an adapter: it can be sampled, not trained on",
                hint="Merge it with its model first, and name that folder.",
            )
        return opened_model(self.folder)

    def weights_changed(self) -> None:
        """Bring the model's weights to the servers, if it is here: else nobody can have changed
        them. Raises ``ModelError`` where a server does not have them then.
        """
        if "model" in vars(self):
            self._changes += 1
            sent, self._sent = self._sent, None if self._is_broadcast else self._stage()
            folder = Path(self._sent.name) if self._sent else self.folder
            self._sampler.weights = self._weights(folder)
            self._sampler.weights_changed()
            if sent is not None:
                sent.cleanup()

    def save(self, folder: Path) -> None:
        """Write model, tokenizer, codec and the probe by which a server is later believed."""
        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            if "model" in vars(self):
                self._write(plain(self.model), folder)
                ids, rounded = self._sampler.weights.probe.ids, self._is_rounded
                probe = probe_of(self.model, ids, is_rounded=rounded)
            else:
                self._copy(folder)
                probe = self._sampler.weights.probe
            self.tokenizer.save_pretrained(folder)
            write_codec(folder, self._codec)
            probe.write(folder)

    @property
    def _is_rounded(self) -> bool:
        return self._sampler.weights.probe.is_rounded

    @property
    def _is_broadcast(self) -> bool:
        """Whether the servers get weights from the model itself; an adapter goes by folder."""
        by_nccl = self._sampler.fleet.options.sync == "nccl"
        return by_nccl and not hasattr(self.model, "peft_config")

    def _copy(self, folder: Path) -> None:
        for file in sorted(self.folder.iterdir()):
            if file.is_file() and file.suffix not in _NOT_WEIGHTS:
                shutil.copyfile(file, folder / file.name)

    def _stage(self) -> TemporaryDirectory[str]:
        """A folder for the servers with the model as it is now."""
        options = self._sampler.fleet.options
        made = TemporaryDirectory(prefix="harness-vllm-", dir=options.staging or None)
        folder = Path(made.name)
        folder.chmod(0o755)  # a server may run as somebody else
        self._write(self.model, folder)
        self.tokenizer.save_pretrained(folder)
        if self._unties and not is_adapter(folder):
            untie(folder)
        return made

    def _write(self, model: Any, folder: Path) -> None:
        from harness_local.folders import saving

        with saving(folder):
            model.save_pretrained(folder)

    def _weights(self, folder: Path) -> Weights:
        probe = probe_of(self.model, self._sampler.weights.probe.ids, is_rounded=self._is_rounded)
        version = named_version(self.checkpoint.id, self._changes, probe)
        return Weights(
            folder=folder,
            version=version,
            probe=probe,
            is_adapter=is_adapter(folder),
            is_changed=True,
            model=self.model if self._is_broadcast else None,
        )

    def __reduce__(self) -> tuple[object, ...]:
        from harness_vllm.opening import Luggage, arrived

        sampler = self._sampler
        sampler.fleet.bring(sampler.weights)
        with TemporaryDirectory() as folder:
            self.tokenizer.save_pretrained(folder)
            write_codec(Path(folder), self._codec)
            files = {file.name: file.read_bytes() for file in sorted(Path(folder).iterdir())}
        luggage = Luggage(
            options=replace(sampler.fleet.options, temperature=sampler.temperature),
            urls=tuple(replica.url for replica in sampler.fleet.replicas),
            names=tuple(replica.answers_to for replica in sampler.fleet.replicas),
            weights=replace(sampler.weights, model=None),
            checkpoint=self.checkpoint,
            files=files,
            waits=sampler.fleet.guard(),
        )
        return arrived, (luggage,)


def opened_model(folder: Path) -> Any:
    """The model of a folder, in this process. Raises ``ModelError`` and ``MissingExtra``."""
    need("weights in this process", "torch", "transformers", extra="train")
    from harness_local.folders import load

    _, model = load(str(folder), device="auto", dtype="auto")
    return model
