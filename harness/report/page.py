"""Parts that the sections of the HTML page share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.report.figures import bounds, signed, turned
from harness.report.markup import Markup, tag
from harness.types import Difference


def section(title: str, note: str, *content: str) -> Markup:
    return tag("section", tag("h2", title, " ", tag("small", note)), *content)


def table(header: Sequence[str], rows: Sequence[Sequence[str]], text_columns: int = 1) -> Markup:
    """A table whose first ``text_columns`` are text and the rest numbers."""
    heads = [tag("th", h, class_=_kind(i, text_columns)) for i, h in enumerate(header)]
    lines = [
        tag("tr", *(tag("td", c, class_=_kind(i, text_columns)) for i, c in enumerate(row)))
        for row in rows
    ]
    made = tag("table", tag("thead", tag("tr", *heads)), tag("tbody", *lines))
    return tag("div", made, class_="wide")


def listed(counts: Mapping[str, int]) -> str:
    """ "name 12, other 3", greatest first."""
    ranked = sorted(counts.items(), key=lambda item: -item[1])
    return ", ".join(f"{name.replace('_', ' ')} {n:,}" for name, n in ranked)


def facts(info: Mapping[str, str]) -> Markup:
    """Names with their values, side by side; those without a value are left out."""
    return tag("dl", *(tag("div", tag("dt", k), tag("dd", v)) for k, v in info.items() if v))


def change(difference: Difference, *, less_is_better: bool = False) -> Markup:
    """A difference with its interval, coloured where it is sure."""
    means = turned(difference, less_is_better=less_is_better)
    sure = {"better": "up", "worse": "down"}.get(means, "unsure")
    return tag("small", f"{signed(difference.value)} {bounds(difference)}", class_=sure)


def _kind(column: int, text_columns: int) -> str | None:
    return None if column < text_columns else "n"
