"""Turn an id into the chain it is in: failure, diagnosis, pattern, targeted tasks, the rollouts
that were trained on, recovery.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from harness.discovery.station import round_patterns
from harness.errors import RunError
from harness.results.history import round_numbers, shifts
from harness.results.originals import known_as
from harness.results.rollout_groups import RolloutGroup, rollout_groups
from harness.run_folder import RunFolder
from harness.types import Diagnosis, ErrorPattern, Interval, Json, Origin, Task
from harness.types.names import ArmName

What = Literal["failure", "pattern", "task", "rollout"]

NAMED = 5
"""Of ids that begin alike, how many an error names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """How often a task was tried in an evaluation, and with what success."""

    evaluation: str
    task_id: str
    successes: int
    trials: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A diagnosis with the round and the evaluation it is from, and its pattern ("": in none)."""

    round: int
    evaluation: str
    diagnosis: Diagnosis
    pattern_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A pattern as it was in a round; ``tasks`` of its targeted tasks are of that round."""

    round: int
    pattern: ErrorPattern
    filtered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A targeted task: where it comes from, and the arms that were trained on it."""

    task_id: str
    origin: Origin
    trained: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """A pattern's failures in a round and in the next, and the difference in 100 conversations:
    each task is compared with itself.
    """

    pattern_id: str
    before_round: int
    after_round: int
    before: int
    after: int
    difference: Interval
    status: str
    sure: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """All links of the chain that the asked id is in, in the order of the chain.

    ``practised`` are the groups of training rollouts on the tasks; of a rollout, its own alone.
    """

    asked: str
    what: What
    failures: Sequence[Found] = ()
    patterns: Sequence[Seen] = ()
    tasks: Sequence[Made] = ()
    practised: Sequence[RolloutGroup] = ()
    tried: Sequence[Tried] = ()
    recovered: Sequence[Recovered] = ()


@dataclass(frozen=True, slots=True)
class _Record:
    """What a run folder knows, by id."""

    failures: dict[str, list[Found]] = field(default_factory=dict)
    patterns: dict[str, list[Seen]] = field(default_factory=dict)
    tasks: dict[str, Made] = field(default_factory=dict)
    tried: dict[str, list[Tried]] = field(default_factory=dict)
    practised: dict[str, list[RolloutGroup]] = field(default_factory=dict)
    recovered: list[Recovered] = field(default_factory=list)

    def known(self, id: str) -> tuple[What, str] | None:
        """What the id, or the only one that begins so, is the id of. Raises ``RunError`` if several
        begin so.
        """
        kinds: tuple[tuple[What, Sequence[str]], ...] = (
            ("failure", [*self.failures]),
            ("pattern", [*self.patterns]),
            ("task", [*dict.fromkeys([*self.tasks, *self.tried])]),
            ("rollout", [id for g in self._groups for id in g.trajectories]),
        )
        exact = [(what, id) for what, ids in kinds if id in ids]
        begun = [(what, one) for what, ids in kinds for one in ids if one.startswith(id)]
        if not exact and id and len(begun) > 1:
            told = ", ".join(f"{one} ({what})" for what, one in begun[:NAMED])
            raise RunError(
                f"{len(begun)} ids begin with {id!r}: {told}{', ...' if begun[NAMED:] else ''}",
                hint="Give one more character of the id, or several.",
            )
        found = exact or (begun if id else [])
        return found[0] if found else None

    @property
    def _groups(self) -> Iterator[RolloutGroup]:
        return (group for groups in self.practised.values() for group in groups)

    def group(self, rollout: str) -> RolloutGroup:
        """The group a training rollout was in."""
        return next(group for group in self._groups if rollout in group.trajectories)


def lineage(store: RunFolder, id: str) -> Lineage:
    """The chain of a failure (a trajectory), a pattern, a task or a rollout that was trained on,
    walked both ways.

    An id may be cut short as long as it is the only one that begins so; a pattern's name stands for
    its id, and what a log calls a conversation for that of the failure. Raises ``RunError`` if the
    run knows no such id.
    """
    record = _read(store)
    known = record.known(_own_id(store, record, id))
    if known is None:
        raise RunError(
            f"{store.folder} knows no failure, pattern, task or training rollout {id!r}",
            hint="`harness discover RUN` lists patterns; `harness show RUN --only failed` the "
            "failures.",
        )
    what, asked = known
    if what == "rollout":
        group = record.group(asked)
        found = replace(_of_task(record, group.task_id), asked=asked, what=what, practised=[group])
    else:
        of = {"failure": _of_failure, "pattern": _of_pattern, "task": _of_task}[what]
        found = of(record, asked)
        groups = [g for made in found.tasks for g in record.practised.get(made.task_id, [])]
        found = replace(found, practised=groups)
    ids = {seen.pattern.id for seen in found.patterns}
    return replace(found, recovered=[r for r in record.recovered if r.pattern_id in ids])


def _own_id(store: RunFolder, record: _Record, name: str) -> str:
    """The id of the pattern of this name, or of the failure that its log calls so; else what was
    given. Raises ``RunError`` if the log's conversation is no failure.
    """
    if any(name in ids for ids in (record.failures, record.patterns, record.tasks)):
        return name
    named = [
        id
        for id, seen in record.patterns.items()
        if seen[-1].pattern.name.casefold() == name.casefold()
    ]
    logged = known_as(store, name)
    failed = [id for id in logged if id in record.failures]
    if logged and not named and not failed:
        raise RunError(
            f"the conversation {name!r} is not among the diagnosed failures of {store.folder}",
            hint=f"`harness show {store.folder} {name}` says how it ended.",
        )
    return next(iter([*named, *failed]), name)


def _of_failure(record: _Record, id: str) -> Lineage:
    found = record.failures[id]
    patterns = [s for one in found for s in record.patterns.get(one.pattern_id, [])]
    made = [one for one in record.tasks.values() if one.origin.trajectory_id == id]
    task_id = found[0].diagnosis.task_id
    return Lineage(
        asked=id,
        what="failure",
        failures=found,
        patterns=[seen for seen in patterns if seen.round in {one.round for one in found}],
        tasks=made,
        tried=record.tried.get(task_id, []),
    )


def _of_pattern(record: _Record, id: str) -> Lineage:
    failures = [one for found in record.failures.values() for one in found if one.pattern_id == id]
    made = [one for one in record.tasks.values() if one.origin.pattern_id == id]
    tasks = {one.diagnosis.task_id for one in failures} | {one.task_id for one in made}
    tried = [one for task_id in sorted(tasks) for one in record.tried.get(task_id, [])]
    return Lineage(
        asked=id,
        what="pattern",
        failures=failures,
        patterns=record.patterns[id],
        tasks=made,
        tried=tried,
    )


def _of_task(record: _Record, id: str) -> Lineage:
    made = record.tasks.get(id)
    failures = [
        one
        for found in record.failures.values()
        for one in found
        if one.diagnosis.task_id == id
        or (made is not None and one.diagnosis.trajectory_id == made.origin.trajectory_id)
    ]
    wanted = {one.pattern_id for one in failures} | ({made.origin.pattern_id} if made else set())
    rounds = {one.round for one in failures} | ({made.origin.round} if made else set())
    own = [made] if made else [t for t in record.tasks.values() if t.origin.parent_task_id == id]
    tried_as = id if id in record.tried or made is None else made.origin.parent_task_id
    return Lineage(
        asked=id,
        what="task",
        failures=failures,
        patterns=[
            seen for key in sorted(wanted) for seen in record.patterns.get(key, [])
            if seen.round in rounds
        ],
        tasks=own,
        tried=record.tried.get(tried_as, []),
    )  # fmt: skip


def recovery(tried: Sequence[Tried]) -> list[Tried]:
    """The same by evaluation alone, over all the tasks: ``task_id`` is then how many there were."""
    order = list(dict.fromkeys(one.evaluation for one in tried))
    found = []
    for evaluation in order:
        rows = [one for one in tried if one.evaluation == evaluation]
        found.append(
            Tried(
                evaluation=evaluation,
                task_id=f"{len({one.task_id for one in rows})} tasks",
                successes=sum(one.successes for one in rows),
                trials=sum(one.trials for one in rows),
            )
        )
    return found


def _read(store: RunFolder) -> _Record:
    record = _Record()
    for number in round_numbers(store):
        _read_round(store, number, record)
    for evaluation in store.evaluations():
        wins: Counter[str] = Counter()
        trials: Counter[str] = Counter()
        for row in store.read_outlines(evaluation):
            if row.uncounted:
                continue
            trials[row.trajectory.task_id] += 1
            wins[row.trajectory.task_id] += row.score.success
        for task_id, count in trials.items():
            tried = Tried(
                evaluation=evaluation, task_id=task_id, successes=wins[task_id], trials=count
            )
            record.tried.setdefault(task_id, []).append(tried)
    for group in rollout_groups(store):
        record.practised.setdefault(group.task_id, []).append(group)
    record.recovered.extend(_recovered(store))
    return record


def _recovered(store: RunFolder) -> Iterator[Recovered]:
    for before, after, shift in shifts(store, round_numbers(store)):
        for change in shift.changes:
            yield Recovered(
                pattern_id=change.pattern_id,
                before_round=before,
                after_round=after,
                before=change.before,
                after=change.after,
                difference=change.difference,
                status=change.status,
                sure=change.sure,
            )


def _read_round(store: RunFolder, number: int, record: _Record) -> None:
    name = f"rounds/{number}"
    about = (
        store.read_table(f"{name}/discovery.json") if store.has(f"{name}/discovery.json") else {}
    )
    used = {p.id for p in store.read_values(f"{name}/patterns.jsonl", ErrorPattern)}
    of: dict[str, str] = {}
    for pattern in round_patterns(store, number):
        of.update(dict.fromkeys(pattern.members, pattern.id))
        seen = Seen(round=number, pattern=pattern, filtered=pattern.id not in used)
        record.patterns.setdefault(pattern.id, []).append(seen)
    for diagnosis in store.read_values(f"{name}/diagnoses.jsonl", Diagnosis):
        id = diagnosis.trajectory_id
        found = Found(
            round=number,
            evaluation=str(about.get("evaluation", "")),
            diagnosis=diagnosis,
            pattern_id=of.get(id, ""),
        )
        record.failures.setdefault(id, []).append(found)
    trained = _trained_on(store, number)
    for task in store.read_values(f"{name}/tasks.jsonl", Task):
        if task.origin is not None:
            record.tasks[task.id] = Made(task_id=task.id, origin=task.origin, trained=trained)


def _trained_on(store: RunFolder, number: int) -> tuple[str, ...]:
    """The arms whose pool the tasks of a round were in."""
    union = store.config.get("pool") != "recent"
    paths = (store.folder / "checkpoints").glob("*/checkpoint.json")
    arms = (ArmName(path.parent.name) for path in paths)
    rounds = sorted(arm.round for arm in arms if arm.kind == "rl")
    return tuple(ArmName.targeted(n) for n in rounds if n == number or (union and n > number))


def _table(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, dict) else {}
