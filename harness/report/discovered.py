"""How far to trust the patterns, which tasks are suspect, and what changed between rounds."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from harness.report.figures import bounds, count, number, share, signed
from harness.report.layout import joined
from harness.report.view import Discovered, Report, Shifted

SUSPECTS = 5
"""Suspect tasks that are listed one by one."""

CHANGES = 6
"""Changes of patterns that are listed one by one."""


def discovered(report: Report) -> Iterator[RenderableType]:
    """The last discovery's quality and suspect tasks, then each shift between rounds."""
    if report.discovered:
        last = report.discovered[-1]
        yield from _quality(last)
        yield from _suspects(last)
    for shift in report.shifts:
        yield from _shift(report, shift)


def _quality(found: Discovered) -> Iterator[RenderableType]:
    told = [("found by", f"{found.method} {found.embedding_version}".strip())]
    if found.stability is not None:
        low, high = number(found.stability.low), number(found.stability.high)
        told.append(("stability", f"{number(found.stability.value)} [{low}, {high}]"))
    if found.silhouette is not None:
        told.append(("silhouette", number(found.silhouette)))
    if found.coverage is not None:
        told.append(("in patterns", share(found.coverage)))
        told.append(("noise", count(found.noise)))
    yield Text()
    yield joined([Text.assemble((f"{name} ", "dim"), words) for name, words in told], "   ")


def _suspects(found: Discovered) -> Iterator[RenderableType]:
    if not found.suspects:
        return
    times = sum(suspect.times for suspect in found.suspects)
    yield Text()
    yield Text.assemble(
        ("Suspect tasks", "bold"),
        f"  {count(len(found.suspects))}, with {count(times)} failures; mend or leave them out",
    )
    for suspect in found.suspects[:SUSPECTS]:
        line = Text.assemble((suspect.task_id, "bold"), f" ×{suspect.times}  ", suspect.summary)
        yield Padding(line, (0, 0, 0, 2), expand=False)
    if len(found.suspects) > SUSPECTS:
        yield Padding(Text(f"and {len(found.suspects) - SUSPECTS} more", "dim"), (0, 0, 0, 2))


def _shift(report: Report, shift: Shifted) -> Iterator[RenderableType]:
    told = f"{share(shift.distance)} of the mix moved, p = {number(shift.p)}"
    yield Text()
    yield Text.assemble(
        (f"Round {shift.before} to {shift.after}", "bold"), f"  {told}: ", _VERDICTS[shift.verdict]
    )
    listed = [c for c in shift.changes if c.sure or c.status in ("new", "gone", "back")]
    for change in listed[:CHANGES]:
        sure = "" if change.sure else ", which may be chance"
        line = Text.assemble(
            (
                change.status.ljust(5),
                "yellow" if change.status in ("new", "back", "more") else "green",
            ),
            f" {report.pattern_name(change.pattern_id)}  ",
            (f"{signed(change.per_100.value)} {bounds(change.per_100)} in 100 talks{sure}", "dim"),
        )
        yield Padding(line, (0, 0, 0, 2), expand=False)


_VERDICTS = {
    "shifting": Text("the error distribution is still shifting", "green"),
    "settled": Text(
        "the error distribution has stopped shifting: a ceiling, not a gap in the curriculum; "
        "more rounds like these will not help",
        "yellow",
    ),
    "too few failures": Text("too few failures to tell whether it shifts", "dim"),
    "": Text(),
}
