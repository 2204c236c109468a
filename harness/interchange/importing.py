"""Turn a recording into a run folder, graded again where it replays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from harness.assembly.opening import cut_short, new_folder, problems
from harness.assembly.registry import Registry
from harness.assembly.trust import remember, wishes
from harness.errors import HarnessError
from harness.interchange.failing_gold import failing_gold
from harness.interchange.files import read_source
from harness.interchange.foreign import DOMAIN, Adoption, counted
from harness.interchange.replay import Regraded, regrade_all
from harness.interchange.runs import Options, imported_config, keep, open_recorded_domain
from harness.interchange.tally import doubts, tally
from harness.protocols import Domain
from harness.results.outcomes import table
from harness.results.report_document import summarise
from harness.run_folder import RunFolder
from harness.types import Json, Recording

Warn = Callable[[str], None]


def import_file(
    registry: Registry,
    file: Path,
    *,
    out: Path | None = None,
    options: Options | None = None,
    format: str = "",
    adoption: Adoption | None = None,
    warn: Warn,
) -> tuple[RunFolder, dict[str, Json]]:
    """A new run folder (default: in runs/) with a recording's conversations as its evaluation, and
    what it holds. ``adoption`` is for conversations of which no domain is known.

    Where a conversation is not graded again, its recorded grade is kept and ``warn`` is called. The
    ``pass_1`` of what it holds is that of the run's report, of all verdicts, new and kept.
    """
    options = options or {}
    source = read_source(registry, file, format=format, options=options, adoption=adoption)
    _tell(counted(source.recording), warn)
    kept = {name: table for name, table in options.items() if name != source.format}
    config = imported_config(source, kept)
    domain = _domain(registry, source.recording, kept, warn)
    graded = _graded(registry, source.recording, domain, warn)
    plugin = registry.plugin_of("domain", config.domain) if domain else ""
    failing = failing_gold(source.recording.tasks, domain, plugin=plugin) if domain else {}
    data_version = domain.data_version if domain else ""
    remember(wishes(config, registry))
    with RunFolder.whole(out or new_folder(config.domain), config.plain()) as store:
        name = keep(store, source, graded, data_version=data_version)
        report = summarise(store, complete=True)
        store.write_json("report.json", report)
    counts = {
        **tally(graded, failing),
        "tasks": len(source.recording.tasks),
        "pass_1": _pass_1(report),
    }
    about: dict[str, Json] = {
        "run": str(store.folder), "evaluation": name, "data_version": data_version
    }  # fmt: skip
    return store, {**about, **counts}


def _pass_1(report: Mapping[str, Json]) -> Json:
    """The Pass^1 of the only evaluation with its bounds; None if no conversation counts."""
    for rows in (report["arms"], report["validation"]):
        for arm in rows if isinstance(rows, list) else []:
            passed = table(table(arm)["pass"]).get("1")
            return list(table(passed).values()) if passed else None
    return None


def _domain(
    registry: Registry, recording: Recording, options: Options, warn: Warn
) -> Domain | None:
    """The recording's domain; None, with a warning, if it cannot be opened here, and where no
    domain can carry out its calls.
    """
    if recording.domain == DOMAIN:
        return None
    try:
        return open_recorded_domain(registry, recording, options)
    except HarnessError as error:
        warn(f"not graded again, the recorded grades are kept: {error}. {error.hint}")
        return None


def _graded(
    registry: Registry, recording: Recording, domain: Domain | None, warn: Warn
) -> list[Regraded]:
    """Each episode graded again, or as recorded where there is no domain."""
    if domain is None:
        problem = f"no domain {recording.domain!r} here"
        return [
            Regraded(episode=episode, replayed=False, problem=problem)
            for episode in recording.episodes
        ]
    plugin = registry.plugin_of("domain", recording.domain)
    graded = regrade_all(recording, domain, plugin=plugin)
    lost = [
        f"conversation {index} ({one.episode.trajectory.id}): {one.problem}"
        for index, one in enumerate(graded)
        if not one.replayed and not one.episode.grade.contradicted
    ]
    _tell(doubts(graded), warn)
    _tell(problems(domain, recording.tasks, plugin=plugin), warn)
    _tell(cut_short(lost, "more do not replay; their recorded grades are kept"), warn)
    return graded


def _tell(lines: Iterable[str], warn: Warn) -> None:
    for line in lines:
        warn(line)
