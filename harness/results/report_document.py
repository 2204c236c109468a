"""Turn a run folder, finished or not, into the report document: JSON values others can read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from harness.discovery.attribution import blame_of, blamed
from harness.discovery.quarantine import counted, leave_out, quarantine
from harness.evaluation.metrics import Outcome, PassTable, paired_difference, pass_table
from harness.results.history import (
    blame_rows,
    discovery_rows,
    interval_row,
    pattern_rows,
    round_numbers,
    shift_rows,
)
from harness.run_folder import RunFolder
from harness.types import (
    FAULTS,
    NOT_GRADEABLE,
    Blame,
    Diagnosis,
    Json,
    Split,
    Task,
    Usage,
)
from harness.types.names import ArmName, EvaluationName, StationName

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
        "shifts": shift_rows(store, rounds),
        "pool": [_pool(store, number) for number in rounds],
        "rewards": _rewards(store),
        "training": _training(store),
        "seconds": dict(seconds),
        "cost_usd": _cost(store),
        "complete": complete,
    }


def current_report(store: RunFolder) -> Report:
    """The report as the run stands, complete if the run was."""
    complete = store.has("report.json") and bool(store.read_json("report.json")["complete"])
    return summarise(store, complete=complete)


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
    found = [_table(store.read_json(name)).get("data_version") for name in names if store.has(name)]
    return next((str(data_version) for data_version in found if data_version), "")


# --- arms


def _arms(store: RunFolder, split: Split, seconds: Mapping[str, float]) -> list[Json]:
    names = [EvaluationName(path.name) for path in (store.folder / "evals").glob("*")]
    found = {name.arm: name for name in names if name.on_split == split}
    outcomes = {arm: _outcomes(store, found[arm]) for arm in sorted(found, key=_arm_order)}
    excluded = _quarantined(store, found.values())
    reference = outcomes.get(ArmName.SFT)
    arms: list[Json] = []
    for arm, by_id in outcomes.items():
        if not by_id:
            continue
        rows = leave_out(by_id, excluded)
        row = _arm(arm, split, rows, seconds.get(StationName.evaluate(arm, split), 0.0))
        if reference and arm not in (ArmName.SFT, ArmName.BASE) and split == "test":
            baseline = leave_out(reference, excluded)
            row["differences"] = {
                "against": ArmName.SFT,
                "pass": _differences(rows, baseline),
                "pass_counted": _differences(_counted(rows), _counted(baseline)),
            }
        if blame := blame_of(store, found[arm]):
            row["blame"] = blame["blame"]
        arms.append(row)
    return arms


def _arm(arm: str, split: str, rows: Sequence[Outcome], seconds: float) -> Report:
    table: PassTable = pass_table(rows)
    strict = pass_table(_counted(rows))
    kinds = Counter(row.fault for row in rows if row.fault)
    not_gradeable = kinds.pop(NOT_GRADEABLE, 0)
    return {
        "name": arm,
        "split": split,
        "tasks": table.tasks,
        "trials": _trials(rows),
        "pass": {str(k): interval_row(interval) for k, interval in table.pass_.items()},
        "pass_counted": {str(k): interval_row(interval) for k, interval in strict.pass_.items()},
        "faults": table.faults - not_gradeable,
        "fault_kinds": dict(kinds),
        "not_gradeable": not_gradeable,
        "seconds": seconds,
    }


def _counted(rows: Sequence[Outcome]) -> list[Outcome]:
    return counted(rows, never=(NOT_GRADEABLE,))


def _differences(rows: Sequence[Outcome], reference: Sequence[Outcome]) -> Report:
    trials = min(_trials(rows), _trials(reference))
    return {
        str(k): interval_row(interval)
        for k in range(1, min(4, trials) + 1)
        if (interval := paired_difference(rows, reference, k)) is not None
    }


def _trials(rows: Sequence[Outcome]) -> int:
    return max(Counter(row.task_id for row in rows).values())


def _outcomes(store: RunFolder, evaluation: str) -> dict[str, Outcome]:
    """By trajectory id."""
    rows = {}
    for row in store.read_rows(f"evals/{evaluation}/episodes.jsonl"):
        trajectory, score = _table(row["trajectory"]), _table(row["score"])
        ended, grade = str(trajectory["ended"]), _table(row.get("grade"))
        is_open = grade.get("unjudged") or grade.get("ungradeable")
        rows[str(trajectory["id"])] = Outcome(
            task_id=str(trajectory["task_id"]),
            success=bool(score["success"]),
            fault=ended if ended in FAULTS else NOT_GRADEABLE if is_open else "",
        )
    return rows


def _quarantined(store: RunFolder, evaluations: Iterable[str]) -> dict[str, Blame]:
    """Whose fault it was, by trajectory id, for failures that were found not to be the agent's, by
    a round or on test tasks.

    Of several rounds that read one evaluation the last counts.
    """
    excluded = {id: blame for name in evaluations for id, blame in blamed(store, name).items()}
    for number in round_numbers(store):
        found = store.read_values(f"rounds/{number}/diagnoses.jsonl", Diagnosis)
        again = {diagnosis.trajectory_id for diagnosis in found}
        excluded = {id: blame for id, blame in excluded.items() if id not in again}
        excluded |= quarantine(found)
    return excluded


def _arm_order(arm: str) -> tuple[int, int, int, str]:
    name = ArmName(arm)
    first = {ArmName.BASE: 0, ArmName.POLICY: 0, ArmName.SFT: 1}.get(name, 2)
    return first, name.round, name.step, "" if name.kind == "rl" else arm


# --- rounds


def _method(store: RunFolder, rounds: Sequence[int]) -> str:
    done = [n for n in rounds if store.has(f"rounds/{n}/discovery.json")]
    return str(store.read_json(f"rounds/{done[-1]}/discovery.json")["method"]) if done else ""


def _pool(store: RunFolder, number: int) -> Report:
    tasks = store.read_values(f"rounds/{number}/tasks.jsonl", Task)
    by_pattern = Counter(task.origin.pattern_id for task in tasks if task.origin)
    name = f"rounds/{number}/refused.json"
    return {
        "round": number,
        "tasks": len(tasks),
        "patterns": dict(by_pattern),
        "refused": store.read_json(name) if store.has(name) else {},
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
    weights = _table(store.config.get("rewards"))
    rows: list[Json] = []
    for arm in _trained(store):
        curve = store.read_checkpoint(arm).record.get("curve")
        steps = [_table(step) for step in curve] if isinstance(curve, list) else []
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
    folders = (store.folder / "checkpoints").glob("*/checkpoint.json")
    arms = [path.parent.name for path in folders]
    return sorted((arm for arm in arms if arm != ArmName.BASE), key=_arm_order)


def _cost(store: RunFolder) -> float:
    total = 0.0
    for path in (store.folder / "evals").glob("*/episodes.jsonl"):
        for row in store.read_rows(str(path.relative_to(store.folder))):
            for usage in _table(_table(row["trajectory"]).get("usage")).values():
                cost = _table(usage).get("cost_usd", Usage().cost_usd)
                total += cost if isinstance(cost, int | float) else 0.0
    return round(total, 4)


def _table(value: Json) -> Report:
    return value if isinstance(value, dict) else {}
