"""Turn the events of a run into what trackers keep: settings, curves, Pass^k, patterns, files."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from harness.llm.redaction import Redactor
from harness.protocols import Event
from harness.report.report_files import write_report_files
from harness.results.arms import arm_order
from harness.results.report_document import summarise
from harness.run_folder import CONFIG, RunFolder
from harness.types import Json, stable_id
from harness.types.names import StationName

FOLDER = "trackers"
"""Where in a run folder trackers keep their files, each in a folder of its own."""

PATTERNS = "patterns"
COLUMNS = ("round", "id", "name", "family", "failures", "share")
"""Of the table of patterns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """``project``: under which name runs are put together. ``artifacts``: which files the tracker
    keeps: none, the report, or the newest model as well.
    """

    project: str = "errata-harness"
    artifacts: Literal["none", "report", "model"] = "report"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run as a tracker begins or continues it. ``id`` is always the same for a run folder;
    ``folder``, in the run folder and perhaps not there yet, is for the tracker's files; ``beside``
    is where the run folder is; ``config`` holds no secret.
    """

    id: str
    name: str
    project: str
    folder: Path
    beside: Path
    config: Mapping[str, Json]


class Tracker(Protocol):
    """A run in a tracker's own library, open."""

    def scalars(self, group: str, values: Mapping[str, float], step: int) -> None:
        """Finite numbers by name, at a step of the group."""
        ...

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Json]]) -> None:
        """A whole table; it replaces one of that name."""
        ...

    def artifact(self, name: str, path: Path) -> None:
        """Keep a file or a folder."""
        ...

    def close(self) -> None:
        """Everything is on disk when this returns."""
        ...


class TrackingObserver:
    """An ``Observer`` that keeps each run it hears of in a tracker."""

    def __init__(self, name: str, start: Callable[[Run], Tracker], options: Options) -> None:
        self._name = name
        self._start = start
        self._options = options
        self._open: tuple[RunFolder, Tracker] | None = None
        self._evaluations = 0

    def notify(self, event: Event) -> None:
        if event.name == "run_opened":
            self._close()
            self._begin(RunFolder(Path(str(event.data["run"]))))
        elif self._open is not None:
            self._tell(*self._open, event)

    def _begin(self, store: RunFolder) -> None:
        config = store.config if store.has(CONFIG) else {}
        place = store.folder.resolve()
        run = Run(
            id=stable_id(str(place)),
            name=place.name,
            project=self._options.project,
            folder=store.path(f"{FOLDER}/{self._name}").resolve(),
            beside=place.parent,
            config=Redactor().value(config),
        )
        self._open = store, self._start(run)

    def _tell(self, store: RunFolder, tracker: Tracker, event: Event) -> None:
        match event.name:
            case "train_step":
                _train_step(tracker, event.data)
            case "station_finished":
                self._station(store, tracker, StationName(str(event.data["station"])))
            case "calls_counted":
                _calls(tracker, event.data["roles"])
            case "run_closed":
                self._files(store, tracker)
                self._close()

    def _station(self, store: RunFolder, tracker: Tracker, station: StationName) -> None:
        if not store.has(CONFIG):
            return
        if station.evaluation is not None:
            self._evaluations += 1
            for row in _arms(store, station):
                group = f"eval/{row['name']}-{row['split']}"
                tracker.scalars(group, dict(_passes(row)), self._evaluations)
        elif station.kind == "discover":
            tracker.table(PATTERNS, COLUMNS, _pattern_rows(store))

    def _files(self, store: RunFolder, tracker: Tracker) -> None:
        kept = self._options.artifacts
        if kept == "none" or not store.has("report.json"):
            return
        page = store.path(f"{FOLDER}/report.html")
        page.parent.mkdir(exist_ok=True)
        write_report_files(store, store.read_table("report.json"), svg=None, html=page)
        tracker.artifact("report", page)
        if kept == "model" and (model := _newest_model(store)):
            tracker.artifact("model", model)

    def _close(self) -> None:
        if self._open is not None:
            _, tracker = self._open
            self._open = None
            tracker.close()


def _train_step(tracker: Tracker, data: Mapping[str, Json]) -> None:
    arm = str(data["station"]).removeprefix("train ")
    step = data["step"]
    metrics = {k: v for k, v in data.items() if k not in ("station", "step", "steps")}
    tracker.scalars(f"train/{arm}", finite(metrics), step if isinstance(step, int) else 0)


def _calls(tracker: Tracker, roles: Json) -> None:
    for role, counts in (roles if isinstance(roles, dict) else {}).items():
        tracker.scalars(f"calls/{role}", finite(counts if isinstance(counts, dict) else {}), 0)


def finite(values: Mapping[str, Json]) -> dict[str, float]:
    """The numbers among the values that a curve can show."""
    return {
        name: float(value)
        for name, value in values.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    }


def _arms(store: RunFolder, station: StationName) -> Iterator[Mapping[str, Json]]:
    """The report's row of the arm that was evaluated."""
    report = summarise(store, complete=False)
    for rows in (report["arms"], report["validation"]):
        for row in rows if isinstance(rows, list) else []:
            if isinstance(row, dict) and station == StationName.evaluate(
                str(row["name"]),
                row["split"],  # type: ignore[arg-type]
            ):
                yield row


def _passes(row: Mapping[str, Json]) -> Iterator[tuple[str, float]]:
    """Pass^k in percent with the bounds of its interval: pass_1, pass_1_low, pass_1_high, ..."""
    passed = row["pass"]
    for k, interval in (passed if isinstance(passed, dict) else {}).items():
        if isinstance(interval, dict):
            for end, value in finite(interval).items():
                yield f"pass_{k}" if end == "value" else f"pass_{k}_{end}", value


def _pattern_rows(store: RunFolder) -> list[list[Json]]:
    rows: list[list[Json]] = []
    patterns = summarise(store, complete=False)["patterns"]
    for pattern in patterns if isinstance(patterns, list) else []:
        if isinstance(pattern, dict) and isinstance(pattern["rounds"], list):
            about = [pattern[key] for key in ("id", "name", "family")]
            for seen in pattern["rounds"]:
                if isinstance(seen, dict):
                    rows.append([seen["round"], *about, seen["count"], seen["share"]])
    return rows


def _newest_model(store: RunFolder) -> Path | None:
    """The folder of the newest arm's model; None if there is none in the run folder."""
    names = [path.parent.name for path in (store.folder / "checkpoints").glob("*/checkpoint.json")]
    for arm in sorted(names, key=arm_order, reverse=True):
        path = Path(store.read_checkpoint(arm).path)
        if path.is_dir() and path.is_relative_to(store.folder):
            return path
    return None
