"""Follow an SFT run: report its steps, watch the held-out loss, stop it, and keep its record."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from harness.protocols import TrainingJob
from harness.training.snapshots import GoodWeights, Snapshots
from harness.types import Json
from harness_sft.batches import Row
from harness_sft.imitation import ImitationTrainer
from harness_sft.options import Options
from harness_sft.schedule import Plateau, Schedule

CURVE_POINTS = 100

NOT_FINITE = "loss not finite"


class Watch(TrainerCallback):
    """Called by the trainer at each step; has the ``record`` when the run is over."""

    def __init__(
        self, job: TrainingJob, options: Options, held_out: Sequence[Row], snapshots: Snapshots
    ) -> None:
        self.schedule = Schedule(options.steps(job), options.seconds, options.cpu_seconds)
        self._job = job
        self._options = options
        self._heldout = held_out
        self._snapshots = snapshots
        self._weights = GoodWeights(job.in_process.model)
        self._plateau = Plateau(options.patience)
        self._losses: dict[int, float] = {}
        self._heldout_losses: dict[int, float] = {}
        self._seconds = self._cpu_seconds = 0.0
        self._stopped_because = "out of demonstrations"

    def follow(self, trainer: ImitationTrainer) -> None:
        self._trainer = trainer
        trainer.add_callback(self)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        self.schedule.start()
        kept = self._snapshots.restore(self._trainer)
        if kept is not None:
            self._restore(kept)

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        self._snapshots.restore_random_state()

    def on_pre_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        if not self._weights.allow_update(self._trainer.last_loss):
            self._stop(control, NOT_FINITE)

    def on_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        if not control.should_training_stop and not self._weights.survive_update():
            self._stop(control, NOT_FINITE)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        if self._stopped_because == NOT_FINITE:
            return
        step = state.global_step
        self._losses[step] = self._trainer.last_loss
        flat = step % self._options.eval_steps == 0 and self._look(step)
        if self.schedule.is_over(step):
            self._stop(control, self.schedule.stopped_because(step))
        elif flat and not self.schedule.decay_now(step):
            self._stop(control, "plateau")
        # Before the snapshot: a resumed run does not report the step again.
        self._job.progress(step, self.schedule.steps(step), self._metrics())
        if not control.should_training_stop and step % self._options.save_steps == 0:
            self._snapshots.save(self._trainer, self._state())

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        if len(self._losses) not in self._heldout_losses:
            self._look(len(self._losses))
        self._seconds = self.schedule.elapsed
        self._cpu_seconds = self.schedule.cpu_elapsed

    def record(self) -> dict[str, Json]:
        """The numbers of the run, see ``SftTrainer.train``."""
        return {
            "steps": len(self._losses),
            "seconds": round(self._seconds, 2),
            "cpu_seconds": round(self._cpu_seconds, 2),
            "tokens": self._trainer.tokens,
            "tokens_per_second": round(self._trainer.tokens / max(self._seconds, 1e-9), 1),
            "loss": _last(self._losses),
            "held_out_loss": _last(self._heldout_losses),
            "curve": self._curve(),
            "stopped_because": self._stopped_because,
        }

    def _look(self, step: int) -> bool:
        if not self._heldout:
            return False
        loss = self._trainer.held_out_loss(self._heldout)
        self._heldout_losses[step] = loss
        flat = self._plateau.reached(loss)
        if flat:
            self._plateau.forget()
        return flat

    def _state(self) -> dict[str, Any]:
        return {
            "schedule": self.schedule.state(),
            "plateau": (self._plateau.best, self._plateau.misses),
            "losses": self._losses,
            "heldout_losses": self._heldout_losses,
            "tokens": self._trainer.tokens,
            "before_update": self._weights.before_update,
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.schedule.restore(state["schedule"])
        self._plateau.best, self._plateau.misses = state["plateau"]
        self._losses = dict(state["losses"])
        self._heldout_losses = dict(state["heldout_losses"])
        self._trainer.tokens = state["tokens"]
        self._weights.restore(state["before_update"])

    def _stop(self, control: TrainerControl, why: str) -> None:
        self._stopped_because = why
        control.should_training_stop = True

    def _metrics(self) -> Mapping[str, float]:
        metrics = {
            "loss": self._trainer.last_loss,
            "tokens_per_s": self._trainer.tokens / max(self.schedule.elapsed, 1e-9),
        }
        if self._heldout_losses:
            metrics["held_out_loss"] = list(self._heldout_losses.values())[-1]
        return metrics

    def _curve(self) -> list[Json]:
        """Evenly spaced steps, those with a held-out loss, and the last."""
        stride = -(-len(self._losses) // CURVE_POINTS)
        curve: list[Json] = []
        for step, loss in self._losses.items():
            looked = step in self._heldout_losses
            if step % stride == 0 or looked or step == len(self._losses):
                point: dict[str, Json] = {"step": step, "loss": round(loss, 5)}
                if looked:
                    point["held_out_loss"] = round(self._heldout_losses[step], 5)
                curve.append(point)
        return curve


def _last(losses: Mapping[int, float]) -> float | None:
    last = list(losses.values())[-1:]
    return round(last[0], 5) if last and math.isfinite(last[0]) else None
