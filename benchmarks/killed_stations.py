"""Kill every station at every file operation, and fill its disk there: what is lost, doubled or
different once it was resumed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import typer.main
from dying_process import DIED, Ended, How, run

from harness.cli import app, main

ROOT = Path(__file__).parents[1]
CLOCKS = ("timings.jsonl", "cpu.jsonl", "run.lock")
"""Files that hold nothing but what the clock says, or nothing."""
_CLOCK = re.compile(rb'"(seconds|cpu)": ?(\{[^}]*\}|[0-9.]+)')

LOOP = """
seed = {seed}
domain = "weather"
policy = "pupil"
sft_trainer = "lessons"
trainer = "drill"
validation_tasks = 12
validation_trials = 1
test_tasks = 3
test_trials = 1
targeted_tasks = 2
held_out_demonstrations = 1
easy_demonstrations = 0.0
control = "generic"
warm_start = true
keep_every = 1

[{settings}options.admission]
rollouts_per_task = 2
"""
STUDY = """
title = "Kills"
seeds = [{seed}]

[settings]
preset = "quick"
{settings}

[arms.sft]

[arms.targeted]
trains = "targeted"

[[comparisons]]
arm = "targeted"
against = "sft"
"""

PLAIN = """
from harness.hookspecs import hookimpl
from harness.testing import PlainFormat


@hookimpl
def harness_formats():
    return {"plain": lambda settings: PlainFormat()}
"""

Words = Sequence[object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """A command, how it goes on once it was killed, and the commands that come before it.

    ``once``: a second time it adds more, so that it goes on only where nothing has happened.
    """

    name: str
    words: Words
    resumed: Words = ()
    before: Sequence[str] = ()
    once: bool = False


RUN, SEED, TASK = "run", "SEED", "TASK"
"""The run folder, and what stands in commands for the seed and for the first task that was made."""
STATIONS = (
    Station(
        name="loop",
        words=["loop", "--preset", "quick", "--config", "loop.toml", "--out", RUN],
        resumed=["loop", "--resume", RUN],
    ),
    Station(
        name="eval",
        words=["eval", "--domain", "weather", "--policy", "noisy:0.9", "--tasks", 8,
               "--trials", 1, "--split", "validation", "--seed", SEED, "--out", RUN],
        resumed=["eval", "--resume", RUN],
    ),
    Station(name="discover", words=["discover", RUN], before=["eval"]),
    Station(name="discover again", words=["discover", RUN, "--again"],
            before=["eval", "discover"], once=True),
    Station(name="inject", words=["inject", RUN, "--count", 2], before=["eval", "discover"]),
    Station(name="inject again", words=["inject", RUN, "--count", 2, "--again"],
            before=["eval", "discover", "inject"], once=True),
    Station(name="veto", words=["tasks", RUN, "--veto", "TASK"],
            before=["eval", "discover", "inject"], once=True),
    Station(name="train again", words=["train", RUN, "--again"], resumed=["train", RUN],
            before=["loop"]),
    Station(name="import", words=["import", "tau2", "recording.json", "--out", "imported"],
            before=["talk", "record"],
            once=True),
    Station(name="export to a file",
            words=["export", RUN, "--format", "tau2", "--out", "out/file.json"], before=["talk"]),
    Station(name="export to a folder",
            words=["export", RUN, "--format", "tau2", "--out", "out/folder"], before=["talk"],
            once=True),
    Station(name="study", words=["study", "run", "study.toml", "--out", "study", "--trust"]),
    Station(name="ablate", words=["ablate", RUN, "--train", "--seeds", 1, "--only", "task_success",
                             "--without", "length", "--out", "ablation", "--trust"],
            before=["loop"]),
)  # fmt: skip

TALK = Station(
    name="talk",
    words=["eval", "--domain", "retail", "--policy", "noisy:0.5", "--tasks", 3, "--seed", SEED,
           "--out", RUN],
)  # fmt: skip
RECORD = Station(
    name="record", words=["export", RUN, "--format", "tau2", "--out", "recording.json"]
)


@dataclass(slots=True)
class Tally:
    """What became of a run of a station that was killed or had no space left.

    ``lost`` and ``doubled`` are lines and files, ``differing`` files, all against the run that
    nothing happened to. ``stuck``: could not go on, or said it with a traceback.
    """

    lost: int = 0
    doubled: int = 0
    differing: int = 0
    stuck: int = 0
    examples: list[str] = field(default_factory=list)

    def blame(self, what: str, amount: int, example: str) -> None:
        if amount:
            setattr(self, what, getattr(self, what) + amount)
            self.examples = [*self.examples, f"{what}: {example}"][:5]


class Bench:
    """Folders in which stations run with one seed, each begun once and copied for every kill."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.seed = seed
        self._begun: dict[tuple[str, ...], Path] = {}
        self._whole: dict[str, tuple[Path, int]] = {}
        empty = folder / "empty"
        empty.mkdir(parents=True)
        (empty / "loop.toml").write_text(LOOP.format(seed=seed, settings=""))
        whole = LOOP.format(seed=seed, settings="settings.")
        (empty / "study.toml").write_text(STUDY.format(settings=whole, seed=seed))
        self._begun[()] = empty

    def begun(self, names: Sequence[str]) -> Path:
        """A folder in which these stations have run."""
        key = tuple(names)
        if key not in self._begun:
            before = self.begun(names[:-1])
            here = self.folder / "-".join(["begun", *names]).replace(" ", "-")
            shutil.copytree(before, here)
            self._done(here, next(s for s in (*STATIONS, TALK, RECORD) if s.name == names[-1]))
            self._begun[key] = here
        return self._begun[key]

    def operations(self, station: Station) -> int:
        """How many file operations the station makes if nothing happens to it."""
        return self._expected(station)[1]

    def attack(self, station: Station, how: How, at: int) -> Tally:
        """The station ended at that file operation, resumed, and compared."""
        before, (expected, _) = self.begun(station.before), self._expected(station)
        here = self._copy(before, "here")
        died = self._run(here, station.words, at=at, how=how)
        tally = Tally()
        self._judge(tally, station, here, expected, died, f"at {at}")
        return tally

    def _expected(self, station: Station) -> tuple[Path, int]:
        if station.name not in self._whole:
            name = f"expected-{station.name}".replace(" ", "-")
            here = self._copy(self.begun(station.before), name)
            self._whole[station.name] = here, self._done(here, station).operations
        return self._whole[station.name]

    def _judge(
        self, tally: Tally, station: Station, here: Path, expected: Path, died: Ended, where: str
    ) -> None:
        if died.status not in (DIED, 0, 1) or "Traceback" in died.said:
            tally.blame("stuck", 1, f"{where}: {died.status} {died.said[-600:]}")
        if station.once:
            self._run(here, ["tasks", RUN])  # whoever opens the folder finishes the step
        if station.once and _of_step(here) == _of_step(expected):
            return
        words = station.resumed or station.words
        ended = self._run(here, words)
        if ended.status and station.resumed:  # it had not begun
            ended = self._run(here, station.words)
        if ended.status:
            tally.blame("stuck", 1, f"{where}: {ended.said[-600:]}")
            return
        _compare(tally, _values(here), _values(expected), where)

    def _copy(self, folder: Path, name: str) -> Path:
        here = self.folder / name
        shutil.rmtree(here, ignore_errors=True)
        shutil.copytree(folder, here)
        return here

    def _done(self, here: Path, station: Station) -> Ended:
        ended = self._run(here, station.words)
        if ended.status:
            raise SystemExit(f"{station.name} does not run: {ended.said}")
        return ended

    def _run(self, here: Path, words: Words, *, at: int = 0, how: How = "killed") -> Ended:
        """The command in a folder that is always called the same, since files name it."""
        place = self.folder / "place"
        said = [self.seed if word == SEED else word for word in words]
        here.rename(place)
        try:
            return run(
                lambda: _command(place, said), place, at=at, how=how,
                errors=self.folder / "said.txt",
            )  # fmt: skip
        finally:
            place.rename(here)


def _command(here: Path, words: Words) -> None:
    os.chdir(here)
    if TASK in words:
        first = (here / RUN / "rounds/1/tasks.jsonl").read_text().splitlines()[0]
        words = [json.loads(first)["id"] if word == TASK else word for word in words]
    sys.argv = ["harness", *map(str, words)]
    main()


def _of_step(folder: Path) -> dict[str, bytes]:
    """Without the report, which every command makes anew, and what the next that writes clears."""
    found = _values(folder).items()
    return {name: v for name, v in found if name != f"{RUN}/report.json" and ".part" not in name}


def _values(folder: Path) -> dict[str, bytes]:
    """The files of a folder by name, without what the clock says."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and path.name not in CLOCKS:
            found[name] = _CLOCK.sub(b"", path.read_bytes())
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
