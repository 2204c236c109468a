"""Charts of the HTML report: plain SVG, coloured by the page's style sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.report.figures import number, percent, share
from harness.report.markup import Markup, tag, together
from harness.report.model import Arm, Pattern, Report, Series
from harness.results.arms import UNTARGETED, kind_of, round_of
from harness.runtime.counting import counted
from harness.types.names import ArmName

_LEFT, _RIGHT, _TOP, _BOTTOM = 44.0, 12.0, 12.0, 34.0
_HUES = 8
_SHADES = 3
_COLOURED = (ArmName.BASE, ArmName.SFT, "rl", "warm", "generic", "oracle", UNTARGETED)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a line chart."""

    arm: str
    label: str
    points: Series


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """A plotting area: maps data to pixels, draws axes."""

    width: float
    height: float
    x_range: tuple[float, float]
    y_range: tuple[float, float]

    def x(self, value: float) -> float:
        low, high = self.x_range
        return _LEFT + (value - low) / ((high - low) or 1.0) * (self.width - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        low, high = self.y_range
        inner = self.height - _TOP - _BOTTOM
        return self.height - _BOTTOM - (value - low) / ((high - low) or 1.0) * inner

    def grid(self, ticks: Sequence[float]) -> Markup:
        """Horizontal lines with their values at the left."""
        return together(*(self._rule(tick) for tick in ticks))

    def _rule(self, tick: float) -> Markup:
        y = self.y(tick)
        line = tag("line", x1=_LEFT, x2=self.width - _RIGHT, y1=y, y2=y, class_="grid")
        text = tag("text", f"{tick:g}", x=_LEFT - 8, y=y + 4, text_anchor="end")
        return together(line, text)

    def below(self, value: float, text: str) -> Markup:
        """A label under the horizontal axis."""
        return tag("text", text, x=self.x(value), y=self.height - 14, text_anchor="middle")

    def svg(self, title: str, *shapes: str) -> Markup:
        box = f"0 0 {self.width:g} {self.height:g}"
        return tag("svg", tag("title", title), *shapes, viewBox=box, role="img", aria_label=title)


def pass_chart(arms: Sequence[Arm]) -> Markup:
    """Pass^k over k: for each arm a line of points with error bars."""
    ks = sorted({k for arm in arms for k in arm.passes})
    frame = _Frame(width=950, height=360, x_range=(ks[0] - 0.5, ks[-1] + 0.5), y_range=(0, 100))
    shapes = [frame.grid((0, 20, 40, 60, 80, 100))]
    shapes += [frame.below(k, f"Pass^{k}") for k in ks]
    for place, arm in enumerate(arms):
        shift = (place - (len(arms) - 1) / 2) * min(0.12, 0.7 / len(arms))
        shapes.append(_error_bars(frame, arm, shift))
    return frame.svg("Pass^k by arm, in percent, with intervals", *shapes)


def _error_bars(frame: _Frame, arm: Arm, shift: float) -> Markup:
    points, bars = [], []
    for k, interval in sorted(arm.passes.items()):
        x, y = frame.x(k + shift), frame.y(interval.value)
        low, high = frame.y(interval.low), frame.y(interval.high)
        points.append((x, y))
        path = f"M{x:.1f} {low:.1f}V{high:.1f}M{x - 4:.1f} {low:.1f}h8M{x - 4:.1f} {high:.1f}h8"
        said = f"{arm.label}, Pass^{k}: {percent(interval.value)}"
        bars.append(tag("path", d=path, class_="whisker"))
        bars.append(tag("circle", tag("title", said), cx=x, cy=y, r=4.5))
    return tag("g", _path(points, class_="faint"), *bars, class_=arm_class(arm.name))


def line_chart(title: str, lines: Sequence[Line]) -> Markup:
    """Lines over training steps; the vertical axis includes 0."""
    xs = [x for line in lines for x, _ in line.points]
    ys = [y for line in lines for _, y in line.points]
    ticks = nice_ticks(min(0.0, *ys), max(0.0, *ys))
    frame = _Frame(width=500, height=240, x_range=(min(xs), max(xs)), y_range=(ticks[0], ticks[-1]))
    shapes = [frame.grid(ticks)]
    shapes += [frame.below(x, f"{x:g}") for x in sorted({min(xs), max(xs)})]
    shapes.append(tag("text", "step", x=frame.width / 2, y=frame.height - 14, text_anchor="middle"))
    shapes += [_line(frame, line) for line in lines]
    return frame.svg(title, *shapes)


def _line(frame: _Frame, line: Line) -> Markup:
    points = [(frame.x(x), frame.y(y)) for x, y in line.points]
    first, last = line.points[0][1], line.points[-1][1]
    said = tag("title", f"{line.label}: {number(first)} → {number(last)}")
    end = tag("circle", cx=points[-1][0], cy=points[-1][1], r=3)
    return tag("g", said, _path(points), end, class_=arm_class(line.arm))


def _path(points: Sequence[tuple[float, float]], class_: str = "line") -> Markup:
    d = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) if points else ""
    return tag("path", d=d, class_=class_)


def share_chart(report: Report) -> Markup:
    """For each round a bar that shows how the agent's failures divide into patterns."""
    rows = report.rounds
    frame = _Frame(width=1000, height=30.0 * len(rows) + 26, x_range=(0, 1), y_range=(0, 1))
    shapes = []
    for row, number_ in enumerate(rows):
        top = 6 + 30.0 * row
        shapes.append(tag("text", f"round {number_}", x=0, y=top + 15))
        shapes += _segments(report.patterns, number_, top)
    ticks = (0, 0.25, 0.5, 0.75, 1)
    shapes += [
        tag("text", share(t), x=_bar_x(t), y=frame.height - 6, text_anchor="middle") for t in ticks
    ]
    return frame.svg("Share of each error pattern by round", *shapes)


def _segments(patterns: Sequence[Pattern], number_: int, top: float) -> list[Markup]:
    shapes, at = (
        [tag("rect", x=_bar_x(0), y=top, width=_bar_x(1) - _bar_x(0), height=22, class_="rest")],
        0.0,
    )
    for hue, pattern in enumerate(patterns):
        seen = pattern.rounds.get(number_)
        if seen is None or seen.fraction <= 0:
            continue
        until = min(at + seen.fraction, 1.0)
        said = tag(
            "title", f"{pattern.name}: {share(seen.fraction)}, {counted(seen.count, 'failure')}"
        )
        x, width = _bar_x(at), _bar_x(until) - _bar_x(at)
        shapes.append(tag("rect", said, x=x, y=top, width=width, height=22, class_=hue_class(hue)))
        if width > 40:
            text = share(seen.fraction)
            shapes.append(tag("text", text, x=x + 6, y=top + 15, class_="on"))
        at = until
    return shapes


def _bar_x(fraction: float) -> float:
    return 70 + 900 * fraction


def arm_class(name: str) -> str:
    """The style classes of an arm: a colour for its kind, a shade for its round."""
    kind, number = kind_of(name), round_of(name)
    if kind not in _COLOURED:
        return "arm"
    shade = f" shade{(number - 1) % _SHADES}" if number else ""
    return f"arm {kind}{shade}"


def hue_class(place: int) -> str:
    """The style class of the pattern at this place of the list."""
    return f"hue{place % _HUES}"


def nice_ticks(low: float, high: float) -> list[float]:
    """Four to seven round numbers that span the range."""
    span = (high - low) or 1.0
    raw = span / 5
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * m for m in (1, 2, 2.5, 5, 10) if size * m >= raw)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(i * step, 10) for i in range(first, max(last, first + 1) + 1)]
