"""Turn a file of results into values: what each arm of each seed came to."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.assembly.validation import first_problem
from harness.errors import RunError
from harness.evaluation.metrics import pass_hat_k
from harness.runtime.counting import counted
from harness.runtime.json_lines import adapter
from harness.study.packing import unpacked
from harness.study.result_rows import UNCOUNTED
from harness.study.spec import Study, parse_study

OFTEN = ("never", "sometimes", "always")
"""How often trials of one task succeeded."""

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """A pattern of round 1: its failures and share in the evaluation read, and the tasks made.

    ``lacks``: one of ``harness.discovery.families.CAPABILITIES``; "" where that was not looked at.
    """

    id: str
    name: str
    family: str = ""
    lacks: str = ""
    count: int = 0
    share: float = 0.0
    tasks: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What a trainer recorded; ``curve`` has step, rollouts so far, reward and success."""

    steps: int = 0
    rollouts: int = 0
    tokens: int = 0
    stopped_because: str = ""
    curve: Sequence[Mapping[str, float]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Practice:
    """Groups of rollouts of one task that never, sometimes and always succeeded, and the success
    rate (percent) in the first and second half of the steps; None where a half has none.
    """

    never: int = 0
    sometimes: int = 0
    always: int = 0
    first: float | None = None
    second: float | None = None

    @property
    def groups(self) -> int:
        return self.never + self.sometimes + self.always


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Weights kept at a step, and their outcomes by task."""

    step: int
    outcomes: Sequence[str]


_NUMBER = re.compile(r"[0-9]{1,6}")

Mistakes = Mapping[str, Mapping[str, Mapping[str, int]]]
"""Counts by what the agent lacks, by kind of mistake and by place of the task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A row of results, see ``harness.study.result_rows``; of the shared part, ``patterns``.

    ``void`` says why there are none. ``start`` is equal for rows that begin at the same weights.
    """

    seed: int
    arm: str
    void: str = ""
    start: str = ""
    checkpoint: str = ""
    tasks: Sequence[str] = ()
    outcomes: Sequence[str] = ()
    tags: Mapping[str, Sequence[int]] = field(default_factory=dict)
    failures: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    mistakes: Mistakes = field(default_factory=dict)
    mistakes_by_round: Mapping[str, Mistakes] = field(default_factory=dict)
    blame: Mapping[str, int] = field(default_factory=dict)
    behaviour: Mapping[str, int] = field(default_factory=dict)
    patterns: Sequence[Pattern] = ()
    training: Training = field(default_factory=Training)
    rollouts: Mapping[str, int] = field(default_factory=dict)
    practice: Practice = field(default_factory=Practice)
    curve: Sequence[Point] = ()
    pool: Mapping[str, int] = field(default_factory=dict)
    rounds: Sequence[Mapping[str, Any]] = ()
    shifts: Sequence[Mapping[str, Any]] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    cpu: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for outcomes in (self.outcomes, *(point.outcomes for point in self.curve)):
            if len(outcomes) != len(self.tasks):
                raise ValueError(f"outcomes of {len(outcomes)} tasks, expected {len(self.tasks)}")
        known = {str(place) for place in range(len(self.tasks))}
        if strange := sorted({*_places(self)} - known):
            raise ValueError(f"the place {strange[0]!r} among {counted(len(known), 'task')}")
        rounds = self.mistakes_by_round
        numbers = {*rounds, *(place for one in rounds.values() for place in mistaken(one))}
        if strange := sorted(text for text in numbers if not _NUMBER.fullmatch(text)):
            raise ValueError(f"a round or the place of a task {strange[0]!r}, expected a number")


@dataclass(frozen=True, kw_only=True)
class Results:
    """A study and what there is of it so far, by start or arm, and seed; voids are kept apart."""

    study: Study
    starts: Mapping[str, Mapping[int, Result]]
    arms: Mapping[str, Mapping[int, Result]]
    voids: Sequence[Result]

    def seeds(self, *arms: str) -> list[int]:
        """The seeds of which all these arms are done, in order."""
        return [s for s in self.study.seeds if all(s in self.arms.get(arm, {}) for arm in arms)]

    def shared(self, arm: str) -> Mapping[int, Result]:
        """What an arm shares with others, by seed: its start."""
        return self.starts.get(self.study.start_of(arm), {})

    def label(self, arm: str) -> str:
        return self.study.arms[arm].label or arm

    def passes(self, arm: str, k: int, seeds: Sequence[int]) -> Values:
        """Pass^k in percent, shape (seeds, tasks); nan where a task has too few counted trials."""
        found = [self.arms[arm][seed] for seed in seeds]
        rows = [_passes(r.outcomes, k) for r in found]
        return _aligned([r.tasks for r in found], rows, self._tasks())

    def curve_passes(self, arm: str, step: int, seeds: Sequence[int]) -> Values:
        """Pass^1 of the weights kept at a step, in the same shape."""
        found = [self.arms[arm][seed] for seed in seeds]
        rows = [_passes(p.outcomes, 1) for r in found for p in r.curve if p.step == step]
        return _aligned([r.tasks for r in found], rows, self._tasks())

    def failures(self, arm: str, patterns: Mapping[int, Sequence[str]]) -> Values:
        """Failures of these patterns (ids by seed) per 100 conversations, shape (seeds, tasks)."""
        found = [self.arms[arm][seed] for seed in patterns]
        rows = [_rates(r, ids) for r, ids in zip(found, patterns.values(), strict=True)]
        return _aligned([r.tasks for r in found], rows, self._tasks())

    def split(self, arm: str, other: str, seeds: Sequence[int]) -> dict[str, tuple[Values, Values]]:
        """The arm's Pass^1 in percent and its number of trials, each of shape (seeds, tasks), where
        the ``other`` arm never, sometimes and always solved the task in its trials but that one.
        """
        column = {task: n for n, task in enumerate(self._tasks())}
        won, trials = np.zeros((2, len(OFTEN), len(seeds), len(column)))
        for row, seed in enumerate(seeds):
            one, known = (self.arms[name][seed] for name in (arm, other))
            outcomes = dict(zip(known.tasks, known.outcomes, strict=True))
            for task, marks in zip(one.tasks, one.outcomes, strict=True):
                for n, mark in enumerate(marks):
                    rest = _without(outcomes.get(task, ""), n)
                    if rest and mark != UNCOUNTED:
                        place = OFTEN.index(_how_often(rest)), row, column[task]
                        won[place] += mark == "1"
                        trials[place] += 1
        rates = 100 * np.divide(won, trials, out=np.full(won.shape, np.nan), where=trials > 0)
        return {how: (rates[n], trials[n]) for n, how in enumerate(OFTEN)}

    def tags(self) -> dict[str, Mask]:
        """Which tasks carry a tag, shape (tasks,), by tag; that of most tasks first."""
        column = {task: n for n, task in enumerate(self._tasks())}
        found: dict[str, Mask] = {}
        for result in (r for by in self.arms.values() for r in by.values()):
            for tag, places in result.tags.items():
                mask = found.setdefault(tag, np.zeros(len(column), dtype=bool))
                mask[[column[result.tasks[place]] for place in places]] = True
        return dict(sorted(found.items(), key=lambda item: (-int(item[1].sum()), item[0])))

    def _tasks(self) -> list[str]:
        every = [task for by in self.arms.values() for r in by.values() for task in r.tasks]
        return list(dict.fromkeys(every))


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    study: Mapping[str, object]
    rows: Sequence[Result]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file of results as it was read: the study, and rows that are known to fit."""

    study: Study
    rows: Sequence[Mapping[str, Any]]
    results: Sequence[Result]


def read_results(path: Path) -> Results:
    """Results as ``StudyFolder.results`` writes them. Raises ``RunError`` if the file is none."""
    return parse_results(_text(path), str(path))


def read_document(path: Path) -> Document:
    """The same with the rows as they are in the file. Raises ``RunError`` if the file is none."""
    return _document(_text(path), str(path))


def parse_results(text: str, where: str) -> Results:
    """The same from the text of such a file; ``where`` names it in errors."""
    found = _document(text, where)
    starts, arms = dict[str, dict[int, Result]](), dict[str, dict[int, Result]]()
    for row in found.results:
        if row.arm in found.study.starts:
            starts.setdefault(row.arm, {})[row.seed] = row
        elif not row.void:
            arms.setdefault(row.arm, {})[row.seed] = row
    return Results(
        study=found.study,
        starts=starts,
        arms=arms,
        voids=[row for row in found.results if row.void],
    )


def _places(row: Result) -> Iterator[str]:
    """The places of test tasks that the row names."""
    yield from (str(place) for places in row.tags.values() for place in places)
    for by_place in row.failures.values():
        yield from by_place
    yield from mistaken(row.mistakes)


def mistaken(mistakes: Mistakes) -> Iterator[str]:
    """The places of tasks that the counts name."""
    for of_kind in mistakes.values():
        for by_place in of_kind.values():
            yield from by_place


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise RunError(
            f"{path} holds no results of a study: {error}",
            hint="Give a study's folder, or the results.json in it.",
        ) from None


def _document(text: str, where: str) -> Document:
    from pydantic import ValidationError

    try:
        whole: Any = unpacked(json.loads(text), where)
        found = adapter(_File).validate_json(json.dumps(whole), strict=True)
    except (ValueError, RecursionError) as error:
        said = first_problem(error) if isinstance(error, ValidationError) else str(error)
        raise RunError(
            f"{where} holds no results of a study: {said}",
            hint="Give a study's folder, or the results.json in it; a study writes it anew at each "
            "turn.",
        ) from None
    study = parse_study(_as_now(found.study), where)
    return Document(study=study, rows=whole["rows"], results=found.rows)


def _as_now(study: Mapping[str, Any]) -> Mapping[str, Any]:
    """A study of the time when controls had tasks of the test's mix alone, "untargeted" ones, in
    the words of today.
    """
    arms = study.get("arms")
    if not isinstance(arms, Mapping):
        return study
    old = [
        name
        for name, arm in arms.items()
        if isinstance(arm, Mapping) and arm.get("trains") == "untargeted"
    ]
    if not old:
        return study
    changed = {**arms, **{name: {**arms[name], "trains": "oracle"} for name in old}}
    shown = [name for name in ("sft", "untargeted", "targeted") if name in arms]
    return {"pattern_arms": shown, **study, "arms": changed}


def _passes(outcomes: Sequence[str], k: int) -> list[float]:
    return [_pass(trials.replace(UNCOUNTED, ""), k) for trials in outcomes]


def _pass(trials: str, k: int) -> float:
    if len(trials) < k:
        return float("nan")
    return 100 * pass_hat_k(trials.count("1"), len(trials), k)


def _without(trials: str, place: int) -> str:
    """The counted trials but that one."""
    return (trials[:place] + trials[place + 1 :]).replace(UNCOUNTED, "")


def _how_often(trials: str) -> str:
    if "1" not in trials:
        return "never"
    return "sometimes" if "0" in trials else "always"


def _rates(result: Result, ids: Sequence[str]) -> list[float]:
    counts = [result.failures.get(id, {}) for id in ids]
    return [
        100 * sum(count.get(str(place), 0) for count in counts) / trials if trials else float("nan")
        for place, trials in enumerate(len(o.replace(UNCOUNTED, "")) for o in result.outcomes)
    ]


def _aligned(
    tasks: Sequence[Sequence[str]], rows: Sequence[Sequence[float]], every: Sequence[str]
) -> Values:
    column = {task: n for n, task in enumerate(every)}
    values = np.full((len(rows), len(every)), np.nan)
    for place, (ids, row) in enumerate(zip(tasks, rows, strict=True)):
        values[place, [column[id] for id in ids]] = row
    return values
