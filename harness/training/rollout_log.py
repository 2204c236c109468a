"""Turn the rollouts of a training into rows of the run folder: what each was worth and how the
agent behaved in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.assembly.components import Components
from harness.evaluation.behaviour import Behaviour, behaviour
from harness.evaluation.rollout import run_rollouts
from harness.evaluation.token_log import TokenLog, token_log, tokens_of_training
from harness.protocols import Policy, RolloutJob
from harness.run_folder import RunFolder
from harness.types import Episode, Grade, Task, Trajectory, stable_seed

NEXT = 0
"""Stands for the step that ends next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRollout:
    """One conversation that an arm was trained on.

    ``step`` counts from 1; ``group`` numbers the step's groups of rollouts of one task. ``terms``
    are the values of the reward terms by name, in [-1, 1], and ``total`` their weighted sum.
    ``guided``: some of its turns were not the policy's own. ``uncounted`` says why it was not
    trained on, such as the fault that ended it ("": it was). ``trajectory`` and its ``grade`` are
    None unless the run keeps the text too (``keep_trajectories``, ``keep_tokens``, or rounds that
    read it).
    """

    step: int
    group: int
    task_id: str
    trial: int
    trajectory_id: str
    ended: str
    success: bool
    total: float
    terms: Mapping[str, float]
    behaviour: Behaviour
    guided: bool = False
    uncounted: str = ""
    trajectory: Trajectory | None = None
    grade: Grade | None = None


def rollouts_file(arm: str) -> str:
    """Where in the run folder the rollouts of an arm's training are, a line each, in order."""
    return f"checkpoints/{arm}/rollouts.jsonl"


def read_rollouts(store: RunFolder, arm: str) -> list[TrainingRollout]:
    """The policy's own rollouts that an arm was trained on; [] if it had none."""
    return [row for row in _all_rows(store, arm) if not row.guided]


@dataclass
class RolloutLog:
    """The rollouts that a trainer asks for, put on disk step by step.

    A step that is made again, by a training that was killed and resumed, replaces what was there.
    Rollouts of a later step may be asked for, and come from another thread, before a step ends.
    """

    parts: Components
    store: RunFolder
    arm: str
    _groups: dict[int, list[tuple[Sequence[Episode], bool]]] = field(default_factory=dict)
    _begun: bool = False
    _tokens: TokenLog | None = None

    def run(
        self,
        policy: Policy,
        jobs: Sequence[tuple[Task, int, int]],
        *,
        guided: int = 0,
        step: int = NEXT,
    ) -> list[Episode]:
        """Episodes as ``RunRollouts``."""
        # One task, one user: what differs within a group is the policy's doing.
        listed = [
            RolloutJob(task=task, trial=trial, seed=seed, user_seed=stable_seed("user", task.id))
            for task, trial, seed in jobs
        ]
        parts = self.parts
        if self._tokens is None:
            name = tokens_of_training(self.arm)
            self._tokens = token_log(parts, self.store, name, policy)
        episodes = run_rollouts(listed, policy, parts.setup, parts.executor, keep_tokens=True)
        self._groups.setdefault(step, []).extend(
            [
                *((group, True) for group in _groups(episodes[:guided])),
                *((group, False) for group in _groups(episodes[guided:])),
            ]
        )
        return episodes

    def finish(self, step: int) -> None:
        """Put on disk what was run for the step."""
        groups = [*self._groups.pop(step, ()), *self._groups.pop(NEXT, ())]
        if not groups:
            return
        name = rollouts_file(self.arm)
        if not self._begun:
            before = [row for row in _all_rows(self.store, self.arm) if row.step < step]
            self.store.write_values(name, TrainingRollout, before)
            if self._tokens is not None:
                self._tokens.keep(row.trajectory_id for row in before)
            self._begun = True
        rows = [
            self._row(step, number, episode, guided=guided)
            for number, (group, guided) in enumerate(groups)
            for episode in group
        ]
        if self._tokens is not None:
            own = [one for group, is_guided in groups if not is_guided for one in group]
            self._tokens.append(own)
        self.store.append_values(name, TrainingRollout, rows)

    def _row(self, step: int, group: int, episode: Episode, *, guided: bool) -> TrainingRollout:
        trajectory, score, config = episode.trajectory, episode.score, self.parts.config
        keeps = config.keep_trajectories or config.keep_tokens
        with_text = keeps or config.discover_from == "rollouts"
        return TrainingRollout(
            step=step,
            group=group,
            task_id=episode.task.id,
            trial=trajectory.trial,
            trajectory_id=trajectory.id,
            ended=trajectory.ended,
            success=score.success,
            total=score.total,
            terms={term.name: term.value for term in score.terms},
            behaviour=behaviour(trajectory, self.parts.domain),
            guided=guided,
            uncounted=episode.uncounted,
            trajectory=trajectory if with_text else None,
            grade=episode.grade if with_text else None,
        )


def _all_rows(store: RunFolder, arm: str) -> list[TrainingRollout]:
    return store.read_values(rollouts_file(arm), TrainingRollout)


def _groups(episodes: Sequence[Episode]) -> list[Sequence[Episode]]:
    """The episodes in runs of one task, each trial of it once."""
    groups: list[list[Episode]] = []
    for episode in episodes:
        last = groups[-1][-1] if groups else None
        if (
            last is None
            or last.task.id != episode.task.id
            or last.trajectory.trial >= episode.trajectory.trial
        ):
            groups.append([])
        groups[-1].append(episode)
    return list(groups)
