"""Run a policy on candidate tasks, and remember how each conversation ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from harness.errors import RolloutFault, plugin_boundary
from harness.evaluation.in_order import gather_in_order
from harness.evaluation.rollout import Rollout
from harness.protocols import Executor, Judge, Policy, RolloutJob, RolloutSetup
from harness.types import Diagnosis, Episode, Json, Task, stable_seed

Key = tuple[str, int]
"""A task's id and the number of the trial on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """How one conversation ended; ``uncounted`` says why it is no evidence ("": it is one).

    ``kind`` and ``blame`` are the diagnosis of a failure; "" where there is none.
    """

    task_id: str
    trial: int
    success: bool
    uncounted: str = ""
    kind: str = ""
    blame: str = ""

    def row(self) -> dict[str, Json]:
        return {
            "task_id": self.task_id,
            "trial": self.trial,
            "success": self.success,
            "uncounted": self.uncounted,
            "kind": self.kind,
            "blame": self.blame,
        }


def latest(trials: Sequence[Trial]) -> list[Trial]:
    """Of two rows for one trial the later one."""
    return list({(trial.task_id, trial.trial): trial for trial in trials}.values())


@dataclass(slots=True)
class TrialRunner:
    """One policy's trials on candidates; ``note`` is called for each new one, so it can be kept.

    ``known`` are earlier trials, which are not repeated. ``count`` is how many were run now.
    """

    policy: Policy
    setup: RolloutSetup
    executor: Executor
    judge: Judge
    seed: int
    note: Callable[[Trial], None] = lambda trial: None
    known: dict[Key, Trial] = field(default_factory=dict)
    count: int = 0
    _episodes: dict[Key, Episode] = field(default_factory=dict)

    async def run(self, tasks: Sequence[Task], trials: range) -> None:
        """Run those conversations on the tasks that were not run yet, all at once."""
        keys = [(task, trial) for trial in trials for task in tasks]
        await self._play([key for key in keys if (key[0].id, key[1]) not in self.known])

    def of(self, task: Task) -> list[Trial]:
        """The trials of a task so far, in order."""
        return sorted(
            (trial for (task_id, _), trial in self.known.items() if task_id == task.id),
            key=lambda trial: trial.trial,
        )

    async def explain(self, tasks: Sequence[Task]) -> None:
        """Diagnose the failures of these tasks that have no diagnosis yet."""
        open_ = [
            (task, trial.trial)
            for task in tasks
            for trial in self.of(task)
            if not trial.success and not trial.uncounted and not trial.kind
        ]
        # Trials known from before an interruption left no conversation to read: it is had again.
        await self._play([(task, n) for task, n in open_ if (task.id, n) not in self._episodes])
        failed = [self._episodes[task.id, number] for task, number in open_]

        def explained(index: int, diagnosis: Diagnosis | None) -> None:
            kind, whose = ("undiagnosed", "") if diagnosis is None else (
                diagnosis.kind, diagnosis.blame
            )  # fmt: skip
            self._remember(failed[index], kind, whose)

        plugin = self.setup.plugins.executor
        await gather_in_order(
            self.executor, self._diagnose, failed, explained, stays_here=True, plugin=plugin
        )

    def forget(self, tasks: Sequence[Task]) -> None:
        """Let go of the conversations on these tasks; how they ended stays known."""
        ids = {task.id for task in tasks}
        self._episodes = {key: e for key, e in self._episodes.items() if key[0] not in ids}

    async def _play(self, keys: Sequence[tuple[Task, int]]) -> None:
        jobs = [
            RolloutJob(
                task=task, trial=trial, seed=stable_seed(self.seed, "tryout", task.id, trial)
            )
            for task, trial in keys
        ]
        self.count += len(jobs)

        def played(index: int, episode: Episode) -> None:
            self._episodes[episode.task.id, episode.trajectory.trial] = episode
            self._remember(episode)

        plugin = self.setup.plugins.executor
        play = Rollout(self.policy, self.setup)
        await gather_in_order(self.executor, play, jobs, played, plugin=plugin)

    async def _diagnose(self, episode: Episode) -> Diagnosis | None:
        plugin = self.setup.plugins.judge
        try:
            with plugin_boundary(plugin, f"diagnosis of {episode.trajectory.id}", faults=True):
                return await self.judge.diagnose(episode, self.setup.domain)
        except RolloutFault:
            return None

    def _remember(self, episode: Episode, kind: str = "", whose: str = "") -> None:
        trial = Trial(
            task_id=episode.task.id,
            trial=episode.trajectory.trial,
            success=episode.score.success,
            uncounted=episode.uncounted,
            kind=kind,
            blame=whose,
        )
        self.known[trial.task_id, trial.trial] = trial
        self.note(trial)
