"""The loop, top to bottom: each station reads what the one before left in the run folder and skips
itself if done.

    base -> sft -> [ evaluate (validation) -> discover -> inject -> train -> evaluate (test) ] per
    round

The held-out test tasks enter ``evaluate`` and the gate that keeps them out of the pool; nothing
else.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from harness.assembly.components import Components
from harness.discovery.attribution import blame_failures
from harness.discovery.station import discover_patterns, patterns_before, write_discovery
from harness.errors import NothingToLearn, RunError
from harness.evaluation.station import evaluate_policy, read_evaluation
from harness.injection.pool import pool_of
from harness.injection.station import chosen_pattern, make_tasks, subject
from harness.protocols import TrainingJob
from harness.results.report_document import summarise
from harness.run_folder import RunFolder
from harness.training.curricula import held_out, shown, shown_on, untargeted
from harness.training.rollout_log import Practice
from harness.types import (
    Checkpoint,
    Diagnosis,
    Episode,
    ErrorPattern,
    Json,
    Split,
    Task,
    stable_id,
    stable_seed,
)


def run_loop(parts: Components, store: RunFolder) -> Mapping[str, Json]:
    """All stations in order. Returns the report, which is also in the run folder."""
    config = parts.config
    started = time.monotonic()
    parts.notify(
        "run_started", run=str(store.folder), domain=config.domain, stations=stations(parts)
    )
    bootstrap(parts, store)
    evaluate_arm(parts, store, "base", "test")
    imitate(parts, store)
    evaluate_arm(parts, store, "sft", "test")
    for number in range(1, config.rounds + 1):
        try:
            run_round(parts, store, number)
        except NothingToLearn as done:
            parts.notify("warning", message=f"round {number} ended early: {done}")
            break
    report = write_report(parts, store, complete=True)
    parts.notify("run_finished", seconds=time.monotonic() - started)
    return report


def run_round(parts: Components, store: RunFolder, number: int) -> None:
    """One round. Raises ``NothingToLearn`` if the policy under study no longer fails by its own
    fault.
    """
    evaluate_arm(parts, store, subject(number), "validation")
    discover(parts, store, number)
    inject(parts, store, number)
    train(parts, store, number)
    evaluate_arm(parts, store, f"rl-{number}", "test")
    if parts.config.control:
        train_control(parts, store, number)
        evaluate_arm(parts, store, f"control-{number}", "test")


def stations(parts: Components) -> list[str]:
    """The names of all stations of the run, in order."""
    names = ["base", "evaluate base on test", "sft", "evaluate sft on test"]
    for number in range(1, parts.config.rounds + 1):
        names += [
            f"evaluate {subject(number)} on validation",
            f"discover {number}",
            f"inject {number}",
            f"train rl-{number}",
            f"evaluate rl-{number} on test",
        ]
        if parts.config.control:
            names += [f"train control-{number}", f"evaluate control-{number} on test"]
    return names


# --- the stations, in order ---------------------------------------------------------------------


def bootstrap(parts: Components, store: RunFolder) -> None:
    """The base policy's checkpoint: what everything starts from."""
    with _station(parts, store, "base") as work:
        if work:
            folder = store.folder / "checkpoints" / "base" / "model"
            store.write_checkpoint("base", parts.trainable(folder=folder).checkpoint)


def imitate(parts: Components, store: RunFolder, arm: str = "sft", start: str = "base") -> None:
    """SFT of an arm on demonstrations of the teacher, from a checkpoint there is.

    They are fresh for each arm, unless their number is limited: then all arms have the same.
    """
    config = parts.config
    with _station(parts, store, _training(arm), unit="steps") as work:
        if work:
            seed = stable_seed(config.seed, arm)
            _train(
                parts,
                store,
                arm=arm,
                start=start,
                trainer=config.sft_trainer,
                trained_on=f"demonstrations of {config.teacher}",
                seed=seed,
                demonstrations=shown(parts, seed),
                held_out=held_out(parts),
            )


def discover(parts: Components, store: RunFolder, number: int, evaluation: str = "") -> None:
    """Read the failures of an evaluation (default: the round's) into diagnoses and error
    patterns.
    """
    with _station(parts, store, f"discover {number}") as work:
        if work:
            source = evaluation or f"{subject(number)}-validation"
            episodes = read_evaluation(parts, store, source)
            found = discover_patterns(parts, episodes, patterns_before(store, number))
            write_discovery(store, number, source, found)


def inject(
    parts: Components,
    store: RunFolder,
    number: int,
    *,
    pattern: str = "",
    count: int | None = None,
    off: Sequence[str] = (),
) -> None:
    """New tasks for the round's patterns, each admitted through the gates, added to the pool.

    ``pattern``: for the pattern of this id alone, next to what the round has. ``count``: how many;
    None: as configured. ``off``: gates to leave out besides those that the configuration does.
    """
    with _station(parts, store, f"inject {number}", unit="rollouts") as work:
        if work:
            patterns = store.read_values(f"rounds/{number}/patterns.jsonl", ErrorPattern)
            if pattern:
                patterns = [chosen_pattern(patterns, pattern, number)]
            members = _members(parts, store, number, patterns)
            wanted = parts.config.targeted_tasks if count is None else count
            make_tasks(parts, store, number, patterns, members, count=wanted, off=off)


def train(parts: Components, store: RunFolder, number: int) -> None:
    """Training on the pool, by default with GRPO: from the SFT checkpoint on all rounds' tasks,
    unless configured otherwise.
    """
    config = parts.config
    with _station(parts, store, f"train rl-{number}", unit="steps") as work:
        if work:
            pool = training_pool(parts, store, number)
            start = subject(number) if config.restart == "previous" else "sft"
            _practise(parts, store, f"rl-{number}", start, pool, f"{len(pool)} targeted tasks")


def train_control(parts: Components, store: RunFolder, number: int) -> None:
    """The same training from the same start on as many untargeted tasks: what targeting is compared
    with.
    """
    config = parts.config
    with _station(parts, store, f"train control-{number}", unit="steps") as work:
        if work:
            count = len(training_pool(parts, store, number))
            earlier = f"control-{number - 1}" if number > 1 else "sft"
            start = earlier if config.restart == "previous" else "sft"
            tasks = untargeted(parts, count)
            _practise(parts, store, f"control-{number}", start, tasks, f"{count} untargeted tasks")


def evaluate_arm(parts: Components, store: RunFolder, arm: str, split: Split) -> None:
    """Conversations of an arm's policy on held-out tasks; those already on disk are not had again.

    On test tasks it is also read whose fault each failure was: nobody discovers anything there.
    """
    with _station(parts, store, f"evaluate {arm} on {split}", unit="rollouts") as work:
        if work:
            policy = parts.policy(store.read_checkpoint(arm))
            episodes = evaluate_policy(parts, store, policy, arm, split)
            if split == "test" and parts.config.blame_tests:
                blame_failures(parts, store, f"{arm}-{split}", episodes)


def evaluate_once(parts: Components, store: RunFolder, split: Split) -> None:
    """Evaluate the configured policy as it is, as the arm ``policy``: no training, no
    checkpoints.
    """
    with _station(parts, store, f"evaluate policy on {split}", unit="rollouts") as work:
        if work:
            policy = parts.policy(folder=store.folder / "checkpoints" / "policy" / "model")
            evaluate_policy(parts, store, policy, "policy", split)


# --- what stations read ---------------------------------------------------------------------------


def studied(store: RunFolder, number: int) -> str:
    """The evaluation round ``number`` reads: its subject's, or the only one there is."""
    usual = f"{subject(number)}-validation"
    found = store.evaluations()
    return found[0] if usual not in found and len(found) == 1 else usual


def training_pool(parts: Components, store: RunFolder, number: int) -> list[Task]:
    """The tasks round ``number`` trains on. Raises ``NothingToLearn`` if there are none."""
    if not store.is_done(f"inject {number}"):
        raise RunError(
            f"round {number} has no targeted tasks yet",
            hint=f"Run `harness inject {store.folder} --round {number}` first.",
        )
    first = 1 if parts.config.pool == "union" else number
    pool = pool_of(store, range(first, number + 1), replay_decay=parts.config.replay_decay)
    if not pool:
        raise NothingToLearn(
            "the pool is empty: no targeted task was admitted, or all are vetoed",
            hint=f"`harness tasks {store.folder}` says what was refused, where and why.",
        )
    return pool


def write_report(parts: Components, store: RunFolder, *, complete: bool) -> Mapping[str, Json]:
    report: Mapping[str, Json] = summarise(store, complete=complete)
    store.write_json("report.json", report)
    return report


def _members(
    parts: Components, store: RunFolder, number: int, patterns: Sequence[ErrorPattern]
) -> dict[str, list[tuple[Episode, Diagnosis]]]:
    found = store.read_values(f"rounds/{number}/diagnoses.jsonl", Diagnosis)
    diagnoses = {diagnosis.trajectory_id: diagnosis for diagnosis in found}
    source = store.read_json(f"rounds/{number}/discovery.json")["evaluation"]
    episodes = {e.trajectory.id: e for e in read_evaluation(parts, store, source)}
    return {
        pattern.id: [(episodes[member], diagnoses[member]) for member in pattern.members]
        for pattern in patterns
    }


# --- training -------------------------------------------------------------------------------------


def _practise(
    parts: Components,
    store: RunFolder,
    arm: str,
    start: str,
    tasks: Sequence[Task],
    trained_on: str,
) -> None:
    """Training on tasks, or on the teacher's demonstrations of them if the trainer needs those."""
    config = parts.config
    seed = stable_seed(config.seed, "reinforce")
    imitates = parts.trainer(config.trainer).needs == "demonstrations"
    _train(
        parts,
        store,
        arm=arm,
        start=start,
        trainer=config.trainer,
        trained_on=f"demonstrations on {trained_on}" if imitates else trained_on,
        seed=seed,
        tasks=tasks,
        demonstrations=shown_on(parts, tasks, seed) if imitates else None,
        held_out=held_out(parts) if imitates else (),
    )


def _train(
    parts: Components,
    store: RunFolder,
    *,
    arm: str,
    start: str,
    trainer: str,
    trained_on: str,
    seed: int,
    tasks: Sequence[Task] = (),
    demonstrations: Iterator[Episode] | None = None,
    held_out: Sequence[Episode] = (),
) -> None:
    parent = store.read_checkpoint(start)
    learner = parts.trainable(parent)
    folder = store.folder / "checkpoints"
    station, keep = _training(arm), parts.config.keep_every if tasks else 0
    practice = Practice(parts, store, arm)

    def keep_as(name: str, record: Mapping[str, Json]) -> None:
        learner.save(folder / name / "model")
        store.write_checkpoint(
            name,
            Checkpoint(
                id=stable_id(parent.id, name, trained_on, parts.config.seed),
                policy=parent.policy,
                path=str(folder / name / "model"),
                parent=parent.id,
                trained_on=trained_on,
                record=record,
            ),
        )

    def progress(step: int, steps: int, metrics: Mapping[str, float]) -> None:
        practice.finish(step)
        if keep and step % keep == 0 and step < steps:
            keep_as(f"{arm}/step-{step}", {"step": step})
        known = {"station": station, "step": step, "steps": steps}
        parts.notify("train_step", **{**metrics, **known})

    job = TrainingJob(
        policy=learner,
        domain=parts.domain,
        rollouts=practice.run,
        seed=seed,
        folder=folder / arm / "scratch",
        progress=progress,
        tasks=tasks,
        demonstrations=demonstrations,
        held_out=held_out,
        weights=[weighted.weight for weighted in parts.terms],
        warn=lambda message: parts.notify("warning", message=f"{station}: {message}"),
    )
    keep_as(arm, parts.trainer(trainer).train(job))


def _training(arm: str) -> str:
    """The name of the station that trains the arm."""
    return "sft" if arm == "sft" else f"train {arm}"


@contextmanager
def _station(parts: Components, store: RunFolder, name: str, unit: str = "") -> Iterator[bool]:
    """Yields whether there is work; a station that ends without an error is marked done."""
    if store.is_done(name):
        parts.notify("station_skipped", station=name)
        yield False
        return
    parts.notify("station_started", station=name, unit=unit, total=0)
    started = time.monotonic()
    yield True
    seconds = time.monotonic() - started
    store.finish(name, seconds)
    parts.notify("station_finished", station=name, seconds=seconds)
