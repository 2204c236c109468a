"""A policy that is a language model in this process."""

from __future__ import annotations

from pathlib import Path

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from harness.training.low_rank import plain
from harness.types import Checkpoint
from harness_local.codec import Codec
from harness_local.codec_folder import write_codec
from harness_local.folders import saving
from harness_local.sampler import Sampler
from harness_local.turns import CodecPolicy


class LocalPolicy(CodecPolicy):
    """An ``InProcessPolicy`` whose ``model`` and ``tokenizer`` are those of transformers.

    Pickled, it takes its weights along: see ``harness_local.travelling``.
    """

    _sampler: Sampler

    def __init__(
        self,
        *,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        codec: Codec,
        sampler: Sampler,
        checkpoint: Checkpoint,
    ) -> None:
        super().__init__(codec=codec, sampler=sampler, checkpoint=checkpoint)
        self.model = model
        self.tokenizer = tokenizer

    def save(self, folder: Path) -> None:
        with saving(folder):
            plain(self.model).save_pretrained(folder)
            self.tokenizer.save_pretrained(folder)
            write_codec(folder, self._codec)

    def __reduce__(self) -> tuple[object, ...]:
        from harness_local.travelling import arrived, packed

        return arrived, (packed(self, self._sampler),)
