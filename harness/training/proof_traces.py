"""Turn the teacher's conversations on the tasks into proofs that the policy can be trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from harness.protocols import Conversation, Domain, TrainingJob
from harness.types import Episode, Message, Task, TokenTrace, Trajectory

UNUSABLE = {
    "too_long": "longer than the model's context",
    "too_short": "with nothing to learn from",
}
"""Why a proof cannot be used, in words."""

_LACKING = ("missing", *UNUSABLE)

NO_ADVANTAGE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A teacher's conversation on a task, with the tokens that the policy would have written.

    ``trace`` ends with the last token of the agent's. ``longest_prefix`` is how many of the agent's
    turns may be played for it: all before the one with the last call that changes records, or all
    but the last turn where there is no such call.
    """

    task: Task
    reward: float
    trace: TokenTrace
    messages: tuple[Message, ...]
    longest_prefix: int


class Proofs:
    """The usable proofs by task id, and numbers of tasks without: "missing", or by ``UNUSABLE``."""

    def __init__(self, proofs: Sequence[Proof] = (), lacking: Mapping[str, int] | None = None):
        self._of_task = {proof.task.id: proof for proof in proofs}
        self._lacking = dict(lacking or {})
        self._differing: list[str] = []

    def of(self, task_id: str) -> Proof | None:
        """The task's proof; None if it has none that can be used."""
        return self._of_task.get(task_id)

    def drop(self, task_id: str) -> None:
        """Do without a proof whose turns cannot be played again."""
        if self._of_task.pop(task_id, None) is not None:
            self._differing.append(task_id)

    def counts(self) -> dict[str, int]:
        """Numbers of tasks: "usable", "differs", "missing" and the keys of ``UNUSABLE``."""
        lacking = {reason: self._lacking.get(reason, 0) for reason in _LACKING}
        return {"usable": len(self._of_task), **lacking, "differs": len(self._differing)}

    def complaint(self) -> str:
        """What to tell the user about proofs that cannot be used, or that there are none that can;
        "" if there is nothing. Whoever made the proofs has told of the missing ones.
        """
        unusable = {why: count for why in UNUSABLE if (count := self._lacking.get(why, 0))}
        reasons = ", ".join(f"{count} {UNUSABLE[why]}" for why, count in unusable.items())
        if self._lacking and not self._of_task:
            why = f" ({reasons})" if reasons else ""
            return f'no task has a proof that can be used{why}: all is as with `unsolved = "skip"`'
        if not reasons:
            return ""
        return (
            f"{sum(unusable.values())} of {len(self._of_task) + sum(self._lacking.values())} tasks "
            f"have a proof that cannot be used ({reasons}); groups that wholly fail on them are "
            "skipped"
        )

    def state(self) -> list[str]:
        """The ids of tasks whose proofs were dropped, to resume from."""
        return list(self._differing)

    def restore(self, state: Sequence[str]) -> None:
        for task_id in state:
            self.drop(task_id)


def read_proofs(job: TrainingJob, *, limit: int | None, prefixes: bool = False) -> Proofs:
    """The job's proofs as the policy would write them; with ``prefixes``, those that have one.

    ``limit``: how many tokens a proof may have (None: any number).
    """
    proofs: list[Proof] = []
    lacking: Counter[str] = Counter()
    for task in job.tasks:
        found = _proof(job, task, limit=limit, prefixes=prefixes)
        if isinstance(found, Proof):
            proofs.append(found)
        else:
            lacking[found] += 1
    return Proofs(proofs, lacking)


def join_proofs(
    rewards: NDArray[np.float64],
    advantages: NDArray[np.float32],
    proofs: Mapping[int, Proof],
    *,
    contrast: bool,
) -> tuple[NDArray[np.float32], list[tuple[Proof, float]]]:
    """Advantages with proofs in their groups, and the advantage of each proof that is worth one.

    ``rewards``: (groups, rollouts), NaN where not to be trained on; ``advantages``: the same shape,
    as without proofs; ``proofs``: by the number of their group. In such a group an advantage is the
    reward minus the mean over rollouts and proof, without a deviation, as in LUFFY. Without
    ``contrast`` that is the proof's alone, and rollouts keep theirs: 0 where all failed alike, so
    that they cost nothing. A proof with no more reward than that mean does not join.
    """
    joined, kept = advantages.copy(), []
    for group, proof in proofs.items():
        mean = float(np.nanmean([*rewards[group], proof.reward]))
        if proof.reward - mean < NO_ADVANTAGE:
            continue
        kept.append((proof, proof.reward - mean))
        if contrast:
            centred = np.nan_to_num(rewards[group] - mean)
            joined[group] = np.where(np.abs(centred) < NO_ADVANTAGE, 0.0, centred)
    return joined, kept


def longest_prefix(trajectory: Trajectory, domain: Domain) -> int:
    """How many of the agent's turns, the greeting not among them, a prefix may have."""
    writes = {tool.name for tool in domain.tools if tool.kind == "write"}
    turns = agent_turns(trajectory.messages)
    last = [n for n, turn in enumerate(turns) if any(call.name in writes for call in turn.calls)]
    return last[-1] if last else max(0, len(turns) - 1)


def agent_turns(messages: Sequence[Message]) -> list[Message]:
    """What the agent said and called after its fixed greeting, which opens a conversation."""
    return [message for message in messages[1:] if message.role == "assistant"]


def _proof(job: TrainingJob, task: Task, *, limit: int | None, prefixes: bool) -> Proof | str:
    """The task's proof, or why there is none: "missing" or a key of ``UNUSABLE``."""
    episode = job.proofs.get(task.id)
    if episode is None or not episode.score.success:
        return "missing"
    trace = _up_to_the_last_word(job.policy.encode(_finished(episode, job.domain)))
    prefix = longest_prefix(episode.trajectory, job.domain)
    if trace is None or (prefixes and not prefix):
        return "too_short"
    if limit is not None and len(trace.ids) > limit:
        return "too_long"
    return Proof(
        task=task,
        reward=episode.score.total,
        trace=trace,
        messages=tuple(replace(message, opaque=None) for message in episode.trajectory.messages),
        longest_prefix=prefix,
    )


def _finished(episode: Episode, domain: Domain) -> Conversation:
    trajectory = episode.trajectory
    return Conversation(
        id=f"proof of {episode.task.id}",
        domain=domain,
        task=episode.task,
        messages=trajectory.messages,
        trial=trajectory.trial,
    )


def _up_to_the_last_word(trace: TokenTrace) -> TokenTrace | None:
    """The trace up to the last sampled token. None without one; the first id has no probability."""
    sampled = np.flatnonzero(trace.sampled[1:])
    if not len(sampled):
        return None
    end = int(sampled[-1]) + 2
    return TokenTrace(
        ids=trace.ids[:end].copy(),
        sampled=trace.sampled[:end].copy(),
        logprobs=trace.logprobs[:end].copy(),
    )
