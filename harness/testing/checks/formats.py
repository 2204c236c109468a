"""Turn a file format into a verdict: does it keep ``harness.protocols.TrajectoryFormat``? And a
format that holds everything, to test with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from harness.errors import FormatError
from harness.protocols import Domain, TrajectoryFormat
from harness.testing.checks.worlds import SPLITS
from harness.testing.fakes import sample_episodes
from harness.testing.findings import Check, demand
from harness.types import (
    Diagnosis,
    Episode,
    Grade,
    Json,
    Recording,
    Score,
    Task,
    Trajectory,
    stable_id,
)

FOREIGN = (b"", b"{}", b"[]", b'{"a": [1, 2', b"\xff\xfe\x00", b"not JSON\n" * 3)
"""Contents of files that are no recording."""

MARK = '{"plain": '
"""How a file of ``PlainFormat`` starts."""


def check_format(
    format: TrajectoryFormat, domain: Domain, path: Path, *, tasks: int = 3, reads: bool = True
) -> None:
    """Check that what is written to ``path`` comes back, and that other files are refused in words.

    ``path`` must not exist yet; its suffix is the format's choice. Files are made beside it. reads:
    whether the format holds conversations; one that only sums them up must refuse to read.
    """
    with (
        Check(format) as check,
        check.rule(
            "What a format loses is lost to whoever reads the file, and what it guesses misleads.",
            "Write all of a Recording and read it back; refuse other files with a FormatError "
            "that says what is wrong.",
        ),
    ):
        _check_format(format, domain, path, tasks, reads)


def _check_format(
    format: TrajectoryFormat, domain: Domain, path: Path, tasks: int, reads: bool
) -> None:
    recording = sample_recording(domain, tasks=tasks)
    format.write(recording, path)
    demand(path.exists(), f"writing leaves something at {path}")
    _check_foreign(format, path.parent)
    if not reads:
        _demand_refusal(format, path, "a format without conversations refuses to read")
        return
    demand(format.recognises(path), "a format recognises what it wrote")
    found = format.read(path)
    demand(found == format.read(path), "reading twice gives the same")
    _check_same(found, recording)
    again = path.with_name(f"again-{path.name}")
    format.write(found, again)
    demand(format.read(again) == found, "what was read is written whole")


def sample_recording(domain: Domain, *, tasks: int = 3) -> Recording:
    """Played conversations on the domain's first tasks, with a diagnosis for each failure."""
    everything = (task for split in SPLITS for task in domain.tasks(split))
    chosen = tuple(islice(everything, tasks))
    episodes = tuple(
        _as_trial(episode, trial)
        for task in chosen
        for trial, episode in enumerate(sample_episodes(domain, task).values())
    )
    diagnoses = tuple(
        Diagnosis(
            trajectory_id=episode.trajectory.id,
            task_id=episode.task.id,
            blame="agent",
            kind="missing_step",
            turn=2,
            summary="The agent did not do what was asked.",
        )
        for episode in episodes
        if not episode.grade.success and not episode.trajectory.is_fault
    )
    return Recording(
        domain=domain.name,
        tasks=chosen,
        episodes=episodes,
        diagnoses=diagnoses,
        about={"policy": "played", "seed": 0, "trials": 6, "max_steps": 80, "max_errors": 10},
    )


class PlainFormat(TrajectoryFormat):
    """A recording as one JSON object, complete but for the tokens."""

    def recognises(self, path: Path) -> bool:
        return path.is_file() and path.read_bytes()[: len(MARK)] == MARK.encode()

    def read(self, path: Path) -> Recording:
        try:
            text = path.read_bytes().removeprefix(MARK.encode())[:-1]
            found = TypeAdapter(_Plain).validate_json(text)
        except (OSError, ValidationError) as error:
            raise FormatError(
                f"{path} is no plain recording: {str(error).splitlines()[0]}",
                hint="Write it again with `harness export --format plain`.",
            ) from None
        tasks = {task.id: task for task in found.tasks}
        return Recording(
            domain=found.domain,
            tasks=found.tasks,
            episodes=tuple(
                Episode(task=tasks[trajectory.task_id], trajectory=trajectory, grade=g, score=s)
                for trajectory, g, s in found.conversations
            ),
            diagnoses=found.diagnoses,
            about=found.about,
            originals=found.originals,
        )

    def write(self, recording: Recording, path: Path) -> None:
        plain = _Plain(
            domain=recording.domain,
            tasks=recording.tasks,
            conversations=tuple((e.trajectory, e.grade, e.score) for e in recording.episodes),
            diagnoses=recording.diagnoses,
            about=recording.about,
            originals=recording.originals,
        )
        path.write_bytes(MARK.encode() + TypeAdapter(_Plain).dump_json(plain) + b"}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plain:
    domain: str
    tasks: tuple[Task, ...]
    conversations: tuple[tuple[Trajectory, Grade, Score], ...]
    diagnoses: tuple[Diagnosis, ...]
    about: Mapping[str, Json]
    originals: Mapping[str, Mapping[str, Json]]


def _numbered(episode: Episode, trial: int) -> Episode:
    """The episode as that trial: a task without gold calls has several that are alike."""
    trajectory = episode.trajectory
    own_id = stable_id(trajectory.id, trial)
    return replace(episode, trajectory=replace(trajectory, id=own_id, trial=trial))


def _as_trial(episode: Episode, trial: int) -> Episode:
    played = episode.trajectory
    named = replace(played, id=stable_id(played.id, trial), trial=trial)
    return replace(episode, trajectory=named)


def _check_foreign(format: TrajectoryFormat, folder: Path) -> None:
    empty = folder / "empty-folder"
    empty.mkdir()
    files = [empty, folder / "missing.json"]
    for number, content in enumerate(FOREIGN):
        files.append(folder / f"foreign-{number}.json")
        files[-1].write_bytes(content)
    for path in files:
        demand(format.recognises(path) is False, f"{path.name} is not recognised")
    for path in files:
        _demand_refusal(format, path, f"{path.name} is refused with a FormatError")


def _demand_refusal(format: TrajectoryFormat, path: Path, sentence: str) -> None:
    try:
        format.read(path)
    except FormatError as error:
        demand(bool(str(error)), "an error says what was found")
    except Exception as error:  # whatever it is, the contract forbids it
        raise AssertionError(f"{sentence}, but it raised {error!r}") from error
    else:
        raise AssertionError(sentence)


def _check_same(found: Recording, recording: Recording) -> None:
    demand(found.domain == recording.domain, f"the domain comes back, found {found.domain!r}")
    demand(
        [task.id for task in found.tasks] == [task.id for task in recording.tasks],
        "the tasks come back in their order",
    )
    demand(len(found.episodes) == len(recording.episodes), "all conversations come back")
    for index, (one, other) in enumerate(zip(found.episodes, recording.episodes, strict=True)):
        now, before = one.trajectory, other.trajectory
        where = f"of conversation {index}"
        demand(
            (now.id, now.task_id, now.trial) == (before.id, before.task_id, before.trial),
            f"id, task and trial {where} come back",
        )
        demand(now.messages == before.messages, f"the messages {where} come back")
        demand(now.ended == before.ended, f"the ending {where} comes back, found {now.ended!r}")
        demand(
            one.score.success == other.score.success,
            f"the verdict {where} comes back, found {one.score.success}",
        )
    demand(
        {d.trajectory_id for d in found.diagnoses}
        == {d.trajectory_id for d in recording.diagnoses},
        "the diagnoses come back with their conversations",
    )
