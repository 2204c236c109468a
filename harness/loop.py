"""The loop, top to bottom: each station reads what the one before left in the run folder and skips
itself if done.

    base -> sft -> [ evaluate (validation) -> discover -> inject -> train -> evaluate (test) ] per
    round

Test tasks enter ``evaluate``, which also says whose fault a failure was, and the gates that keep
them out of the pool; nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial

from harness.assembly.components import Components
from harness.discovery.attribution import blame_failures
from harness.discovery.station import (
    discover_patterns,
    evaluation_read,
    patterns_before,
    patterns_to_learn,
    refuse_held_out,
    write_discovery,
)
from harness.errors import NothingToLearn, RunError
from harness.evaluation.station import evaluate_policy, read_evaluation
from harness.injection.pool import pool_of, rounds_of
from harness.injection.station import chosen_pattern, make_tasks
from harness.results.report_document import summarise, was_complete
from harness.run_folder import RunFolder
from harness.training.curricula import control_tasks
from harness.training.practice import keep_practice
from harness.training.station import (
    starts_warm,
    train_on_demonstrations,
    train_on_tasks,
    warm_start,
)
from harness.types import Diagnosis, Episode, ErrorPattern, Json, Split, Task
from harness.types.names import ArmName, ControlKind, EvaluationName, StationName

SFT_STATIONS = (StationName.BASE, StationName.train(ArmName.SFT))


def run_loop(parts: Components, store: RunFolder) -> Mapping[str, Json]:
    """All stations in order. Returns the report, which is also in the run folder."""
    with _told(parts, store, stations(parts)):
        bootstrap(parts, store)
        evaluate_arm(parts, store, ArmName.BASE, "test")
        imitate(parts, store)
        evaluate_arm(parts, store, ArmName.SFT, "test")
        for number in range(1, parts.config.rounds + 1):
            try:
                run_round(parts, store, number)
            except NothingToLearn as done:
                parts.notify("warning", message=f"round {number} ended early: {done}")
                break
        return write_report(parts, store, complete=True)


def run_sft(parts: Components, store: RunFolder) -> Mapping[str, Json]:
    """The first half of the loop, up to SFT. Returns the report."""
    with _told(parts, store, SFT_STATIONS):
        bootstrap(parts, store)
        imitate(parts, store)
        return write_report(parts, store, complete=False)


def run_evaluation(parts: Components, store: RunFolder, split: Split) -> Mapping[str, Json]:
    """The configured policy on a split, as it is. Returns the report."""
    with _told(parts, store, [StationName.evaluate(ArmName.POLICY, split)]):
        evaluate_once(parts, store, split)
        return write_report(parts, store, complete=True)


def run_round(parts: Components, store: RunFolder, number: int) -> None:
    """One round with what it is measured by. Raises as ``learn_round``."""
    learn_round(parts, store, number)
    arm = ArmName.targeted(number)
    if store.has_checkpoint(arm.warm):
        evaluate_arm(parts, store, arm.warm, "test")
    evaluate_arm(parts, store, arm, "test")
    for kind in parts.config.controls:
        try:
            train_control(parts, store, number, kind)
        except NothingToLearn as lacking:
            parts.notify("warning", message=f"round {number} has no {kind} control: {lacking}")
        else:
            evaluate_arm(parts, store, ArmName.control(kind, number), "test")


def learn_round(parts: Components, store: RunFolder, number: int) -> None:
    """One round up to the new policy. Raises ``NothingToLearn`` if the policy under study no longer
    fails by its own fault.
    """
    if _usual(store, number).on_split == "validation":
        evaluate_arm(parts, store, ArmName.studied(number), "validation")
    discover(parts, store, number)
    inject(parts, store, number)
    train(parts, store, number)


def stations(parts: Components) -> list[StationName]:
    """All stations of the run, in order."""
    base, sft = ArmName.BASE, ArmName.SFT
    names = [
        StationName.BASE,
        StationName.evaluate(base, "test"),
        StationName.train(sft),
        StationName.evaluate(sft, "test"),
    ]
    for number in range(1, parts.config.rounds + 1):
        if number == 1 or parts.config.discover_from == "validation":
            names.append(StationName.evaluate(ArmName.studied(number), "validation"))
        names += [StationName.discover(number), StationName.inject(number)]
        controls = [ArmName.control(kind, number) for kind in parts.config.controls]
        targeted = ArmName.targeted(number)
        for arm in (targeted, *controls):
            warm = [StationName.train(arm.warm)] if starts_warm(parts) else []
            names += [*warm, StationName.train(arm)]
            if warm and arm == targeted:
                names.append(StationName.evaluate(arm.warm, "test"))
            names.append(StationName.evaluate(arm, "test"))
    return names


# --- the stations, in order ---------------------------------------------------------------------


def bootstrap(parts: Components, store: RunFolder) -> None:
    """The base policy's checkpoint: what everything starts from."""
    with _station(parts, store, StationName.BASE) as work:
        if work:
            folder = store.folder / "checkpoints" / ArmName.BASE / "model"
            store.write_checkpoint(ArmName.BASE, parts.trainable(folder=folder).checkpoint)


def imitate(
    parts: Components, store: RunFolder, arm: str = ArmName.SFT, start: str = ArmName.BASE
) -> None:
    """SFT of an arm on demonstrations of the teacher, from a checkpoint there is."""
    with _station(parts, store, StationName.train(arm), unit="steps") as work:
        if work:
            train_on_demonstrations(parts, store, arm, start)


def discover(
    parts: Components, store: RunFolder, number: int, evaluation: str = "", *, again: bool = False
) -> None:
    """Read the failures of an evaluation (default: the round's) into diagnoses and error
    patterns.

    ``again``: though that is done; what there is stays until there is something to replace it.
    """
    station = StationName.discover(number)
    with _station(parts, store, station, again=again) as work:
        if work:
            source = EvaluationName(evaluation) if evaluation else _usual(store, number)
            is_practice = source.on_split == "train" and source == _usual(store, number)
            if is_practice and source not in store.evaluations():
                keep_practice(parts, store, source.arm)
            episodes = read_evaluation(store, source)
            found = discover_patterns(parts, episodes, patterns_before(store, number))
            write_discovery(store, number, source, found)
            if source.on_split == "test":
                parts.notify(
                    "warning",
                    message=f"round {number} reads {source}, which is on test tasks: it is for "
                    "looking at, and no task is made from it",
                )


def inject(
    parts: Components,
    store: RunFolder,
    number: int,
    *,
    pattern: str = "",
    count: int | None = None,
    off: Sequence[str] = (),
    again: bool = False,
) -> None:
    """New tasks for the round's patterns, each admitted through the gates, added to the pool.

    ``pattern``: for the pattern of this id alone. ``count``: how many; None: as configured.
    ``off``: gates to leave out besides those that the configuration does. ``again``, or a
    ``pattern``: next to what the round has, which stays complete whatever becomes of this.
    """
    more = again or bool(pattern)
    station = StationName.inject(number)
    with _station(parts, store, station, unit="rollouts", again=more) as work:
        if work:
            refuse_held_out(store, number)
            if more:
                _refuse_damaged(store, station)
            patterns = patterns_to_learn(store, number)
            if pattern:
                patterns = [chosen_pattern(patterns, pattern, number)]
            members = _members(parts, store, number, patterns)
            wanted = parts.config.targeted_tasks if count is None else count
            make_tasks(parts, store, number, patterns, members, count=wanted, off=off, more=more)


def train(parts: Components, store: RunFolder, number: int, *, again: bool = False) -> None:
    """Training on the pool, by default with GRPO: from the SFT checkpoint on all rounds' tasks,
    unless configured otherwise. ``again``: though that is done.
    """
    start = ArmName.studied(number) if parts.config.restart == "previous" else ArmName.SFT
    pool = partial(training_pool, parts, store, number)
    _train_round(parts, store, ArmName.targeted(number), start, pool, "targeted", again=again)


def train_control(
    parts: Components, store: RunFolder, number: int, kind: ControlKind, *, again: bool = False
) -> None:
    """The same training from the same start on as many other tasks: what targeting is compared
    with. ``again``: though that is done.
    """
    goes_on = parts.config.restart == "previous" and number > 1
    start = ArmName.control(kind, number - 1) if goes_on else ArmName.SFT

    def tasks() -> list[Task]:
        count = len(training_pool(parts, store, number))
        earlier = range(1, number if parts.config.pool == "recent" else 1)
        return control_tasks(parts, kind, count, skip=len(pool_of(store, earlier)))

    _train_round(parts, store, ArmName.control(kind, number), start, tasks, kind, again=again)


def evaluate_arm(parts: Components, store: RunFolder, arm: str, split: Split) -> None:
    """Conversations of an arm's policy on held-out tasks; those already on disk are not had again.

    On test tasks it is also read whose fault each failure was: nobody discovers anything there.
    """
    with _station(parts, store, StationName.evaluate(arm, split), unit="rollouts") as work:
        if work:
            policy = parts.policy(store.read_checkpoint(arm))
            episodes = evaluate_policy(parts, store, policy, arm, split)
            if split == "test" and parts.config.blame_tests:
                blame_failures(parts, store, EvaluationName.of(arm, split), episodes)


def evaluate_once(parts: Components, store: RunFolder, split: Split) -> None:
    """Evaluate the configured policy as it is, as the arm ``policy``: no training, no
    checkpoints.
    """
    arm = ArmName.POLICY
    with _station(parts, store, StationName.evaluate(arm, split), unit="rollouts") as work:
        if work:
            policy = parts.policy(folder=store.folder / "checkpoints" / arm / "model")
            evaluate_policy(parts, store, policy, arm, split)


# --- what stations read ---------------------------------------------------------------------------


def studied(store: RunFolder, number: int) -> EvaluationName:
    """The evaluation round ``number`` reads: its subject's, or the only one there is."""
    usual, found = _usual(store, number), store.evaluations()
    return EvaluationName(found[0]) if usual not in found and len(found) == 1 else usual


def training_pool(parts: Components, store: RunFolder, number: int) -> list[Task]:
    """The tasks round ``number`` trains on.

    Raises ``NothingToLearn`` if there are none, ``RunError`` if a round with tasks reads a test
    evaluation or has no complete discovery.
    """
    if not store.is_done(StationName.inject(number)):
        raise RunError(
            f"round {number} has no targeted tasks yet",
            hint=f"Run `harness inject {store.folder} --round {number}` first.",
        )
    first = 1 if parts.config.pool == "union" else number
    for earlier in rounds_of(store):
        if first <= earlier <= number:
            refuse_held_out(store, earlier)
    pool = pool_of(store, range(first, number + 1), replay_decay=parts.config.replay_decay)
    if not pool:
        raise NothingToLearn(
            "the pool is empty: no targeted task was admitted, or all are vetoed",
            hint=f"`harness tasks {store.folder}` says what was refused, where and why.",
        )
    return pool


def write_report(
    parts: Components, store: RunFolder, *, complete: bool = False
) -> Mapping[str, Json]:
    """The report, also in the run folder. A run that was complete stays so, whatever single
    stations make anew.
    """
    complete = complete or was_complete(store)
    report: Mapping[str, Json] = summarise(store, complete=complete)
    store.write_json("report.json", report)
    return report


def _usual(store: RunFolder, number: int) -> EvaluationName:
    practised = number > 1 and store.config.get("discover_from") == "rollouts"
    return EvaluationName.of(ArmName.studied(number), "train" if practised else "validation")


def _refuse_damaged(store: RunFolder, station: StationName) -> None:
    """Raise ``RunError`` if some of what a station made is lost: nothing can be added to it."""
    if found := store.differences(station):
        raise RunError(
            f"{store.folder} has lost some of what {station} made: {'; '.join(found)}",
            hint="Make it again with `harness loop --resume`, or `harness inject` without --again.",
        )


def _members(
    parts: Components, store: RunFolder, number: int, patterns: Sequence[ErrorPattern]
) -> dict[str, list[tuple[Episode, Diagnosis]]]:
    found = store.read_values(f"rounds/{number}/diagnoses.jsonl", Diagnosis)
    diagnoses = {diagnosis.trajectory_id: diagnosis for diagnosis in found}
    source = evaluation_read(store, number)
    episodes = {e.trajectory.id: e for e in read_evaluation(store, source)}
    members = {member for pattern in patterns for member in pattern.members}
    if lost := members - (diagnoses.keys() & episodes.keys()):
        raise RunError(
            f"{len(lost)} of {len(members)} failures in the patterns of round {number} have no "
            f"diagnosis or no conversation in {source}, among them {min(lost)!r}",
            hint=f"Run `harness discover {store.folder} --round {number} --again` first.",
        )
    return {
        pattern.id: [(episodes[member], diagnoses[member]) for member in pattern.members]
        for pattern in patterns
    }


def _train_round(
    parts: Components,
    store: RunFolder,
    arm: ArmName,
    start: ArmName,
    find_tasks: Callable[[], list[Task]],
    kind: str,
    *,
    again: bool,
) -> None:
    """The warm start of a round's arm, if it has one, and its training."""
    find = cache(find_tasks)
    if starts_warm(parts):
        station = StationName.train(arm.warm)
        with _station(parts, store, station, unit="steps", again=again) as work:
            if work:
                tasks = find()
                store.reopen(StationName.train(arm))  # what it left is from other weights
                store.reopen(station)
                warm_start(parts, store, arm, start, tasks, f"{len(tasks)} {kind} tasks")
        start = arm.warm if store.has_checkpoint(arm.warm) else start
    station = StationName.train(arm)
    with _station(parts, store, station, unit="steps", again=again) as work:
        if work:
            tasks = find()
            store.reopen(station)
            train_on_tasks(parts, store, arm, start, tasks, f"{len(tasks)} {kind} tasks")


@contextmanager
def _told(parts: Components, store: RunFolder, names: Sequence[StationName]) -> Iterator[None]:
    """Observers are told when a whole run starts, and when it ends without an error."""
    started = time.monotonic()
    parts.notify(
        "run_started", run=str(store.folder), domain=parts.config.domain, stations=list(names)
    )
    yield
    parts.notify("run_finished", seconds=time.monotonic() - started)


@contextmanager
def _station(
    parts: Components, store: RunFolder, name: StationName, unit: str = "", *, again: bool = False
) -> Iterator[bool]:
    """Yields whether there is work; a station that ends without an error is marked done.

    ``again``: there is work though it is done. The mark stays: reopen the station before anything
    that it stands for is replaced.
    """
    if store.is_done(name) and not again:
        parts.notify("station_skipped", station=name)
        yield False
        return
    if not again:
        store.clear_damaged(name)
    parts.notify("station_started", station=name, unit=unit, total=0)
    started = time.monotonic()
    yield True
    seconds = time.monotonic() - started
    store.finish(name, seconds)
    parts.notify("station_finished", station=name, seconds=seconds)
