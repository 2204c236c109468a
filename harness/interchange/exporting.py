"""Write what is in a run folder as files for other tools."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from harness.assembly.config import parse_config, read_tables
from harness.assembly.registry import Registry
from harness.interchange.files import suffix_of, write_recording
from harness.interchange.rescore import refuse_unused
from harness.interchange.runs import Options, chosen_evaluation, recorded_run
from harness.run_folder import RunFolder
from harness.types import Json, Recording, Task

EXPORTS = "exports"


def export_run(
    registry: Registry,
    store: RunFolder,
    format: str,
    *,
    out: Path | None = None,
    evaluation: str = "",
    config: Path | None = None,
    options: Options | None = None,
    warn: Callable[[str], None],
) -> Path:
    """The file (default: in the run's exports/) that an evaluation's conversations and diagnoses
    were written to. ``warn`` is called for what the format cannot hold.

    config: a TOML file with an option table of the format; ``options`` override it.
    """
    registry.find("format", format)
    name = chosen_evaluation(store, evaluation)
    recording = recorded_run(registry, store, name)
    options = options or {}
    refuse_unused(options, [format])
    written = read_tables(config).get(format, {}) if config else {}
    chosen = {**written, **options.get(format, {})}
    suffix = suffix_of(registry, format, chosen)
    path = out or store.path(f"{EXPORTS}/{format}-{name.replace('/', '-')}{suffix}")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", UserWarning)
        write_recording(registry, recording, format, path, chosen)
    for warning in told:
        warn(str(warning.message))
    return path


def export_tasks(
    registry: Registry,
    store: RunFolder,
    tasks: Sequence[Task],
    format: str,
    out: Path | None = None,
) -> Path:
    """The file (default: in the run's exports/) that targeted tasks were written to."""
    path = out or store.path(f"{EXPORTS}/{format}.json")
    write_tasks(registry, parse_config(store.config).domain, tasks, format, path)
    return path


def write_tasks(
    registry: Registry,
    domain: str,
    tasks: Sequence[Task],
    format: str,
    path: Path,
    options: Mapping[str, Json] | None = None,
) -> None:
    """Write tasks of a domain, with no conversation on them. Raises as ``write_recording``."""
    recording = Recording(domain=domain, tasks=tuple(tasks), episodes=())
    write_recording(registry, recording, format, path, options)
