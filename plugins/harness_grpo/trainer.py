"""Turn a policy and tasks into a better policy: group-relative policy optimisation through TRL."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

from datasets import Dataset
from trl.trainer.grpo_config import GRPOConfig

from harness.config import read_options
from harness.errors import NothingToLearn
from harness.lending import lent
from harness.protocols import Settings, Trainer, TrainingJob
from harness.types import Json
from harness_grpo.options import Options
from harness_grpo.reinforcement import ReinforcementTrainer
from harness_grpo.sampling import Sampler, task_order
from harness_grpo.watch import Watch


def grpo(settings: Settings) -> Trainer:
    return GrpoTrainer(read_options(Options, settings, name="grpo"))


class GrpoTrainer:
    """Trains on the sampler's own tokens, by the weighted total of the reward terms.

    Shao et al., "DeepSeekMath" (arXiv:2402.03300); the default loss and the wider upper clip are
    those of Yu et al., "DAPO" (arXiv:2503.14476).
    """

    needs = "tasks"

    def __init__(self, options: Options) -> None:
        self.options = options

    def train(self, job: TrainingJob) -> Mapping[str, Json]:
        """Train in place on the device where the model is.

        The record has ``steps``, ``seconds``, ``rollouts``, ``tokens`` (of all conversations),
        ``stopped_because`` (steps, seconds or collapse), ``threads``, and ``curve``, the last point
        of which is ``final``: for each step the means over its rollouts of ``reward`` and of each
        ``term/...``, ``success`` in [0, 1], ``entropy`` and ``sampler_gap_...`` in nats, shares
        ``clipped`` and ``groups_without_spread``, ``seconds_sampling``, ``seconds_training``.
        Raises ``NothingToLearn`` without tasks.
        """
        if not job.tasks:
            raise NothingToLearn("there are no tasks to train on")
        options = self.options
        count = options.steps * options.tasks_per_step
        schedule = list(islice(task_order(job.tasks, job.seed), count))
        sampler = Sampler(job, schedule, options.temperature)
        watch = Watch(job, options, sampler)
        with lent(job.policy, threads=options.threads) as threads:
            trainer = ReinforcementTrainer(
                job.policy.model,
                sampler=sampler,
                options=options,
                args=_arguments(options, job),
                train_dataset=Dataset.from_dict({"prompt": [str(place) for place in range(count)]}),
                processing_class=job.policy.tokenizer,
            )
            watch.follow(trainer)
            trainer.train()
        job.policy.weights_changed()
        return {**watch.record(), "threads": threads}


def _arguments(options: Options, job: TrainingJob) -> GRPOConfig:
    arguments = GRPOConfig(
        output_dir=str(job.folder),
        max_steps=options.steps,
        per_device_train_batch_size=options.tasks_per_step * options.group_size,
        num_generations=options.group_size,
        shuffle_dataset=False,
        remove_unused_columns=False,
        temperature=options.temperature,
        learning_rate=options.learning_rate,
        lr_scheduler_type="constant",
        optim="adamw_torch_fused",
        max_grad_norm=options.max_grad_norm,
        loss_type=options.loss,
        importance_sampling_level=options.importance,
        epsilon=options.clip_low,
        epsilon_high=options.clip_high,
        beta=0.0,
        scale_rewards="none",
        max_completion_length=options.max_completion_length,
        mask_truncated_completions=False,
        disable_dropout=True,
        gradient_checkpointing=options.gradient_checkpointing,
        bf16=options.bf16,
        use_cpu=job.policy.model.device.type == "cpu",
        use_cache=job.policy.model.config.use_cache,
        seed=job.seed,
        report_to=[],
        disable_tqdm=True,
        log_level="critical",
        logging_steps=1,
        save_strategy="no",
        dataloader_pin_memory=False,
    )
    # Several visible GPUs would make Trainer copy the model to each of them (DataParallel).
    arguments._n_gpu = min(1, arguments.n_gpu)
    return arguments
