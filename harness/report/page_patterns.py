"""Error patterns on the HTML page: by family and round, on a map, and how sure they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from harness.report.charts import hue_class, share_chart
from harness.report.discovered import changes, contrast, moved, quality, verdict
from harness.report.families import by_family
from harness.report.families import together as amount
from harness.report.figures import UNKNOWN, count, of_few, share
from harness.report.map import dots_of
from harness.report.markup import Markup, tag, together
from harness.report.model import Discovered, Pattern, Report, Shifted
from harness.report.page import facts, listed, section, table
from harness.results.history import FailureMap
from harness.runtime.foreign_text import clean

WIDTH, HEIGHT, EDGE = 600, 400, 24
"""Pixels of the map, and what is left free around it."""

MOST_DOTS = 1500
"""About so many failures are drawn on a map, at most."""


def patterns(report: Report, maps: Mapping[int, FailureMap]) -> Iterator[Markup]:
    """The section; nothing without patterns. ``maps`` are by round, the newest is drawn."""
    if not report.patterns:
        return
    pieces = []
    if any(pattern.rounds for pattern in report.patterns):
        pieces.append(tag("figure", share_chart(report)))
    pieces += _map(report, maps)
    pieces.append(_by_family(report))
    pieces += [tag("p", f"Round {n}: failures by {listed(c)}.") for n, c in report.blame.items()]
    for found in report.discovered:
        pieces += _quality(found)
    for found in report.discovered[-1:]:
        pieces += _suspects(found)
    for shift in report.shifts:
        pieces += _shift(report, shift)
    yield section("Error patterns", "share of the agent's failures, round by round", *pieces)


def _by_family(report: Report) -> Markup:
    rounds = report.rounds
    place = {pattern.id: hue for hue, pattern in enumerate(report.patterns)}
    rows: list[Sequence[str]] = []
    for family, members in by_family(report.patterns, rounds[-1:]):
        if family:
            shares = (_shared(amount(members, n)) for n in rounds)
            rows.append([tag("b", family, class_="family"), *shares])
        for pattern in members:
            seen = (_share(pattern, n) for n in rounds)
            rows.append([_described(pattern, place[pattern.id]), *seen])
    return table(["", *(f"round {n}" for n in rounds)], rows)


def _shared(fraction: float) -> Markup:
    return tag("b", share(fraction), class_="family") if fraction else together(UNKNOWN)


def _described(pattern: Pattern, hue: int) -> Markup:
    kinds = f" ({listed(pattern.kinds)})" if pattern.kinds else ""
    name = tag("b", f"{hue + 1} {pattern.name}", class_=f"key {hue_class(hue)}")
    more = tag("small", contrast(pattern), class_="id")
    return together(name, tag("br"), tag("small", pattern.description + kinds), tag("br"), more)


def _share(pattern: Pattern, number: int) -> Markup:
    seen = pattern.rounds.get(number)
    if seen is None:
        return together(UNKNOWN)
    if few := of_few(seen.count, seen.fraction):
        return tag("b", few)
    return together(tag("b", share(seen.fraction)), " ", tag("i", f"×{count(seen.count)}"))


def _map(report: Report, maps: Mapping[int, FailureMap]) -> Iterator[Markup]:
    drawn = [number for number in report.rounds if number in maps and maps[number].places]
    if not drawn:
        return
    found = maps[drawn[-1]]
    place = {pattern.id: hue for hue, pattern in enumerate(report.patterns)}
    hues = [place.get(pattern.id, -1) for pattern in found.patterns]
    dots = [(hues[n] if n >= 0 else -1, dot) for n, dot in dots_of(found)]
    dots = sorted(dots[:: max(1, len(dots) // MOST_DOTS)], key=lambda pair: pair[0])
    shapes = []
    for hue, dot in dots:
        says = tag("title", clean(dot.says, 120))
        where = {"cx": _x(dot.x), "cy": _y(dot.y), "r": 3.5}
        shapes.append(tag("circle", says, **where, class_=f"dot {_hue(hue)}"))
    for hue in sorted({hue for hue, _ in dots} - {-1}):
        own = [dot for other, dot in dots if other == hue]
        x = _x(sum(dot.x for dot in own) / len(own))
        y = _y(sum(dot.y for dot in own) / len(own))
        shapes.append(tag("text", str(hue + 1), x=x + 7, y=y - 7, class_="number"))
    title = f"Map of the agent's failures in round {drawn[-1]}"
    box = f"0 0 {WIDTH} {HEIGHT}"
    said = "Each dot is a failure, near ones are alike; grey ones are in no pattern."
    yield tag(
        "figure",
        tag("svg", tag("title", title), *shapes, viewBox=box, role="img", aria_label=title),
        tag("figcaption", tag("b", title), said),
        class_="map",
    )


def _quality(found: Discovered) -> Iterator[Markup]:
    yield tag("h3", f"Confidence in the patterns of round {found.round}")
    yield facts(quality(found))


def _suspects(found: Discovered) -> Iterator[Markup]:
    if found.suspects:
        yield tag("h3", "Suspect tasks ", tag("small", "to be fixed or left out"))
        rows = [[tag("b", s.task_id), s.summary, str(s.times)] for s in found.suspects]
        yield table(["task", "", "failures"], rows, text_columns=2)


def _shift(report: Report, shift: Shifted) -> Iterator[Markup]:
    yield tag("h3", f"From round {shift.before} to round {shift.after}")
    yield tag("p", f"{moved(shift)}: {verdict(shift).plain}.")
    rows = [list(change) for change in changes(report, shift)]
    if rows:
        yield table(["", "pattern", "change"], rows, text_columns=3)


def _hue(hue: int) -> str:
    return hue_class(hue) if hue >= 0 else "noise"


def _x(x: float) -> float:
    return EDGE + x * (WIDTH - 2 * EDGE)


def _y(y: float) -> float:
    return EDGE + (1 - y) * (HEIGHT - 2 * EDGE)
