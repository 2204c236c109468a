"""Turn what a user names of runs (RUN, RUN:ARM, RUN:ARM-SPLIT) into evaluations to hold side by
side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from harness.discovery.attribution import known_failures
from harness.discovery.diagnose import failures
from harness.discovery.station import round_patterns
from harness.errors import RunError
from harness.evaluation.metrics import Outcome, outcomes
from harness.evaluation.station import DATA_VERSION, evaluation_tasks, read_evaluation
from harness.results.arms import arm_order
from harness.results.history import round_numbers
from harness.results.outcomes import failures_of, quarantined, without
from harness.run_folder import CONFIG, RunFolder
from harness.types import Blame, Diagnosis, Episode, Json, Task
from harness.types.names import EvaluationName

_SPLITS = ("test", "validation", "train")


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """The patterns of a run: failures of which the pattern is known, with its id; names by id."""

    known: Sequence[tuple[Diagnosis, str]]
    names: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Side:
    """One evaluation of one run. ``name`` tells it from the other sides."""

    name: str
    store: RunFolder
    evaluation: EvaluationName

    @cached_property
    def config(self) -> Mapping[str, Json]:
        return self.store.config

    @cached_property
    def domain(self) -> str:
        return str(self.config.get("domain"))

    @cached_property
    def data_version(self) -> str:
        """The version of the domain's data; "" if that was not kept."""
        if not self.store.has(DATA_VERSION):
            return ""
        return self.store.read_field(DATA_VERSION, "data_version", str)

    @cached_property
    def tasks(self) -> Mapping[str, Task]:
        """By id."""
        return {task.id: task for task in evaluation_tasks(self.store, self.evaluation)}

    @cached_property
    def episodes(self) -> Sequence[Episode]:
        return read_evaluation(self.store, self.evaluation)

    @cached_property
    def outcomes(self) -> Mapping[str, Outcome]:
        """By trajectory id; nothing is in quarantine."""
        found = outcomes(self.episodes)
        return {e.trajectory.id: o for e, o in zip(self.episodes, found, strict=True)}

    @cached_property
    def excluded(self) -> Mapping[str, Blame]:
        """Whose fault it was, by trajectory id, for failures that were not the agent's."""
        return quarantined(self.store, [self.evaluation])

    @cached_property
    def diagnoses(self) -> Sequence[Diagnosis] | None:
        """What was read of the failures; None if there are some and nobody did."""
        found = failures_of(self.store, self.evaluation)
        return [] if found is None and not failures(self.episodes) else found

    def counted(self, *, quarantine: bool) -> dict[str, Outcome]:
        """Outcomes by trajectory id; with ``quarantine``, what was not the agent's fault as a
        fault.
        """
        return without(self.outcomes, self.excluded) if quarantine else dict(self.outcomes)

    def catalogue(self) -> Catalogue:
        numbers = round_numbers(self.store)
        return Catalogue(
            known=[one for n in numbers for one in known_failures(self.store, n)],
            names={p.id: p.name for n in numbers for p in round_patterns(self.store, n)},
        )


def open_sides(sources: Sequence[str]) -> list[Side]:
    """The evaluations that are named, in order.

    RUN alone stands for its newest arm that every other RUN alone has too, on test tasks if it was
    evaluated on some; for its newest arm where they share none. Raises ``RunError`` for what is no
    run folder, an evaluation that is not there, or one that is named twice.
    """
    opened = [_opened(source) for source in sources]
    shared = _shared([store for store, wanted in opened if not wanted])
    sides = []
    for store, wanted in opened:
        name = _chosen(store, wanted) if wanted else _newest(store, shared)
        sides.append(Side(name="", store=store, evaluation=name))
    if len({(side.store.folder.resolve(), side.evaluation) for side in sides}) < len(sides):
        raise RunError(
            f"{', '.join(sources)} name one evaluation twice",
            hint="Name two runs, or two arms of one: `harness compare RUN:base RUN:sft`.",
        )
    return [replace(s, name=n) for s, n in zip(sides, _names(sides), strict=True)]


def _opened(source: str) -> tuple[RunFolder, str]:
    """The run folder, and the arm or evaluation that is asked for ("": none)."""
    folder, colon, wanted = source.rpartition(":")
    if colon and wanted and not (Path(source) / CONFIG).is_file():
        return RunFolder.open(Path(folder)), wanted
    return RunFolder.open(Path(source)), ""


def _evaluations(store: RunFolder) -> list[EvaluationName]:
    """The newest arm last; of an arm, that on test tasks last. Raises ``RunError`` if there are
    none.
    """
    found = [n for n in map(EvaluationName, store.evaluations()) if n.on_split is not None]
    if not found:
        raise RunError(
            f"{store.folder} has no evaluation yet", hint="Run `harness eval` or `harness loop`."
        )
    return sorted(found, key=lambda n: (-_SPLITS.index(n.on_split or ""), arm_order(n.arm)))


def _shared(stores: Sequence[RunFolder]) -> set[EvaluationName]:
    each = [set(_evaluations(store)) for store in stores]
    return set.intersection(*each) if each else set()


def _newest(store: RunFolder, shared: set[EvaluationName]) -> EvaluationName:
    found = _evaluations(store)
    return [name for name in found if name in shared or not shared][-1]


def _chosen(store: RunFolder, wanted: str) -> EvaluationName:
    found = _evaluations(store)
    fitting = [name for name in found if wanted in (name, name.arm)]
    if not fitting:
        raise RunError(
            f"{store.folder} has no evaluation {wanted!r} (it has {', '.join(sorted(found))})",
            hint="Name an arm or an evaluation of the run: RUN:sft, RUN:sft-test.",
        )
    return fitting[-1]


def _names(sides: Sequence[Side]) -> list[str]:
    """Run and evaluation, each only if it tells sides apart; whole paths where folders share a
    name.
    """
    folders = [side.store.folder.resolve() for side in sides]
    short = len({folder.name for folder in folders}) == len(set(folders))
    runs = [f.name if short else str(s.store.folder) for f, s in zip(folders, sides, strict=True)]
    if len(set(folders)) == 1:
        return [str(side.evaluation) for side in sides]
    if len({side.evaluation for side in sides}) == 1:
        return runs
    return [f"{run} {side.evaluation}" for run, side in zip(runs, sides, strict=True)]
