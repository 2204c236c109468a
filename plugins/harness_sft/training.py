"""Turn demonstrations into a policy that imitates them: supervised fine-tuning through TRL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import asdict
from itertools import islice

import torch
from datasets import Dataset
from transformers import PreTrainedTokenizerBase
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from harness.errors import NothingToLearn
from harness.protocols import TrainingJob
from harness.training.low_rank import adapted
from harness.training.model_guard import lent
from harness.training.packed.packing import can_pack, packed
from harness.training.snapshots import Snapshots
from harness.types import Json, stable_id
from harness_sft.batches import Batches, Row, load, note_cut, token_rows
from harness_sft.imitation import ImitationTrainer, twin
from harness_sft.options import Options
from harness_sft.watch import Watch

LOWER = "part_tokens, then batch_size or max_length, in [options.sft]"


def train(options: Options, job: TrainingJob, *, may_fork: bool) -> Mapping[str, Json]:
    """Train, and return the record of the training; see ``harness_sft.trainer``.

    ``may_fork``: whether demonstrations may be made in another process.
    """
    model = job.in_process.model
    rows = token_rows(job.demonstrations or (), job.policy, job.domain_of, options.max_length)
    first = list(islice(rows, options.batch_size))
    if not first:
        raise NothingToLearn(
            "there is no demonstration with an agent turn to train on",
            hint="Check that the teacher solves tasks of this domain.",
        )
    held_out = list(token_rows(job.held_out, job.policy, job.domain_of, options.max_length))
    snapshots = Snapshots(job.folder, _identity(options, job, first))
    wide = options.lora is None
    with (
        lent(job.in_process, threads=options.threads, lower=LOWER, widens=wide) as threads,
        adapted(model, options.lora),
    ):
        on_cpu = model.device.type == "cpu"
        packs = on_cpu and can_pack(model, first[0]["input_ids"])
        bf16 = _fast_bf16(on_cpu) if options.bf16 is None else options.bf16
        cores = threads if packs else 0
        learner = twin(model, torch.bfloat16) if packs and bf16 else model
        if options.gradient_checkpointing and learner is not model:
            learner.gradient_checkpointing_enable({"use_reentrant": False})
        pad = _pad_id(job.in_process.tokenizer)
        collate = DataCollatorForLanguageModeling(pad, padding_free=packs)
        batches = Batches(first, rows, size=options.batch_size)
        batches.skip(snapshots.step)
        watch = Watch(job, options, held_out, snapshots)
        cut: set[str] = set()
        trainer = ImitationTrainer(
            model=model,
            learner=learner,
            args=_arguments(options, job, on_cpu=on_cpu, bf16=bf16 and not packs),
            train_dataset=Dataset.from_list(first[:1]),
            processing_class=job.in_process.tokenizer,
            data_collator=collate,
            batches=note_cut(load(batches, ahead=cores > 1 and may_fork), cut),
            part_tokens=options.part_tokens,
            pad=pad,
            rate=watch.schedule.factor,
            cores=cores,
        )
        watch.follow(trainer)
        with closing(trainer), packed(learner) if packs else nullcontext():
            trainer.train()
    job.policy.weights_changed()
    if cut:
        job.warn(
            f"{len(cut)} conversations trained on are longer than max_length = "
            f"{options.max_length} tokens: what the agent says after that was not learnt. Raise "
            "max_length in [options.sft]"
        )
    return {**watch.record(), "packed": packs, "threads": threads, "bf16": bf16}


def _identity(options: Options, job: TrainingJob, first: Sequence[Row]) -> str:
    """What the training would be the same without is not in it. ``first``: the first batch."""
    shown = [episode.trajectory.id for episode in job.proofs.values()]
    about = asdict(options), job.seed, job.policy.checkpoint.id, sorted(shown), first
    return stable_id("sft", *about)


def _arguments(options: Options, job: TrainingJob, *, on_cpu: bool, bf16: bool) -> SFTConfig:
    arguments = SFTConfig(
        output_dir=str(job.folder),
        max_steps=options.steps(job),
        per_device_train_batch_size=1,
        learning_rate=options.learning_rate,
        optim="adamw_torch_fused",
        adam_beta2=0.95,
        max_length=None,
        dataset_kwargs={"skip_prepare_dataset": True},
        gradient_checkpointing=options.gradient_checkpointing,
        bf16=bf16,
        use_cpu=on_cpu,
        use_cache=job.in_process.model.config.use_cache,
        seed=job.seed,
        report_to=[],
        disable_tqdm=True,
        log_level="critical",
        logging_strategy="no",
        save_strategy="no",
        dataloader_pin_memory=False,
    )
    # Several visible GPUs would make Trainer copy the model to each of them (DataParallel).
    arguments._n_gpu = min(1, arguments.n_gpu)
    return arguments


def _fast_bf16(on_cpu: bool) -> bool:
    if on_cpu:
        return bool(torch.cpu.get_capabilities().get("avx512_bf16"))
    return torch.cuda.is_available() and torch.cuda.is_bf16_supported()


def _pad_id(tokenizer: PreTrainedTokenizerBase) -> int:
    known = (tokenizer.pad_token_id, tokenizer.eos_token_id, 0)
    return next(number for number in known if number is not None)
