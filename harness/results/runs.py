"""Turn a folder of run folders into a row for each: which run it is, how far it got, how it did."""

from __future__ import annotations

import time
from pathlib import Path

from harness.errors import HarnessError, RunError
from harness.run_folder import CONFIG, RunFolder
from harness.types import Json

Row = dict[str, Json]

_REPORT = "report.json"


def run_list(folder: Path) -> list[Row]:
    """A row for each run in the folder, the one that was written to last first.

    A run that cannot be read has its ``error`` in its row. Raises ``RunError`` if there is no run.
    """
    found = [path for path in sorted(folder.glob("*")) if path.is_dir() and RunFolder.is_one(path)]
    if not found:
        raise RunError(
            f"there is no run in {folder}",
            hint="`harness loop` and `harness eval` make one; name another folder as an argument.",
        )
    return sorted((_row(path) for path in found), key=lambda row: str(row["changed"]), reverse=True)


def _row(path: Path) -> Row:
    row: Row = {
        "run": str(path), "changed": _changed(path), "domain": "", "policy": "", "stations": 0,
        "complete": False, "arm": "", "pass_1": None, "tasks": None, "error": "",
    }  # fmt: skip
    try:
        store = RunFolder.open(path)
        config = store.config
        row |= {name: str(config.get(name, "")) for name in ("domain", "policy")}
        row["stations"] = len(store.done())
        if store.has(_REPORT):
            row |= _reported(store)
    except HarnessError as error:
        row["error"] = str(error)
    return row


def _reported(store: RunFolder) -> Row:
    """The newest arm that was evaluated, as the report of the run has it."""
    complete = store.read_field(_REPORT, "complete", bool)
    for part in ("arms", "validation"):
        arms = store.read_field(_REPORT, part, list[dict[str, Json]])
        if arms:
            return {"complete": complete, **_arm(arms[-1])}
    return {"complete": complete}


def _arm(arm: dict[str, Json]) -> Row:
    passed = arm.get("pass")
    first = passed.get("1") if isinstance(passed, dict) else None
    value = first.get("value") if isinstance(first, dict) else None
    return {"arm": arm.get("name"), "tasks": arm.get("tasks"), "pass_1": value}


def _changed(path: Path) -> str:
    """When the run's own files were last changed, in local time."""
    names = (CONFIG, _REPORT, "timings.jsonl")
    times = [(path / name).stat().st_mtime for name in names if (path / name).exists()]
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(max(times, default=0.0)))
