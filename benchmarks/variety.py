"""Measure how varied tasks are: their words, the templates behind them, their gold's shapes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shape_measures import WRITES, generated_tasks, official_tasks

from harness.types import Task, ToolCall
from harness_retail.catalogue import KINDS
from harness_taskkit.people import FIRST_NAMES, LAST_NAMES

WORDS = 3000
"""Words that distinct n-grams are counted over: their ratio falls with the length of a text."""

_VALUES = sorted(
    {kind.name.lower() for kind in KINDS}
    | {value.lower() for kind in KINDS for values in kind.options.values() for value in values},
    key=len,
    reverse=True,
)
_MASKS = (
    (re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, _VALUES))})(?![\w-])"), "<thing>"),
    (re.compile(rf"\b(?:{'|'.join((*FIRST_NAMES, *LAST_NAMES))})\b".lower()), "<name>"),
    (re.compile(r"\S*@\S+|#w\d+|\S*\d\S*"), "<id>"),
    (re.compile(r"\b(?:an?|the) <thing>(?:,? (?:and )?(?:an?|the) <thing>)*"), "<things>"),
    (re.compile(r"<id> [a-z ]+, <id>[^.]*"), "<address>"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variety:
    """``openings``: different ones, as said; ``templates``: with names, things and ids masked;
    ``top_template``: the share of tasks whose openings together are of the most frequent one.

    ``distinct`` are the shares of different n-grams (1, 2, 3) among all of the first ``WORDS``
    words, ``shape_distance`` is the total variation distance, in [0, 1], between the writes of
    these tasks and of the official ones, as multisets of tools; also for untargeted tasks.
    """

    openings: int
    templates: int
    top_template: float
    distinct: tuple[float, float, float]
    official_distinct: tuple[float, float, float]
    shape_distance: float
    untargeted_shape_distance: float


def measure(tasks: Sequence[Task]) -> Variety:
    """How varied the tasks are. Raises ``HarnessError`` without the official data."""
    official = official_tasks()
    openings = [[request.says[0] for request in task.scenario.requests] for task in tasks]
    templates = Counter(" | ".join(map(template, said)) for said in openings)
    shapes = Counter(_shape(task.gold) for task in tasks)
    theirs = Counter(_shape(specimen.writes) for specimen in official)
    plain = Counter(_shape(s.writes) for s in generated_tasks("train", len(tasks), 0))
    return Variety(
        openings=len({tuple(said) for said in openings}),
        templates=len(templates),
        top_template=max(templates.values()) / len(tasks),
        distinct=_distinct(text for said in openings for text in said),
        official_distinct=_distinct(specimen.scenario for specimen in official),
        shape_distance=_distance(shapes, theirs),
        untargeted_shape_distance=_distance(plain, theirs),
    )


def template(text: str) -> str:
    """The text without what is particular to a customer."""
    text = text.lower()
    for pattern, mask in _MASKS:
        text = pattern.sub(mask, text)
    return text


def _shape(calls: Sequence[ToolCall]) -> tuple[str, ...]:
    return tuple(sorted(call.name for call in calls if call.name in WRITES))


def _distance(some: Counter[tuple[str, ...]], others: Counter[tuple[str, ...]]) -> float:
    shapes = some.keys() | others.keys()
    one, other = some.total(), others.total()
    return sum(abs(some[shape] / one - others[shape] / other) for shape in shapes) / 2


def _distinct(texts: Iterable[str]) -> tuple[float, float, float]:
    words = [word for text in texts for word in re.findall(r"[a-z']+", text.lower())][:WORDS]
    ratios = []
    for n in (1, 2, 3):
        grams = [tuple(words[start : start + n]) for start in range(len(words) - n + 1)]
        ratios.append(len(set(grams)) / max(1, len(grams)))
    return ratios[0], ratios[1], ratios[2]
