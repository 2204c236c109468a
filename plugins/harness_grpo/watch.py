"""Follow a GRPO run: keep its curve, report its steps, end it in time, and undo a collapse."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from harness.protocols import TrainingJob
from harness.types import Episode, Json
from harness_grpo.options import Options
from harness_grpo.reinforcement import ReinforcementTrainer
from harness_grpo.sampling import Sampler, is_trainable

FIRST = 3
LAST = 5

Point = dict[str, float]


class Watch(TrainerCallback):
    """Told of each step by the trainer it follows; has the ``record`` when the run is over."""

    def __init__(self, job: TrainingJob, options: Options, sampler: Sampler) -> None:
        self._job = job
        self._options = options
        self._sampler = sampler
        self._started = self._step_started = time.monotonic()
        self._curve: list[Point] = []
        self._best: tuple[float, dict[str, torch.Tensor]] = (-1.0, {})
        self._weights: dict[str, torch.Tensor] = {}
        self._stopped_because = "steps"

    def follow(self, trainer: ReinforcementTrainer) -> None:
        self._trainer = trainer
        trainer.add_callback(self)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        self._started = time.monotonic()

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        self._step_started = time.monotonic()
        if self._options.guard:
            self._weights = _copy(self._job.policy.model)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, Any] | None = None,
        **_: object,
    ) -> None:
        if not logs or "reward" not in logs:
            return
        point = self._point(state.global_step, logs)
        self._curve.append(point)
        self._keep_best()
        if self._has_collapsed():
            self._stop(control, "collapse")
            self._job.policy.model.load_state_dict(self._best[1])
        elif self._options.seconds and time.monotonic() - self._started >= self._options.seconds:
            self._stop(control, "seconds")
        self._job.progress(state.global_step, self._options.steps, point)

    def record(self) -> dict[str, Json]:
        """The numbers of the run, see ``GrpoTrainer.train``."""
        curve: list[Json] = [{name: round(v, 9) for name, v in p.items()} for p in self._curve]
        return {
            "steps": len(curve),
            "seconds": round(sum(_seconds(point) for point in self._curve), 2),
            "rollouts": self._sampler.rollouts,
            "tokens": self._sampler.tokens,
            "curve": curve,
            "final": curve[-1] if curve else None,
            "stopped_because": self._stopped_because,
        }

    def _point(self, step: int, logs: Mapping[str, Any]) -> Point:
        episodes = self._sampler.episodes
        judged = [episode for episode in episodes if is_trainable(episode)]
        gap_mean, gap_max = self._trainer.sampler_gap()
        clipped = logs.get("clip_ratio/region_mean", logs.get("cispo_clip_ratio"))
        return {
            "step": step,
            "reward": _mean([episode.score.total for episode in judged]),
            "success": _mean([episode.score.success for episode in judged]),
            **_term_means(judged),
            "faults": len(episodes) - len(judged),
            "groups_without_spread": logs["frac_reward_zero_std"],
            "loss": logs["loss"],
            "entropy": logs.get("entropy") or 0.0,
            "clipped": clipped or 0.0,
            "grad_norm": float(logs.get("grad_norm") or 0.0),
            "sampler_gap_mean": gap_mean,
            "sampler_gap_max": gap_max,
            "seconds_sampling": self._sampler.seconds,
            "seconds_training": time.monotonic() - self._step_started - self._sampler.seconds,
        }

    def _keep_best(self) -> None:
        recent = fmean(point["success"] for point in self._curve[-FIRST:])
        if self._options.guard and recent >= self._best[0]:
            self._best = recent, self._weights

    def _has_collapsed(self) -> bool:
        if not self._options.guard or len(self._curve) < FIRST + LAST:
            return False
        first = fmean(point["success"] for point in self._curve[:FIRST])
        last = fmean(point["success"] for point in self._curve[-LAST:])
        return last < first / 2

    def _stop(self, control: TrainerControl, why: str) -> None:
        self._stopped_because = why
        control.should_training_stop = True


def _copy(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}


def _mean(values: Sequence[float]) -> float:
    return fmean(values) if values else 0.0


def _term_means(episodes: Sequence[Episode]) -> Point:
    values: dict[str, list[float]] = {}
    for episode in episodes:
        for term in episode.score.terms:
            values.setdefault(f"term/{term.name}", []).append(term.value)
    return {name: fmean(of_term) for name, of_term in values.items()}


def _seconds(point: Point) -> float:
    return point["seconds_sampling"] + point["seconds_training"]
