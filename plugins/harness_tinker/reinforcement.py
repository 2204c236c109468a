"""Turn tasks into a policy that solves more of them, by the gradients of a Tinker server."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from statistics import fmean

from harness.assembly.config import read_options
from harness.errors import NothingToLearn
from harness.protocols import Settings, Trainer, TrainingJob
from harness.training.collapse import has_collapsed
from harness.types import Json, stable_id
from harness_tinker.options import ReinforcementOptions
from harness_tinker.policy import remote_policy
from harness_tinker.resuming import Resuming
from harness_tinker.step import Stepper

NAME = "tinker-grpo"


def reinforcement(settings: Settings) -> Trainer:
    return TinkerReinforcement(read_options(ReinforcementOptions, settings, name=NAME))


class TinkerReinforcement:
    """Group-relative policy optimisation on the sampler's own tokens and log-probabilities.

    Shao et al., "DeepSeekMath" (arXiv:2402.03300). Advantages are ours, losses the server's.
    """

    needs = "tasks"

    def __init__(self, options: ReinforcementOptions) -> None:
        self.options = options

    @property
    def uses_proofs(self) -> bool:
        """Whether it is worth making ``TrainingJob.proofs``."""
        return self.options.proofs

    def train(self, job: TrainingJob) -> Mapping[str, Json]:
        """Train on the server; a killed run goes on from the state that the server kept.

        The record has ``steps``, ``seconds``, ``rollouts``, ``tokens`` (of all conversations),
        ``curve``, the last point of which is ``final``, ``mean_gap``, ``stopped_because``
        (max_steps or collapse), ``proofs`` (numbers of tasks, see ``Proofs.counts``), ``signs`` of
        reward hacking, and ``server_losses``: how often the server had lost the model. Raises
        ``NothingToLearn`` without tasks and ``ProviderError`` without a server.
        """
        options, policy = self.options, remote_policy(job, NAME)
        if not job.tasks:
            raise NothingToLearn(
                "there are no tasks to train on",
                hint="Generate some with `harness inject`; `harness tasks` shows which were "
                "rejected.",
            )
        started = time.monotonic()
        resuming = Resuming(job.folder, self._identity(job), policy.remote)
        stepper = Stepper(job, policy, options)
        if resuming.step:
            stepper.restore(resuming.state)
        else:
            stepper.complain()
        steps = options.steps(job)
        curve, why = [dict(point) for point in resuming.curve], "max_steps"
        for step in range(resuming.step + 1, steps + 1):
            curve.append({"step": step, **stepper.step()})
            job.progress(step, steps, curve[-1])
            if has_collapsed([(point["success"], point["success_error"]) for point in curve]):
                why = "collapse"
                break
            if step % options.save_steps == 0 and step < steps:
                resuming.keep(step, curve, stepper.state())
        policy.weights_changed()
        return {
            "steps": len(curve),
            "seconds": round(time.monotonic() - started, 2),
            "curve": [{name: round(value, 9) for name, value in p.items()} for p in curve],
            "final": {**curve[-1]},
            "stopped_because": why,
            "mean_gap": fmean(point["sampler_gap_mean"] for point in curve),
            "server_losses": policy.remote.losses,
            **stepper.record(),
        }

    def _identity(self, job: TrainingJob) -> str:
        tasks = [task.id for task in job.tasks]
        proofs = {task_id: job.proofs[task_id].trajectory.id for task_id in sorted(job.proofs)}
        known = asdict(self.options), job.seed, job.policy.checkpoint.id
        return stable_id(NAME, *known, tasks, proofs)
