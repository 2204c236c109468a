"""Turn the tasks of a step into rollouts, and their token traces into what TRL trains on."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.protocols import Policy, TrainingJob
from harness.training.groups import Group, has_spread, is_trainable, reward
from harness.training.proof_traces import Proof
from harness.training.task_draws import Curriculum
from harness.types import Episode, Task, TokenTrace, stable_seed
from harness_grpo.begun import Begun, Draw, started
from harness_grpo.guided import DIFFERS, GuidedPolicy, Prefix
from harness_grpo.off_policy import Ages
from harness_grpo.options import Options
from harness_grpo.unsolved import Unsolved


class Sampler:
    """Samples the groups of a step: TRL's ``rollout_func``. Keeps the last step's rollouts.

    ``episodes``: those to train on, one for each prompt. ``groups``: all that were sampled without
    guidance, including those that were replaced for lack of spread; ``guided``: those that began
    with turns of a proof. ``joined``: the proofs that join a group to train on, by its number.
    ``staleness``: how many steps old the weights were that the episodes come from, on average;
    ``stale``: how many are not trained on since they are older than ``Options.ahead`` allows.
    ``seconds``: how long the step waited. TRL's prompts only say how many rollouts are wanted.
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
        self.staleness = 0.0
        self.stale = 0
        self._job = job
        self._options = options
        self._curriculum = Curriculum(job.tasks, job.seed, options.sampling, options.sampling_floor)
        self._ages = Ages()
        self._step = 0
        self._next: Begun | None = None

    def __call__(self, prompts: Sequence[str], trainer: Any) -> dict[str, list[Any]]:
        started = time.monotonic()
        wanted, begun = len(prompts) // self._options.num_generations, self._next
        if begun is not None:
            begun.wait()  # the weights must not change under it
        self._step += 1
        with self._sampling():
            self.groups, self.guided, self.stale = [], [], 0
            ages: list[int] = []
            begun = begun or self._begin(self._draw(wanted, self.unsolved.guided(wanted)))
            kept = self._heard(begun, ages)
            self._replace_flat(kept, ages)
            last = self._step == self._options.steps(self._job)
            self._next = None if last or not self._options.ahead else self._begin_next(wanted)
        found = {place: self._proof(group) for place, group in enumerate(kept)}
        self.joined = {place: proof for place, proof in found.items() if proof}
        self.episodes = [episode for group in kept for episode in group]
        self.staleness = fmean(ages) if ages else 0.0
        self.seconds = time.monotonic() - started
        return token_columns(self.episodes)

    def settle(self) -> None:
        """Wait until nothing is sampled any more."""
        if self._next is not None:
            self._next.wait()
            self._next = None

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
        """The counters that a resumed run starts from, and the rollouts that were begun."""
        known = {"rollouts": self.rollouts, "tokens": self.tokens, "step": self._step}
        heard = {"curriculum": self._curriculum.state(), "unsolved": self.unsolved.state()}
        begun = self._next and self._next.draw.state()
        return {**known, **heard, "ages": self._ages.known, "next": begun}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.rollouts, self.tokens, self._step = state["rollouts"], state["tokens"], state["step"]
        self._curriculum.restore(state["curriculum"])
        self.unsolved.restore(state["unsolved"])
        self._ages = Ages(state["ages"])

    def begin_again(self, state: Mapping[str, Any]) -> None:
        """Sample what was begun before the run was killed, from the model as it is."""
        by_id = {task.id: task for task in self._job.tasks}
        tasks = [by_id[task_id] for task_id in state["next"]["tasks"]]
        with self._sampling():
            draw = Draw(tasks=tasks, first=state["next"]["first"])
            self._next = self._begin(draw, for_step=self._step + 1)
            self._next.wait()

    @contextmanager
    def _sampling(self) -> Iterator[None]:
        """The policy speaks from the model's weights as they are now."""
        policy = self._job.in_process
        policy.weights_changed()
        policy.set_temperature(self._options.temperature)
        policy.model.eval()
        yield
        policy.model.train()

    def _replace_flat(self, kept: list[Group], ages: list[int]) -> None:
        """Play other groups in place of those that carry no signal."""
        for _ in range(self._options.resamples):
            flat = [at for at, one in enumerate(kept) if not (has_spread(one) or self._proof(one))]
            if not flat:
                return
            played = self._heard(self._begin(self._draw(len(flat))), ages)
            for place, group in zip(flat, played, strict=True):
                kept[place] = group

    def _draw(self, count: int, prefixes: Sequence[Prefix] = ()) -> Draw:
        """What so many groups are to play: the first from prefixes, the others without guidance."""
        first = self._curriculum.drawn
        return Draw(
            prefixes=prefixes,
            guided_first=self.unsolved.prefixes.drawn - len(prefixes),
            tasks=self._curriculum.draw(count - len(prefixes)),
            first=first,
        )

    def _begin_next(self, count: int) -> Begun:
        """The next step's rollouts, from the weights as they are; in the background where these are
        not the trainer's own.
        """
        draw, step = self._draw(count), self._step + 1
        elsewhere = getattr(self._job.policy, "samples_elsewhere", False)
        return self._begin(draw, for_step=step, in_background=elsewhere)

    def _begin(
        self, draw: Draw, *, for_step: int | None = None, in_background: bool = False
    ) -> Begun:
        job, size, prefixes = self._job, self._options.num_generations, draw.prefixes
        policy: Policy = job.policy
        if prefixes:
            policy = GuidedPolicy(job.policy, prefixes, first_trial=size)
        jobs = [
            *self._jobs("guided", [p.proof.task for p in prefixes], draw.guided_first, size),
            *self._jobs("grpo", draw.tasks, draw.first, 0),
        ]
        named: dict[str, Any] = {"guided": len(prefixes) * size} if prefixes else {}
        if for_step is not None:
            named["step"] = for_step
        play = partial(job.rollouts, policy, jobs, **named)
        return Begun(draw=draw, step=self._step, played=started(play, in_background=in_background))

    def _heard(self, begun: Begun, ages: list[int]) -> list[Group]:
        """The groups that were played, once they have been told to all who learn from them; what
        is too old cannot be trained on. Adds the age of each rollout to ``ages``.
        """
        episodes, size, guided = begun.wait(), self._options.num_generations, begun.draw.prefixes
        self.rollouts += len(episodes)
        self.tokens += sum(len(e.tokens.ids) for e in episodes if e.tokens is not None)
        groups = [episodes[at : at + size] for at in range(0, len(episodes), size)]
        self._hear_guided(guided, groups[: len(guided)])
        self._hear(begun.draw.tasks, groups[len(guided) :])
        self._ages.see(episodes, begun.step)
        return [[self._fresh(one, begun.step, ages) for one in group] for group in groups]

    def _fresh(self, episode: Episode, begun: int, ages: list[int]) -> Episode:
        """The episode; without its tokens if some are from weights that are too old."""
        if not is_trainable(episode):
            return episode
        age = self._ages.oldest(episode, begun, self._step)
        if age > self._options.ahead:
            self.stale += 1
            return replace(episode, tokens=None)
        ages.append(age)
        return episode

    def _jobs(
        self, name: str, tasks: Sequence[Task], first: int, first_trial: int
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
