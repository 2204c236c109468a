"""TRL's GRPO trainer with our advantages, fed in parts with the rollouts that carry a signal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler
from transformers import PreTrainedModel, PrinterCallback
from trl.trainer.grpo_trainer import GRPOTrainer
from trl.trainer.utils import add_fused_lm_head

from harness.training.advantages import term_advantages
from harness.types import Episode
from harness_grpo.options import Options
from harness_grpo.readings import Readings
from harness_grpo.sampling import Sampler, reward

Batch = dict[str, Tensor]
"""Rollouts as tensors, one row each; ``num_items_in_batch`` alone has no rows."""

TOKEN_MEAN = ("dapo", "cispo")
"""Losses that average over the tokens of the whole batch; the others average over its rows."""

KL_STRIDE = 4
"""Where the KL divergence is only logged, one row in so many is scored under the initial weights.
"""

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
    """GRPOTrainer that makes each update from parts of at most ``part_tokens`` tokens.

    Ratios are to the sampler's own probabilities. Rollouts with advantage 0 are left out of the
    update: they cost nothing, and do not dilute a mean over tokens. ``start`` (None: no KL) has the
    initial weights that the KL divergence is measured from, ``readings`` the values of each token,
    and ``trained_on`` the number of the step's rollouts in its updates.
    """

    def __init__(
        self, model: Any, *, start: Any, sampler: Sampler, options: Options, **kwargs: Any
    ) -> None:
        super().__init__(model, reward_funcs=total, rollout_func=sampler, **kwargs)
        self.remove_callback(PrinterCallback)
        self.readings = Readings()
        self._start = start
        self._sampler = sampler
        self._options = options
        self._batch: Batch = {}
        self._part: Batch = {}
        self._rows = 1
        self.trained_on = 0
        self._head_alone = _can_run_head_alone(model)
        if start is not None and not self._head_alone:
            add_fused_lm_head(start, temperature=self.temperature, cast_lm_head_to_fp32=False)
        self.beta = options.beta

    def create_scheduler(
        self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None
    ) -> LRScheduler:
        assert self.optimizer is not None
        rise = self._options.warmup_steps * self._options.num_iterations + 1
        self.lr_scheduler = LambdaLR(self.optimizer, lambda step: min(1.0, (step + 1) / rise))
        return self.lr_scheduler

    def training_step(
        self, model: nn.Module, inputs: Any, num_items_in_batch: Any = None
    ) -> Tensor:
        """Sample if a step begins, then set the update's gradient; returns its loss (unitless)."""
        model.train()
        if self._step % self._options.num_iterations == 0:
            self._batch = self._prepare_inputs(inputs)
        loss = torch.zeros((), device=self.accelerator.device)
        for part in _parts(self._batch, self._options.part_tokens):
            rows = len(part["advantages"]) / self._rows
            share = 1.0 if self.loss_type in TOKEN_MEAN else rows
            with self.compute_loss_context_manager():
                part_loss = self._compute_loss(model, part) * share
            self.accelerator.backward(part_loss)
            loss += part_loss.detach()
        self._step += 1
        self.readings.losses.append(float(loss))
        return loss

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> Batch:
        self.beta = 0.0  # else TRL scores every row, kept or not, under a reference of its own
        batch: Batch = super()._generate_and_score_completions(inputs)
        options = self._options
        self.beta = options.beta
        values, weights = self._sampler.term_values()
        advantages = term_advantages(
            values.reshape(-1, options.num_generations, len(weights)),
            weights,
            aggregation=options.multi_objective_aggregation,
            scale=options.scale_rewards,
            offset=options.scale_offset,
        )
        batch["advantages"] = torch.from_numpy(advantages.ravel()).to(
            batch["completion_ids"].device
        )
        batch["old_per_token_logps"] = batch["sampling_per_token_logps"]
        self._rows = len(advantages.ravel())
        kept = batch["advantages"] != 0
        self.trained_on = int(kept.sum())
        batch = {name: rows if rows.dim() == 0 else rows[kept] for name, rows in batch.items()}
        batch["num_items_in_batch"] = batch["tool_mask"].mul(batch["completion_mask"]).sum()
        return batch

    def _compute_loss(self, model: nn.Module, inputs: Batch) -> Tensor:
        if self.beta:
            inputs = {**inputs, "ref_per_token_logps": self._under_start(inputs)}
        self._part = inputs
        compute: Callable[..., Tensor] = super()._compute_loss
        return compute(model, inputs)

    def _get_per_token_logps_and_entropies(
        self, model: Any, input_ids: Tensor, attention_mask: Tensor, width: int, **options: Any
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Log-probabilities and entropies (nats) of the last ``width`` tokens, where sampled."""
        part = self._part
        scored = _sampled(part)
        if self._head_alone:
            logprobs, entropies = self._score(model, input_ids, scored)
        else:
            score: Callable[..., Any] = super()._get_per_token_logps_and_entropies
            logprobs, entropies, _ = score(model, input_ids, attention_mask, width, **options)
        found = logprobs.detach()
        if self._step % self._options.num_iterations == 0:
            self.readings.gaps.append((found - part["sampling_per_token_logps"])[scored])
        self.readings.entropies.append(entropies.detach()[scored])
        self._read_kl(found, scored)
        return logprobs, entropies, None

    def _read_kl(self, logprobs: Tensor, scored: Tensor) -> None:
        if self._start is None:
            return
        some = slice(None, None, 1 if self.beta else KL_STRIDE)
        part = {name: rows if rows.dim() == 0 else rows[some] for name, rows in self._part.items()}
        known = part["ref_per_token_logps"] if self.beta else self._under_start(part)
        log_ratio = (known - logprobs[some])[scored[some]]
        self.readings.kls.append(log_ratio.exp() - log_ratio - 1)

    @torch.no_grad()
    def _under_start(self, part: Batch) -> Tensor:
        """Log-probabilities (nats) of the part's sampled tokens under the initial weights."""
        ids = torch.cat([part["prompt_ids"], part["completion_ids"]], dim=1)
        scored = _sampled(part)
        if self._head_alone:
            return self._score(self._start, ids, scored)[0]
        mask = torch.cat([part["prompt_mask"], part["completion_mask"]], dim=1)
        score: Callable[..., Any] = super()._get_per_token_logps_and_entropies
        found: Tensor = score(self._start, ids, mask, scored.shape[1], batch_size=len(ids))[0]
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
    """Whether logits are the head's plain output; on GPUs TRL has a kernel for that."""
    plain = all(getattr(model.config, name, None) in (None, 1.0) for name in HEAD_CHANGES)
    return plain and isinstance(model, PreTrainedModel) and model.device.type == "cpu"


def _sampled(part: Batch) -> Tensor:
    return part["completion_mask"].mul(part["tool_mask"]) > 0


def _spread(values: Tensor, places: Tensor) -> Tensor:
    return values.new_zeros(places.shape).masked_scatter(places, values)


def _parts(batch: Batch, part_tokens: int) -> Iterator[Batch]:
    """Parts of rows of similar length, without needless padding."""
    lengths = batch["completion_mask"].sum(1)
    parts: list[list[int]] = []
    for row in lengths.argsort(descending=True).tolist():
        if parts and int(lengths[parts[-1][0]]) * (len(parts[-1]) + 1) <= part_tokens:
            parts[-1].append(row)
        else:
            parts.append([row])
    for rows in parts:
        width = int(lengths[rows[0]])
        yield {name: _cut(value, rows, width) for name, value in batch.items()}


def _cut(value: Tensor, rows: list[int], width: int) -> Tensor:
    if value.dim() == 0:
        return value
    return value[rows] if value.dim() == 1 else value[rows, :width]
