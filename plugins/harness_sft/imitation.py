"""TRL's SFT trainer on ready token batches; on a CPU each core takes its share of a batch."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler
from torch.utils.data import DataLoader, IterableDataset
from transformers import PreTrainedModel, PrinterCallback
from trl.trainer.sft_trainer import SFTTrainer

from harness.training.packed.cores import Cores, deal, split
from harness_sft.batches import IGNORED, Part, Row, rounded, row_length
from harness_sft.losses import LabelLoss, label_logits


class ImitationTrainer(SFTTrainer):
    """SFTTrainer that splits a batch into parts, each with its own forward and backward pass.

    The gradient is that of the mean loss per label over the whole batch. With ``cores`` (which
    needs packed parts on a CPU) each core runs its share of the parts on a thread of its own, which
    is faster than threads inside each operation, through ``learner``: the model, or a copy of it in
    another dtype that gets its weights before each step. With 0 a single share runs as in TRL.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        *,
        learner: PreTrainedModel,
        batches: Iterator[Sequence[Row]],
        part_tokens: int,
        pad: int,
        rate: Callable[[int], float],
        cores: int,
        **kwargs: Any,
    ) -> None:
        super().__init__(model, **kwargs)
        self.remove_callback(PrinterCallback)
        self._master = model
        self._learner = learner
        self.last_loss = float("nan")
        self.tokens = 0
        self._batches = batches
        self._part_tokens = part_tokens
        self._pad = pad
        config = model.config.get_text_config()
        self._longest: int = getattr(config, "max_position_embeddings", 0) or sys.maxsize
        self._rate = rate
        self._cores = Cores(cores) if cores else None
        if cores:
            torch.set_num_threads(1)

    def get_train_dataloader(self) -> DataLoader[Any]:
        return DataLoader(_Stream(self._batches), batch_size=None)

    def create_scheduler(
        self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None
    ) -> LRScheduler:
        assert self.optimizer is not None
        self.lr_scheduler = LambdaLR(self.optimizer, self._rate)
        return self.lr_scheduler

    def training_step(
        self, model: nn.Module, inputs: dict[str, Any], num_items_in_batch: Any = None
    ) -> Tensor:
        """Set the gradient of one batch; returns its mean loss per label (nats)."""
        rows: Sequence[Row] = inputs["batch"].rows
        dealt = deal(rows, self._cores.count if self._cores else 1, length=row_length)
        shares = [self.parts(rows) for rows in dealt]
        parts = [part for share in shares for part in share]
        labels = _count_labels(parts)
        self.tokens += sum(len(row["input_ids"]) for row in rows)
        if self._cores:
            self.last_loss = self._step_on_cores(self._cores, parts, labels)
        else:
            step: Callable[..., Tensor] = super().training_step
            self.last_loss = sum((float(step(model, part, labels)) for part in parts), 0.0)
        return torch.tensor(self.last_loss, device=self.args.device)

    def parts(self, rows: Sequence[Row]) -> list[Part]:
        """The rows as tensors, in parts that pass through the model at once."""
        collate: Callable[[list[Row]], Part] = self.data_collator
        packs = self._cores is not None
        parts = split(rows, self._part_tokens, length=row_length, packed=packs)
        if packs:
            parts = [rounded(part, self._pad, longest=self._longest) for part in parts]
        return [collate(part) for part in parts]

    @torch.no_grad()
    def held_out_loss(self, rows: Sequence[Row]) -> float:
        """The mean loss per label (nats) of rows that are not trained on."""
        parts = self.parts(rows)
        labels = _count_labels(parts)
        self._take_weights()
        self._learner.train(False)
        if self._cores:
            loss_alone = torch.no_grad()(self._loss)  # each thread has a grad mode of its own
            total = sum(map(float, self._cores.map(loss_alone, parts)), 0.0) / labels
        else:
            loss: Callable[..., Tensor] = self.compute_loss
            ready = [self._prepare_inputs(part) for part in parts]
            total = sum((float(loss(self._learner, part, False, labels)) for part in ready), 0.0)
            self._metrics["eval"].clear()
        self._learner.train()
        return total

    def close(self) -> None:
        """Stop the threads."""
        if self._cores:
            self._cores.close()

    def _step_on_cores(self, cores: Cores, parts: Sequence[Part], labels: int) -> float:
        self._take_weights()
        self._learner.train()
        total, gradient = cores.gradient(
            parts, lambda part: self._loss(part) / labels, _trained(self._learner)
        )
        for weight, slope in zip(_trained(self._master), gradient, strict=True):
            weight.grad = slope
        return total

    def _loss(self, part: Part) -> Tensor:
        loss: Callable[..., Tensor] = LabelLoss.apply
        return loss(*label_logits(self._learner, part))

    @torch.no_grad()
    def _take_weights(self) -> None:
        if self._learner is not self._master:
            pairs = zip(self._learner.parameters(), self._master.parameters(), strict=True)
            for own, weight in pairs:
                own.copy_(weight)


def twin(model: PreTrainedModel, kind: torch.dtype) -> PreTrainedModel:
    """A copy of the model with weights of that dtype; buffers stay unchanged."""
    made = copy.deepcopy(model)
    for weight in made.parameters():
        weight.data = weight.data.to(kind)
    return made


@dataclass(frozen=True, slots=True)
class _Batch:
    """Rows that libraries pass on unchanged: in a list they would inspect each number."""

    rows: Sequence[Row]


class _Stream(IterableDataset[dict[str, _Batch]]):
    """Batches in the form the trainer's loop expects: each in a dictionary."""

    def __init__(self, batches: Iterator[Sequence[Row]]) -> None:
        self._batches = batches

    def __iter__(self) -> Iterator[dict[str, _Batch]]:
        return ({"batch": _Batch(rows)} for rows in self._batches)


def _count_labels(parts: Sequence[Part]) -> int:
    return sum(int((part["labels"][:, 1:] != IGNORED).sum()) for part in parts)


def _trained(model: nn.Module) -> list[nn.Parameter]:
    return [weight for weight in model.parameters() if weight.requires_grad]
