"""Kill every station at every operation that changes files, and fill its disk there: what is lost,
doubled or different once it was resumed.

A station runs once, and what a kill at each of its operations would leave is kept. Kills that leave
the same files, but for what the clock says, are resumed once. One in ``CHECKED`` kills and all full
disks are had for real.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import typer.main
from attacked_stations import LOOP, RECORD, RUN, SEED, STATIONS, STUDY, TALK, TASK, Station, Words
from dying_process import Ended, How, Operation, recorded, run
from folder_states import States, without_clock

sys.path.insert(0, str(Path(__file__).parents[1]))

from harness.cli import app, main
from tests.hints import misleading

ROOT = Path(__file__).parents[1]

CLOCKS = ("timings.jsonl", "cpu.jsonl", "run.lock")
"""Files that hold nothing but what the clock says, or nothing."""
CHECKED = 50
"""One in so many kills is had for real, to see that it leaves what was kept."""

PLAIN = """
from harness.hookspecs import hookimpl
from harness.testing import PlainFormat


@hookimpl
def harness_formats():
    return {"plain": lambda settings: PlainFormat()}
"""


@dataclass(slots=True)
class Tally:
    """What became of a run of a station that was killed or had no space left.

    ``lost`` and ``doubled`` are lines and files, ``differing`` files, all against the run that
    nothing happened to. ``stuck``: could not go on, said it with a traceback, or advised a flag
    that its command lacks. ``left``: a digest of the files that it left, the same for all that were
    judged as one.
    """

    lost: int = 0
    doubled: int = 0
    differing: int = 0
    stuck: int = 0
    left: str = ""
    examples: list[str] = field(default_factory=list)

    def blame(self, what: str, amount: int, example: str) -> None:
        if amount:
            setattr(self, what, getattr(self, what) + amount)
            self.examples = [*self.examples, f"{what}: {example}"][:5]


@dataclass(frozen=True, slots=True)
class _Whole:
    """A station that nothing happened to: the files that it left, and its operations."""

    values: Mapping[str, bytes]
    of_step: Mapping[str, bytes]
    operations: Sequence[Operation]


class Bench:
    """Folders in which stations run with one seed, each begun once and copied for every end."""

    def __init__(self, folder: Path, seed: int, tries: Sequence[Mapping[str, Any]] = ()) -> None:
        """``tries``: what became of ends before, whose files are not resumed again."""
        self.folder = folder
        self.seed = seed
        self._states = States(folder / "states")
        self._begun: dict[tuple[str, ...], str] = {}
        self._whole: dict[str, _Whole] = {}
        names = [name.name for name in fields(Tally)]
        self._judged = {
            (tried["station"], tried["left"]): Tally(**{name: tried[name] for name in names})
            for tried in tries
            if tried["how"] != "full"  # what that said itself is judged, too
        }
        empty = folder / "empty"
        empty.mkdir(parents=True)
        (empty / "loop.toml").write_text(LOOP.format(seed=seed, settings=""))
        whole = LOOP.format(seed=seed, settings="settings.")
        (empty / "study.toml").write_text(STUDY.format(settings=whole, seed=seed))
        self._begun[()] = self._states.take(empty)

    def begun(self, names: Sequence[str]) -> Path:
        """A new folder in which these stations have run."""
        here = self.folder / "-".join(["begun", *names]).replace(" ", "-")
        self._states.put(self._after(names), here)
        return here

    def operations(self, station: Station) -> Sequence[Operation]:
        """What the station changes if nothing happens to it."""
        return self._expected(station).operations

    def attack(self, station: Station, how: How, at: int) -> Tally:
        """The station ended at that operation, resumed, and compared."""
        operation, where = self.operations(station)[at - 1], f"at {at}"
        if how == "full":
            return self._filled(station, at, f"{where} ({operation.what})")
        left = operation.torn if how == "torn" else operation.killed
        if at % CHECKED == 0:
            with self._place(self._after(station.before)) as place:
                self._run(place, station.words, at=at, how=how)
                if self._states.take(place) != left:
                    raise AssertionError(f"{station.name} {where}: a kill leaves other files")
        return self._resumed(station, left, f"{where} ({operation.what})")

    def _filled(self, station: Station, at: int, where: str) -> Tally:
        with self._place(self._after(station.before)) as place:
            ended = self._run(place, station.words, at=at, how="full")
            left = self._states.take(place)
        tally = replace(self._resumed(station, left, where))
        wrong = misleading(station.words, ended.said)
        if ended.status not in (0, 1) or "Traceback" in ended.said or wrong:
            tally.blame("stuck", 1, f"{where}: {ended.status} {ended.said[-600:]}")
        return tally

    def _resumed(self, station: Station, left: str, where: str) -> Tally:
        """What the station comes to from these files."""
        key = station.name, left
        if key not in self._judged:
            tally = Tally(left=left)
            with self._place(left) as place:
                self._judge(tally, station, place, where)
            self._judged[key] = tally
        return self._judged[key]

    def _judge(self, tally: Tally, station: Station, place: Path, where: str) -> None:
        expected = self._expected(station)
        begun = tally.left != self._after(station.before)
        if station.once:
            self._run(place, ["tasks", RUN])  # whoever opens the folder finishes the step
        if station.once and _of_step(_values(place)) == expected.of_step:
            return
        resumes = station.resumed and begun
        ended = self._run(place, station.resumed if resumes else station.words)
        if ended.status and resumes:  # of its own files there was nothing yet
            said, ended = ended.said, self._run(place, station.words)
            ended = replace(ended, said=said + ended.said)
        if ended.status:
            tally.blame("stuck", 1, f"{where}: {ended.said[-600:]}")
            return
        _compare(tally, _values(place), expected.values, where)

    def _expected(self, station: Station) -> _Whole:
        if station.name not in self._whole:
            with self._place(self._after(station.before)) as place:
                ended, operations = recorded(
                    lambda: _command(place, self._said(station.words)), place, self._states,
                    errors=self._errors,
                )  # fmt: skip
                _check(station, ended)
                values = _values(place)
            self._whole[station.name] = _Whole(values, _of_step(values), operations)
        return self._whole[station.name]

    def _after(self, names: Sequence[str]) -> str:
        """The state of a folder in which these stations have run."""
        key = tuple(names)
        if key not in self._begun:
            station = next(s for s in (*STATIONS, TALK, RECORD) if s.name == names[-1])
            with self._place(self._after(names[:-1])) as place:
                _check(station, self._run(place, station.words))
                self._begun[key] = self._states.take(place)
        return self._begun[key]

    @contextmanager
    def _place(self, state: str) -> Iterator[Path]:
        """A folder in this state, always called the same, since files name it."""
        place = self.folder / "place"
        self._states.put(state, place)
        try:
            yield place
        finally:
            shutil.rmtree(place)

    def _run(self, place: Path, words: Words, *, at: int = 0, how: How = "killed") -> Ended:
        said = self._said(words)
        return run(lambda: _command(place, said), place, at=at, how=how, errors=self._errors)

    def _said(self, words: Words) -> Words:
        return [self.seed if word == SEED else word for word in words]

    @property
    def _errors(self) -> Path:
        return self.folder / "said.txt"


def _check(station: Station, ended: Ended) -> None:
    if ended.status:
        raise SystemExit(f"{station.name} does not run: {ended.said}")


def _command(here: Path, words: Words) -> None:
    os.chdir(here)
    os.environ["XDG_STATE_HOME"] = str(here / "state")
    if TASK in words:
        first = (here / RUN / "rounds/1/tasks.jsonl").read_text().splitlines()[0]
        words = [json.loads(first)["id"] if word == TASK else word for word in words]
    sys.argv = ["harness", *map(str, words)]
    main()


def _of_step(values: Mapping[str, bytes]) -> dict[str, bytes]:
    """Without the report, which every command makes anew, and what the next that writes clears."""
    report = f"{RUN}/report.json"
    return {name: v for name, v in values.items() if name != report and ".part" not in name}


def _values(folder: Path) -> dict[str, bytes]:
    """The files of a folder by name, without what the clock says."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and path.name not in CLOCKS:
            found[name] = without_clock(path.read_bytes())
    return found


def _compare(
    tally: Tally, found: Mapping[str, bytes], expected: Mapping[str, bytes], where: str
) -> None:
    for name in sorted({*found, *expected}):
        has, wanted = found.get(name), expected.get(name)
        if has == wanted:
            continue
        if has is None:
            tally.blame("lost", 1, f"{where}: {name} is missing")
        elif wanted is None:
            tally.blame("differing", 1, f"{where}: {name} is left over")
        elif name.endswith(".jsonl"):
            lines, known = Counter(has.splitlines()), Counter(wanted.splitlines())
            more, fewer = (lines - known).total(), (known - lines).total()
            changed = min(more, fewer)
            tally.blame("lost", fewer - changed, f"{where}: {name}")
            tally.blame("doubled", more - changed, f"{where}: {name}")
            tally.blame("differing", int(changed > 0 or more == fewer), f"{where}: {name}")
        else:
            tally.blame("differing", 1, f"{where}: {name}")


def prepare(folder: Path) -> None:
    """Install what the stations need into the folder, for a user of its own, and make once in this
    process what every command makes anew: its children have it from the start.
    """
    from harness.llm import roles
    from harness.report import parse

    site = folder / "site"
    _install(site)
    sys.path.insert(0, str(site))
    os.environ |= {"XDG_STATE_HOME": str(folder / "state"), "COLUMNS": "200"}
    os.environ["HARNESS_CACHE_DIR"] = str(folder / "cache")
    os.environ.pop("HARNESS_TRACEBACK", None)
    typer.main.get_command = cache(typer.main.get_command)
    typer.main.get_command(app)
    roles.open_registry = cache(roles.open_registry)
    roles.open_registry()
    parse._adapter()
    _make_tasks_once()


def _make_tasks_once() -> None:
    weather = importlib.import_module("harness_weather.domain").Weather
    make = weather.tasks
    made = cache(lambda split: tuple(make(weather(), split)))
    weather.tasks = lambda self, split: [*made(split)]
    for split in ("train", "validation", "test"):
        made(split)


def _install(site: Path) -> None:
    """The tests' weather domain, pupil and plain format, as pip would leave them."""
    site.mkdir()
    tests = ROOT / "tests"
    shutil.copytree(tests / "thirdparty" / "harness_weather" / "harness_weather",
                    site / "harness_weather")  # fmt: skip
    shutil.copy(tests / "e2e" / "plugin" / "harness_pupil.py", site)
    (site / "harness_plain.py").write_text(PLAIN)
    points = {"weather": "harness_weather", "pupil": "harness_pupil", "plain": "harness_plain"}
    for name, module in points.items():
        info = site / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[harness]\n{name} = {module}\n")
