"""What a run consists of: its settings, the stations that are complete, checkpoints, episodes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from harness.errors import RunError
from harness.run_folder.disk import FolderFiles, disk_errors
from harness.runtime import files
from harness.runtime.inside import LeadsOutside, opened, place
from harness.runtime.json_lines import adapter
from harness.types import Checkpoint, Episode, Grade, Json, Score, Task, Trajectory

CONFIG = "config.json"
LOCK = "run.lock"
EPISODES = "episodes.jsonl"
PROOFS = "proofs.jsonl"


class RunFolder(FolderFiles):
    """One run folder."""

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
        """An existing run folder. Raises ``RunError`` if it is not one, or if a link leaves it."""
        if not (folder / CONFIG).is_file():
            found = "does not exist" if not folder.exists() else f"has no {CONFIG}"
            raise RunError(
                f"{folder} is not a run folder: it {found}",
                hint="Give the folder that `harness loop --out` or `harness eval --out` made.",
            )
        store = cls(folder, warn)
        store.refuse_links_out()
        return store

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
                yield
            finally:
                self.held = False

    def discard_if_unused(self) -> None:
        """Remove the folder if it holds settings and nothing else: no run has started in it."""
        names = {path.name for path in self.folder.iterdir()}
        if names <= {CONFIG, LOCK}:
            for name in names:
                (self.folder / name).unlink()
            self.folder.rmdir()

    # --- stations ---------------------------------------------------------------------------------

    def is_done(self, station: str) -> bool:
        return self.has(_mark(station))

    def finish(self, station: str, seconds: float) -> None:
        """Mark the station complete, once all that was written is on disk."""
        self.append("timings.jsonl", {"station": station, "seconds": round(seconds, 3)})
        self.sync()
        self.write_json(_mark(station), {"station": station})

    def reopen(self, station: str) -> None:
        """Forget that the station was complete."""
        self.remove(_mark(station))

    def seconds(self) -> dict[str, float]:
        """Seconds spent per station, summed over resumed parts."""
        total: dict[str, float] = {}
        for row in self.read_rows("timings.jsonl"):
            name, seconds = row["station"], row["seconds"]
            if isinstance(name, str) and isinstance(seconds, int | float):
                total[name] = round(total.get(name, 0.0) + seconds, 3)
        return total

    # --- checkpoints ------------------------------------------------------------------------------

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
        if not self.has(name):
            raise RunError(
                f"{self.folder} has no checkpoint {arm!r}", hint="Run the earlier stations first."
            )
        checkpoint = self._checkpoint(name)
        if self._is_here(checkpoint):
            return replace(checkpoint, path=str(self.folder / checkpoint.path))
        return checkpoint

    def models_elsewhere(self) -> list[str]:
        """The folders and hub ids outside this folder that its checkpoints name as their models."""
        paths = sorted((self.folder / "checkpoints").rglob("checkpoint.json"))
        names = [path.relative_to(self.folder).as_posix() for path in paths]
        found = [self._checkpoint(name) for name in names]
        return sorted({one.path for one in found if one.path and not self._is_here(one)})

    def _checkpoint(self, name: str) -> Checkpoint:
        return self.parsed(Checkpoint, name, self.read_text(name))

    def _is_here(self, checkpoint: Checkpoint) -> bool:
        try:
            return place(self.folder, checkpoint.path).exists()
        except LeadsOutside:
            return False

    # --- episodes ---------------------------------------------------------------------------------

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


def _mark(station: str) -> str:
    slug = station.replace(" ", "-").replace("/", "-").replace(":", "")
    return f"done/{slug}.json"
