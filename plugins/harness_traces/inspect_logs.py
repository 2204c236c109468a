"""Read the logs of Inspect (inspect_ai): JSON, .eval archives, and folders of both."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.assembly.config import read_options
from harness.errors import FormatError, MissingExtra
from harness.llm.plain_json import loads
from harness.protocols import Settings, TrajectoryFormat
from harness.types import Ended, Json, Recording, Tool
from harness_traces.messages import plain_table, read_chat, read_tools
from harness_traces.recordings import Record, recording_of
from harness_traces.writing import refuse_writing

ZSTANDARD = 93
"""The compression that newer archives have and Python before 3.14 does not know."""

_LOCAL_HEADER = struct.Struct("<26xHH")
_VERDICTS = {"C": True, "I": False, "P": False, "N": False}
_KEPT = ("id", "epoch", "target", "metadata", "limit")


@dataclass(frozen=True, kw_only=True)
class Options:
    """``scorer``: whose score says whether a sample succeeded (default: the first)."""

    scorer: str = ""


def inspect_format(settings: Settings) -> TrajectoryFormat:
    return InspectFormat(read_options(Options, settings, name="inspect-log"))


class InspectFormat:
    """A sample is a task, an epoch a try at it. A score of "C", true or at least 1 is a success."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def recognises(self, path: Path) -> bool:
        """Whether it is an archive with a header and samples, a JSON log, or a folder of these."""
        if path.is_dir():
            return bool(_logs(path))
        try:
            if zipfile.is_zipfile(path):
                return _is_archive(path)
            with path.open("rb") as file:
                start = file.read(4000).decode(errors="replace")
            return start.lstrip().startswith("{") and '"eval"' in start and '"version"' in start
        except OSError:
            return False

    def read(self, path: Path) -> Recording:
        """Raises ``FormatError`` for what is no log; ``MissingExtra`` if an archive needs
        zstandard.
        """
        logs = _logs(path) if path.is_dir() else [path]
        if not logs:
            raise FormatError(
                f"{path} has no log of Inspect in it", hint="Name a folder of .eval or .json logs."
            )
        records = (record for log in logs for record in self._records(log))
        return recording_of(records, path, about={"logs": [log.name for log in logs]})

    def write(self, recording: Recording, path: Path) -> None:
        raise refuse_writing("inspect-log")

    def _records(self, path: Path) -> Iterator[Record]:
        is_archive = zipfile.is_zipfile(path)
        header, samples = _archive(path) if is_archive else _json_log(path)
        about = header.get("eval")
        task = about if isinstance(about, dict) else {}
        for sample in samples:
            yield self._record(sample, str(task.get("task", "")), str(task.get("model", "")), path)

    def _record(self, sample: Json, task: str, model: str, path: Path) -> Record:
        messages = sample.get("messages") if isinstance(sample, dict) else None
        if not isinstance(sample, dict) or not isinstance(messages, list):
            raise FormatError(
                f"{path}: a sample has no messages",
                hint="Log with messages (inspect eval without --no-log-samples).",
            )
        try:
            chat = read_chat(messages)
        except ValueError as odd:
            raise FormatError(
                f"{path}, sample {sample.get('id')!r}: {odd}", hint="Check that the log is whole."
            ) from None
        error, limit = sample.get("error"), sample.get("limit")
        ended: Ended | None = "max_steps" if limit else None
        scores = sample.get("scores")
        rest: dict[str, Json] = {name: sample[name] for name in _KEPT if name in sample}
        return Record(
            chat=chat,
            task=f"{task} {sample.get('id')}",
            rest=plain_table({**rest, "scores": scores}),
            tools=_tools(sample),
            success=None if error else self._success(scores),
            ended="infrastructure_fault" if error else ended,
            fault=_first_line(error),
            policy=model,
        )

    def _success(self, scores: Json) -> bool | None:
        """The verdict of the scorer; None if there is none."""
        if not isinstance(scores, dict) or not scores:
            return None
        score = scores.get(self.options.scorer or next(iter(scores)))
        value = score.get("value") if isinstance(score, dict) else score
        if isinstance(value, bool):
            return value
        if isinstance(value, int | float):
            return value >= 1
        return _VERDICTS.get(str(value))


def _tools(sample: Mapping[str, Json]) -> list[Tool]:
    """The tools that the model was offered first."""
    events = sample.get("events")
    for event in events if isinstance(events, list) else []:
        if isinstance(event, dict) and event.get("event") == "model":
            return read_tools(event.get("tools"))
    return []


def _logs(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix in (".eval", ".json") and InspectFormat(Options()).recognises(path)
    )


def _json_log(path: Path) -> tuple[Mapping[str, Json], list[Json]]:
    try:
        log = loads(path.read_text(encoding="utf-8-sig", errors="replace"))
    except ValueError as error:
        raise FormatError(
            f"{path} is no whole JSON: {error}", hint="Check that the run had ended."
        ) from None
    samples = log.get("samples") if isinstance(log, dict) else None
    if not isinstance(log, dict) or not isinstance(samples, list) or not samples:
        raise FormatError(
            f"{path} holds no samples of Inspect", hint="Check that it is a log with samples."
        )
    return log, samples


def _is_archive(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
    return "header.json" in names or "_journal/start.json" in names


def _archive(path: Path) -> tuple[Mapping[str, Json], Iterator[Json]]:
    """The header and the samples, one by one; of a run that was cut off, what it began with."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            start = "header.json" if "header.json" in names else "_journal/start.json"
            header = _member(archive, start)
        return (header if isinstance(header, dict) else {}), _samples(path)
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise FormatError(
            f"{path} is no whole archive of Inspect: {error}",
            hint="Check that it was copied whole.",
        ) from None


def _samples(path: Path) -> Iterator[Json]:
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            if name.startswith("samples/") and name.endswith(".json"):
                yield _member(archive, name)


def _member(archive: zipfile.ZipFile, name: str) -> Json:
    info = archive.getinfo(name)
    if info.compress_type != ZSTANDARD:
        return loads(archive.read(info).decode(errors="replace"))
    try:
        import zstandard
    except ImportError:
        raise MissingExtra(
            "the archive is compressed with zstandard, which is not installed",
            hint="pip install 'errata-harness[traces]', or: inspect log convert --to json.",
        ) from None
    file = archive.fp
    assert file is not None
    file.seek(info.header_offset)
    name_length, extra_length = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
    file.seek(name_length + extra_length, 1)
    packed = file.read(info.compress_size)
    unpacked = zstandard.ZstdDecompressor().decompressobj().decompress(packed)
    return loads(unpacked.decode(errors="replace"))


def _first_line(error: Json) -> str:
    message = error.get("message") if isinstance(error, dict) else error
    return str(message).splitlines()[0][:300] if message else ""
