"""Numbers as readers see them: formatted, or drawn with block characters."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from harness.types import Difference, Interval

UNKNOWN = "–"
"""Stands where a number is not known."""

_BLOCKS = " ▏▎▍▌▋▊▉█"
_LEVELS = "▁▂▃▄▅▆▇█"
_DIGEST = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{28,}\b")

FEW = 10
"""Of fewer than so many a share is said as a count."""


def version(text: str) -> str:
    """A version with each digest in it cut to its first 12 digits."""
    return _DIGEST.sub(r"\1", text)


def percent(value: float | None) -> str:
    """A percentage with one decimal and no sign of percent: "43.8", "100", "0"."""
    if value is None:
        return UNKNOWN
    text = f"{value:.1f}"
    return {"100.0": "100", "0.0": "0", "-0.0": "0"}.get(text, text.replace("-", "−"))


def signed(value: float | None) -> str:
    """A difference in percentage points, always with its sign: "+6.3", "−2.1", "0"."""
    text = percent(value)
    return f"+{text}" if value is not None and text != "0" and value > 0 else text


def bounds(interval: Interval) -> str:
    """The interval's ends: "[36.0, 51.0]"."""
    return f"[{percent(interval.low)}, {percent(interval.high)}]"


def turned(
    difference: Difference, *, less_is_better: bool = False
) -> Literal["better", "worse", ""]:
    """What a difference means; "" where there is none that is sure."""
    wanted = "lower" if less_is_better else "higher"
    return ("better" if difference.direction == wanted else "worse") if difference.is_sure else ""


def coloured(difference: Difference, *, less_is_better: bool = False) -> str:
    """The style of a difference in a terminal: green, red, or none."""
    means = turned(difference, less_is_better=less_is_better)
    return {"better": "green", "worse": "red"}.get(means, "")


def number(value: float | None) -> str:
    """A unitless number with two decimals, fewer where it is great: "0.21", "12.3", "456"."""
    if value is None:
        return UNKNOWN
    digits = 2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0
    text = f"{value:.{digits}f}"
    return text.replace("-", "−") if float(text) else "0"


def weight(value: float | None) -> str:
    """A weight as it was set: "1", "0.25", "−0.05"."""
    return UNKNOWN if value is None else f"{value:g}".replace("-", "−")


def count(value: int) -> str:
    """A whole number: in full below ten thousand ("9,876"), then shortened ("12.3k", "4.5M")."""
    if value < 10_000:
        return f"{value:,}"
    for size, letter in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if value >= 0.9995 * size:
            scaled = value / size
            return f"{scaled:.1f}{letter}" if scaled < 99.95 else f"{scaled:.0f}{letter}"
    return str(value)


def duration(seconds: float | None) -> str:
    """Seconds as a reader would say them: "0.4 s", "38 s", "4 min 12 s", "2 h 05 min"."""
    if seconds is None:
        return UNKNOWN
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def cost(usd: float | None) -> str:
    """US dollars: "$0", "$0.004", "$12.30"."""
    if usd is None:
        return UNKNOWN
    if usd == 0:
        return "$0"
    return f"${usd:.3f}" if usd < 0.1 else f"${usd:,.2f}"


def share(fraction: float | None) -> str:
    """A fraction in whole percent: "42%"; "<1%" for less than half of one."""
    if fraction is None:
        return UNKNOWN
    return "<1%" if 0 < fraction < 0.005 else f"{100 * fraction:.0f}%"


def of_few(number: int, fraction: float) -> str:
    """ "1 of 2" where the number is a fraction of so few that percent would mislead, else ""."""
    whole = round(number / fraction) if fraction > 0 else 0
    return f"{number} of {whole}" if 0 < whole < FEW else ""


def bar(fraction: float, width: int) -> str:
    """A bar of ``width`` cells, filled to ``fraction``, clipped to [0, 1]; the least bit shows."""
    eighths = round(8 * width * min(max(fraction, 0.0), 1.0))
    if fraction > 0:
        eighths = max(eighths, 1)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_BLOCKS[rest] if rest else "")).ljust(width)


def sparkline(values: Sequence[float], width: int) -> str:
    """The course of the values in at most ``width`` cells, from their lowest to their highest."""
    cells = resample(values, width)
    if not cells:
        return ""
    low, high = min(cells), max(cells)
    if high - low < 1e-12:
        return _LEVELS[3] * len(cells)
    step = (high - low) / (len(_LEVELS) - 1)
    return "".join(_LEVELS[round((value - low) / step)] for value in cells)


def resample(values: Sequence[float], width: int) -> list[float]:
    """At most ``width`` values, each the mean of an equal stretch of the given ones."""
    if len(values) <= width:
        return list(values)
    edges = [math.floor(i * len(values) / width) for i in range(width + 1)]
    return [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
