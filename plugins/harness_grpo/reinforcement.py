"""TRL's GRPO trainer with our advantages, fed in parts with the rollouts that teach something."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PrinterCallback
from trl.trainer.grpo_trainer import GRPOTrainer

from harness.types import Episode
from harness_grpo.advantages import group_advantages
from harness_grpo.options import Options
from harness_grpo.sampling import Sampler, reward

Batch = dict[str, Tensor]
"""Rollouts as tensors, one row each; ``num_items_in_batch`` alone has no rows."""

TOKEN_MEAN = ("dapo", "cispo")
"""Losses that are a mean over the tokens of the whole batch; the others are means over its rows."""

HEAD_CHANGES = (
    "final_logit_softcapping",
    "logit_scale",
    "logits_scaling",
    "output_multiplier",
    "lm_head_multiplier",
)


def total(episode: Sequence[Episode], **_: object) -> list[float | None]:
    """TRL's reward function: the weighted total, None where an episode must not be trained on."""
    return [reward(one) for one in episode]


class ReinforcementTrainer(GRPOTrainer):
    """GRPOTrainer that makes one update a step from parts of at most ``part_tokens`` tokens.

    Ratios are to the sampler's own probabilities. Rollouts whose advantage is 0 are left out where
    the loss is a mean over tokens (they would only water it down) and cost nothing.
    """

    def __init__(self, model: Any, *, sampler: Sampler, options: Options, **kwargs: Any) -> None:
        super().__init__(model, reward_funcs=total, rollout_func=sampler, **kwargs)
        self.remove_callback(PrinterCallback)
        self._sampler = sampler
        self._options = options
        self._part: Batch = {}
        self._gaps: list[Tensor] = []
        self._head_alone = _can_run_head_alone(model)

    def training_step(
        self, model: nn.Module, inputs: Any, num_items_in_batch: Any = None
    ) -> Tensor:
        """Sample, then set the gradient of the whole step; returns its loss (unitless)."""
        model.train()
        batch = self._prepare_inputs(inputs)
        self._step += 1
        loss = torch.zeros((), device=self.accelerator.device)
        for part, weight in _parts(batch, self._options.part_tokens):
            share = 1.0 if self.loss_type in TOKEN_MEAN else weight
            with self.compute_loss_context_manager():
                part_loss = self._compute_loss(model, part) * share
            self.accelerator.backward(part_loss)
            loss += part_loss.detach()
        return loss

    def sampler_gap(self) -> tuple[float, float]:
        """Mean and largest distance (nats) of the step's log-probabilities to the sampler's own."""
        gaps, self._gaps = torch.cat([*self._gaps, torch.zeros(1)]), []
        return float(gaps.sum() / max(1, len(gaps) - 1)), float(gaps.max())

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> Batch:
        batch: Batch = super()._generate_and_score_completions(inputs)
        options = self._options
        rewards = np.array([reward(one) for one in self._sampler.episodes], dtype=np.float32)
        advantages = group_advantages(
            rewards.reshape(-1, options.group_size),
            scale=options.scale,
            offset=options.scale_offset,
        )
        batch["advantages"] = torch.from_numpy(advantages.ravel()).to(
            batch["completion_ids"].device
        )
        batch["old_per_token_logps"] = batch["sampling_per_token_logps"]
        if self.loss_type in TOKEN_MEAN:
            kept = batch["advantages"] != 0
            batch = {name: rows if rows.dim() == 0 else rows[kept] for name, rows in batch.items()}
        batch["num_items_in_batch"] = batch["tool_mask"].mul(batch["completion_mask"]).sum()
        return batch

    def _compute_loss(self, model: nn.Module, inputs: Batch) -> Tensor:
        self._part = inputs
        compute: Callable[..., Tensor] = super()._compute_loss
        return compute(model, inputs)

    def _get_per_token_logps_and_entropies(
        self, model: Any, input_ids: Tensor, attention_mask: Tensor, width: int, **options: Any
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Log-probabilities and entropies (nats) of the last ``width`` tokens, where sampled."""
        scored = self._part["completion_mask"].mul(self._part["tool_mask"]) > 0
        if self._head_alone:
            logprobs, entropies = self._score(model, input_ids, scored)
            found = (logprobs, entropies, None)
        else:
            score: Callable[..., Any] = super()._get_per_token_logps_and_entropies
            found = score(model, input_ids, attention_mask, width, **options)
        gap = found[0].detach() - self._part["sampling_per_token_logps"]
        self._gaps.append(gap[scored].abs().cpu())
        return found

    def _score(self, model: Any, input_ids: Tensor, scored: Tensor) -> tuple[Tensor, Tensor]:
        # Rows are padded on the right alone: a causal model needs no mask to ignore that.
        hidden = model.base_model(input_ids=input_ids, use_cache=False).last_hidden_state
        width = scored.shape[1]
        head = model.get_output_embeddings()
        logits = head(hidden[:, -width - 1 : -1][scored]).float() / self.temperature
        logprobs = logits.log_softmax(-1)
        chosen = input_ids[:, -width:][scored].unsqueeze(1)
        entropies = -(logprobs.detach().exp() * logprobs.detach()).sum(-1)
        return _spread(logprobs.gather(1, chosen).squeeze(1), scored), _spread(entropies, scored)


def _can_run_head_alone(model: Any) -> bool:
    """Whether logits are the head's output and nothing more; on GPUs TRL has a kernel."""
    plain = all(getattr(model.config, name, None) in (None, 1.0) for name in HEAD_CHANGES)
    return plain and isinstance(model, PreTrainedModel) and model.device.type == "cpu"


def _spread(values: Tensor, places: Tensor) -> Tensor:
    return values.new_zeros(places.shape).masked_scatter(places, values)


def _parts(batch: Batch, part_tokens: int) -> Iterator[tuple[Batch, float]]:
    """Parts of rows of like length, without needless padding, and each one's share of the rows."""
    lengths = batch["completion_mask"].sum(1)
    parts: list[list[int]] = []
    for row in lengths.argsort(descending=True).tolist():
        if parts and int(lengths[parts[-1][0]]) * (len(parts[-1]) + 1) <= part_tokens:
            parts[-1].append(row)
        else:
            parts.append([row])
    for rows in parts:
        width = int(lengths[rows[0]])
        yield (
            {name: _cut(value, rows, width) for name, value in batch.items()},
            len(rows) / len(lengths),
        )


def _cut(value: Tensor, rows: list[int], width: int) -> Tensor:
    if value.dim() == 0:
        return value
    return value[rows] if value.dim() == 1 else value[rows, :width]
