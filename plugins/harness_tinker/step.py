"""Turn some tasks into a step of reinforcement: rollouts, advantages, and updates from them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.protocols import TrainingJob
from harness.training.advantages import group_advantages
from harness.training.collapse import rate_and_error
from harness.training.groups import Group, has_spread, is_trainable, reward, wholly_failed
from harness.training.proof_traces import Proof, Proofs, join_proofs, read_proofs
from harness.training.signs import Step, gaming, read_step
from harness.training.task_draws import Curriculum
from harness.types import Json, stable_seed
from harness_tinker.losses import Clip, clipped, proof_request, rollout_request, weighed
from harness_tinker.options import ReinforcementOptions
from harness_tinker.policy import TinkerPolicy
from harness_tinker.rows import Floats, Request, Row, row_of

Point = dict[str, float]


class Stepper:
    """Makes the steps of one training, and counts what they took."""

    def __init__(
        self, job: TrainingJob, policy: TinkerPolicy, options: ReinforcementOptions
    ) -> None:
        self._job = job
        self._policy = policy
        self._options = options
        self._clip = Clip(low=options.epsilon, high=options.epsilon_high)
        self._curriculum = Curriculum(job.tasks, job.seed)
        limit = policy.remote.server.options.max_context
        self._proofs = read_proofs(job, limit=limit) if options.proofs else Proofs()
        self._rollouts = 0
        self._tokens = 0
        self._readings: list[Step] = []
        self._signs: dict[str, str] = {}

    def complain(self) -> None:
        """Tell the user of proofs that cannot be used."""
        if said := self._proofs.complaint():
            self._job.warn(said)

    def step(self) -> Point:
        """Roll out, update, and say what came of it: means of the step, as ``harness_grpo``."""
        started = time.monotonic()
        groups = self._play()
        sampled = time.monotonic()
        own, proofs = self._rows(groups)
        measured = self._update(own, proofs)
        ended = time.monotonic()
        point = self._point(groups)
        return {
            **point,
            **measured,
            "rollouts_trained_on": len(own),
            "proofs": len(proofs),
            "seconds_sampling": sampled - started,
            "seconds_training": ended - sampled,
        }

    def state(self) -> dict[str, Any]:
        """All that was heard so far, as JSON, to resume from."""
        return {
            "curriculum": self._curriculum.state(),
            "rollouts": self._rollouts,
            "tokens": self._tokens,
            "readings": [dict(step) for step in self._readings],
            "signs": self._signs,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        self._curriculum.restore(state["curriculum"])
        self._rollouts, self._tokens = state["rollouts"], state["tokens"]
        self._readings = [{k: tuple(v) for k, v in step.items()} for step in state["readings"]]
        self._signs = dict(state["signs"])

    def record(self) -> dict[str, Json]:
        """What all steps took, and the signs of reward hacking."""
        signs: dict[str, Json] = dict(self._signs)
        known: dict[str, Json] = {
            "rollouts": self._rollouts,
            "tokens": self._tokens,
            "signs": signs,
        }
        return {**known, "proofs": {**self._proofs.counts()}} if self._options.proofs else known

    def _play(self) -> list[Group]:
        options, job = self._options, self._job
        self._policy.weights_changed()
        self._policy.set_temperature(1.0)
        first = self._curriculum.drawn
        tasks = self._curriculum.draw(options.tasks_per_step)
        size = options.num_generations
        jobs = [
            (task, trial, stable_seed("grpo", job.seed, str(place), task.id, trial))
            for place, task in enumerate(tasks, start=first)
            for trial in range(size)
        ]
        episodes = job.rollouts(self._policy, jobs)
        self._rollouts += len(episodes)
        self._tokens += sum(len(e.tokens.ids) for e in episodes if e.tokens is not None)
        groups = [episodes[at : at + size] for at in range(0, len(episodes), size)]
        for task, group in zip(tasks, groups, strict=True):
            judged = [episode for episode in group if is_trainable(episode)]
            self._curriculum.hear(task, sum(e.score.success for e in judged), len(judged))
        return groups

    def _rows(self, groups: Sequence[Group]) -> tuple[list[Row], list[Row]]:
        """Rollouts with an advantage and proofs, each token with its part of the update's loss."""
        options = self._options
        rewards: NDArray[np.float64] = np.array(
            [[np.nan if (r := reward(e)) is None else r for e in group] for group in groups]
        )
        advantages = group_advantages(rewards.astype(np.float32), offset=options.scale_offset)
        joining = {
            place: proof for place, group in enumerate(groups) if (proof := self._joins(group))
        }
        advantages, joined = join_proofs(
            rewards, advantages, joining, contrast=options.proof_contrast
        )
        own: list[tuple[Row, float]] = []
        for episode, advantage in zip(
            [episode for group in groups for episode in group], advantages.ravel(), strict=True
        ):
            if advantage and episode.tokens and (row := row_of(episode.tokens, 1.0)):
                own.append((row, float(advantage)))
        taught = [
            (row, advantage * options.proof_weight)
            for proof, advantage in joined
            if (row := row_of(proof.trace, 1.0))
        ]
        return self._weighed(own, taught, rollouts=advantages.size)

    def _weighed(
        self,
        own: Sequence[tuple[Row, float]],
        taught: Sequence[tuple[Row, float]],
        *,
        rollouts: int,
    ) -> tuple[list[Row], list[Row]]:
        """The mean over all tokens; for GSPO that over all conversations of the mean of each. With
        "groups" proofs do not widen it: each adds the mean of its own tokens as one group's part.
        """
        joins, of_rows = self._options.proof_mean == "tokens", self._options.loss == "gspo"
        counted = [*own, *(taught if joins else ())]
        tokens = sum(row.tokens for row, _ in counted)
        conversations = rollouts + (len(taught) if joins else 0)

        def share(row: Row) -> float:
            return 1 / (conversations * row.tokens if of_rows else tokens)

        def share_of_proof(row: Row) -> float:
            return share(row) if joins else 1 / (self._options.tasks_per_step * row.tokens)

        mine = [weighed(row, advantage * share(row)) for row, advantage in own]
        shown = [weighed(row, advantage * share_of_proof(row)) for row, advantage in taught]
        return mine, shown

    def _update(self, own: Sequence[Row], proofs: Sequence[Row]) -> Point:
        """The step's updates, and what the first of them says of the weights before it."""
        options, model = self._options, self._policy.remote
        point: Point = {"sampler_gap_mean": 0.0, "sampler_gap_max": 0.0, "clipped": 0.0}
        if not own and not proofs:
            return {**point, "loss": 0.0, "grad_norm": 0.0}
        for update in range(options.num_iterations):
            requests = [self._request(own), self._lesson(proofs)]
            requests = [request for request in requests if request.rows]
            made = model.update(requests, options.learning_rate)
            now = made.logprobs[0] if own else []
            if update == 0:
                point |= self._gap(own, now)
                point |= {"loss": _surrogate(own, now), "grad_norm": made.grad_norm}
                if proofs:
                    point["proof_loss"] = -fmean(_of_learnt(proofs, made.logprobs[-1]))
            point["clipped"] = clipped(own, now, self._clip) if own else 0.0
        return point

    def _request(self, own: Sequence[Row]) -> Request:
        loss = self._options.loss
        now = self._policy.remote.logprobs(own) if loss == "gspo" else []
        return rollout_request(own, loss, self._clip, now)

    def _lesson(self, proofs: Sequence[Row]) -> Request:
        kind = self._options.proof_loss
        now = [] if kind == "cross_entropy" else self._policy.remote.logprobs(proofs)
        return proof_request(proofs, kind, now)

    def _gap(self, own: Sequence[Row], now: Sequence[Floats]) -> Point:
        """How far the server's trainer is from its sampler, in nats for a token."""
        gaps = [
            np.abs(known - row.logprobs)[row.learnt] for row, known in zip(own, now, strict=True)
        ]
        if not gaps:
            return {}
        found = np.concatenate(gaps)
        if found.max() > self._options.gap_limit:
            self._job.warn(
                f"the server's trainer and its sampler disagree by up to {found.max():.2f} nats "
                "on a token: does it sample from the weights that it trains?"
            )
        return {"sampler_gap_mean": float(found.mean()), "sampler_gap_max": float(found.max())}

    def _joins(self, group: Group) -> Proof | None:
        judged = [episode for episode in group if is_trainable(episode)]
        return self._proofs.of(group[0].task.id) if wholly_failed(judged) else None

    def _point(self, groups: Sequence[Group]) -> Point:
        judged = [[episode for episode in group if is_trainable(episode)] for group in groups]
        every = [episode for group in judged for episode in group]
        success, error = rate_and_error(
            [fmean(e.score.success for e in group) for group in judged if group]
        )
        terms: dict[str, list[float]] = {}
        for episode in every:
            for term in episode.score.terms:
                terms.setdefault(f"term/{term.name}", []).append(term.value)
        self._read(judged)
        return {
            "reward": fmean(e.score.total for e in every) if every else 0.0,
            "success": success,
            "success_error": error,
            **{name: fmean(values) for name, values in terms.items()},
            "faults": sum(map(len, groups)) - len(every),
            "rollouts": sum(map(len, groups)),
            "groups_without_spread": fmean(not has_spread(group) for group in groups),
        }

    def _read(self, judged: Sequence[Group]) -> None:
        """Warn of each new sign of reward hacking."""
        self._readings.append(read_step(judged, self._job.domain, None))
        for sign in gaming(self._readings):
            if sign.name not in self._signs:
                self._signs[sign.name] = f"step {len(self._readings)}: {sign.evidence}"
                self._job.warn(f"possible reward hacking ({sign.name}): {self._signs[sign.name]}")


def _of_learnt(rows: Sequence[Row], values: Sequence[Floats]) -> list[float]:
    found = [known[row.learnt] for row, known in zip(rows, values, strict=True)]
    return [float(value) for value in np.concatenate(found)]


def _surrogate(rows: Sequence[Row], now: Sequence[Floats]) -> float:
    """-(sum of ratio times weight): what the update lowers, before clipping."""
    return -sum(
        float((np.exp(known - row.logprobs) * row.weights)[row.learnt].sum())
        for row, known in zip(rows, now, strict=True)
    )
