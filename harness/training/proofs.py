"""Turn tasks to train on into proofs: the teacher's own successful conversations on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from harness.assembly.components import Components
from harness.errors import RunError, plugin_boundary
from harness.evaluation.rollout import run_rollouts
from harness.protocols import Domain, RolloutJob
from harness.run_folder import RunFolder
from harness.training.demonstrations import CHUNK, IN_VAIN
from harness.types import Episode, Task, stable_seed


def proofs_of(
    parts: Components, store: RunFolder, tasks: Sequence[Task], *, warn: bool = True
) -> dict[str, Episode]:
    """The proofs of the tasks by id, in their order.

    The user is the one that training rollouts on the task meet. Each task is tried once in a run:
    what the teacher said is kept in the run folder, its failures too, and only what ended in a
    fault is tried again the next time. A task has no proof if the teacher fails, or if its calls do
    not give the same results again in a fresh world: with ``warn`` one warning says how many have
    none, and why. After ``IN_VAIN`` failures and no success the teacher is not asked on.

    Raises ``RunError`` if all that was tried ended in faults.
    """
    had = _tried(parts, store, tasks)
    if had and all(episode.uncounted for episode in had.values()):
        first = next(iter(had.values())).trajectory
        raise RunError(
            f"all {len(had)} conversations of the teacher {parts.teacher.id!r} ended in a fault, "
            f"the first: {first.fault or first.ended}",
            hint="Mend that, then continue with `harness loop --resume`.",
        )
    objections = {task.id: _objection(had.get(task.id), parts) for task in tasks}
    lacking = Counter(reason for reason in objections.values() if reason)
    if warn and lacking:
        why = "; ".join(f"{reason} ({count})" for reason, count in lacking.most_common())
        parts.notify(
            "warning",
            message=f"{lacking.total()} of {len(tasks)} tasks have no proof of the teacher "
            f"{parts.teacher.id!r}: {why}",
        )
    return {task.id: had[task.id] for task in tasks if not objections[task.id]}


def _tried(parts: Components, store: RunFolder, tasks: Sequence[Task]) -> Mapping[str, Episode]:
    """The teacher's conversations on the tasks by id; the missing ones are had, each on disk as it
    ends.
    """
    setup = parts.setup_with("policy", parts.config.teacher)
    kept = {e.task.id: e for e in store.read_proofs(tasks) if not e.uncounted}
    had: dict[str, Episode] = {}
    for start in range(0, len(tasks), CHUNK):
        if len(had) >= IN_VAIN and not any(e.score.success for e in had.values()):
            break
        chunk = tasks[start : start + CHUNK]
        jobs = [
            RolloutJob(
                task=task,
                trial=0,
                seed=stable_seed(parts.config.seed, "proof", task.id),
                user_seed=stable_seed("user", task.id),
            )
            for task in chunk
            if task.id not in kept
        ]
        played = run_rollouts(
            jobs,
            parts.teacher,
            setup,
            parts.executor,
            finished=lambda _, episode: store.append_proof(episode),
        )
        fresh = {episode.task.id: episode for episode in played}
        had |= {task.id: kept.get(task.id) or fresh[task.id] for task in chunk}
    store.order_proofs(tasks)  # also those of a process that died before it did
    return had


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
    of_user = {tool.name for tool in domain.user_tools}
    messages = episode.trajectory.messages
    recorded = iter([message for message in messages if message.role == "tool"])
    for message in messages:
        for call in message.calls:
            known = next(recorded, None)
            if message.role == "user" and call.name not in of_user:
                continue  # never reached the world
            result = world.call(call)
            if known is None or (result.content, result.is_error) != (
                known.content,
                known.is_error,
            ):
                return False
    return True
