"""Turn steps done, seconds passed and CPU time used into a learning rate and a decision to stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from harness.runtime import cpu_time

WARM_UP = 0.03
DECAY = 0.6


class Schedule:
    """Warm-up, plateau and linear decay to 0 over budgets of steps, of seconds and of CPU seconds.

    The run is over when any budget is used up, so the learning rate follows the budget that is used
    most; that of the first step follows none. Decay takes the last 60% of the run.
    """

    def __init__(
        self,
        max_steps: int,
        seconds: float | None,
        cpu_seconds: float | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        cpu_clock: Callable[[], float] = cpu_time.cpu_seconds,
    ) -> None:
        self.max_steps = max_steps
        self.seconds = seconds
        self.cpu_seconds = cpu_seconds
        self._clock = clock
        self._cpu_clock = cpu_clock
        self._started, self._cpu_started = clock(), cpu_clock()
        self._decay_from = 1 - DECAY
        self._end = 1.0

    def start(self) -> None:
        """Count seconds from now."""
        self._started, self._cpu_started = self._clock(), self._cpu_clock()

    def state(self) -> dict[str, float]:
        """The time used, and where the decay starts and ends, to resume from."""
        used = {"elapsed": self.elapsed, "cpu": self.cpu_elapsed}
        return {**used, "decay_from": self._decay_from, "end": self._end}

    def restore(self, state: Mapping[str, float]) -> None:
        self._started = self._clock() - state["elapsed"]
        self._cpu_started = self._cpu_clock() - state["cpu"]
        self._decay_from, self._end = state["decay_from"], state["end"]

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._started

    @property
    def cpu_elapsed(self) -> float:
        """CPU seconds since the start, of all cores and of the processes that make batches."""
        return self._cpu_clock() - self._cpu_started

    def progress(self, step: int) -> float:
        """The share of the budget that is used up after ``step`` steps, in [0, 1]: 0 after none,
        whatever time passed meanwhile.
        """
        if not step:
            return 0.0
        of_steps = step / self.max_steps
        of_time = self.elapsed / self.seconds if self.seconds else 0.0
        of_cpu = self.cpu_elapsed / self.cpu_seconds if self.cpu_seconds else 0.0
        return min(1.0, max(of_steps, of_time, of_cpu))

    def factor(self, step: int) -> float:
        """What to multiply the learning rate by after ``step`` steps, in [0, 1]."""
        done = self.progress(step)
        if done < WARM_UP:
            return done / WARM_UP
        if done < self._decay_from:
            return 1.0
        return max(0.0, (self._end - done) / (self._end - self._decay_from))

    def steps(self, step: int) -> int:
        """How many steps the run will have, judged by the pace so far."""
        done = self.progress(step) / self._end
        return max(step, round(step / done)) if done else self.max_steps

    def is_over(self, step: int) -> bool:
        return self.progress(step) >= self._end

    def stopped_because(self, step: int) -> str:
        """What ended the run: a budget, or the plateau that made it shorter."""
        if self._end < 1:
            return "plateau"
        if step >= self.max_steps:
            return "max_steps"
        is_cpu = self.cpu_seconds is not None and self.cpu_elapsed >= self.cpu_seconds
        return "cpu_seconds" if is_cpu else "seconds"

    def decay_now(self, step: int) -> bool:
        """Start the decay now and end earlier in proportion; False if it has already started."""
        done = self.progress(step)
        if done >= self._decay_from:
            return False
        self._decay_from = done
        self._end = min(1.0, done / (1 - DECAY))
        return True


class Plateau:
    """Notices that a loss no longer falls: ``patience`` values in a row without a gain of 1%."""

    def __init__(self, patience: int, gain: float = 0.01) -> None:
        self.best = float("inf")
        self.misses = 0
        self._patience = patience
        self._gain = gain

    def reached(self, loss: float) -> bool:
        if loss < self.best * (1 - self._gain):
            self.misses = 0
        else:
            self.misses += 1
        self.best = min(self.best, loss)
        return self.misses >= self._patience

    def forget(self) -> None:
        """Count misses from 0 again."""
        self.misses = 0
