"""Put runs of ``harness loop`` with different seeds into one table: each arm, and the mean.

    python benchmarks/loop_seeds.py RUN RUN RUN [--kinds] [--markdown | --json]

``--kinds`` shows where an arm gains and where it loses instead: Pass^1 of the test tasks in the
mean of the seeds, by number of requests, by how many features make a task harder (``mixes.py``),
by whether anything is to be done, and by the kind of request of those that have one.

All runs must be of one domain and have the same test tasks. Pass^1 and Pass^4 are in percent. A
difference is taken within seed and task, then averaged over the seeds; its interval is a 95%
bootstrap over the tasks, so it says nothing of other training seeds.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from statistics import fmean

import numpy as np
from mixes import hardness
from over_seeds import as_json

from harness.evaluation.metrics import Outcome, bounded_interval, pass_hat_k
from harness.results.outcomes import evaluations_on, outcomes_of, quarantined, without
from harness.run_folder import RunFolder
from harness.runtime.counting import counted
from harness.types import Json, Task

ARMS = {"base": "base", "sft": "SFT", "rl-1": "round 1", "generic-1": "generic control"}
KS = (1, 4)
PAIRS = (("rl-1", "sft"), ("rl-1", "generic-1"), ("generic-1", "sft"))

Values = dict[str, float]
"""Pass^k in percent by task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One loop: its seed, and for each arm and k the values of its test tasks."""

    seed: int
    passes: Mapping[tuple[str, int], Values]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table of the runs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--kinds", action="store_true")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true")
    form.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    runs = sorted(map(read_run, options.runs), key=lambda run: run.seed)
    if options.kinds:
        tasks = RunFolder.open(options.runs[0]).read_values("tasks/test.jsonl", Task)
        rows, columns = by_kind(runs, [*tasks]), ["", "tasks", *ARMS.values()]
    else:
        rows, columns = table(runs), ["", *(f"seed {run.seed}" for run in runs), "mean"]
    if options.json:
        shown: dict[str, Json] = {"seeds": [run.seed for run in runs], "rows": [*rows]}
        sys.stdout.write(as_json(shown) + "\n")
        return
    rule = ["---"] * len(columns)
    lines = [columns, *([rule] if options.markdown else []), *map(_cells, rows)]
    for line in lines:
        told = f"| {' | '.join(line)} |" if options.markdown else "".join(f"{c:<32}" for c in line)
        sys.stdout.write(told.rstrip() + "\n")


def read_run(folder: Path) -> Run:
    """What the arms did on test tasks; failures that were not the agent's do not count."""
    store = RunFolder.open(folder)
    evaluations = evaluations_on(store, "test")
    excluded = quarantined(store, evaluations.values())
    passes: dict[tuple[str, int], Values] = {}
    for arm, name in evaluations.items():
        outcomes = without(outcomes_of(store, name), excluded).values()
        for k in KS:
            passes[str(arm), k] = task_passes(list(outcomes), k)
    return Run(seed=int(str(store.config["seed"])), passes=passes)


def task_passes(outcomes: Sequence[Outcome], k: int) -> Values:
    """Pass^k of each task that has as many trials that count."""
    counted = sorted((o for o in outcomes if not o.fault), key=lambda o: o.task_id)
    found: Values = {}
    for task, trials in groupby(counted, key=lambda o: o.task_id):
        won = [trial.success for trial in trials]
        if len(won) >= k:
            found[task] = 100 * pass_hat_k(sum(won), len(won), k)
    return found


def table(runs: Sequence[Run]) -> list[Json]:
    """A row for each arm and each difference, Pass^1 before Pass^4."""
    rows: list[Json] = []
    for k in KS:
        for arm, name in ARMS.items():
            passes = [run.passes.get((arm, k), {}) for run in runs]
            rows.append(_row(f"{name}, Pass^{k}", passes, least=0))
    for k in KS:
        for arm, other in PAIRS:
            sides = [[run.passes.get((one, k), {}) for one in (arm, other)] for run in runs]
            apart = [_apart(*pair) for pair in sides]
            rows.append(_row(f"{ARMS[arm]} over {ARMS[other]}, Pass^{k}", apart, least=-100))
    return rows


def by_kind(runs: Sequence[Run], tasks: Sequence[Task]) -> list[Json]:
    """A row for each group of test tasks, the largest first: how many, and Pass^1 of each arm."""
    groups: dict[str, list[str]] = {}
    features = hardness(tasks)
    for task in tasks:
        harder = min(features[task.id], 3)
        count = counted(harder, "feature") + (" or more" if harder == 3 else "")
        for group in (*_groups(task), count):
            groups.setdefault(group, []).append(task.id)
    rows: list[Json] = []
    for group, ids in sorted(groups.items(), key=lambda one: -len(one[1])):
        means: dict[str, Json] = {}
        for arm in ARMS:
            passes = [run.passes.get((arm, 1), {}) for run in runs]
            found = [values[task] for values in passes for task in ids if task in values]
            means[arm] = round(fmean(found), 1) if found else None
        rows.append({"row": group, "tasks": len(ids), "arms": means})
    return rows


def _groups(task: Task) -> list[str]:
    requests = task.scenario.requests
    acts = any(request.outcome == "done" for request in requests)
    groups = ["all", "something is done" if acts else "only refused or handed over"]
    if len(requests) > 1:
        return [*groups, counted(len(requests), "request")]
    (request,) = requests
    kind = request.kind if acts else f"{request.kind}, {request.outcome}"
    return [*groups, "1 request", f"1 request: {kind}"]


def _apart(one: Values, other: Values) -> Values:
    return {task: one[task] - other[task] for task in sorted(one.keys() & other.keys())}


def _row(label: str, by_run: Sequence[Values], *, least: float) -> Json:
    tasks = sorted({task for values in by_run for task in values})
    means = [fmean(values[t] for values in by_run if t in values) for t in tasks]
    return {
        "row": label,
        "seeds": [_told([*values.values()], least) for values in by_run],
        "mean": _told(means, least),
        "tasks": len(tasks),
    }


def _told(values: Sequence[float], least: float) -> Json:
    """The mean of values in [least, 100] with its interval; None if there are none."""
    if not values:
        return None
    interval = bounded_interval(np.array(values), least)
    return {name: round(getattr(interval, name), 1) for name in ("value", "low", "high")}


def _cells(row: Json) -> list[str]:
    assert isinstance(row, dict)
    if isinstance(arms := row.get("arms"), dict):
        told = ["-" if value is None else str(value) for value in arms.values()]
        return [str(row["row"]), str(row["tasks"]), *told]
    assert isinstance(row["seeds"], list)
    return [str(row["row"]), *map(_cell, row["seeds"]), _cell(row["mean"])]


def _cell(figures: Json) -> str:
    if not isinstance(figures, dict):
        return "-"
    return f"{figures['value']} [{figures['low']}, {figures['high']}]"


if __name__ == "__main__":
    main()
