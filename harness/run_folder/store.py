"""What a run consists of: its settings, the stations that are complete, checkpoints, episodes."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

from harness.errors import RunError
from harness.run_folder.disk import FolderFiles, disk_errors, read_errors, say
from harness.run_folder.marks import (
    EPISODES,
    Left,
    Mark,
    differences,
    intact,
    left_by,
    left_in,
    mark_name,
    names_of,
)
from harness.run_folder.rows import EpisodeRow, Outline, once, plain_row
from harness.run_folder.together import is_leftover, is_unsettled
from harness.run_folder.weights import digests_of
from harness.runtime import files
from harness.runtime.inside import LeadsOutside, opened, place
from harness.runtime.json_lines import adapter
from harness.types import Checkpoint, Episode, Json, Split, Task
from harness.types.names import EvaluationName, StationName

CONFIG = "config.json"
TASKS = "tasks"
LOCK = "run.lock"
PLUGINS = "plugins"
PROOFS = "proofs.jsonl"

_NUMBER = re.compile(r"[0-9]{1,9}")


class RunFolder(FolderFiles):
    """One run folder."""

    @classmethod
    def create(
        cls,
        folder: Path,
        config: Mapping[str, Json],
        tasks: Mapping[Split, Sequence[Task]] | None = None,
    ) -> RunFolder:
        """A new run folder; ``tasks`` are those to evaluate on by split, where they are known.
        Raises ``RunError`` if there is a run already or anything else in the way.
        """
        _refuse_taken(folder)
        store = cls(folder)
        with store.together():
            store.write_json(CONFIG, dict(config))
            for split, known in (tasks or {}).items():
                store.write_values(f"{TASKS}/{split}.jsonl", Task, known)
        return store

    @classmethod
    @contextmanager
    def whole(cls, folder: Path, config: Mapping[str, Json]) -> Iterator[RunFolder]:
        """A new run folder that is there once the block ends, with all that was written into it,
        and not at all if the block raises or the process dies. Raises as ``create``.
        """
        _refuse_taken(folder)
        with disk_errors(folder), files.whole(folder) as scratch:
            store = cls.create(scratch, config)
            yield store
            store.sync()
        store.folder = folder

    @classmethod
    def open(cls, folder: Path, warn: Callable[[str], None] = say) -> RunFolder:
        """An existing run folder. Raises ``RunError`` if it is not one, or if a link leaves it."""
        store = cls(folder, warn)
        if is_unsettled(folder):
            with store.lock():
                pass
        if not (folder / CONFIG).is_file():
            found = "does not exist" if not folder.exists() else f"has no {CONFIG}"
            raise RunError(
                f"{folder} is not a run folder: it {found}",
                hint="Give the folder that `harness loop --out` or `harness eval --out` made.",
            )
        store.refuse_links_out()
        return store

    @staticmethod
    def is_one(folder: Path) -> bool:
        """Whether a run was begun in the folder."""
        return (folder / CONFIG).exists() or is_unsettled(folder)

    @property
    def config(self) -> dict[str, Json]:
        return self.read_table(CONFIG)

    def change(self, settings: Mapping[str, Json]) -> dict[str, Json]:
        """All settings of the run once these are replaced; they are saved."""
        changed = {**self.config, **settings}
        self.write_json(CONFIG, changed)
        return changed

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder for this process. Raises ``RunError`` if another one holds it."""
        import fcntl

        with ExitStack() as stack:
            with self._writing(LOCK) as path:
                file = stack.enter_context(opened(path, os.O_RDWR | os.O_CREAT))
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise RunError(
                        f"{self.folder} is in use by another process",
                        hint="Wait for it to end, or stop it.",
                    ) from None
            self.held = True
            try:
                self.settle()
                with disk_errors(self.folder):
                    files.clear_scratch(self.folder)
                yield
            finally:
                self.held = False

    def discard_if_unused(self) -> None:
        """Remove the folder if it holds settings, tasks and what products keep: no run started."""
        names = {path.name for path in self.folder.iterdir()}
        if names <= {CONFIG, LOCK, TASKS, PLUGINS}:
            files.clear(self.folder)

    # --- stations ---------------------------------------------------------------------------------

    def is_done(self, station: str) -> bool:
        """Whether the station is complete and what it left is there, unchanged; a warning says what
        is not.
        """
        if not self.has(mark_name(station)):
            return False
        found = self.differences(station)
        if found:
            self.warn(f"{station} is not complete any more: {'; '.join(found)}")
        return not found

    def differences(self, station: str) -> list[str]:
        """What of the files of a station that was complete is not as it left them, in words."""
        name = mark_name(station)
        mark = self.read_value(name, Mark) if self.has(name) else Mark(station=station)
        with read_errors(self.folder):
            return [*differences(mark, self.path)]

    def done(self) -> list[str]:
        """The stations that were complete, by name, whatever became of their files."""
        names = sorted(path.name for path in (self.folder / "done").glob("*.json"))
        return [self.read_value(f"done/{name}", Mark).station for name in names]

    def finish(self, station: str, seconds: float) -> None:
        """Mark the station complete, once all that was written is on disk."""
        self.append("timings.jsonl", {"station": station, "seconds": round(seconds, 3)})
        self.sync()
        self.mark(station)

    def mark(self, station: str) -> None:
        """Mark the station complete, with what is written ``together`` with the mark."""
        with read_errors(self.folder):
            mark = Mark(station=station, files=left_by(station, self.newest))
        self.write_json(mark_name(station), adapter(Mark).dump_python(mark, mode="json"))

    def reopen(self, station: str) -> None:
        """Forget that the station was complete."""
        self.remove(mark_name(station))

    def clear_damaged(self, station: str) -> None:
        """Reopen a station whose files are not as it left them, without them: of its conversations
        those stay that are whole. Raises ``RunError`` for an imported evaluation.
        """
        if not (lost := self.differences(station)):
            return
        mark = self.read_value(mark_name(station), Mark)
        files = mark.files or {}
        if any(name.endswith("/originals.jsonl") for name in files):
            raise RunError(
                f"{self.folder} was imported and is damaged: {'; '.join(lost)}",
                hint="Import the recording again, into another folder.",
            )
        with self.together():
            self.reopen(station)
            for name, left in files.items():
                if name.startswith(f"{TASKS}/") and self._is_as_left(name, left):
                    continue  # other evaluations are on these tasks
                kept = intact(self._bytes(name), left) if left.each and self.has(name) else ""
                if kept:
                    self.write_text(name, kept)
                else:
                    self.remove(name)

    def _is_as_left(self, name: str, left: Left) -> bool:
        path = self.path(name)
        return path.is_file() and left_in(name, path).sha256 == left.sha256

    def rounds(self, name: str = "") -> list[int]:
        """The numbers of the rounds that have a folder, or a file of that name, in order."""
        paths = (self.folder / "rounds").glob("*")
        numbers = [path.name for path in paths if (path / name).exists()]
        return sorted(int(number) for number in numbers if _NUMBER.fullmatch(number))

    def seconds(self) -> dict[str, float]:
        """Seconds spent per station, without tries that were stopped."""
        total: dict[str, float] = {}
        for row in self.read_values("timings.jsonl", _Timing):
            total[row.station] = round(total.get(row.station, 0.0) + row.seconds, 3)
        return total

    # --- checkpoints ------------------------------------------------------------------------------

    def has_checkpoint(self, arm: str) -> bool:
        return self.has(_checkpoint_name(arm))

    def write_checkpoint(self, arm: str, checkpoint: Checkpoint) -> None:
        """Keep it, with the weights it is of on disk; digests that it has are believed. A path
        inside the run folder is kept relative to it, so that the folder may move. Evaluations of
        other weights of the arm are forgotten, and the rounds that read them are open again.
        """
        path = Path(checkpoint.path)
        if path.is_relative_to(self.folder):
            digests: Mapping[str, str] = {}
            if path.exists():
                with disk_errors(path):
                    files.sync(path)
                    digests = digests_of(path, checkpoint.digests)
            name = str(path.relative_to(self.folder))
            checkpoint = replace(checkpoint, path=name, digests=digests)
        else:
            checkpoint = replace(checkpoint, digests={})
        with self.together():
            self._forget_what_others_did(arm, checkpoint)
            self.write_json(
                _checkpoint_name(arm), adapter(Checkpoint).dump_python(checkpoint, mode="json")
            )

    def _forget_what_others_did(self, arm: str, checkpoint: Checkpoint) -> None:
        """Forget how the arm did, and reopen the rounds that read it, unless that was with the
        weights of this checkpoint.
        """
        stations = [StationName.evaluate(arm, split) for split in get_args(Split)]
        names = [name for station in stations for name in names_of(station)]
        found = [name for name in names if name.startswith("evals/") and self.has(name)]
        if not found:
            return
        name = _checkpoint_name(arm)
        had = self._checkpoint(name).digests if self.has(name) else {}
        if had and had == checkpoint.digests:
            return
        later = self._rounds_that_read(arm)
        stations += [station for number in later for station in self._done_in(number)]
        read = f", and round {', '.join(map(str, later))} made anew" if later else ""
        self.warn(f"{arm} has new weights: --resume the run to have them evaluated{read}")
        for station in stations:
            self.reopen(station)
        for name in found:
            self.remove(name)

    def _rounds_that_read(self, arm: str) -> list[int]:
        """The rounds whose failures are the arm's, in order."""

        def source(number: int) -> EvaluationName:
            name = f"rounds/{number}/discovery.json"
            return EvaluationName(self.read_field(name, "evaluation", str))

        found = self.rounds("discovery.json")
        return [number for number in found if source(number).arm == arm]

    def _done_in(self, number: int) -> list[StationName]:
        """The stations of a round that are done, but for evaluations: these follow the weights."""
        found = map(StationName, self.done())
        return [station for station in found if station.round == number]

    def read_checkpoint(self, arm: str) -> Checkpoint:
        """Raises ``RunError`` if the arm was not trained yet."""
        name = _checkpoint_name(arm)
        if not self.has(name):
            raise RunError(
                f"{self.folder} has no checkpoint {arm!r}", hint="Run the earlier stations first."
            )
        checkpoint = self._checkpoint(name)
        if self._is_here(name, checkpoint):
            return replace(checkpoint, path=str(self.folder / checkpoint.path))
        return checkpoint

    def models_elsewhere(self) -> list[str]:
        """The folders and hub ids outside this folder that its checkpoints name as their models."""
        paths = sorted((self.folder / "checkpoints").rglob("checkpoint.json"))
        names = [path.relative_to(self.folder).as_posix() for path in paths]
        found = [(name, self._checkpoint(name)) for name in names]
        return sorted({one.path for name, one in found if not self._is_here(name, one)} - {""})

    def _checkpoint(self, name: str) -> Checkpoint:
        return self.parsed(Checkpoint, name, self.read_text(name))

    def _is_here(self, name: str, checkpoint: Checkpoint) -> bool:
        """In its own place it is, even if it was lost there."""
        try:
            path = place(self.folder, checkpoint.path)
        except LeadsOutside:
            return False
        return path.exists() or path == (self.folder / name).with_name("model")

    # --- episodes ---------------------------------------------------------------------------------

    def append_episode(self, evaluation: str, episode: Episode) -> None:
        self.append(f"evals/{evaluation}/{EPISODES}", plain_row(episode))

    def write_episodes(self, evaluation: str, episodes: Sequence[Episode]) -> None:
        self.write_rows(f"evals/{evaluation}/{EPISODES}", map(plain_row, episodes))

    def read_episodes(self, evaluation: str, tasks: Sequence[Task]) -> list[Episode]:
        """The episodes of an evaluation on these tasks. Token traces are not kept."""
        return self._episodes(f"evals/{evaluation}/{EPISODES}", tasks)

    def read_outlines(self, evaluation: str) -> list[Outline]:
        """What the conversations of an evaluation came to."""
        return once(self.read_values(f"evals/{evaluation}/{EPISODES}", Outline))

    def evaluations(self) -> list[str]:
        """The names of the evaluations that have conversations, sorted; without those of weights
        kept on the way to an arm.
        """
        folder = self.folder / "evals"
        paths = [*folder.glob(f"*/{EPISODES}"), *folder.glob(f"*/warm-*/{EPISODES}")]
        return sorted(path.parent.relative_to(folder).as_posix() for path in paths)

    def append_proof(self, episode: Episode) -> None:
        """Keep a conversation of the teacher on a task to train on, whatever became of it."""
        self.append(PROOFS, plain_row(episode))

    def order_proofs(self, tasks: Sequence[Task]) -> None:
        """Put the latest conversation on each of these tasks in their order: after all others,
        unless they are in order where they are.
        """
        places = {task.id: place for place, task in enumerate(tasks)}
        found = self.read_values(PROOFS, EpisodeRow)
        rows = {row.trajectory.task_id: row for row in found}
        ours = [places[task_id] for task_id in rows if task_id in places]
        if ours != sorted(ours) or len(rows) < len(found):
            plain = adapter(EpisodeRow).dump_python
            ordered = sorted(rows, key=lambda task_id: places.get(task_id, -1))
            self.write_rows(PROOFS, (plain(rows[task_id], mode="json") for task_id in ordered))

    def proof_outlines(self) -> list[Outline]:
        """What the teacher's conversations on tasks to train on came to."""
        return once(self.read_values(PROOFS, Outline))

    def read_proofs(self, tasks: Sequence[Task]) -> list[Episode]:
        return self._episodes(PROOFS, tasks)

    def _episodes(self, name: str, tasks: Sequence[Task]) -> list[Episode]:
        by_id = {task.id: task for task in tasks}
        return [
            Episode(
                task=by_id[row.trajectory.task_id],
                trajectory=row.trajectory,
                grade=row.grade,
                score=row.score,
            )
            for row in once(self.read_values(name, EpisodeRow))
            if row.trajectory.task_id in by_id
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Timing:
    station: str
    seconds: float


def _checkpoint_name(arm: str) -> str:
    return f"checkpoints/{arm}/checkpoint.json"


def _refuse_taken(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(map(_is_in_the_way, folder.iterdir()))):
        if RunFolder.is_one(folder):
            raise RunError(
                f"{folder} already holds a run",
                hint=f"Continue a loop by `harness loop --resume {folder}`, read what was imported "
                f"by `harness discover {folder}`; else choose another --out.",
            )
        raise RunError(f"{folder} exists and is not empty", hint="Choose another --out.")


def _is_in_the_way(path: Path) -> bool:
    ours = (LOCK, PLUGINS, CONFIG + files.SCRATCH)  # products are made before the run folder
    return path.name not in ours and not is_leftover(path)
