"""Turn evaluations of several runs into one document: each held beside the first, task by task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from harness.discovery.attribution import assigned
from harness.discovery.drift import Landscape, compare
from harness.evaluation.metrics import (
    Outcome,
    compared_tasks,
    difference_interval,
    mean_interval,
    paired_difference,
    pass_table,
    task_differences,
    unpaired_difference,
)
from harness.results.history import interval_row, shift_row
from harness.results.side_by_side import Row
from harness.runtime.counting import counted
from harness.study.flips import flip_values
from harness.study.sides import Catalogue, Side
from harness.types import Diagnosis, Episode, Json

KS = (1, 2, 3, 4)

NOT_A_DIFFERENCE = frozenset({"seed", "preset", "observers", "cache", "budget_usd", "rounds"})
"""Settings that say nothing of what is compared."""

Measure = Callable[[Episode], float]

MEASURES: Mapping[str, Measure] = {
    "turns": lambda e: sum(m.role == "assistant" for m in e.trajectory.messages[1:]),
    "tool_calls": lambda e: len(e.trajectory.calls),
    "tool_errors": lambda e: sum(m.is_error for m in e.trajectory.results),
    "tokens_in": lambda e: sum(u.tokens_in for u in e.trajectory.usage.values()),
    "tokens_out": lambda e: sum(u.tokens_out for u in e.trajectory.usage.values()),
    "cost_usd": lambda e: sum(u.cost_usd for u in e.trajectory.usage.values()),
}
"""What a conversation takes, by name; of all roles that were counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """Which tasks two sides share. ``ids``: the same task in both; ``changed``: the same id.
    ``as_samples``: both are of one split of one domain, and most tasks of either are not the
    other's.
    """

    ids: frozenset[str]
    only_before: int
    only_after: int
    changed: int
    as_samples: bool


def compare_runs(sides: Sequence[Side]) -> dict[str, Json]:
    """The sides as JSON values, and each after the first beside the first.

    Pass^k, effort and patterns are compared on the tasks that both have, each task with itself.
    Sides of one split of a domain that share less than half of their tasks, as two logs do, are
    compared as two samples of tasks, with ``paired`` false. ``verdict``: "higher" or "lower" in
    Pass^1, or "no difference", as ``Difference.direction`` says; "not comparable" where nothing is
    compared. ``notes`` say in words what is compared with a caveat, and what not at all.
    """
    quarantine = all(side.diagnoses is not None for side in sides)
    catalogues = _catalogues(sides)
    pairs = [_pair(sides, number, catalogues, quarantine) for number in range(1, len(sides))]
    return {
        "sides": [_side(side, quarantine) for side in sides],
        "differing_settings": _differing(sides),
        "quarantine": quarantine,
        "pairs": list[Json](pairs),
    }


def _side(side: Side, quarantine: bool) -> Row:
    rows = list(side.counted(quarantine=quarantine).values())
    passed = pass_table(rows, KS)
    return {
        "name": side.name,
        "run": str(side.store.folder),
        "evaluation": str(side.evaluation),
        **{key: side.config.get(key) for key in ("domain", "policy", "seed")},
        "data_version": side.data_version,
        "tasks": passed.tasks,
        "conversations": passed.trials,
        "faults": passed.faults,
        "pass": {str(k): interval_row(interval) for k, interval in passed.pass_.items()},
    }


def _differing(sides: Sequence[Side]) -> Row:
    """The settings that are not the same on all sides, with each side's value."""
    keys = dict.fromkeys(key for side in sides for key in side.config)
    return {
        key: [side.config.get(key) for side in sides]
        for key in keys
        if key not in NOT_A_DIFFERENCE
        and any(side.config.get(key) != sides[0].config.get(key) for side in sides)
    }


def common_tasks(before: Side, after: Side) -> Common:
    """The tasks that both sides were tried on."""
    tried = [{outcome.task_id for outcome in side.outcomes.values()} for side in (before, after)]
    both = tried[0] & tried[1] if before.domain == after.domain else set()
    same = frozenset(id for id in both if before.tasks[id] == after.tasks[id])
    return Common(
        ids=same,
        only_before=len(tried[0] - both),
        only_after=len(tried[1] - both),
        changed=len(both - same),
        as_samples=before.domain == after.domain
        and before.evaluation.on_split == after.evaluation.on_split
        and 2 * len(both) < min(map(len, tried)),
    )


def _pair(
    sides: Sequence[Side], number: int, catalogues: Sequence[Catalogue], quarantine: bool
) -> Row:
    before, after = sides[0], sides[number]
    common = common_tasks(before, after)
    row: Row = {
        "side": after.name,
        "against": before.name,
        "tasks": len(common.ids),
        "paired": not common.as_samples,
        "only_before": common.only_before,
        "only_after": common.only_after,
        "changed": common.changed,
        "same_seed": before.config.get("seed") == after.config.get("seed"),
        "notes": list[Json](_notes(before, after, common, quarantine)),
    }
    every = before.tasks.keys() | after.tasks.keys()
    tasks = every if common.as_samples else common.ids
    first, second = (_among(s.counted(quarantine=quarantine), tasks) for s in (before, after))
    one, other = list(first.values()), list(second.values())
    difference = unpaired_difference if common.as_samples else paired_difference
    found = {k: difference(other, one, k) for k in KS}
    if found[1] is None:
        why = (
            "a side has no trial that counts"
            if common.as_samples
            else "no common task has a trial that counts on both sides"
        )
        notes = [*_list(row["notes"]), *([why] if tasks else ())]
        return {**row, "verdict": "not comparable", "notes": notes}
    apart = task_differences(other, one)
    passes = [pass_table(rows, KS) for rows in (one, other)]
    return {
        **row,
        "verdict": found[1].direction,
        "p": round(found[1].p, 4),
        "differing_tasks": sum(value != 0 for value in apart),
        "pass": {
            str(k): {
                "before": interval_row(passes[0].pass_[k]),
                "after": interval_row(passes[1].pass_[k]),
                "difference": interval_row(value),
                "tasks": 0 if common.as_samples else compared_tasks(other, one, k),
                "sampled": [table.counted[k] for table in passes],
            }
            for k, value in found.items()
            if value is not None
        },
        "flips": flip_values(
            before, after, (first, second), () if common.as_samples else common.ids
        ),
        "effort": _effort(before, after, first, second, paired=not common.as_samples),
        **_patterns(
            sides[: number + 1], tasks, catalogues, quarantine, as_samples=common.as_samples
        ),
    }


def _notes(before: Side, after: Side, common: Common, quarantine: bool) -> list[str]:
    """What a reader must know before believing the numbers."""
    said = []
    if before.domain != after.domain:
        said.append(f"the domains differ ({before.domain}, {after.domain}): no task is the same")
    elif common.as_samples:
        shared = len(common.ids) + common.changed
        said.append(
            f"{shared} of {shared + common.only_before} and {shared + common.only_after} tasks "
            "are in both: the sides are compared as two samples of tasks, taken to be equally "
            "hard"
        )
    elif not common.ids:
        said.append("no task is the same: what one side solves says nothing about the other")
    elif left := common.only_before + common.only_after + common.changed:
        said.append(
            f"{counted(left, 'task')} left out: {common.only_before} only in {before.name}, "
            f"{common.only_after} only in {after.name}, {common.changed} with one id that are not "
            "the same"
        )
    if before.evaluation.on_split != after.evaluation.on_split:
        said.append(f"the splits differ ({before.evaluation}, {after.evaluation})")
    if before.domain == after.domain and before.data_version != after.data_version:
        said.append("the versions of the domain's data differ")
    if not quarantine and (before.excluded or after.excluded):
        said.append(
            "failures that are not the agent's count, since not all sides were diagnosed: "
            "run `harness discover` on each"
        )
    return said


def _among(outcomes: Mapping[str, Outcome], tasks: Collection[str]) -> dict[str, Outcome]:
    return {id: one for id, one in outcomes.items() if one.task_id in tasks}


def _effort(
    before: Side,
    after: Side,
    first: Mapping[str, Outcome],
    second: Mapping[str, Outcome],
    *,
    paired: bool,
) -> Row:
    """What a conversation takes, on the common tasks if ``paired``: the mean of the tasks' means on
    each side, and the difference. Conversations that ended in a fault are left out, and measures
    that are 0 in all others.
    """
    found: Row = {}
    for name, measure in MEASURES.items():
        means = [_task_means(s, o, measure) for s, o in ((before, first), (after, second))]
        both = means[0].keys() & means[1].keys()
        old, new = (np.asarray([m[id] for id in sorted(both if paired else m)]) for m in means)
        if not old.any() and not new.any():
            continue
        apart = mean_interval(new - old) if paired else difference_interval(new, old)
        digits = 6 if name == "cost_usd" else 2
        found[name] = {
            "before": round(float(old.mean()), digits),
            "after": round(float(new.mean()), digits),
            "difference": {
                "value": round(apart.value, digits),
                "low": round(apart.low, digits),
                "high": round(apart.high, digits),
            },
        }
    return found


def _task_means(side: Side, outcomes: Mapping[str, Outcome], measure: Measure) -> dict[str, float]:
    values: dict[str, list[float]] = {}
    for episode in side.episodes:
        outcome = outcomes.get(episode.trajectory.id)
        if outcome is not None and not outcome.fault:
            values.setdefault(episode.task.id, []).append(measure(episode))
    return {task_id: fmean(own) for task_id, own in values.items()}


# --- patterns -------------------------------------------------------------------------------------


def _catalogues(sides: Sequence[Side]) -> list[Catalogue]:
    """Those of all runs, each once."""
    first_of = {side.store.folder.resolve(): side for side in reversed(sides)}
    return [side.catalogue() for side in sides if first_of[side.store.folder.resolve()] is side]


def _patterns(
    sides: Sequence[Side],
    tasks: Collection[str],
    catalogues: Sequence[Catalogue],
    quarantine: bool,
    *,
    as_samples: bool,
) -> Row:
    """How the agent's failures by pattern moved from the first of the sides to the last: "gone",
    "new", "more", "less", "same", and "back" if it was gone on a side between.
    """
    unread = [side.name for side in sides if side.diagnoses is None]
    if unread:
        why = f"the failures of {' and '.join(unread)} were not diagnosed: run `harness discover`"
        return {"patterns": [], "no_patterns": why}
    scapes = [_landscape(side, tasks, catalogues, quarantine) for side in sides]
    shift = compare(scapes[0], scapes[-1], as_samples=as_samples)
    row = shift_row(shift)
    changes = []
    for change in _list(row.pop("changes")):
        if isinstance(change, dict):
            id = str(change["id"])
            gone_between = any(not scape.counts()[id] for scape in scapes[1:-1])
            is_back = bool(change["before"] and change["after"]) and gone_between
            status = "back" if is_back else change["status"]
            changes.append({**change, "name": _name(id, catalogues), "status": status})
    return {"patterns": list[Json](changes), "mix": row, "no_patterns": ""}


def _landscape(
    side: Side, tasks: Collection[str], catalogues: Sequence[Catalogue], quarantine: bool
) -> Landscape:
    counted = _among(side.counted(quarantine=quarantine), tasks)
    found: dict[str, Counter[str]] = {}
    for diagnosis in side.diagnoses or ():
        if diagnosis.blame == "agent" and diagnosis.trajectory_id in counted:
            key = _pattern(diagnosis, catalogues)
            found.setdefault(diagnosis.task_id, Counter())[key] += 1
    trials = Counter(one.task_id for one in counted.values() if not one.fault)
    return Landscape(trials=trials, failures=found)


def _pattern(diagnosis: Diagnosis, catalogues: Sequence[Catalogue]) -> str:
    """The first run's pattern that holds failures of its kind, by number of run and id; its kind
    where no run has one.
    """
    for number, catalogue in enumerate(catalogues):
        if id := assigned(catalogue.known, diagnosis):
            return f"{number}:{id}"
    return f"kind:{diagnosis.kind}"


def _name(key: str, catalogues: Sequence[Catalogue]) -> str:
    number, _, id = key.partition(":")
    return id.replace("_", " ") if number == "kind" else catalogues[int(number)].names.get(id, id)


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []
