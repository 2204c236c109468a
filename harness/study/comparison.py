"""Turn several runs or recordings into one comparison of their failures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness import loop
from harness.assembly.components import Components
from harness.assembly.opening import open_run, warn_by
from harness.assembly.registry import Registry
from harness.discovery.compare import Comparison, Side, compare_sides
from harness.discovery.station import evaluation_read
from harness.errors import ConfigError, HarnessError, RunError
from harness.evaluation.judging import decide_outcomes
from harness.evaluation.station import read_evaluation
from harness.interchange.foreign import Adoption
from harness.interchange.importing import import_file
from harness.interchange.runs import Options
from harness.llm.roles import open_registry
from harness.protocols import Observer
from harness.run_folder import CONFIG, LOCK, RunFolder
from harness.runtime import files
from harness.types import Diagnosis, Json
from harness.types.names import StationName


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What is read of a source: the evaluation (default: the round's, or the only one), ``again``
    even if that was done, with another ``judge``, ``clusterer`` or ``namer`` of patterns than the
    run's own, with ``options`` for these and for a file's format and domain. ``trust``: what a run
    folder asks for is granted. ``format`` and ``adoption`` are for files: their format, and how
    conversations without a domain are read.
    """

    evaluation: str = ""
    again: bool = False
    namer: str | None = None
    options: Options = field(default_factory=dict)
    trust: bool = False
    format: str = ""
    adoption: Adoption | None = None
    judge: str | None = None
    clusterer: str | None = None

    def changes(self, source: Path) -> dict[str, Json]:
        """The settings of the source's run that it changes; None where it does not. A file has got
        its options already.
        """
        tables: Json = {name: dict(table) for name, table in self.options.items()}
        is_run = (source / CONFIG).is_file()
        return {
            "namer": self.namer,
            "judge": self.judge,
            "clusterer": self.clusterer,
            "options": tables if self.options and is_run else None,
        }


def discover_source(
    source: Path,
    number: int,
    reading: Reading,
    *,
    out: Path | None = None,
    observers: tuple[Observer, ...] = (),
) -> tuple[RunFolder, Mapping[str, Json]]:
    """The run, and its report after discovery in round ``number``. A file becomes a run first, in
    the folder ``out``.
    """
    registry = open_registry()
    reading = _with_judged_outcomes(reading, registry)
    changes = reading.changes(source)
    with (
        _as_run(registry, source, out, reading, observers) as store,
        open_run(store, registry, changes, trust=reading.trust, observers=observers) as parts,
    ):
        again = reading.again or any(value is not None for value in changes.values())
        return store, _discovered(parts, store, number, reading.evaluation, again)


def compare_sources(
    sources: Sequence[Path],
    reading: Reading,
    folder: Path,
    *,
    observers: tuple[Observer, ...] = (),
) -> Comparison:
    """The failures of several sources clustered together, each source compared with the first.

    Files become runs in ``folder``. Raises ``RunError`` if the sources are of different domains.
    """
    registry = open_registry()
    reading = _with_judged_outcomes(reading, registry)
    with ExitStack() as kept:
        stores = [
            kept.enter_context(
                _as_run(registry, source, folder / f"side-{number}", reading, observers)
            )
            for number, source in enumerate(sources)
        ]
        return _compared(stores, sources, registry, reading, observers)


def _compared(
    stores: Sequence[RunFolder],
    sources: Sequence[Path],
    registry: Registry,
    reading: Reading,
    observers: tuple[Observer, ...],
) -> Comparison:
    """The comparison of the sources as runs."""
    domains = sorted({str(store.config.get("domain")) for store in stores})
    if len(domains) > 1:
        raise RunError(
            f"the sources are of different domains: {', '.join(domains)}",
            hint="Compare policies on the same domain.",
        )
    sides = []
    changes = [reading.changes(source) for source in sources]
    for name, store, own in zip(_names(sources), stores, changes, strict=True):
        with open_run(
            store, registry, own, keep=False, trust=reading.trust, observers=observers
        ) as parts:
            sides.append(_side(name, parts, store, reading))
    with open_run(stores[0], registry, changes[0], keep=False, observers=observers) as parts:
        return compare_sides(parts, sides)


@contextmanager
def _as_run(
    registry: Registry,
    source: Path,
    out: Path | None,
    reading: Reading,
    observers: tuple[Observer, ...],
) -> Iterator[RunFolder]:
    """The run folder, or one that is made of a file: it goes again if an error comes before the
    block has added anything to it.
    """
    is_empty = source.is_dir() and not any(source.iterdir())
    if (source / CONFIG).is_file() or not source.exists() or is_empty:
        yield _opened(source, reading)
        return
    store, _ = import_file(
        registry, source, out=out, options=reading.options, format=reading.format,
        adoption=reading.adoption, warn=warn_by(observers),
    )  # fmt: skip
    imported = _contents(store)
    try:
        yield store
    except HarnessError:
        if _contents(store) == imported:
            files.clear(store.folder)
        raise


def _contents(store: RunFolder) -> dict[Path, int]:
    """All files but settings and lock, with when they were changed."""
    found = (path for path in store.folder.rglob("*") if path.name not in (LOCK, CONFIG))
    return {path: path.stat().st_mtime_ns for path in found if path.is_file()}


def _opened(source: Path, reading: Reading) -> RunFolder:
    """The run folder that the source is, which needs none of what tells how to read a file."""
    how = reading.adoption
    if reading.format or (how and replace(how, judged=False) != Adoption()):
        if not source.exists():
            raise RunError(f"{source} does not exist", hint="Give a file of conversations.")
        raise ConfigError(
            f"{source} is a run folder, which takes no --format, --outcome, --failed-if or "
            "--redact",
            hint="Remove them: they are for reading a recording.",
        )
    return RunFolder.open(source)


def _with_judged_outcomes(reading: Reading, registry: Registry) -> Reading:
    """A chat model as judge also decides which conversations failed, where nothing else says."""
    if reading.judge is None or not registry.speaks("judge", reading.judge):
        return reading
    adoption = replace(reading.adoption or Adoption(), judged=True)
    return replace(reading, adoption=adoption)


def _discovered(
    parts: Components, store: RunFolder, number: int, evaluation: str, again: bool
) -> Mapping[str, Json]:
    source = evaluation or loop.studied(store, number)
    decide_outcomes(parts, store, source)
    loop.discover(parts, store, number, source, again=again)
    return loop.write_report(parts, store, complete=False)


def _side(name: str, parts: Components, store: RunFolder, reading: Reading) -> Side:
    """A source's conversations and diagnoses; they are made if the run has none of them yet."""
    if reading.again or not store.is_done(StationName.discover(1)):
        _discovered(parts, store, 1, reading.evaluation, reading.again)
    read = evaluation_read(store, 1)
    if reading.evaluation and read != reading.evaluation:
        raise RunError(
            f"{store.folder} has patterns of {read}, not of {reading.evaluation}",
            hint="Repeat discovery with --again.",
        )
    episodes = read_evaluation(store, read or loop.studied(store, 1))
    diagnoses = store.read_values("rounds/1/diagnoses.jsonl", Diagnosis)
    return Side(name=name, episodes=episodes, diagnoses=diagnoses)


def _names(sources: Sequence[Path]) -> list[str]:
    """The last part of each path; whole paths where that would not tell them apart."""
    short = [source.resolve().name for source in sources]
    return short if len(set(short)) == len(short) else [str(source) for source in sources]
