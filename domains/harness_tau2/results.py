"""Turn official results, a single file or a folder, into a recording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from harness.errors import FormatError
from harness.runtime.garbage_collection import uncollected
from harness.types import Diagnosis, Episode, Json, Recording
from harness_tau2.files import head, read_json
from harness_tau2.official_tasks import domain_of, read_tasks
from harness_tau2.redaction import redacted
from harness_tau2.reviews import read_review
from harness_tau2.simulations import Placed, is_voice, read_simulations
from harness_tau2.wire import Misfit, Object, as_object, at, kind_of, need, text

METADATA = "results.json"
FOLDER = "simulations"

AUDIO = frozenset({".wav", ".mp3", ".flac", ".ogg", ".opus", ".m4a", ".pcm", ".ulaw"})
"""Endings of files of sound, which tau2 keeps beside voice conversations."""

LOOKED_AT = 2000
"""How many files in a folder are looked at for sound."""

Storage = Literal["file", "directory"]


@dataclass(frozen=True, slots=True)
class _Found:
    """Results as they lie on the disk: all but the simulations, and those with their places."""

    storage: Storage
    top: Object
    simulations: list[Placed]


def looks_like_results(path: Path) -> bool:
    """Whether the path is a folder of results, by voice too, or a file that begins like one."""
    if path.is_dir():
        is_whole = (path / METADATA).is_file() and (path / FOLDER).is_dir()
        return is_whole or _has_audio(path)
    start = head(path)
    marks = (b'"simulations"', b'"git_commit"', b'"agent_info"', b'"simulation_index"')
    return start.startswith(b"{") and any(mark in start for mark in marks)


def read_results(path: Path) -> Recording:
    """All that the results hold, credentials in the settings apart.

    ``about`` has ``storage`` ("file" or "directory"), the run's settings in our words, and under
    ``results`` what the file has beside tasks and simulations. Raises ``FormatError``.
    """
    with uncollected():
        found = _find(path)
        try:
            return _recording(found)
        except Misfit as error:
            raise FormatError(
                f"{path}: {error.place}: {error}",
                hint="This is not what tau2 writes. Fix that place, or import another file.",
            ) from None


def _recording(found: _Found) -> Recording:
    info = need(found.top, "info", dict)
    settings = _settings(info)
    domain = domain_of(str(settings["domain_name"]))
    tasks = read_tasks(need(found.top, "tasks", list), domain)
    seed = settings["seed"]
    episodes = read_simulations(
        found.simulations,
        {task.id: task for task in tasks},
        {str(raw["id"]): raw for raw in need(found.top, "tasks", list) if isinstance(raw, dict)},
        policy=str(settings["policy"]),
        seed=seed if isinstance(seed, int) else 0,
    )
    raws = [placed.raw for placed in found.simulations]
    rest = {key: value for key, value in found.top.items() if key not in ("tasks", "simulations")}
    return Recording(
        domain=domain,
        tasks=tasks,
        episodes=tuple(episodes),
        diagnoses=_diagnoses(found.simulations, episodes),
        about={**settings, "domain": domain, "storage": found.storage, "results": redacted(rest)},
        originals={e.trajectory.id: raw for e, raw in zip(episodes, raws, strict=True)},
    )


def _settings(info: Object) -> dict[str, Json]:
    """The settings that every results file has. Raises ``Misfit`` for one that is missing."""
    with at("info"):
        need(info, "git_commit", str)
        settings: dict[str, Json] = {
            "trials": need(info, "num_trials", int),
            "max_steps": need(info, "max_steps", int),
            "max_errors": need(info, "max_errors", int),
            "seed": info.get("seed"),
        }
        for name, key in (("simulator", "user_info"), ("policy", "agent_info")):
            who = need(info, key, dict)
            with at(key):
                implementation = need(who, "implementation", str)
                settings[name] = text(who, "llm") or implementation
        environment = need(info, "environment_info", dict)
        with at("environment_info"):
            settings["domain_name"] = need(environment, "domain_name", str)
            need(environment, "policy", str)
    return settings


def _diagnoses(placed: list[Placed], episodes: list[Episode]) -> tuple[Diagnosis, ...]:
    """What reviews blame for failures; those of successes find only what did not matter."""
    found = []
    for each, episode in zip(placed, episodes, strict=True):
        if episode.score.success or episode.uncounted:
            continue
        with at(each.place):
            diagnosis = read_review(each.raw, episode.trajectory)
        if diagnosis is not None:
            found.append(diagnosis)
    return tuple(found)


def _find(path: Path) -> _Found:
    found = _found(path)
    info = found.top.get("info")
    spoken = [each.place for each in found.simulations if is_voice(each.raw)]
    if spoken:
        all_of = f"{len(spoken)} of {len(found.simulations)}"
        raise _voice(path, f"{all_of} are by voice, the first of them {spoken[0]}")
    if isinstance(info, dict) and info.get("audio_native_config"):
        raise _voice(path, "its settings are those of a model that hears and speaks")
    return found


def _voice(path: Path, why: str) -> FormatError:
    kind = "folder" if path.is_dir() else "file"
    return FormatError(
        f"{path} is a {kind} of voice conversations: {why}",
        hint="Only conversations in text can be read, as tau2 writes them without --audio-native.",
    )


def _has_audio(folder: Path) -> bool:
    """Whether there are recordings of sound among the first files in a folder."""
    inside = islice(folder.rglob("*"), LOOKED_AT)
    return any(path.suffix.lower() in AUDIO for path in inside)


def _found(path: Path) -> _Found:
    if path.is_dir():
        if _has_audio(path):
            raise _voice(path, "there are recordings of sound in it")
        if not (path / METADATA).is_file():
            raise FormatError(
                f"{path} has no {METADATA}",
                hint=f"Give a folder with {METADATA} and {FOLDER}/, or a single results file.",
            )
        return _find_folder(path / METADATA)
    top = _top(path)
    if "simulations" not in top and (path.parent / FOLDER).is_dir():
        return _find_folder(path)
    return _Found("file", top, _listed(path, top))


def _listed(path: Path, top: Object) -> list[Placed]:
    simulations = top.get("simulations")
    if not isinstance(simulations, list):
        raise FormatError(
            f"{path} holds no simulations, only {', '.join(list(top)[:8]) or 'an empty object'}",
            hint=_what_else(top),
        )
    placed = []
    for index, raw in enumerate(simulations):
        place = f"simulations[{index}]"
        if not isinstance(raw, dict):
            raise FormatError(
                f"{path}: {place}: found {kind_of(raw)}, expected an object",
                hint="This is not what tau2 writes. Fix that place, or import another file.",
            )
        placed.append(Placed(place, raw))
    return placed


def _find_folder(metadata: Path) -> _Found:
    """Raises ``FormatError`` unless the files are exactly those that the index names."""
    top = _top(metadata)
    folder = metadata.parent / FOLDER
    files = {file.stem: file for file in sorted(folder.glob("*.json"))}
    index = top.get("simulation_index")
    order = list(files) if not isinstance(index, list) else [_indexed(e, metadata) for e in index]
    missing, extra = sorted(set(order) - set(files)), sorted(set(files) - set(order))
    if missing or extra:
        lacks = f"there is no {FOLDER}/{missing[0]}.json" if missing else ""
        more = f"{FOLDER}/{extra[0]}.json is not in the index" if extra else ""
        raise FormatError(
            f"{metadata}: simulation_index and {FOLDER}/ differ: "
            f"{', and '.join(filter(None, (lacks, more)))} "
            f"({len(missing)} missing, {len(extra)} too many)",
            hint="Copy the whole folder again, or put the index right.",
        )
    return _Found(
        "directory",
        {key: value for key, value in top.items() if key != "simulations"},
        [Placed(f"{FOLDER}/{id}.json", _object(files[id])) for id in order],
    )


def _indexed(entry: Json, metadata: Path) -> str:
    try:
        return need(as_object(entry, ""), "id", str)
    except Misfit as error:
        raise FormatError(
            f"{metadata}: simulation_index: {error}", hint="Copy the whole folder again."
        ) from None


def _top(path: Path) -> Mapping[str, Json]:
    value = read_json(path)
    if isinstance(value, list):
        first = value[0] if value else None
        if isinstance(first, dict) and "traj" in first:
            raise FormatError(
                f"{path} holds results of tau-bench v1: a list with 'traj' in each entry",
                hint="Only tau2 results can be read: those of v1 have no tasks in them.",
            )
        raise FormatError(
            f"{path} holds a list, expected an object with info, tasks and simulations",
            hint="Import the results.json that tau2 wrote.",
        )
    return _object(path, value)


def _object(path: Path, value: Json = None) -> dict[str, Json]:
    value = read_json(path) if value is None else value
    if not isinstance(value, dict):
        raise FormatError(
            f"{path} holds {kind_of(value)}, expected an object",
            hint="Import the results.json that tau2 wrote.",
        )
    return value


def _what_else(top: Object) -> str:
    """What a JSON object without simulations is, as far as we know it."""
    if "model_name" in top or "submissions" in top:
        return (
            "This is of the leaderboard, which holds figures alone. "
            "Import the trajectory files that belong to it."
        )
    if "metrics" in top:
        return "This is a summary of figures. Import the results file beside it."
    if "simulation_index" in top or "info" in top:
        return f"This is the {METADATA} of a folder: its {FOLDER}/ must lie beside it."
    return "Import the results.json that tau2 wrote."
