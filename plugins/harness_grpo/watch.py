"""Follow a GRPO run: keep its curve, report its steps, stop it, and restore its best weights."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from harness.protocols import TrainingJob
from harness.training.collapse import FIRST, has_collapsed, rate_and_error
from harness.training.groups import Group, has_spread, is_trainable
from harness.training.proof_traces import Proof
from harness.training.signs import Step, gaming, read_step
from harness.training.snapshots import GoodWeights, Snapshots, copied, put_back
from harness.types import Episode, Json
from harness_grpo.options import Options
from harness_grpo.proof_losses import imitation
from harness_grpo.reinforcement import ReinforcementTrainer
from harness_grpo.sampling import Sampler

Point = dict[str, float]

Weights = Mapping[str, torch.Tensor]

NOT_FINITE = "loss not finite"

BEHAVIOUR = ("repeats", "invalid", "refusals", "transfers", "tokens", "turns")
"""The policy's behaviour that the curve has: see ``harness.training.signs.read_step``."""


class Watch(TrainerCallback):
    """Called by the trainer at each update; has the ``record`` when the run is over."""

    def __init__(
        self, job: TrainingJob, options: Options, sampler: Sampler, snapshots: Snapshots
    ) -> None:
        self._job = job
        self._options = options
        self._max_steps = options.steps(job)
        self._sampler = sampler
        self._snapshots = snapshots
        self._weights = GoodWeights(job.in_process.model)
        self._before: deque[Weights] = deque(maxlen=options.ahead + 1)
        self._best: tuple[float, Weights] = (-1.0, {})
        self._curve: list[Point] = []
        self._steps: list[Step] = []
        self._signs: dict[str, str] = {}
        self._imitation_updates = 0
        self._step_started = time.monotonic()
        self._stopped_because = "max_steps"

    def follow(self, trainer: ReinforcementTrainer) -> None:
        self._trainer = trainer
        trainer.add_callback(self)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        kept = self._snapshots.restore(self._trainer)
        if kept is not None:
            self._curve = list(kept["curve"])
            self._steps, self._signs = list(kept["steps"]), dict(kept["signs"])
            self._best = kept["best"]
            self._weights.restore(kept["before_update"])
            self._sampler.restore(kept["sampler"])
            self._before.extend(kept["before"])
            if kept["sampler"]["next"]:
                self._begin_again(kept["sampler"])

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        self._snapshots.restore_random_state()
        if self._begins_step(state.global_step):
            self._step_started = time.monotonic()

    def on_pre_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        if not self._weights.allow_update(self._trainer.readings.losses[-1]):
            self._stop(control, NOT_FINITE)
        elif self._begins_step(state.global_step):
            self._before.append(self._weights.before_update)

    def on_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        if not control.should_training_stop and not self._weights.survive_update():
            self._stop(control, NOT_FINITE)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """After the updates of a step: an epoch on the collected proofs, if they are enough."""
        self._imitation_updates = 0
        if self._stopped_because == NOT_FINITE or not self._begins_step(state.global_step):
            return
        for batch in self._sampler.unsolved.epoch():
            if not self._imitate(batch):
                self._stop(control, NOT_FINITE)
                return
            self._imitation_updates += 1

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, Any] | None = None,
        **_: object,
    ) -> None:
        if not logs or "reward" not in logs or self._stopped_because == NOT_FINITE:
            return
        point = self._point(logs)
        self._curve.append(point)
        self._keep_best()
        # Before the snapshot: a resumed run does not report the step again.
        self._job.progress(len(self._curve), self._max_steps, point)
        if self._options.guard and has_collapsed(self._successes()):
            self._stop(control, "collapse")
            put_back(self._job.in_process.model, self._best[1])
        elif self._is_gamed():
            self._stop(control, "gaming")
            put_back(self._job.in_process.model, self._best[1])
        elif self._options.seconds and self._seconds() >= self._options.seconds:
            self._stop(control, "seconds")
        elif self._is_to_be_kept(len(self._curve)):
            self._snapshots.save(self._trainer, self._state())

    def _begin_again(self, sampler: Mapping[str, Any]) -> None:
        """Sample the rollouts that were begun ahead, from the weights that they were begun with."""
        model = self._job.in_process.model
        now = copied(model)
        put_back(model, self._before[-1])
        self._sampler.begin_again(sampler)
        put_back(model, now)

    def _imitate(self, batch: Sequence[Proof]) -> bool:
        """One update, with the optimizer that all have; False if it came to nothing finite.

        It is none of the trainer's steps: neither their number nor the schedule changes.
        """
        loss = self._trainer.imitate(imitation(batch))
        if not self._weights.allow_update(loss):
            return False
        self._trainer.update_now()
        return self._weights.survive_update()

    def _is_to_be_kept(self, step: int) -> bool:
        """Not after the last step: a run that resumed from there would make one more."""
        return step % self._options.save_steps == 0 and step < self._max_steps

    def record(self) -> dict[str, Json]:
        """The numbers of the run, see ``GrpoTrainer.train``."""
        curve: list[Json] = [{name: round(v, 9) for name, v in p.items()} for p in self._curve]
        return {
            "steps": len(curve),
            "seconds": round(self._seconds(), 2),
            "rollouts": self._sampler.rollouts,
            "tokens": self._sampler.tokens,
            "curve": curve,
            "final": curve[-1] if curve else None,
            "stopped_because": self._stopped_because,
            "signs": dict(self._signs),
            **self._record_of_proofs(),
        }

    def _point(self, logs: Mapping[str, Any]) -> Point:
        sampler = self._sampler
        groups = _trainable(sampler.groups)
        readings = self._trainer.readings.take()
        known = readings.get("entropy"), readings.get("proof_loss")
        self._steps.append(read_step(groups, self._job.domain, *known))
        judged = [episode for group in groups for episode in group]
        rates = [fmean(one.score.success for one in group) for group in groups if group]
        success, error = rate_and_error(rates)
        guided = [episode for group in _trainable(sampler.guided) for episode in group]
        played = sum(map(len, [*sampler.groups, *sampler.guided]))
        clipped = logs.get("clip_ratio/region_mean", logs.get("cispo_clip_ratio"))
        seconds = time.monotonic() - self._step_started
        return {
            "step": len(self._curve) + 1,
            "reward": _mean([episode.score.total for episode in judged]),
            "success": success,
            "success_error": error,
            **_term_means(judged),
            "faults": played - len(judged) - len(guided),
            "rollouts": played,
            "rollouts_trained_on": self._trainer.trained_on,
            "groups_without_spread": fmean(not has_spread(group) for group in sampler.groups),
            **{f"behaviour/{k}": self._steps[-1][k][0] for k in BEHAVIOUR if k in self._steps[-1]},
            **readings,
            **self._proofs_used(readings, guided),
            **self._ages(),
            "clipped": clipped or 0.0,
            "grad_norm": float(logs.get("grad_norm") or 0.0),
            "seconds_sampling": sampler.seconds,
            "seconds_training": seconds - sampler.seconds,
        }

    def _ages(self) -> Point:
        """How old the weights were that sampled what was trained on, where they can be old."""
        sampler = self._sampler
        if not self._options.ahead and not sampler.stale:
            return {}
        return {"staleness": sampler.staleness, "stale": sampler.stale}

    def _proofs_used(self, readings: Mapping[str, float], guided: Sequence[Episode]) -> Point:
        """How the step used proofs."""
        mode = self._options.unsolved
        if mode == "skip":
            return {}
        used = len(self._sampler.guided) if mode == "prefix" else readings.get("proofs", 0)
        point = {"proofs": used, "imitation_updates": self._imitation_updates}
        if guided:
            point["guided_success"] = fmean(one.score.success for one in guided)
        return point

    def _record_of_proofs(self) -> dict[str, Json]:
        if self._options.unsolved == "skip":
            return {}
        return {"proofs": dict(self._sampler.unsolved.proofs.counts())}

    def _is_gamed(self) -> bool:
        """Whether to stop for a sign of reward hacking; warns about each new one at once."""
        if self._options.gaming == "off":
            return False
        new = [sign for sign in gaming(self._steps) if sign.name not in self._signs]
        for sign in new:
            said = f"step {len(self._curve)}: {sign.evidence}"
            self._signs[sign.name] = said
            self._job.warn(f"possible reward hacking ({sign.name}): {said}")
        return bool(new) and self._options.gaming == "stop"

    def _begins_step(self, update: int) -> bool:
        return update % self._options.num_iterations == 0

    def _successes(self) -> list[tuple[float, float]]:
        return [(point["success"], point["success_error"]) for point in self._curve]

    def _keep_best(self) -> None:
        recent = fmean(point["success"] for point in self._curve[-FIRST:])
        restores = self._options.guard or self._options.gaming == "stop"
        if restores and recent >= self._best[0]:
            self._best = recent, self._before[0]

    def _state(self) -> dict[str, Any]:
        return {
            "curve": self._curve,
            "steps": [dict(step) for step in self._steps],
            "signs": self._signs,
            "best": self._best,
            "before_update": self._weights.before_update,
            "before": [*self._before] if self._options.ahead else [],
            "sampler": self._sampler.state(),
        }

    def _seconds(self) -> float:
        return sum(point["seconds_sampling"] + point["seconds_training"] for point in self._curve)

    def _stop(self, control: TrainerControl, why: str) -> None:
        self._stopped_because = why
        control.should_training_stop = True


def _trainable(groups: Sequence[Group]) -> list[list[Episode]]:
    return [[one for one in group if is_trainable(one)] for group in groups]


def _mean(values: Sequence[float]) -> float:
    return fmean(values) if values else 0.0


def _term_means(episodes: Sequence[Episode]) -> Point:
    values: dict[str, list[float]] = {}
    for episode in episodes:
        for term in episode.score.terms:
            values.setdefault(f"term/{term.name}", []).append(term.value)
    return {name: fmean(of_term) for name, of_term in values.items()}
