"""TRL's GRPO trainer with our advantages, fed in parts with the rollouts that carry a signal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from threading import Lock
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler
from transformers import PrinterCallback
from trl.trainer.grpo_trainer import GRPOTrainer
from trl.trainer.utils import add_fused_lm_head

from harness.training.advantages import term_advantages
from harness.training.groups import reward
from harness.training.packed.cores import Cores
from harness.training.packed.packing import packed
from harness.training.proof_traces import Proof, join_proofs
from harness.types import Episode
from harness_grpo.off_policy import token_weights, were_cut
from harness_grpo.options import Options, ProofLoss
from harness_grpo.parts import Batch, Metrics, Part, parts_of, sampled, some_rows, whole
from harness_grpo.proof_losses import (
    TOKEN_MEAN,
    WEIGHT,
    Lesson,
    as_rows,
    lessons,
    token_losses,
)
from harness_grpo.readings import Readings
from harness_grpo.sampling import Sampler
from harness_grpo.scoring import can_run_head_alone, scores

KL_STRIDE = 8
"""Where the KL divergence is only logged, one row in so many is scored under the initial weights:
a row costs there a third of what it costs in an update.
"""


def total(episode: Sequence[Episode], **_: object) -> list[float | None]:
    """TRL's reward function: the weighted total, None where an episode must not be trained on."""
    return [reward(one) for one in episode]


class ReinforcementTrainer(GRPOTrainer):
    """GRPOTrainer that makes each update from parts of at most ``part_tokens`` tokens.

    Ratios are to the sampler's own probabilities, unless ``off_policy`` corrects for them (see
    ``harness_grpo.off_policy``). Rollouts with advantage 0 are left out of the update: they cost
    nothing, and do not dilute a mean over tokens. Proofs that join a group are rows beside them,
    with a loss of their own (``harness_grpo.proof_losses``).

    ``start`` (None: no KL) has the initial weights that the KL divergence is measured from,
    ``readings`` the values of each token, and ``trained_on`` the number of the step's rollouts in
    its updates.

    With ``cores`` (which needs a model that can be packed) each core computes parts on a thread of
    its own; with 0 one padded part follows another as in TRL.
    """

    def __init__(
        self,
        model: Any,
        *,
        start: Any,
        sampler: Sampler,
        options: Options,
        cores: int,
        **kwargs: Any,
    ) -> None:
        super().__init__(model, reward_funcs=total, rollout_func=sampler, **kwargs)
        self.remove_callback(PrinterCallback)
        self.readings = Readings()
        self._start = start
        self._sampler = sampler
        self._options = options
        self._batch: Batch = {}
        self._lessons: Sequence[Lesson] = ()
        self._proof_loss: ProofLoss = options.proof_loss
        self._rows = 1
        self.trained_on = 0
        self._cores = Cores(cores) if cores else None
        self._head_alone = can_run_head_alone(model)
        if start is not None and not self._head_alone:
            add_fused_lm_head(start, temperature=self.temperature, cast_lm_head_to_fp32=False)
        self._before_updates = torch.zeros(0)
        self._scored: tuple[Tensor, Tensor] | None = None
        self._trl = Lock()
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
        parts = [*self._parts(self._batch), *self._parts_of(self._lessons)]
        loss = self._update(model, parts)
        self._step += 1
        self.readings.losses.append(loss)
        return torch.tensor(loss, device=self.accelerator.device)

    def imitate(self, batch: Sequence[Lesson]) -> float:
        """Set the gradient of cross-entropy on the proofs alone; returns that loss (nats)."""
        usual, self._proof_loss = self._proof_loss, "cross_entropy"
        loss = self._update(self.model, self._parts_of(batch))
        self._proof_loss = usual
        return loss

    def update_now(self) -> None:
        """Make an update from the gradient there is, which is no step of the run's."""
        assert self.optimizer is not None
        model: Any = self.model
        self.accelerator.clip_grad_norm_(model.parameters(), self._options.max_grad_norm)
        self.optimizer.step()
        model.zero_grad()

    def close(self) -> None:
        """Stop the threads."""
        if self._cores:
            self._cores.close()

    def _parts(self, batch: Batch) -> list[Part]:
        return parts_of(batch, self._options.part_tokens, packs=self._cores is not None)

    def _parts_of(self, batch: Sequence[Lesson]) -> list[Part]:
        device = self.accelerator.device
        return self._parts({name: value.to(device) for name, value in as_rows(batch).items()})

    def _update(self, model: Any, parts: Sequence[Part]) -> float:
        """Set the gradient of the parts' summed loss, and keep what was read; returns that loss."""
        loss = self._set_gradient(model, parts)
        for part in parts:
            self.readings.add(part.readings)
            for name, values in part.metrics.items():
                self._metrics["train"][name] += values
        return loss

    def _set_gradient(self, model: nn.Module, parts: Sequence[Part]) -> float:
        """Give the weights the gradient of the parts' summed loss, and return that loss."""
        if self._cores:
            weights = [weight for weight in model.parameters() if weight.requires_grad]
            with self._packed(model):
                loss, gradient = self._cores.gradient(
                    parts, lambda part: self._part_loss(model, part), weights
                )
            for weight, slope in zip(weights, gradient, strict=True):
                weight.grad = slope
            return loss
        loss = 0.0
        for part in parts:
            with self.compute_loss_context_manager():
                part_loss = self._part_loss(model, part)
            self.accelerator.backward(part_loss)
            loss += float(part_loss)
        return loss

    def _part_loss(self, model: nn.Module, part: Part) -> Tensor:
        """What the part adds to the loss of the update."""
        rows = part.rows
        logprobs, entropies = self._scores(model, rows)
        if WEIGHT in rows:
            return self._loss_of_proofs(part, logprobs)
        if self.beta:
            rows = {**rows, "ref_per_token_logps": self._under_start(rows)}
        self._read(part.readings, rows, logprobs.detach(), entropies)
        if self._options.off_policy != "clip":
            rows = self._corrected(part.readings, rows, logprobs.detach())
        loss = self._loss_of_trl(model, rows, (logprobs, entropies), part.metrics)
        of_rows = len(rows["advantages"]) / self._rows
        return loss * (1.0 if self.loss_type in TOKEN_MEAN else of_rows)

    def _corrected(self, readings: Readings, rows: Batch, logprobs: Tensor) -> Batch:
        """The rows with ratios to the trainer's own probabilities, and advantages token by token
        that count by the distance of these to the sampler's.
        """
        kind, cap = self._options.off_policy, self._options.off_policy_cap
        first = self._step % self._options.num_iterations == 0
        if first:  # parts of one update are other rows: they may be written at once
            self._before_updates[rows["place"], : logprobs.shape[1]] = logprobs
        before = logprobs if first else self._before_updates[rows["place"], : logprobs.shape[1]]
        gaps = before - rows["sampling_per_token_logps"]
        if first:
            learnt = sampled(rows)
            readings.ratios.append(gaps[learnt].exp())
            readings.cut.append(were_cut(gaps, kind, cap)[learnt])
        weighted = rows["advantages"].unsqueeze(1) * token_weights(gaps, kind, cap)
        return {**rows, "old_per_token_logps": before, "advantages": weighted}

    def _loss_of_proofs(self, part: Part, logprobs: Tensor) -> Tensor:
        learnt = sampled(part.rows)
        if self._step % self._options.num_iterations == 0:
            nats = -logprobs.detach().where(learnt, 0.0).sum(1) / learnt.sum(1)
            part.readings.proofs += nats.tolist()
        losses = token_losses(logprobs, self._proof_loss).where(learnt, 0.0)
        return (losses.sum(1) * part.rows[WEIGHT]).sum()

    def _loss_of_trl(
        self,
        model: nn.Module,
        rows: Batch,
        scored: tuple[Tensor, Tensor],
        metrics: Metrics,
    ) -> Tensor:
        """TRL's loss of rows whose tokens are scored already; what it counts goes to ``metrics``.

        Only one thread at a time: TRL counts in one place.
        """
        compute: Callable[..., Tensor] = super()._compute_loss
        with self._trl:
            before = self._metrics["train"]
            self._scored, self._metrics["train"] = scored, metrics
            try:
                return compute(model, rows)
            finally:
                self._metrics["train"] = before

    def _get_per_token_logps_and_entropies(
        self, *_: object, **__: object
    ) -> tuple[Tensor, Tensor, None]:
        """What TRL's loss asks for."""
        assert self._scored is not None
        return (*self._scored, None)

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
        advantages, proofs = join_proofs(
            self._sampler.rewards(),
            advantages,
            self._sampler.joined,
            contrast=options.proof_contrast,
        )
        batch["advantages"] = torch.from_numpy(advantages.ravel()).to(
            batch["completion_ids"].device
        )
        batch["old_per_token_logps"] = batch["sampling_per_token_logps"]
        self._rows = len(advantages.ravel())
        kept = batch["advantages"] != 0
        self.trained_on = int(kept.sum())
        batch = some_rows(batch, kept)
        places = torch.arange(self.trained_on, device=kept.device)
        batch["kl_is_read"] = places % (1 if self.beta else KL_STRIDE) == 0
        batch["place"] = places
        if options.off_policy != "clip":
            self._before_updates = torch.zeros_like(batch["sampling_per_token_logps"])
        own = sampled(batch).sum()
        batch["num_items_in_batch"] = own + self._take_lessons(proofs, int(own))
        return batch

    def _take_lessons(self, proofs: Sequence[tuple[Proof, float]], own_tokens: int) -> int:
        """Take the proofs into the step's updates; returns how many tokens the mean has more."""
        options = self._options
        made = lessons(
            proofs,
            mean=options.proof_mean,
            weight=options.proof_weight,
            loss_type=options.loss_type,
            own_tokens=own_tokens,
            own_rows=self._rows,
            groups=self._rows // options.num_generations,
            length=options.max_completion_length,
        )
        self._lessons = made.rows
        self._rows += made.more_rows
        return made.more_tokens

    def _scores(self, model: nn.Module, rows: Batch) -> tuple[Tensor, Tensor]:
        """Log-probabilities and entropies (nats) of the completions' sampled tokens."""
        scored = sampled(rows)
        if self._head_alone:
            ids, lengths = whole(rows)
            packs, heat = self._cores is not None, self.temperature
            return scores(model, ids, lengths, scored, temperature=heat, packs=packs)
        score: Callable[..., Any] = super()._get_per_token_logps_and_entropies
        ids = torch.cat([rows["prompt_ids"], rows["completion_ids"]], dim=1)
        mask = torch.cat([rows["prompt_mask"], rows["completion_mask"]], dim=1)
        trains = model is not self._start  # the start is asked for log-probabilities alone
        logprobs, entropies, _ = score(
            model, ids, mask, scored.shape[1], batch_size=len(ids), compute_entropy=trains
        )
        return logprobs, entropies.detach() if trains else torch.zeros_like(logprobs)

    @torch.no_grad()
    def _under_start(self, rows: Batch) -> Tensor:
        """Log-probabilities (nats) of the rows' sampled tokens under the initial weights."""
        return self._scores(self._start, rows)[0]

    def _read(self, readings: Readings, rows: Batch, logprobs: Tensor, entropies: Tensor) -> None:
        scored = sampled(rows)
        if self._step % self._options.num_iterations == 0:
            readings.gaps.append((logprobs - rows["sampling_per_token_logps"])[scored])
        readings.entropies.append(entropies[scored])
        measured = rows["kl_is_read"]
        if self._start is None or not measured.any():
            return
        known = rows.get("ref_per_token_logps")
        if known is None:
            known = self._under_start(some_rows(rows, measured))
        log_ratio = (known - logprobs[measured])[scored[measured]]
        readings.kls.append(log_ratio.exp() - log_ratio - 1)

    @contextmanager
    def _packed(self, model: Any) -> Iterator[None]:
        with ExitStack() as stack:
            for one in (model, self._start):
                if one is not None:
                    stack.enter_context(packed(one))
            yield
