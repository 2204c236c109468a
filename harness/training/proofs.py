"""Turn tasks to train on into proofs: the teacher's own successful conversations on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

from harness.assembly.components import Components
from harness.errors import plugin_boundary
from harness.evaluation.rollout import run_rollouts
from harness.protocols import Domain, RolloutJob
from harness.run_folder import RunFolder
from harness.training.demonstrations import CHUNK, IN_VAIN
from harness.types import Episode, Task, stable_seed


def proofs_of(parts: Components, store: RunFolder, tasks: Sequence[Task]) -> dict[str, Episode]:
    """The proofs of the tasks by id, in their order. Each task is tried once in a run: what the
    teacher said is kept in the run folder, its failures too.

    The user is the one that training rollouts on the task meet. A task has no proof if the teacher
    fails, or if its calls do not give the same results again in a fresh world. What has none is
    reported as one warning. After ``IN_VAIN`` failures and no success the teacher is not asked on.
    """
    had = {episode.task.id: episode for episode in store.read_proofs(tasks)}
    for episode in _played(parts, store, [task for task in tasks if task.id not in had], had):
        had[episode.task.id] = episode
    proofs: dict[str, Episode] = {}
    lacking: Counter[str] = Counter()
    for task in tasks:
        reason = _objection(had.get(task.id), parts)
        if reason:
            lacking[reason] += 1
        else:
            proofs[task.id] = had[task.id]
    if lacking:
        why = "; ".join(f"{reason} ({count})" for reason, count in lacking.most_common())
        parts.notify(
            "warning",
            message=f"{lacking.total()} of {len(tasks)} tasks have no proof of the teacher "
            f"{parts.teacher.id!r}: {why}",
        )
    return proofs


def _played(
    parts: Components, store: RunFolder, tasks: Sequence[Task], had: dict[str, Episode]
) -> Iterator[Episode]:
    """The teacher's conversations on the tasks, each on disk as it ends."""
    setup = parts.setup_with("policy", parts.config.teacher)
    solved = any(episode.score.success for episode in had.values())
    failed = len(had)
    left = iter(tasks)
    while chunk := list(islice(left, CHUNK)):
        if failed >= IN_VAIN and not solved:
            return
        jobs = [
            RolloutJob(
                task=task,
                trial=0,
                seed=stable_seed(parts.config.seed, "proof", task.id),
                user_seed=stable_seed("user", task.id),
            )
            for task in chunk
        ]
        for episode in run_rollouts(
            jobs,
            parts.teacher,
            setup,
            parts.executor,
            finished=lambda _, episode: store.append_proof(episode),
        ):
            solved = solved or episode.score.success
            failed += not episode.score.success
            yield episode


def _objection(episode: Episode | None, parts: Components) -> str:
    """Why the episode proves nothing; "" if it does."""
    if episode is None:
        return "not asked on, since it solved none"
    if episode.uncounted:
        return f"ended in {episode.uncounted}"
    if not episode.score.success:
        return "it failed"
    with plugin_boundary(parts.plugins.domain, f"replay of task {episode.task.id}"):
        return "" if replays(episode, parts.domain) else "its calls have other results in a replay"


def replays(episode: Episode, domain: Domain) -> bool:
    """Whether the calls of the conversation give the recorded results in a fresh world."""
    world = domain.open(episode.task)
    recorded = iter([m for m in episode.trajectory.messages if m.role == "tool"])
    for message in episode.trajectory.messages:
        for call in message.calls:
            result, known = world.call(call), next(recorded, None)
            if known is None or (result.content, result.is_error) != (
                known.content,
                known.is_error,
            ):
                return False
    return True
