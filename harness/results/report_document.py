"""Turn a run folder, finished or not, into the report document: JSON values others can read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain

from harness.discovery.attribution import blame_counts
from harness.discovery.quarantine import counted, leave_out
from harness.evaluation.metrics import (
    Outcome,
    PassTable,
    compared_tasks,
    paired_difference,
    pass_table,
)
from harness.results.arms import arm_order, is_control, round_of
from harness.results.fixed import fixed_rows
from harness.results.history import (
    blame_rows,
    discovery_rows,
    interval_row,
    pattern_rows,
    round_numbers,
    shift_rows,
)
from harness.results.outcomes import (
    evaluations_on,
    outcomes_of,
    quarantined,
    table,
)
from harness.run_folder import RunFolder
from harness.types import FAULTS, NOT_GRADEABLE, Json, Split, Task
from harness.types.names import ArmName, StationName

Report = dict[str, Json]


def summarise(store: RunFolder, *, complete: bool) -> Report:
    """All that a report shows of the run; parts not there yet are empty."""
    config, seconds = store.config, store.seconds()
    rounds = round_numbers(store)
    return {
        "run": store.folder.name,
        **{key: config.get(key) for key in _SETTINGS},
        "data_version": _data_version(store),
        "clusterer": _method(store, rounds) or config.get("clusterer"),
        "arms": _arms(store, "test", seconds),
        "validation": [*_arms(store, "validation", seconds), *_arms(store, "train", seconds)],
        "blame": blame_rows(store, rounds),
        "discovery": discovery_rows(store, rounds),
        "patterns": pattern_rows(store, rounds),
        "fixed": fixed_rows(store),
        "shifts": shift_rows(store, rounds),
        "pool": [_pool(store, number) for number in rounds],
        "rewards": _rewards(store),
        "training": _training(store),
        "seconds": dict(seconds),
        "cost_usd": _cost(store),
        "call_notes": _call_notes(store),
        "complete": complete,
    }


def current_report(store: RunFolder) -> Report:
    """The report as the run stands, complete if the run was and nothing of it is lost since."""
    return summarise(store, complete=was_complete(store))


def was_complete(store: RunFolder) -> bool:
    """Whether the run ended, and all that its stations left is there, unchanged; a warning says
    what is not.
    """
    ended = store.has("report.json") and store.read_field("report.json", "complete", bool)
    stations = sorted({*store.done(), *store.seconds()})  # also those that were reopened since
    return ended and all([store.is_done(station) for station in stations])


_SETTINGS = (
    "domain",
    "seed",
    "preset",
    "policy",
    "simulator",
    "judge",
    "injector",
    "trainer",
    "temperature",
)


def _data_version(store: RunFolder) -> str:
    """The version of the domain's data, of imported conversations as of the run's own."""
    names = ["data_version.json", *(f"evals/{name}/about.json" for name in store.evaluations())]
    found = [store.read_table(name).get("data_version") for name in names if store.has(name)]
    return next((str(data_version) for data_version in found if data_version), "")


# --- arms


def _arms(store: RunFolder, split: Split, seconds: Mapping[str, float]) -> list[Json]:
    found = evaluations_on(store, split)
    excluded = quarantined(store, found.values())
    by_arm = {arm: outcomes_of(store, name) for arm, name in found.items()}
    rows = {arm: leave_out(by_id, excluded) for arm, by_id in by_arm.items() if by_id}
    arms: list[Json] = []
    for arm, own in rows.items():
        row = _arm(arm, split, own, seconds.get(StationName.evaluate(arm, split), 0.0))
        row |= _commonest_fault(store, found[arm])
        against = _compared_with(arm, list(rows)) if split == "test" else []
        differences = [_difference(own, rows[other], other) for other in against]
        if differences:
            row["differences"] = differences[0]
        if differences[1:]:
            row["further_differences"] = list[Json](differences[1:])
        if (blame := blame_counts(store, found[arm])) is not None:
            row["blame"] = dict(blame)
        arms.append(row)
    return arms


def _commonest_fault(store: RunFolder, evaluation: str) -> Report:
    """What most faults of the evaluation said, and how often; {} without faults."""
    outlines = (row.trajectory for row in store.read_outlines(evaluation))
    said = Counter(one.fault for one in outlines if one.ended in FAULTS and one.fault)
    return {"fault_said": dict(said.most_common(1))} if said else {}


def _compared_with(arm: ArmName, arms: Sequence[ArmName]) -> list[ArmName]:
    """SFT first; then, for a round's targeted arm, the round's controls and its own warm start."""
    if arm in (ArmName.BASE, ArmName.SFT):
        return []
    controls = [other for other in arms if is_control(other) and round_of(other) == arm.round]
    rest = [*controls, arm.warm] if arm.kind == "rl" else []
    return [other for other in (ArmName.SFT, *rest) if other in arms]


def _difference(rows: Sequence[Outcome], others: Sequence[Outcome], against: str) -> Report:
    return {
        "against": against,
        "pass": _differences(rows, others),
        "pass_tasks": {str(k): compared_tasks(rows, others, k) for k in _ks(rows, others)},
        "pass_counted": _differences(_counted(rows), _counted(others)),
    }


def _arm(arm: str, split: str, rows: Sequence[Outcome], seconds: float) -> Report:
    passed: PassTable = pass_table(rows)
    strict = pass_table(_counted(rows))
    kinds = Counter(row.fault for row in rows if row.fault)
    not_gradeable = kinds.pop(NOT_GRADEABLE, 0)
    return {
        "name": arm,
        "split": split,
        "tasks": passed.tasks,
        "trials": _trials(rows),
        "pass": {str(k): interval_row(interval) for k, interval in passed.pass_.items()},
        "pass_tasks": {str(k): tasks for k, tasks in passed.counted.items()},
        "pass_counted": {str(k): interval_row(interval) for k, interval in strict.pass_.items()},
        "pass_counted_tasks": {str(k): tasks for k, tasks in strict.counted.items()},
        "faults": passed.faults - not_gradeable,
        "fault_kinds": dict(kinds),
        "not_gradeable": not_gradeable,
        "seconds": seconds,
    }


def _counted(rows: Sequence[Outcome]) -> list[Outcome]:
    return counted(rows, never=(NOT_GRADEABLE,))


def _differences(rows: Sequence[Outcome], reference: Sequence[Outcome]) -> Report:
    return {
        str(k): interval_row(interval)
        for k in _ks(rows, reference)
        if (interval := paired_difference(rows, reference, k)) is not None
    }


def _ks(rows: Sequence[Outcome], reference: Sequence[Outcome]) -> range:
    return range(1, min(4, _trials(rows), _trials(reference)) + 1)


def _trials(rows: Sequence[Outcome]) -> int:
    return max(Counter(row.task_id for row in rows).values())


# --- rounds


def _method(store: RunFolder, rounds: Sequence[int]) -> str:
    done = [n for n in rounds if store.has(f"rounds/{n}/discovery.json")]
    return store.read_field(f"rounds/{done[-1]}/discovery.json", "method", str) if done else ""


def _pool(store: RunFolder, number: int) -> Report:
    tasks = store.read_values(f"rounds/{number}/tasks.jsonl", Task)
    by_pattern = Counter(task.origin.pattern_id for task in tasks if task.origin)
    name = f"rounds/{number}/refused.json"
    return {
        "round": number,
        "tasks": len(tasks),
        "patterns": dict(by_pattern),
        "refused": store.read_table(name) if store.has(name) else {},
    }


# --- training


def _training(store: RunFolder) -> list[Json]:
    rows: list[Json] = []
    for arm in _trained(store):
        checkpoint = store.read_checkpoint(arm)
        rows.append({"arm": arm, "trained_on": checkpoint.trained_on, **checkpoint.record})
    return rows


def _rewards(store: RunFolder) -> list[Json]:
    """Each term's mean over the first and the last quarter of the training steps, by arm."""
    weights = table(store.config.get("rewards"))
    rows: list[Json] = []
    for arm in _trained(store):
        curve = store.read_checkpoint(arm).record.get("curve")
        steps = [table(step) for step in curve] if isinstance(curve, list) else []
        if not steps or "reward" not in steps[0]:
            continue
        terms: list[Json] = [
            {"name": name, "weight": weight, **_ends(steps, f"term/{name}")}
            for name, weight in weights.items()
            if weight and f"term/{name}" in steps[0]
        ]
        rows.append({"arm": arm, "terms": terms, "curve": list(steps)})
    return rows


def _ends(steps: Sequence[Report], name: str) -> Report:
    values = [value for step in steps if isinstance(value := step.get(name), int | float)]
    quarter = max(1, len(values) // 4)
    first, last = values[:quarter], values[-quarter:]
    return {
        "first": round(sum(first) / len(first), 4),
        "last": round(sum(last) / len(last), 4),
    }


def _trained(store: RunFolder) -> list[str]:
    folder = store.folder / "checkpoints"
    paths = [*folder.glob("*/checkpoint.json"), *folder.glob("*/warm/checkpoint.json")]
    arms = [path.parent.relative_to(folder).as_posix() for path in paths]
    return sorted((arm for arm in arms if arm != ArmName.BASE), key=arm_order)


def _cost(store: RunFolder) -> float:
    """US dollars that the run paid, in all roles; where it called no model, what its conversations
    and the teacher's proofs say that they cost.
    """
    if roles := _calls(store):
        paid = (table(table(counts).get("usage")).get("cost_usd") for counts in roles.values())
        return round(sum(usd for usd in paid if isinstance(usd, int | float)), 4)
    total = 0.0
    evaluated = [store.read_outlines(name) for name in store.evaluations()]
    for row in chain(*evaluated, store.proof_outlines()):
        total += sum(usage.cost_usd for usage in row.trajectory.usage.values())
    return round(total, 4)


def _calls(store: RunFolder) -> Mapping[str, Json]:
    """The run's calls to chat models by role."""
    return store.read_table("calls.json") if store.has("calls.json") else {}


def _call_notes(store: RunFolder) -> list[Json]:
    """What is to be known of the calls to chat models, by role, and how often there was cause."""
    return [
        {"role": role, "note": note, "times": times}
        for role, counts in _calls(store).items()
        for note, times in table(table(counts).get("notes")).items()
    ]
