"""Failures on a plane as an SVG picture: a colour for each pattern, its exemplars beside it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.report.figures import share
from harness.report.markup import Markup, tag
from harness.results.history import FailureMap
from harness.runtime.counting import counted
from harness.runtime.foreign_text import clean
from harness.types import ErrorPattern

SIDE, MARGIN = 720, 28
"""Pixels of the square map, and around it."""

TEXT_WIDTH = 660
LINE = 15
WRAP = 96
"""Characters of an exemplar's line."""

MOST_LISTED = 24
"""Patterns that are listed beside the map; the others are counted."""

_COLOURS = (
    "#4e79a7", "#f28e2b", "#e15759", "#76b7b2", "#59a14f", "#edc948", "#b07aa1", "#ff9da7",
    "#9c755f", "#1b9e77", "#d95f02", "#7570b3", "#e7298a", "#66a61e", "#a6761d", "#1f78b4",
)  # fmt: skip
_NOISE = "#8b949e"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """A failure's place, (x, y) in [0, 1], and what is said of it when pointed at."""

    x: float
    y: float
    says: str


def map_svg(found: FailureMap, title: str) -> str:
    """The map as a picture of its own; what is in no pattern is grey.

    It loads nothing; equal values give equal bytes.
    """
    dots, patterns = dots_of(found), found.patterns
    listed = patterns[:MOST_LISTED]
    legend = list(_legend(listed, found.explanations, len(patterns) - len(listed)))
    height = max(SIDE + 2 * MARGIN + 30, MARGIN + 40 + LINE * sum(lines for _, lines in legend))
    width = SIDE + TEXT_WIDTH + 3 * MARGIN
    body: list[Markup] = [
        tag("rect", width=width, height=height, fill="#ffffff"),
        tag("text", clean(title), x=MARGIN, y=MARGIN, class_="title"),
        *_dots(dots),
        *_labels(dots, patterns),
    ]
    y = MARGIN + 24
    for piece, lines in legend:
        body.append(tag("g", piece, transform=f"translate({SIDE + 2 * MARGIN},{y})"))
        y += LINE * lines
    return tag(
        "svg",
        tag("title", clean(title)),
        tag("style", Markup(_STYLE)),
        *body,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width} {height}",
        role="img",
    )


def dots_of(found: FailureMap) -> list[tuple[int, Dot]]:
    """Each failure that has a place, with its pattern's place in the list, -1 for none."""
    of = {member: n for n, pattern in enumerate(found.patterns) for member in pattern.members}
    return [
        (of.get(id, -1), Dot(x=place[0], y=place[1], says=found.explanations.get(id, id)))
        for id, place in found.places.items()
    ]


def _dots(dots: Sequence[tuple[int, Dot]]) -> Iterator[Markup]:
    radius = 4.5 if len(dots) < 400 else 3.0
    for number, dot in sorted(dots, key=lambda pair: pair[0]):
        x, y = _at(dot)
        says = tag("title", clean(dot.says, 200))
        yield tag("circle", says, cx=x, cy=y, r=radius, fill=_colour(number), class_="dot")


def _labels(dots: Sequence[tuple[int, Dot]], patterns: Sequence[ErrorPattern]) -> Iterator[Markup]:
    """Each pattern's number in the middle of its dots."""
    for number in range(len(patterns)):
        own = [_at(dot) for n, dot in dots if n == number]
        if own:
            x, y = (sum(axis) / len(own) for axis in zip(*own, strict=True))
            yield tag("circle", cx=x, cy=y, r=9.0, fill="#ffffff", stroke=_colour(number))
            yield tag("text", str(number + 1), x=x, y=y + 4, class_="number")


def _legend(
    patterns: Sequence[ErrorPattern], explanations: Mapping[str, str], unlisted: int
) -> Iterator[tuple[Markup, int]]:
    """Pieces of the list beside the map, each with how many lines it takes."""
    family = ""
    ranked = sorted(enumerate(patterns), key=lambda pair: _rank(patterns, pair[1]))
    for number, pattern in ranked:
        if pattern.family != family:
            family = pattern.family
            yield tag("text", family, x=0, y=LINE, class_="family"), 2
        name = f"{number + 1}  {clean(pattern.name, 70)}  {share(pattern.share)}"
        pieces = [
            tag("circle", cx=6, cy=-4, r=5.0, fill=_colour(number)),
            tag("text", name, x=18, y=0, class_="name"),
        ]
        lines = _quoted(pattern, explanations)
        pieces += [
            tag("text", line, x=18, y=LINE * (n + 1), class_="says") for n, line in enumerate(lines)
        ]
        yield tag("g", *pieces, transform=f"translate(0,{LINE})"), len(lines) + 2
    rest = [f"and {counted(unlisted, 'more pattern')}"] if unlisted > 0 else []
    for words in (*rest, "grey: in no pattern (noise)"):
        yield tag("text", words, x=18, y=LINE, class_="says"), 1


def _rank(patterns: Sequence[ErrorPattern], pattern: ErrorPattern) -> tuple[float, str, float]:
    """Families by their share, patterns within by theirs."""
    whole = sum(other.share for other in patterns if other.family == pattern.family)
    return -whole, pattern.family, -pattern.share


def _quoted(pattern: ErrorPattern, explanations: Mapping[str, str]) -> list[str]:
    """What was said of the pattern's exemplars, no two alike."""
    said = (clean(explanations.get(id, ""), 2 * WRAP) for id in pattern.exemplars)
    distinct = [words for words in dict.fromkeys(said) if words][:2]
    return [line for words in distinct for line in textwrap.wrap(words, WRAP)[:2]]


def _at(dot: Dot) -> tuple[float, float]:
    inner = SIDE - 2 * MARGIN
    return MARGIN * 2 + dot.x * inner, MARGIN * 2 + 24 + (1 - dot.y) * inner


def _colour(number: int) -> str:
    return _NOISE if number < 0 else _COLOURS[number % len(_COLOURS)]


_STYLE = """
text { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2328 }
.title { font-size: 17px; font-weight: 600 } .family { font-size: 14px; font-weight: 600 }
.name { font-size: 12.5px; font-weight: 600 } .says { font-size: 11.5px; fill: #59636e }
.number { font-size: 11px; font-weight: 600; text-anchor: middle }
.dot { fill-opacity: 0.55; stroke: #ffffff; stroke-width: 0.5 }
"""
