"""Turn a policy and tasks into a better policy: group-relative policy optimisation through TRL."""

from __future__ import annotations

from collections.abc import Mapping

from harness.assembly.config import read_options
from harness.protocols import Settings, Trainer, TrainingJob
from harness.types import Json
from harness_grpo.options import Options


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

    @property
    def uses_proofs(self) -> bool:
        """Whether it is worth making ``TrainingJob.proofs``."""
        return self.options.unsolved != "skip"

    def train(self, job: TrainingJob) -> Mapping[str, Json]:
        """Train in place on the model's device; resumes from a snapshot in the folder.

        The record has ``steps``, ``seconds``, ``rollouts``, ``tokens`` (of all conversations),
        ``stopped_because`` (max_steps, seconds, collapse, gaming or "loss not finite"),
        ``threads``, and ``curve``, the last point of which is ``final``. A point has the means of
        its step: see docs/training.md. Where proofs are used ``proofs`` counts the tasks with a
        usable one, and those without by the reason.

        Raises ``NothingToLearn`` without tasks, ``OutOfMemory``, and ``RunError`` for a snapshot
        that cannot be read or written.
        """
        # TRL takes seconds to import: not before there is something to train.
        from harness_grpo.training import train

        return train(self.options, job)
