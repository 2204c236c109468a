"""Turn a policy and tasks into a better policy: group-relative policy optimisation through TRL."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from copy import deepcopy
from dataclasses import asdict
from typing import Any

import torch
from datasets import Dataset
from transformers import PreTrainedModel
from trl.trainer.grpo_config import GRPOConfig

from harness.errors import NothingToLearn
from harness.protocols import TrainingJob
from harness.training.low_rank import adapted
from harness.training.model_guard import lent
from harness.training.packed.packing import PROBE, can_pack
from harness.training.snapshots import Snapshots
from harness.types import Json, stable_id
from harness_grpo.options import Options
from harness_grpo.reinforcement import ReinforcementTrainer
from harness_grpo.sampling import Sampler
from harness_grpo.scoring import can_run_head_alone
from harness_grpo.watch import Watch

LOWER = "part_tokens, then tasks_per_step or num_generations, in [options.grpo]"

TRL_LOSS = {"gspo": "grpo"}
"""Our name of a loss, where it is not that of TRL: GSPO is GRPO with a ratio per conversation."""


def train(options: Options, job: TrainingJob) -> Mapping[str, Json]:
    """Train, and return the record of the training; see ``harness_grpo.trainer``."""
    if not job.tasks:
        raise NothingToLearn(
            "there are no tasks to train on",
            hint="Generate some with `harness inject`; `harness tasks` shows which were rejected.",
        )
    model = job.in_process.model
    snapshots = Snapshots(job.folder, _identity(options, job))
    sampler = Sampler(job, options)
    if not snapshots.step:
        sampler.unsolved.complain()
    watch = Watch(job, options, sampler, snapshots)
    wide = options.lora is None
    with (
        lent(job.in_process, threads=options.threads, lower=LOWER, widens=wide) as threads,
        adapted(model, options.lora),
    ):
        packs = _packs(options, model)
        trainer = ReinforcementTrainer(
            model,
            start=_frozen(model) if options.beta or options.track_kl else None,
            sampler=sampler,
            options=options,
            cores=threads if packs else 0,
            args=_arguments(options, job),
            train_dataset=Dataset.from_dict({"prompt": [""] * _groups(options, job)}),
            processing_class=job.in_process.tokenizer,
        )
        watch.follow(trainer)
        with closing(trainer):
            trainer.train()
            sampler.settle()
    job.policy.weights_changed()
    return {**watch.record(), "packed": packs, "threads": threads}


def _packs(options: Options, model: PreTrainedModel) -> bool:
    """Whether rows are packed end to end, and each core of the CPU has its share of them."""
    if options.bf16 or options.gradient_checkpointing or not can_run_head_alone(model):
        return False
    longest = getattr(model.config.get_text_config(), "max_position_embeddings", PROBE)
    embeddings: Any = model.get_input_embeddings()
    words = len(embeddings.weight)
    return can_pack(model, [place % words for place in range(min(PROBE, longest))])


def _identity(options: Options, job: TrainingJob) -> str:
    tasks = [task.id for task in job.tasks]
    proofs = {task_id: job.proofs[task_id].trajectory.id for task_id in sorted(job.proofs)}
    return stable_id("grpo", asdict(options), job.seed, job.policy.checkpoint.id, tasks, proofs)


def _frozen(model: PreTrainedModel) -> PreTrainedModel:
    frozen = deepcopy(model)
    frozen.train(False)
    frozen.requires_grad_(False)
    return frozen


def _groups(options: Options, job: TrainingJob) -> int:
    return options.steps(job) * options.num_iterations * options.tasks_per_step


def _arguments(options: Options, job: TrainingJob) -> GRPOConfig:
    epsilon_high = options.epsilon_high
    arguments = GRPOConfig(
        output_dir=str(job.folder),
        max_steps=options.steps(job) * options.num_iterations,
        per_device_train_batch_size=options.tasks_per_step * options.num_generations,
        num_generations=options.num_generations,
        shuffle_dataset=False,
        remove_unused_columns=False,
        temperature=options.temperature,
        learning_rate=options.learning_rate,
        optim="adamw_torch_fused",
        max_grad_norm=options.max_grad_norm,
        loss_type=TRL_LOSS.get(options.loss_type, options.loss_type),
        importance_sampling_level="sequence" if options.loss_type == "gspo" else "token",
        epsilon=options.epsilon,
        # In TRL this is the distance of the bound from 1, except for CISPO: there the bound itself.
        epsilon_high=1 + epsilon_high if options.loss_type == "cispo" else epsilon_high,
        beta=0.0,
        scale_rewards="none",
        max_completion_length=options.max_completion_length,
        mask_truncated_completions=False,
        disable_dropout=True,
        gradient_checkpointing=options.gradient_checkpointing,
        bf16=_fast_bf16(job.in_process.model) if options.bf16 is None else options.bf16,
        use_cpu=job.in_process.model.device.type == "cpu",
        use_cache=job.in_process.model.config.use_cache,
        seed=job.seed,
        report_to=[],
        disable_tqdm=True,
        log_level="critical",
        logging_steps=options.num_iterations,
        logging_nan_inf_filter=False,
        save_strategy="no",
        dataloader_pin_memory=False,
    )
    # Several visible GPUs would make Trainer copy the model to each of them (DataParallel).
    arguments._n_gpu = min(1, arguments.n_gpu)
    return arguments


def _fast_bf16(model: PreTrainedModel) -> bool:
    return model.device.type == "cuda" and torch.cuda.is_bf16_supported()
