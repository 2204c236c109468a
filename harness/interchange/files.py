"""Turn files of others into recordings, and recordings into files for others."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from harness.assembly.registry import Registry
from harness.errors import FormatError, HarnessError, RunError, expected, plugin_boundary
from harness.interchange.foreign import DOMAIN, Adoption, adopt
from harness.interchange.runs import Options, Source, options_of, recorded_run
from harness.protocols import Settings, TrajectoryFormat
from harness.run_folder import CONFIG, RunFolder, disk_errors
from harness.runtime import files
from harness.runtime.garbage_collection import uncollected
from harness.types import Json, Recording

RUN = "run"
"""The name that a run folder has in place of a format's."""

_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})
"""Errors that only a disk gives; writing to an open file names no file."""


def read_source(
    registry: Registry,
    path: Path,
    *,
    format: str = "",
    evaluation: str = "",
    options: Options | None = None,
    adoption: Adoption | None = None,
) -> Source:
    """The conversations in a run folder, or in a file or folder of any installed format.

    Without a format, the one that recognises the file reads it. Conversations of which no domain is
    known are adopted, as ``adoption`` says. Raises ``FormatError`` if none or
    several do, or if a conversation is on a task that is not there; ``RunError`` for an evaluation
    that is not there.
    """
    options = options or {}
    if not format and (path / CONFIG).is_file():
        store = RunFolder.open(path)
        with uncollected():
            recording = recorded_run(registry, store, evaluation)
        return Source(recording=recording, path=path, format=RUN, options=options_of(store))
    if not path.exists():
        raise FormatError(f"{path} does not exist", hint="Check the path.")
    if evaluation:
        raise RunError(
            f"{path} is not a run folder and has no evaluation {evaluation!r}",
            hint="Leave --evaluation out for a file.",
        )
    name = format or _recognised(registry, path)
    reader = open_format(registry, name, options.get(name, {}))
    with plugin_boundary(registry.plugin_of("format", name), f"reading of {path}"), uncollected():
        try:
            recording = expected(Recording, reader.read(path), "read()")
        except OSError as error:
            if not _is_of_disk(error, path):
                raise
            raise FormatError(
                f"cannot read {path}: {error.strerror or error}", hint="Check its permissions."
            ) from error
    _check(recording, path)
    if recording.domain:
        return Source(recording=recording, path=path, format=name)
    adopted = adopt(recording, adoption or Adoption())
    own = {DOMAIN: adopted.options}
    return Source(recording=adopted.recording, path=path, format=name, options=own)


def open_format(
    registry: Registry, name: str, options: Mapping[str, Json] | None = None
) -> TrajectoryFormat:
    """The format of that name. Raises ``UnknownName``, and what it raises for bad options."""
    return registry.make("format", name, Settings(options=options or {}))


def suffix_of(registry: Registry, name: str, options: Mapping[str, Json] | None = None) -> str:
    """What names of the format's files end in, "" for folders; ".json" if it does not say."""
    return str(getattr(open_format(registry, name, options), "suffix", ".json"))


def write_recording(
    registry: Registry,
    recording: Recording,
    name: str,
    path: Path,
    options: Mapping[str, Json] | None = None,
) -> None:
    """Write the recording in the format of that name: a file or a new folder is there whole or not
    at all.

    Raises ``FormatError`` if the format cannot hold it, ``RunError`` for an error of the disk.
    """
    writer = open_format(registry, name, options)
    if not path.name:
        raise RunError(
            f"{str(path)!r} names no file to write", hint="Give --out the name of a file or folder."
        )
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with plugin_boundary(registry.plugin_of("format", name), f"writing of {path}"):
        try:
            with _whole(path) as place:
                writer.write(recording, place)
        except OSError as error:
            if not _is_of_disk(error, path):
                raise
            with disk_errors(path):
                raise


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """Where to write what belongs at the path: a folder with something in it is its format's
    business.
    """
    if path.is_dir() and any(path.iterdir()):
        yield path
        return
    with files.whole(path) as place:
        yield place


def _is_of_disk(error: OSError, path: Path) -> bool:
    """Whether the disk or a file at the path failed, and not, say, a server that a format asks."""
    if error.errno in _DISK:
        return True
    if not isinstance(error.filename, str | bytes | os.PathLike):
        return False
    return Path(os.fsdecode(error.filename)).absolute().is_relative_to(path.parent.absolute())


def _recognised(registry: Registry, path: Path) -> str:
    known = registry.names("format")
    found = []
    for name in known:
        try:
            reader = open_format(registry, name)
        except HarnessError:  # one that lacks something cannot hide the others
            continue
        with plugin_boundary(registry.plugin_of("format", name), f"check of {path}"):
            if reader.recognises(path):
                found.append(name)
    if len(found) == 1:
        return found[0]
    if found:
        raise FormatError(
            f"{path} matches several formats: {', '.join(found)}",
            hint="Choose one with --format.",
        )
    raise FormatError(
        f"{path} is {_described(path)}, which no installed format recognises "
        f"(known: {', '.join(known) or 'none'})",
        hint="Name its format with --format to see what is wrong with it.",
    )


def _described(path: Path) -> str:
    if path.is_dir():
        names = sorted(inside.name for inside in path.iterdir())
        listed = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
        return f"a folder with {listed}" if names else "an empty folder"
    try:
        with path.open("rb") as file:
            start = file.read(40)
    except OSError as error:
        return f"a file that cannot be read ({error.strerror})"
    if not start:
        return "an empty file"
    if start[:2] == b"\x1f\x8b":
        return "packed by gzip (unpack it first)"
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "text in UTF-16 (write it as UTF-8 first)"
    return f"a file that starts with {start.decode(errors='replace')!r}"


def _check(recording: Recording, path: Path) -> None:
    if not recording.episodes:
        raise FormatError(f"{path} holds no conversations", hint="Check that it is the right file.")
    tasks = {task.id for task in recording.tasks}
    for index, episode in enumerate(recording.episodes):
        if episode.trajectory.task_id not in tasks:
            raise FormatError(
                f"{path}: conversation {index} is on the task {episode.trajectory.task_id!r}, "
                "which the file does not hold",
                hint="Add the task to the file, or remove the conversation.",
            )
