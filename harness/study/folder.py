"""The study folder: what is fixed, the runs of each seed, and the rows of what is finished.

study.json               the study as it was started
runs/SEED/START/         what arms of the seed begin from ("shared", if the study names no starts)
runs/SEED/ARM/           the arm's run folder
rows/SEED/ARM.json       the arm's row of results: it is finished
logs/SEED/ARM.log        what a turn in a process of its own said
results.json             the study and all rows: what the report is made from
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.assembly.config import LoopConfig
from harness.errors import NothingToLearn, RunError
from harness.run_folder import FolderFiles, RunFolder
from harness.runtime.files import SCRATCH, alone
from harness.study.arms import branch, with_weights
from harness.study.cpu_meter import cpu_seconds
from harness.study.packing import packed
from harness.study.results_file import Result
from harness.study.spec import Study, Turn, changes, parse_study
from harness.types import Json
from harness.types.names import ArmName, StationName

PLAN = "study.json"
RESULTS = "results.json"


class StudyFolder:
    """A study and its folder."""

    def __init__(self, folder: Path, study: Study) -> None:
        self.folder = folder
        self.study = study
        self._files = FolderFiles(folder)

    @classmethod
    def begin(cls, folder: Path, study: Study) -> StudyFolder:
        """The folder, new or to be gone on with. Arms, comparisons and seeds may have been added
        since.

        Raises ``RunError`` if anything else of the study has changed since it was started.
        """
        opened = cls(folder, study)
        if (folder / PLAN).exists():
            if changed := changes(cls.open(folder).study, study):
                raise RunError(
                    f"{folder} was started with a different study: {', '.join(changed)} differ",
                    hint="A study cannot change once it has started; choose another --out.",
                )
        elif folder.exists() and any(path.name != PLAN + SCRATCH for path in folder.iterdir()):
            raise RunError(f"{folder} is not empty", hint="Choose another --out.")
        opened._files.write_json(PLAN, study.plain())
        return opened

    @classmethod
    def open(cls, folder: Path) -> StudyFolder:
        """An existing study folder. Raises ``RunError`` if it is none, or if a link leaves it."""
        if not (folder / PLAN).is_file():
            raise RunError(
                f"{folder} is not a study folder: it has no {PLAN}",
                hint="Give the folder that `harness study run --out` made.",
            )
        files = FolderFiles(folder)
        files.refuse_links_out()
        return cls(folder, parse_study(files.read_table(PLAN), str(folder / PLAN)))

    def is_done(self, turn: Turn) -> bool:
        return self._files.has(_row(turn))

    def row(self, turn: Turn) -> dict[str, Any]:
        """The turn's row as it was kept. Raises ``RunError`` if it is none."""
        self._files.read_value(_row(turn), Result)
        return self._files.read_table(_row(turn))

    def finish(self, turn: Turn, row: Mapping[str, Json]) -> None:
        """Keep the turn's row, and where it begins; with it the turn is done."""
        shared = replace(turn, arm=self.study.start_of(turn.arm))
        known = self.row(shared) if turn != shared and self.is_done(shared) else {}
        begins = {"start": known["start"]} if "start" in known else {}
        whole = {"seed": turn.seed, "arm": turn.arm, **begins, **row}
        self._files.write_json(_row(turn), whole)

    def run_folder(self, turn: Turn) -> Path:
        return self.folder / "runs" / str(turn.seed) / turn.arm

    def log(self, turn: Turn) -> Path:
        """The file in which a turn in a process of its own says what it does, made if need be."""
        name = f"logs/{turn.seed}/{turn.arm}.log"
        if not self._files.has(name):
            self._files.write_text(name, "")
        return self._files.path(name)

    def open_run(self, turn: Turn) -> RunFolder:
        """The turn's run folder, made if there is none yet. What it needs must be done."""
        target = self.run_folder(turn)
        config = self.study.config(turn.arm, turn.seed)
        if turn.arm in self.study.starts:
            return self._open_start(turn, config)
        if target.exists():
            return RunFolder.open(target)
        arm = self.study.arms[turn.arm]
        origin = replace(turn, arm=arm.after or arm.begins)
        if arm.start == "after":
            return with_weights(self.run_folder(origin), target, config)
        if arm.as_long_as:
            like = Turn(seed=turn.seed, arm=arm.as_long_as)
            seconds = self.cpu_seconds(like, training_alone=arm.has_tasks)
            config = _with_option(config, arm.budget, round(max(seconds, 1.0), 1))
        return branch(self.run_folder(origin), target, config, own_tasks=arm.own_tasks)

    def _open_start(self, turn: Turn, config: LoopConfig) -> RunFolder:
        target = self.run_folder(turn)
        if sft_of := self.study.starts[turn.arm].sft_of:
            return with_weights(self.run_folder(replace(turn, arm=sft_of)), target, config)
        if RunFolder.is_one(target):
            return RunFolder.open(target)
        return RunFolder.create(target, config.plain())

    def left_by(self, turn: Turn) -> str:
        """The name of the checkpoint that a finished arm left. Raises ``NothingToLearn`` if it is
        void.
        """
        row = self._files.read_value(_row(turn), Result)
        if row.void:
            raise NothingToLearn(
                f"there is no policy of {turn}: {row.void}",
                hint="Run the other arms: this one has nothing to test.",
            )
        return row.checkpoint

    def cpu_seconds(self, turn: Turn, *, training_alone: bool = False) -> float:
        """What the arm cost beyond SFT: all that it took to make its tasks and to train on them,
        but for conversations on test tasks. ``training_alone``: without making its tasks.
        """
        arms = [turn.arm]
        while after := self.study.arms[arms[-1]].after:
            arms.append(after)
        spent = [
            cpu_seconds(RunFolder(self.run_folder(Turn(seed=turn.seed, arm=name))))
            for name in (*arms, self.study.start_of(turn.arm))
        ]
        return sum(
            seconds
            for stations in spent
            for name, seconds in stations.items()
            if _beyond_sft(StationName(name), training_alone)
        )

    def results(self) -> Path:
        """Write all rows there are into one file; several processes may do it at once."""
        with alone(self.folder, wait=True):
            turns = [turn for turn in self.study.turns() if self.is_done(turn)]
            text = packed(self.study.plain(), (self.row(turn) for turn in turns))
            self._files.write_text(RESULTS, text)
        return self._files.path(RESULTS)


def results_file(source: Path) -> Path:
    """The results of a study folder, written anew; any other path as it is."""
    return StudyFolder.open(source).results() if (source / PLAN).is_file() else source


def _row(turn: Turn) -> str:
    return f"rows/{turn.seed}/{turn.arm}.json"


def _beyond_sft(station: StationName, training_alone: bool) -> bool:
    if station in (StationName.BASE, StationName.train(ArmName.SFT)) or station.is_test:
        return False
    return station.kind == "train" or not training_alone


def _with_option(config: LoopConfig, option: str, value: Json) -> LoopConfig:
    table, _, key = option.partition(".")
    options = {**config.options, table: {**config.options.get(table, {}), key: value}}
    return replace(config, options=options)
