"""The report as a rich renderable for a terminal or a pipe, 80 columns and up."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from harness.report.causes import patterns, pool
from harness.report.effort import effort
from harness.report.figures import cost, duration, version
from harness.report.fixed import fixed
from harness.report.layout import joined, ruled
from harness.report.model import Report
from harness.report.outcome import outcome
from harness.report.parse import Document, read_report

_LINES = (
    ("domain", "seed", "preset", "temperature", "time", "cost"),
    ("policy", "simulator", "judge", "injector", "trainer"),
    ("clusterer", "data"),
)


def render(document: Document) -> RenderableType:
    """The whole report; parts the document lacks are left out and named at the end."""
    report = read_report(document)
    sections = (_header, outcome, fixed, patterns, pool, effort, _missing)
    return Group(*(piece for section in sections for piece in section(report)))


def patterns_table(document: Document) -> RenderableType:
    """The error patterns alone, and whose fault the failures were."""
    return Group(*patterns(read_report(document)))


def pool_table(document: Document) -> RenderableType:
    """The task pool alone."""
    return Group(*pool(read_report(document)))


def _header(report: Report) -> Iterator[RenderableType]:
    state = Text("complete", "green") if report.complete else Text("not finished", "yellow")
    yield ruled(Text(report.run, "bold"), state)
    facts = {"domain": report.domain, "data": version(report.data_version), **report.setting}
    facts |= {"time": duration(report.total_seconds), "cost": cost(report.cost_usd)}
    for names in _LINES:
        pairs = [(name, facts[name]) for name in names if facts.get(name)]
        if pairs:
            yield joined(
                [Text.assemble((f"{name} ", "dim"), value) for name, value in pairs], "   "
            )


def _missing(report: Report) -> Iterator[RenderableType]:
    if report.missing:
        yield Text()
        yield Text(f"Not there: {', '.join(report.missing)}.", "yellow")
