"""Pictures of a study in black and white: series are told apart by marks, dashes and hatching."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.report.markup import Markup, tag, together
from harness.runtime.foreign_text import clean
from harness.types import Interval

MARKS = (
    "disc", "ring", "square", "box", "triangle", "diamond", "cross", "gem", "tent", "plus",
)  # fmt: skip
DASHES = (None, "6 3", "2 3", "10 3 2 3", "1 2", "8 2", "3 6", "12 4")
FILLS = ("#000000", "#ffffff", "#8a8a8a", "#d0d0d0")
HATCHES = 4
LINE = 18.0
"""Pixels from one line of a list to the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A plotting area in a picture, in pixels, and the range of values that it shows."""

    left: float
    top: float
    width: float
    height: float
    x_range: tuple[float, float]
    y_range: tuple[float, float]

    def x(self, value: float) -> float:
        low, high = self.x_range
        return self.left + (value - low) / ((high - low) or 1.0) * self.width

    def y(self, value: float) -> float:
        low, high = self.y_range
        return self.top + self.height - (value - low) / ((high - low) or 1.0) * self.height

    def across(self, ticks: Iterable[float]) -> Markup:
        """Horizontal rules with their values at the left."""
        return together(*(self._across(tick) for tick in ticks))

    def down(self, ticks: Iterable[float]) -> Markup:
        """Vertical rules with their values below; that of 0 is heavy."""
        return together(*(self._down(tick) for tick in ticks))

    def under(self, value: float, text: str) -> Markup:
        """A label below the area."""
        return _text(self.x(value), self.top + self.height + 18, text, anchor="middle")

    def title(self, text: str) -> Markup:
        return tag("text", text, x=self.left, y=self.top - 12, class_="title")

    def _across(self, tick: float) -> Markup:
        y = self.y(tick)
        rule = tag("line", x1=self.left, x2=self.left + self.width, y1=y, y2=y, class_="rule")
        return together(rule, _text(self.left - 8, y + 4, f"{tick:g}", anchor="end"))

    def _down(self, tick: float) -> Markup:
        x, bottom = self.x(tick), self.top + self.height
        style = "zero" if tick == 0 else "rule"
        rule = tag("line", x1=x, x2=x, y1=self.top, y2=bottom, class_=style)
        return together(rule, _text(x, bottom + 18, f"{tick:g}", anchor="middle"))


def mark(kind: int, x: float, y: float, size: float = 4.5) -> Markup:
    """The mark of the series at this place of a list."""
    name = MARKS[kind % len(MARKS)]
    fill = "#ffffff" if name in ("ring", "box", "gem", "tent") else "#000000"
    if name in ("disc", "ring"):
        return tag("circle", cx=x, cy=y, r=size, fill=fill, class_="mark")
    if name in ("square", "box"):
        side = 1.8 * size
        return tag(
            "rect",
            x=x - side / 2,
            y=y - side / 2,
            width=side,
            height=side,
            fill=fill,
            class_="mark",
        )
    s = 1.25 * size
    triangle = f"M{x:.1f} {y - s:.1f}l{s:.1f} {1.8 * s:.1f}h{-2 * s:.1f}z"
    diamond = f"M{x:.1f} {y - s:.1f}l{s:.1f} {s:.1f}l{-s:.1f} {s:.1f}l{-s:.1f} {-s:.1f}z"
    paths = {
        "triangle": triangle,
        "tent": triangle,
        "diamond": diamond,
        "gem": diamond,
        "plus": f"M{x - s:.1f} {y:.1f}h{2 * s:.1f}M{x:.1f} {y - s:.1f}v{2 * s:.1f}",
        "cross": f"M{x - s:.1f} {y - s:.1f}l{2 * s:.1f} {2 * s:.1f}m0 {-2 * s:.1f}l{-2 * s:.1f} "
        f"{2 * s:.1f}",
    }
    return tag("path", d=paths[name], fill=fill, class_="mark")


def upright(frame: Frame, x: float, interval: Interval, kind: int) -> Markup:
    """A mark at (x, value) with a vertical bar over the interval; x in pixels."""
    low, high = frame.y(interval.low), frame.y(interval.high)
    path = f"M{x:.1f} {low:.1f}V{high:.1f}M{x - 3:.1f} {low:.1f}h6M{x - 3:.1f} {high:.1f}h6"
    return together(tag("path", d=path, class_="bar"), mark(kind, x, frame.y(interval.value)))


def lying(frame: Frame, y: float, interval: Interval, kind: int) -> Markup:
    """A mark at (value, y) with a horizontal bar over the interval; y in pixels."""
    low, high = frame.x(interval.low), frame.x(interval.high)
    path = f"M{low:.1f} {y:.1f}H{high:.1f}M{low:.1f} {y - 3:.1f}v6M{high:.1f} {y - 3:.1f}v6"
    return together(tag("path", d=path, class_="bar"), mark(kind, frame.x(interval.value), y))


def path(points: Sequence[tuple[float, float]], kind: int) -> Markup:
    """A line through pixels, dashed as the series at this place."""
    d = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return tag(
        "path",
        d=d,
        class_="line",
        stroke_dasharray=DASHES[(kind + kind // len(DASHES)) % len(DASHES)],
    )


def legend(x: float, y: float, labels: Sequence[str], *, lines: bool = True) -> Markup:
    """The series' marks, with their lines unless there are none, and their names."""
    rows = []
    for kind, label in enumerate(labels):
        at = y + LINE * kind
        sample = path([(x, at), (x + 30, at)], kind) if lines else Markup()
        rows += [sample, mark(kind, x + 15, at), _text(x + 38, at + 4, clean(label, 48))]
    return together(*rows)


def label(x: float, y: float, text: str, *, anchor: str = "start") -> Markup:
    return _text(x, y, text, anchor=anchor)


def hatched(kind: int) -> str:
    """The fill of the segment at this place of a list."""
    plain = len(FILLS)
    place = kind % (plain + HATCHES)
    return FILLS[place] if place < plain else f"url(#hatch{place - plain})"


def picture(width: float, height: float, title: str, *shapes: str) -> str:
    """A picture of its own, on white; it loads nothing, and equal values give equal bytes."""
    return tag(
        "svg",
        tag("title", title),
        tag("style", Markup(_STYLE)),
        tag("defs", *map(_hatch, range(HATCHES))),
        tag("rect", width=width, height=height, fill="#ffffff"),
        *shapes,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
    )


def _hatch(number: int) -> Markup:
    lines = ("M0 8L8 0", "M0 0L8 8", "M0 4H8", "M4 0V8")[number]
    ground = tag("rect", width=8, height=8, fill="#ffffff")
    stroke = tag("path", d=lines, stroke="#000000", stroke_width="1")
    size = {"width": 8, "height": 8, "patternUnits": "userSpaceOnUse"}
    return tag("pattern", ground, stroke, id=f"hatch{number}", **size)


def _text(x: float, y: float, text: str, *, anchor: str = "start") -> Markup:
    return tag("text", text, x=x, y=y, text_anchor=anchor)


_STYLE = """
text { font: 12.5px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #111 }
.title { font-weight: 600; font-size: 14px } .rule { stroke: #ccc } .zero { stroke: #111 }
.line { fill: none; stroke: #111; stroke-width: 1.4 } .bar { stroke: #111; fill: none }
.mark { stroke: #111; stroke-width: 1.4 } .segment { stroke: #111 }
"""
