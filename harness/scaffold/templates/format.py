"""Recordings as one JSON object, marked by its first key."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from harness.errors import FormatError
from harness.protocols import Settings, TrajectoryFormat
from harness.types import Diagnosis, Episode, Grade, Json, Recording, Score, Task, Trajectory

MARK = b'{"sample": 1, '


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A recording without token ids."""

    domain: str
    tasks: tuple[Task, ...]
    conversations: tuple[tuple[Trajectory, Grade, Score], ...]
    diagnoses: tuple[Diagnosis, ...]
    about: Mapping[str, Json]
    originals: Mapping[str, Mapping[str, Json]]


class Sample(TrajectoryFormat):
    def recognises(self, path: Path) -> bool:
        return path.is_file() and path.read_bytes()[: len(MARK)] == MARK

    def read(self, path: Path) -> Recording:
        try:
            content = path.read_bytes()
            if not content.startswith(MARK):
                raise ValueError("it does not begin as one")
            kept = TypeAdapter(Kept).validate_json(b"{" + content.removeprefix(MARK))
            tasks = {task.id: task for task in kept.tasks}
            episodes = tuple(
                Episode(task=tasks[t.task_id], trajectory=t, grade=grade, score=score)
                for t, grade, score in kept.conversations
            )
        except (OSError, ValueError, KeyError) as error:
            reason = str(error).splitlines()[0]
            raise FormatError(
                f"{path} is no sample file: {reason}", hint="Export it again as `sample`."
            ) from None
        return Recording(domain=kept.domain, tasks=kept.tasks, episodes=episodes,
                         diagnoses=kept.diagnoses, about=kept.about,
                         originals=kept.originals)  # fmt: skip

    def write(self, recording: Recording, path: Path) -> None:
        kept = Kept(
            domain=recording.domain,
            tasks=recording.tasks,
            conversations=tuple((e.trajectory, e.grade, e.score) for e in recording.episodes),
            diagnoses=recording.diagnoses,
            about=recording.about,
            originals=recording.originals,
        )
        path.write_bytes(MARK + TypeAdapter(Kept).dump_json(kept)[1:])


def sample(settings: Settings) -> TrajectoryFormat:
    return Sample()
