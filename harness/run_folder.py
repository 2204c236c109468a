"""The run folder: the only reader and writer of it. What is complete is marked, so that a resumed
run skips it.

config.json            the resolved settings
tasks/SPLIT.jsonl      the held-out tasks the run evaluates on
checkpoints/ARM/       checkpoint.json and the model folder; rollouts.jsonl, one line per
                       conversation of RL training (see ``harness.training.rollout_log``)
proofs.jsonl           the teacher's conversations on tasks that were trained on
evals/ARM-SPLIT/       episodes.jsonl, one line per conversation; tasks.jsonl where its tasks are
                       not those of tasks/SPLIT.jsonl; on test tasks also blame.json and
                       mistakes.jsonl: whose fault, what kind of mistake; of an imported one also
                       originals.jsonl, diagnoses.jsonl and about.json: what its file held
rounds/N/              diagnoses.jsonl, patterns.jsonl; tasks.jsonl and what else
                       ``harness.injection.station`` writes
vetoes.jsonl           which targeted tasks are kept out of training
data_version.json      the version of the domain's data that the evaluations are on
calls.json             calls to chat models by role: tokens, cost, retries, faults
timings.jsonl          seconds per station, kept apart from what the seeds decide
report.json            what `harness report` renders

A file is replaced as a whole or grows by lines. A whole file, and what a step of training or a veto
adds, is on disk when the call returns: it survives a power cut. Other lines are only written: they
survive the end of the process and are on disk once their station is finished, since a wait for the
disk after each conversation would hold up all others. A line torn by a crash is cut off, with a
warning, by the next process that appends to its file or, holding the folder, reads it.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from harness.errors import RunError
from harness.runtime import files
from harness.runtime.json_lines import adapter, lines_of, value_of
from harness.types import Checkpoint, Episode, Grade, Json, Score, Task, Trajectory

T = TypeVar("T")

CONFIG = "config.json"
LOCK = "run.lock"
EPISODES = "episodes.jsonl"
PROOFS = "proofs.jsonl"


class RunFolder:
    """One run folder. ``warn`` is called for damage that was found and repaired.

    Every write raises ``RunError`` when the disk is full or the folder cannot be written.
    """

    def __init__(self, folder: Path, warn: Callable[[str], None] = lambda message: None) -> None:
        self.folder = folder
        self.warn = warn
        self._held = False
        self._unsynced: set[str] = set()

    @classmethod
    def create(cls, folder: Path, config: Mapping[str, Json]) -> RunFolder:
        """A new run folder. Raises ``RunError`` if there is a run already or anything else in the
        way.
        """
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            is_run = folder.is_dir() and (folder / CONFIG).exists()
            raise RunError(
                f"{folder} {'already holds a run' if is_run else 'exists and is not empty'}",
                hint=f"Continue it with --resume {folder}, or choose another --out."
                if is_run
                else "Choose another --out.",
            )
        store = cls(folder)
        store.write_json(CONFIG, dict(config))
        return store

    @classmethod
    def open(cls, folder: Path, warn: Callable[[str], None] = lambda message: None) -> RunFolder:
        """An existing run folder. Raises ``RunError`` if it is not one."""
        if not (folder / CONFIG).is_file():
            found = "does not exist" if not folder.exists() else f"has no {CONFIG}"
            raise RunError(
                f"{folder} is not a run folder: it {found}",
                hint="Give the folder that `harness loop --out` or `harness eval --out` made.",
            )
        return cls(folder, warn)

    @property
    def config(self) -> dict[str, Json]:
        found = self.read_json(CONFIG)
        if not isinstance(found, dict):
            raise RunError(f"{self.folder / CONFIG} holds no settings", hint="Start a new run.")
        return found

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
                file = stack.enter_context(path.open("a"))
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise RunError(
                        f"{self.folder} is in use by another process",
                        hint="Wait for it to end, or stop it.",
                    ) from None
            self._held = True
            try:
                yield
            finally:
                self._held = False

    def discard_if_unused(self) -> None:
        """Remove the folder if it holds settings and nothing else: no run has started in it."""
        names = {path.name for path in self.folder.iterdir()}
        if names <= {CONFIG, LOCK}:
            for name in names:
                (self.folder / name).unlink()
            self.folder.rmdir()

    # --- stations ---------------------------------------------------------------------------------

    def is_done(self, station: str) -> bool:
        return self._mark(station).exists()

    def finish(self, station: str, seconds: float) -> None:
        """Mark the station complete, once all that was written is on disk."""
        self.append("timings.jsonl", {"station": station, "seconds": round(seconds, 3)})
        for name in sorted(self._unsynced):
            with self._writing(name) as path:
                files.sync(path)
        self._unsynced.clear()
        self.write_json(f"done/{_slug(station)}.json", {"station": station})

    def reopen(self, station: str) -> None:
        """Forget that the station was complete."""
        self.remove(f"done/{_slug(station)}.json")

    def seconds(self) -> dict[str, float]:
        """Seconds spent per station, summed over resumed parts."""
        total: dict[str, float] = {}
        for row in self.read_rows("timings.jsonl"):
            name, seconds = row["station"], row["seconds"]
            if isinstance(name, str) and isinstance(seconds, int | float):
                total[name] = round(total.get(name, 0.0) + seconds, 3)
        return total

    def _mark(self, station: str) -> Path:
        return self.folder / "done" / f"{_slug(station)}.json"

    # --- values -----------------------------------------------------------------------------------

    def write_values(self, name: str, shape: type[T], values: Sequence[T]) -> None:
        """Frozen dataclasses, one JSON line each."""
        self._write_text(name, lines_of(shape, values))

    def append_values(self, name: str, shape: type[T], values: Sequence[T]) -> None:
        """The same at the end of a file, on disk when this returns."""
        if values:
            self._append_text(name, lines_of(shape, values), sync=True)

    def read_values(self, name: str, shape: type[T]) -> list[T]:
        """What ``write_values`` wrote; [] if there is no such file. Raises ``RunError`` naming the
        line that does not fit.
        """
        return [
            self._parse(shape, f"{name}, line {number}", line)
            for number, line in enumerate(self._lines(name), start=1)
        ]

    def write_rows(self, name: str, rows: Iterable[Mapping[str, object]]) -> None:
        """JSON objects, one line each."""
        self._write_text(name, "".join(json.dumps(row) + "\n" for row in rows))

    def has(self, name: str) -> bool:
        return (self.folder / name).exists()

    def has_checkpoint(self, arm: str) -> bool:
        return self.has(f"checkpoints/{arm}/checkpoint.json")

    def write_checkpoint(self, arm: str, checkpoint: Checkpoint) -> None:
        """Keep it, with the weights it is of on disk. A path inside the run folder is kept relative
        to it, so that the folder may move.
        """
        path = Path(checkpoint.path)
        if path.is_relative_to(self.folder):
            if path.exists():
                with disk_errors(path):
                    files.sync(path)
            checkpoint = replace(checkpoint, path=str(path.relative_to(self.folder)))
        self.write_json(
            f"checkpoints/{arm}/checkpoint.json",
            adapter(Checkpoint).dump_python(checkpoint, mode="json"),
        )

    def read_checkpoint(self, arm: str) -> Checkpoint:
        """Raises ``RunError`` if the arm was not trained yet."""
        name = f"checkpoints/{arm}/checkpoint.json"
        if not self.has_checkpoint(arm):
            raise RunError(
                f"{self.folder} has no checkpoint {arm!r}", hint="Run the earlier stations first."
            )
        text = (self.folder / name).read_text()
        checkpoint = self._parse(Checkpoint, name, text)
        inside = self.folder / checkpoint.path
        kept_here = bool(checkpoint.path) and inside.exists()
        return replace(checkpoint, path=str(inside)) if kept_here else checkpoint

    def append_episode(self, evaluation: str, episode: Episode) -> None:
        self.append(f"evals/{evaluation}/{EPISODES}", _episode_row(episode))

    def write_episodes(self, evaluation: str, episodes: Sequence[Episode]) -> None:
        self.write_rows(f"evals/{evaluation}/{EPISODES}", map(_episode_row, episodes))

    def read_episodes(self, evaluation: str, tasks: Sequence[Task]) -> list[Episode]:
        """The episodes of an evaluation on these tasks. Token traces are not kept."""
        return self._episodes(f"evals/{evaluation}/{EPISODES}", tasks)

    def evaluations(self) -> list[str]:
        """The names of the evaluations that have conversations, sorted; without those of weights
        kept on the way to an arm.
        """
        folder = self.folder / "evals"
        paths = [*folder.glob(f"*/{EPISODES}"), *folder.glob(f"*/warm-*/{EPISODES}")]
        return sorted(path.parent.relative_to(folder).as_posix() for path in paths)

    def append_proof(self, episode: Episode) -> None:
        """Keep a conversation of the teacher on a task to train on, whatever became of it."""
        self.append(PROOFS, _episode_row(episode))

    def order_proofs(self, tasks: Sequence[Task]) -> None:
        """Put the latest conversation on each of these tasks in their order, after all others."""
        places = {task.id: place for place, task in enumerate(tasks)}
        rows = {row.trajectory.task_id: row for row in self.read_values(PROOFS, _Row)}
        ordered = sorted(rows, key=lambda task_id: places.get(task_id, -1))
        self.write_values(PROOFS, _Row, [rows[task_id] for task_id in ordered])

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
            for row in self.read_values(name, _Row)
            if row.trajectory.task_id in by_id
        ]

    # --- files ------------------------------------------------------------------------------------

    def write_json(self, name: str, value: object) -> None:
        self._write_text(name, json.dumps(value, indent=2, ensure_ascii=False) + "\n")

    def read_json(self, name: str) -> Any:
        path = self.folder / name
        try:
            return json.loads(path.read_text())
        except FileNotFoundError:
            raise RunError(
                f"{path} is missing", hint="Run the earlier stations, or --resume the run."
            ) from None
        except ValueError as error:
            raise RunError(f"{path} is damaged: {error}", hint="Delete it and --resume.") from None

    def remove(self, name: str) -> None:
        """Delete the file, if there is one."""
        path = self.folder / name
        with disk_errors(path):
            files.remove(path)
        self._unsynced.discard(name)

    def append(self, name: str, row: Mapping[str, object]) -> None:
        """One JSON line at the end of a file, on disk when a station is finished."""
        self._append_text(name, json.dumps(row) + "\n", sync=False)

    def read_rows(self, name: str) -> list[dict[str, Json]]:
        """The JSON lines of a file; [] if there is none. A torn last line is left out with a
        warning, and cut off if this process holds the folder: else it may be a line being written.
        """
        rows: list[dict[str, Json]] = []
        for number, line in enumerate(self._lines(name), start=1):
            try:
                rows.append(json.loads(line))
            except ValueError:
                raise RunError(
                    f"{self.folder / name}, line {number}: not JSON",
                    hint="Delete that line; the run repeats the lost part with --resume.",
                ) from None
        return rows

    def _lines(self, name: str) -> list[str]:
        path = self.folder / name
        if not path.exists():
            return []
        whole, _, torn = path.read_bytes().rpartition(b"\n")
        kept = whole.decode(errors="replace")
        if torn:
            self._warn_of_torn_line(path, len(torn))
            if self._held:
                with self._writing(name):
                    files.cut_torn_line(path)
        return kept.split("\n") if kept else []

    def _parse(self, shape: type[T], name: str, text: str) -> T:
        from pydantic import ValidationError

        try:
            return value_of(shape, text)
        except json.JSONDecodeError:
            raise RunError(
                f"{self.folder / name}: not JSON",
                hint="Delete that line; the run repeats the lost part with --resume.",
            ) from None
        except ValidationError as error:
            first = error.errors()[0]
            raise RunError(
                f"{self.folder / name} does not fit this version: {first['loc']}: {first['msg']}",
                hint="Start a new run, or use the version that made this one.",
            ) from None

    def _append_text(self, name: str, text: str, *, sync: bool) -> None:
        with self._writing(name) as path:
            cut = files.append(path, text, sync=sync)
        if not sync:
            self._unsynced.add(name)
        if cut:
            self._warn_of_torn_line(path, cut)

    def _warn_of_torn_line(self, path: Path, size: int) -> None:
        self.warn(f"{path}: dropped an incomplete last line ({size} bytes)")

    def _write_text(self, name: str, text: str) -> None:
        with self._writing(name) as path:
            files.replace(path, text)
        self._unsynced.discard(name)

    @contextmanager
    def _writing(self, name: str) -> Iterator[Path]:
        path = self.folder / name
        with disk_errors(path):
            files.make_folder(path.parent)
            yield path


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn an error of the disk into a ``RunError`` that says what to do; nothing written is lost.

    Every ``OSError`` within is taken for one of the disk: do nothing there but write.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise RunError(
                f"no space left on the disk while writing {path}",
                hint="Free some space, then continue with --resume; finished work is kept.",
            ) from error
        raise RunError(
            f"cannot write {path}: {error.strerror or error}",
            hint="Choose another --out, or fix the permissions and --resume.",
        ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """An episode as a line: without its task, which is kept once for all trials."""

    trajectory: Trajectory
    grade: Grade
    score: Score


def _episode_row(episode: Episode) -> dict[str, object]:
    return {
        "trajectory": adapter(Trajectory).dump_python(episode.trajectory, mode="json"),
        "grade": adapter(Grade).dump_python(episode.grade, mode="json"),
        "score": adapter(Score).dump_python(episode.score, mode="json"),
    }


def _slug(station: str) -> str:
    return station.replace(" ", "-").replace("/", "-").replace(":", "")
