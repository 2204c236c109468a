"""Turn a proof's first turns into rollouts that start from them, each as short as will do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from harness.errors import RolloutFault
from harness.protocols import AgentTurn, Conversation, Policy
from harness.training.proof_traces import Proof, Proofs, agent_turns
from harness.types import Message

NEWS = 0.2
"""The weight of the latest guided group in the share that new searches start with."""

DIFFERS = "the proof's turns were answered differently"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefix:
    """The first ``turns`` of the agent's turns in a proof."""

    proof: Proof
    turns: int


class GuidedPolicy:
    """Plays the agent's first turns from a proof, then lets the policy go on.

    A conversation is guided if there is a prefix for its task and its trial is ``first_trial`` or a
    later one; any other is the policy's alone. What is played has no tokens of its own: the policy
    meets it as context, and nothing of it is trained on. Where user or tools do not answer as in
    the proof, the conversation ends in the fault ``DIFFERS``.

    Adapted from Qu et al., "POPE" (arXiv:2601.18779), and Zhang et al., "BREAD" (arXiv:2506.17211),
    where a prefix is text of one answer; here it is turns of a conversation.
    """

    def __init__(self, policy: Policy, prefixes: Sequence[Prefix], *, first_trial: int) -> None:
        self.id = policy.id
        self._policy = policy
        self._prefixes = {prefix.proof.task.id: prefix for prefix in prefixes}
        self._first_trial = first_trial

    async def act(self, conversation: Conversation, *, seed: int) -> AgentTurn:
        known = self._prefixes.get(conversation.task.id)
        messages = conversation.messages
        spoken = len(agent_turns(messages))
        if known is None or conversation.trial < self._first_trial or spoken > known.turns:
            return await self._policy.act(conversation, seed=seed)
        if not same_messages(messages, known.proof.messages[: len(messages)]):
            raise RolloutFault("agent_fault", DIFFERS)
        if spoken == known.turns:
            return await self._policy.act(conversation, seed=seed)
        return AgentTurn(message=known.proof.messages[len(messages)])

    def forget(self, conversation_id: str) -> None:
        self._policy.forget(conversation_id)


@dataclass(slots=True)
class _Search:
    """The search for one task's prefix: ``turns`` is the length to try next.

    ``failed``: the longest known to fail always; ``mixed``: the shortest above it known to succeed
    at times, 0 if none; ``solved``: the shortest above it known to succeed always, or one more than
    there may be.
    """

    longest: int
    turns: int = 1
    failed: int = 0
    solved: int = 0
    mixed: int = 0

    def __post_init__(self) -> None:
        self.solved = self.solved or self.longest + 1

    def hear(self, successes: int, tries: int) -> None:
        """Grow if all tries failed and shrink if all succeeded; else try one turn less, unless that
        is known to fail. Bounds that contradict are dropped.
        """
        if not successes:
            self._grow()
        elif successes == tries:
            self._shrink()
        else:
            self.mixed = self.turns
            if self.failed >= self.turns:
                self.failed = 0
            self.turns = max(self.failed + 1, self.turns - 1)

    def _grow(self) -> None:
        self.failed = self.turns
        if self.solved <= self.turns:
            self.solved = self.longest + 1
        if self.mixed <= self.turns:
            self.mixed = 0
        above = self.mixed or self.solved
        unknown = above > self.longest
        wanted = 2 * self.turns if unknown else (self.failed + above) // 2
        self.turns = min(max(wanted, self.turns + 1), self.longest)

    def _shrink(self) -> None:
        self.solved = self.turns
        if self.mixed >= self.turns:
            self.mixed = 0
        if self.failed >= self.turns - 1:
            self.failed = max(0, self.turns - 2)
        self.turns = (self.failed + self.solved) // 2


class Prefixes:
    """Which tasks get guided groups, and from which prefix.

    A task does from when an own group of it wholly failed until an own group has a success, or
    until its prefix has shrunk to nothing. Those that waited longest come first. The first search
    starts with one turn; later ones with the share of the longest prefix that others have come to,
    since most tasks are guided a few times at most.
    """

    def __init__(self, proofs: Proofs) -> None:
        self.drawn = 0
        self._start = 0.0
        self._proofs = proofs
        self._waiting: dict[str, _Search] = {}

    def failed(self, task_id: str) -> None:
        """All own rollouts of a group on the task failed."""
        proof = self._proofs.of(task_id)
        if proof is not None and task_id not in self._waiting:
            turns = max(1, round(self._start * proof.longest_prefix))
            self._waiting[task_id] = _Search(longest=proof.longest_prefix, turns=turns)

    def succeeded(self, task_id: str) -> None:
        """An own rollout on the task succeeded."""
        self._waiting.pop(task_id, None)

    def draw(self, count: int) -> list[Prefix]:
        """Prefixes of up to ``count`` tasks, each once; these go to the end of the line."""
        ids = list(self._waiting)[:count]
        for task_id in ids:
            self._waiting[task_id] = self._waiting.pop(task_id)
        self.drawn += len(ids)
        return [self._prefix(task_id) for task_id in ids]

    def hear(self, task_id: str, successes: int, tries: int) -> None:
        """Record a guided group's result: successes and tries, without faults."""
        search = self._waiting.get(task_id)
        if search is None or not tries:
            return
        search.hear(successes, tries)
        self._start += NEWS * (search.turns / search.longest - self._start)
        if not search.turns:
            del self._waiting[task_id]

    def drop(self, task_id: str) -> None:
        """The task's proof cannot be played again."""
        self._waiting.pop(task_id, None)
        self._proofs.drop(task_id)

    def turns(self) -> dict[str, int]:
        """The lengths to try next, by task id."""
        return {task_id: search.turns for task_id, search in self._waiting.items()}

    def state(self) -> dict[str, Any]:
        """All searches so far, to resume from."""
        waiting = {task_id: astuple(search) for task_id, search in self._waiting.items()}
        return {"drawn": self.drawn, "start": self._start, "waiting": waiting}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.drawn, self._start = state["drawn"], state["start"]
        self._waiting = {task_id: _Search(*known) for task_id, known in state["waiting"].items()}

    def _prefix(self, task_id: str) -> Prefix:
        proof = self._proofs.of(task_id)
        assert proof is not None
        return Prefix(proof=proof, turns=self._waiting[task_id].turns)


def same_messages(some: Sequence[Message], others: Sequence[Message]) -> bool:
    """Whether the same was said, called and answered, whatever the calls' ids."""
    return len(some) == len(others) and all(map(_same, some, others))


def _same(one: Message, other: Message) -> bool:
    return (
        (one.role, one.content, one.is_error, one.requestor)
        == (other.role, other.content, other.is_error, other.requestor)
        and len(one.calls) == len(other.calls)
        and all(a.same_as(b) for a, b in zip(one.calls, other.calls, strict=True))
    )
