"""Turn groups that wholly failed, which teach nothing by themselves, into a use of their proofs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.protocols import TrainingJob
from harness.training.groups import Group, wholly_failed
from harness.training.proof_traces import Proof, Proofs, read_proofs
from harness.types import Task
from harness_grpo.buffer import Buffer
from harness_grpo.guided import Prefix, Prefixes
from harness_grpo.options import Options


class Unsolved:
    """What becomes of groups that wholly failed, by the option ``unsolved``.

    All is done by what own rollouts without guidance came to. Groups are told without the rollouts
    that must not be trained on.
    """

    def __init__(self, job: TrainingJob, options: Options) -> None:
        self._mode = options.unsolved
        self._warn = job.warn
        self._share = options.prefix_share
        skips = self._mode == "skip"
        self.proofs = Proofs() if skips else _read(job, prefixes=self._mode == "prefix")
        self.prefixes = Prefixes(self.proofs)
        self._buffer = Buffer(
            self.proofs,
            size=options.buffer_size,
            batch_size=options.buffer_batch_size,
            seed=job.seed,
        )

    def complain(self) -> None:
        """Tell the user of proofs that cannot be used, or that there are none that can."""
        if said := self.proofs.complaint():
            self._warn(said)

    def hear(self, task: Task, group: Group) -> None:
        """Record a group without guidance."""
        if not group:
            return
        failed = wholly_failed(group)
        if self._mode == "buffer" and failed:
            self._buffer.add(task.id)
        elif self._mode == "prefix":
            self.prefixes.failed(task.id) if failed else self.prefixes.succeeded(task.id)

    def hear_guided(self, prefix: Prefix, group: Group, *, differs: bool) -> None:
        """Record a guided group; ``differs``: its proof went otherwise."""
        task_id = prefix.proof.task.id
        if not differs:
            self.prefixes.hear(task_id, sum(one.score.success for one in group), len(group))
            return
        self.prefixes.drop(task_id)
        if self.proofs.counts()["differs"] == 1:
            self._warn(
                f"the proof of task {task_id} goes otherwise when its turns are played again (the "
                "user or a tool answers differently): such tasks get no guided rollouts"
            )

    def joining(self, task: Task, group: Group) -> Proof | None:
        """The proof that joins the group; None if none does."""
        if self._mode == "proof" and wholly_failed(group):
            return self.proofs.of(task.id)
        return None

    def guided(self, groups: int) -> list[Prefix]:
        """The prefixes of the guided groups among so many groups."""
        return self.prefixes.draw(int(groups * self._share)) if self._mode == "prefix" else []

    def epoch(self) -> list[list[Proof]]:
        """Batches of proofs to imitate now; [] unless the buffer is full."""
        return self._buffer.take()

    def state(self) -> dict[str, Any]:
        """All that was heard so far, to resume from."""
        return {
            "proofs": self.proofs.state(),
            "buffer": self._buffer.state(),
            "prefixes": self.prefixes.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        self.proofs.restore(state["proofs"])
        self._buffer.restore(state["buffer"])
        self.prefixes.restore(state["prefixes"])


def context_limit(model: Any) -> int | None:
    """How many tokens the model can read at once; None if its configuration does not say."""
    config = model.config
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    limit = getattr(text, "max_position_embeddings", None)
    return limit or None


def _read(job: TrainingJob, *, prefixes: bool) -> Proofs:
    return read_proofs(job, limit=context_limit(job.in_process.model), prefixes=prefixes)
