"""Turn the tasks of a step into rollouts, and their token traces into what TRL trains on."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.protocols import TrainingJob
from harness.training.groups import Group, has_spread, is_trainable, reward
from harness.training.proof_traces import Proof
from harness.training.task_draws import Curriculum
from harness.types import Episode, Task, TokenTrace, stable_seed
from harness_grpo.guided import DIFFERS, GuidedPolicy, Prefix
from harness_grpo.options import Options
from harness_grpo.unsolved import Unsolved


class Sampler:
    """Samples the groups of a step: TRL's ``rollout_func``. Keeps the last step's rollouts.

    ``episodes``: those to train on, one for each prompt. ``groups``: all that were sampled without
    guidance, including those that were replaced for lack of spread; ``guided``: those that began
    with turns of a proof. ``joined``: the proofs that join a group to train on, by its number.
    TRL's prompts only say how many rollouts are wanted.
    """

    def __init__(self, job: TrainingJob, options: Options) -> None:
        self.episodes: Sequence[Episode] = ()
        self.groups: list[Group] = []
        self.guided: list[Group] = []
        self.joined: dict[int, Proof] = {}
        self.unsolved = Unsolved(job, options)
        self.seconds = 0.0
        self.rollouts = 0
        self.tokens = 0
        self._job = job
        self._options = options
        self._curriculum = Curriculum(job.tasks, job.seed, options.sampling, options.sampling_floor)

    def __call__(self, prompts: Sequence[str], trainer: Any) -> dict[str, list[Any]]:
        started = time.monotonic()
        policy, size = self._job.in_process, self._options.num_generations
        policy.weights_changed()
        policy.set_temperature(self._options.temperature)
        policy.model.eval()
        self.groups, self.guided = [], []
        wanted = len(prompts) // size
        kept = self._play(wanted, self.unsolved.guided(wanted))
        for _ in range(self._options.resamples):
            flat = [
                n for n, group in enumerate(kept) if not (has_spread(group) or self._proof(group))
            ]
            for place, group in zip(flat, self._play(len(flat)), strict=True):
                kept[place] = group
        policy.model.train()
        found = {place: self._proof(group) for place, group in enumerate(kept)}
        self.joined = {place: proof for place, proof in found.items() if proof}
        self.episodes = [episode for group in kept for episode in group]
        self.seconds = time.monotonic() - started
        return token_columns(self.episodes)

    def term_values(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The terms' values for the episodes to train on, (episodes, terms), and their weights.

        An episode not to be trained on is NaN. A job without weights has one term, the total.
        """
        weights = np.asarray(self._job.weights or [1.0])
        values = np.full((len(self.episodes), len(weights)), np.nan)
        for row, episode in enumerate(self.episodes):
            if (total := reward(episode)) is not None:
                terms = [term.value for term in episode.score.terms]
                values[row] = terms if self._job.weights else [total]
        return values, weights

    def rewards(self) -> NDArray[np.float64]:
        """The rewards of the episodes to train on, (groups, rollouts), NaN where not to be."""
        totals = [np.nan if (total := reward(e)) is None else total for e in self.episodes]
        return np.array(totals).reshape(-1, self._options.num_generations)

    def state(self) -> dict[str, Any]:
        """The counters that a resumed run starts from."""
        known = {"rollouts": self.rollouts, "tokens": self.tokens}
        heard = {"curriculum": self._curriculum.state(), "unsolved": self.unsolved.state()}
        return {**known, **heard}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.rollouts, self.tokens = state["rollouts"], state["tokens"]
        self._curriculum.restore(state["curriculum"])
        self.unsolved.restore(state["unsolved"])

    def _play(self, count: int, prefixes: Sequence[Prefix] = ()) -> list[Group]:
        """So many groups, the first of them from the prefixes, the others without guidance."""
        if not count:
            return []
        size, alone = self._options.num_generations, count - len(prefixes)
        guided_from, first = self.unsolved.prefixes.drawn - len(prefixes), self._curriculum.drawn
        tasks = self._curriculum.draw(alone)
        guided = [prefix.proof.task for prefix in prefixes]
        jobs = [
            *self._jobs("guided", guided, guided_from, first_trial=size),
            *self._jobs("grpo", tasks, first, first_trial=0),
        ]
        if prefixes:
            policy = GuidedPolicy(self._job.policy, prefixes, first_trial=size)
            episodes = self._job.rollouts(policy, jobs, guided=len(prefixes) * size)
        else:
            episodes = self._job.rollouts(self._job.policy, jobs)
        groups = [episodes[place * size : (place + 1) * size] for place in range(count)]
        self.rollouts += len(episodes)
        self.tokens += sum(len(e.tokens.ids) for e in episodes if e.tokens is not None)
        self._hear_guided(prefixes, groups[: len(prefixes)])
        self._hear(tasks, groups[len(prefixes) :])
        return groups

    def _jobs(
        self, name: str, tasks: Sequence[Task], first: int, *, first_trial: int
    ) -> list[tuple[Task, int, int]]:
        """(Task, trial, seed) for each rollout; ``first``: how many groups of that name were."""
        trials = range(first_trial, first_trial + self._options.num_generations)
        return [
            (task, trial, stable_seed(name, self._job.seed, str(place), task.id, trial))
            for place, task in enumerate(tasks, start=first)
            for trial in trials
        ]

    def _hear(self, tasks: Sequence[Task], groups: Sequence[Group]) -> None:
        self.groups += groups
        for task, group in zip(tasks, groups, strict=True):
            judged = [episode for episode in group if is_trainable(episode)]
            self._curriculum.hear(task, sum(e.score.success for e in judged), len(judged))
            self.unsolved.hear(task, judged)

    def _hear_guided(self, prefixes: Sequence[Prefix], groups: Sequence[Group]) -> None:
        self.guided += groups
        for prefix, group in zip(prefixes, groups, strict=True):
            judged = [episode for episode in group if is_trainable(episode)]
            differs = any(episode.trajectory.fault == DIFFERS for episode in group)
            self.unsolved.hear_guided(prefix, judged, differs=differs)

    def _proof(self, group: Group) -> Proof | None:
        """The proof that joins the group."""
        judged = [episode for episode in group if is_trainable(episode)]
        return self.unsolved.joining(group[0].task, judged) if judged else None


def token_columns(episodes: Sequence[Episode]) -> dict[str, list[Any]]:
    """The columns of a TRL rollout: one row for each episode, in order.

    The prompt is only the first id; all else is the completion, where ``env_mask`` is 1 on the
    policy's own tokens. Prompts of one length need no padding on the left, so positions are those
    the sampler had. What follows the last sampled token is cut. An episode that must not be trained
    on is a row without a sampled token.
    """
    rows = [_row(e.tokens) if e.tokens and is_trainable(e) else _EMPTY for e in episodes]
    columns: dict[str, list[Any]] = {name: [row[name] for row in rows] for name in _EMPTY}
    return {**columns, "episode": list(episodes)}


_EMPTY: Mapping[str, list[Any]] = {
    "prompt_ids": [0],
    "completion_ids": [0],
    "logprobs": [0.0],
    "env_mask": [0],
}


def _row(trace: TokenTrace) -> Mapping[str, list[Any]]:
    end = int(np.flatnonzero(trace.sampled)[-1]) + 1
    return {
        "prompt_ids": trace.ids[:1].tolist(),
        "completion_ids": trace.ids[1:end].tolist(),
        "logprobs": trace.logprobs[1:end].tolist(),
        "env_mask": trace.sampled[1:end].astype(np.int64).tolist(),
    }
