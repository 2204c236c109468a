"""Turn the latest rollouts of a training into an evaluation on train tasks, for discovery to read:
what the policy fails at in practice, without another conversation.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.assembly.components import Components
from harness.errors import RunError
from harness.evaluation.scoring import score
from harness.evaluation.station import keep_evaluation
from harness.injection.pool import rounds_of, tasks_of_round
from harness.run_folder import RunFolder
from harness.training.rollout_log import TrainingRollout, read_rollouts
from harness.types import Episode, Task
from harness.types.names import EvaluationName


def keep_practice(parts: Components, store: RunFolder, arm: str) -> None:
    """Keep the rollouts of the last steps of the arm's training as its evaluation on train tasks:
    of the fewest steps that have as many as an evaluation on validation tasks has conversations.

    Raises ``RunError`` if the training left no rollouts with their text.
    """
    config = parts.config
    rows = latest(read_rollouts(store, arm), config.validation_tasks * config.validation_trials)
    tasks = {task.id: task for n in rounds_of(store) for task in tasks_of_round(store, n)}
    episodes = [one for row in rows if (one := _episode(parts, row, tasks.get(row.task_id)))]
    if not episodes:
        raise RunError(
            f"the training of {arm} in {store.folder} left no rollouts with their text",
            hint='`discover_from = "rollouts"` needs a trainer that makes rollouts, from the first '
            "round on; leave it out to read validation tasks.",
        )
    practised = {episode.task.id: episode.task for episode in episodes}
    keep_evaluation(store, EvaluationName.of(arm, "train"), episodes, [*practised.values()])


def latest(rows: Sequence[TrainingRollout], count: int) -> list[TrainingRollout]:
    """The rows of the fewest last steps that have at least ``count``; all, if there are not so
    many.
    """
    steps = sorted({row.step for row in rows}, reverse=True)
    kept: list[TrainingRollout] = []
    for step in steps:
        kept = [row for row in rows if row.step >= step]
        if len(kept) >= count:
            break
    return kept


def _episode(parts: Components, row: TrainingRollout, task: Task | None) -> Episode | None:
    if row.trajectory is None or row.grade is None or task is None:
        return None
    return Episode(
        task=task,
        trajectory=row.trajectory,
        grade=row.grade,
        score=score(row.trajectory, row.grade, task, parts.terms),
    )
