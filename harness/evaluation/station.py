"""Turn a policy and held-out tasks into an evaluation in the run folder: episodes on disk as they
finish.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.assembly.components import Components
from harness.assembly.opening import held_out_tasks
from harness.errors import RunError
from harness.evaluation.rollout import run_rollouts
from harness.evaluation.token_log import token_log, tokens_of_evaluation
from harness.protocols import Policy, RolloutJob
from harness.run_folder import RunFolder
from harness.types import Episode, Split, Task, stable_seed
from harness.types.names import EvaluationName, StationName

DATA_VERSION = "data_version.json"

SILENT = (
    "turns of the agent say nothing: if thoughts are cut before their end, raise max_new_tokens "
    "in the policy's table of options"
)


def evaluate_policy(
    parts: Components, store: RunFolder, policy: Policy, arm: str, split: Split
) -> list[Episode]:
    """All episodes of an evaluation, in order of task and trial, in the run folder too: the missing
    ones are played, those that the infrastructure ended (it may be back), and those whose tokens
    the run keeps and does not have.
    """
    config, name = parts.config, EvaluationName.of(arm, split)
    stamp_data_version(store, parts.domain.data_version)
    is_test = split == "test"
    count = config.test_tasks if is_test else config.validation_tasks
    trials = config.test_trials if is_test else config.validation_trials
    tasks = held_out_tasks(parts, split, count)
    if not store.has(f"tasks/{split}.jsonl"):
        store.write_values(f"tasks/{split}.jsonl", Task, tasks)
    tokens = token_log(parts, store, tokens_of_evaluation(name), policy)
    kept = store.read_episodes(name, tasks)
    had = [one for one in kept if one.trajectory.ended != "infrastructure_fault"]
    if tokens is not None:
        known = tokens.known()
        had = [one for one in had if one.trajectory.id in known]
    done = {(e.task.id, e.trajectory.trial): e for e in had}
    jobs = [
        RolloutJob(
            task=task, trial=trial, seed=stable_seed(config.seed, "evaluate", task.id, trial)
        )
        for trial in range(trials)
        for task in tasks
    ]
    missing = [job for job in jobs if (job.task.id, job.trial) not in done]
    watch = _Watch(parts, StationName.evaluate(arm, split), len(jobs), list(done.values()))

    def finished(index: int, episode: Episode) -> None:
        if tokens is not None:
            tokens.append([episode])
        store.append_episode(name, episode)
        watch.saw(episode)

    played = run_rollouts(
        missing,
        policy,
        parts.setup,
        parts.executor,
        keep_tokens=tokens is not None,
        finished=finished,
    )
    for episode in played:
        done[episode.task.id, episode.trajectory.trial] = episode
    episodes = [done[task.id, trial] for task in tasks for trial in range(trials)]
    with store.together():
        store.write_episodes(name, episodes)
        if tokens is not None:
            tokens.keep(episode.trajectory.id for episode in episodes)
    if silent := silent_turns(episodes):
        parts.notify("warning", message=f"{watch.station}: {silent} {SILENT}")
    return episodes


def silent_turns(episodes: Sequence[Episode]) -> int:
    """How many turns of the agent said and called nothing."""
    turns = (m for episode in episodes for m in episode.trajectory.messages[1:])
    return sum(m.role == "assistant" and not m.calls and not m.content.strip() for m in turns)


def stamp_data_version(store: RunFolder, data_version: str) -> None:
    """Keep the version of the domain's data with the run. Raises ``RunError`` if the run was
    started on another one.
    """
    begun = (
        store.read_field(DATA_VERSION, "data_version", str)
        if store.has(DATA_VERSION)
        else data_version
    )
    if begun != data_version:
        raise RunError(
            f"{store.folder} was started on data version {begun!r}, found {data_version!r}",
            hint="Continue with the data it was started on, or start a new run.",
        )
    store.write_json(DATA_VERSION, {"data_version": data_version})


def keep_evaluation(
    store: RunFolder, name: str, episodes: Sequence[Episode], tasks: Sequence[Task]
) -> None:
    """Keep conversations that were had anyway as an evaluation with tasks of its own."""
    with store.together():
        store.write_values(_own_tasks(name), Task, tasks)
        store.write_episodes(name, episodes)


def evaluation_tasks(store: RunFolder, name: str) -> list[Task]:
    """The tasks of an evaluation: its own, or else those of its split; [] if there are neither."""
    split = EvaluationName(name).on_split
    own = _own_tasks(name)
    return store.read_values(own if store.has(own) else f"tasks/{split}.jsonl", Task)


def read_evaluation(store: RunFolder, name: str) -> list[Episode]:
    """The episodes of an evaluation, with their tasks: those of its split, since another split may
    use the same ids, unless it has tasks of its own. Raises ``RunError`` if there are none, or its
    name has no split.
    """
    split = EvaluationName(name).on_split
    known = store.evaluations()
    if name in known and split is None:
        raise RunError(
            f"the name of the evaluation {name!r} does not say on which split its tasks are",
            hint=f"Name its folder in {store.folder / 'evals'} ARM-SPLIT, as in sft-validation.",
        )
    episodes = store.read_episodes(name, evaluation_tasks(store, name))
    if not episodes:
        has = f" (it has {', '.join(known)})" if known else ""
        raise RunError(
            f"{store.folder} has no evaluation {name!r}{has}",
            hint="Run `harness eval` on it first, or `harness loop --resume`.",
        )
    return episodes


def _own_tasks(name: str) -> str:
    return f"evals/{name}/tasks.jsonl"


class _Watch:
    """Counts finished rollouts and tells the observers."""

    def __init__(self, parts: Components, station: str, total: int, had: Sequence[Episode]) -> None:
        self.notify: Callable[..., None] = parts.notify
        self.station = station
        self.total = total
        self.done = len(had)
        self.success = sum(e.score.success for e in had)

    def saw(self, episode: Episode) -> None:
        self.done += 1
        self.success += episode.score.success
        self.notify(
            "rollout_finished",
            station=self.station,
            done=self.done,
            total=self.total,
            success=self.success,
            ended=episode.trajectory.ended,
        )
