"""How far to trust the patterns, which tasks are suspect, and what changed between rounds."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from harness.report.figures import bounds, count, number, share, signed
from harness.report.layout import joined
from harness.report.model import Discovered, Pattern, Report, Shifted
from harness.runtime.counting import counted

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


def contrast(pattern: Pattern) -> str:
    """The id, by which `harness why` knows it, and how it compares with successes."""
    if pattern.coverage is None or pattern.gap is None:
        return pattern.id
    gap = f"{signed(pattern.gap.value)} points {bounds(pattern.gap)}"
    return f"{pattern.id}: seen in {share(pattern.coverage)} of them, {gap} against successes"


def quality(found: Discovered) -> dict[str, str]:
    """How patterns were found and how far to trust them, by name; what is not known is left out."""
    trust = found.quality
    info = {
        "found by": f"{found.method} {trust.embedding_version}".strip(),
        "because": trust.embedding_chosen_by,
        "named by": found.names.by,
    }
    if trust.stability is not None:
        low, high = number(trust.stability.low), number(trust.stability.high)
        info["stability"] = f"{number(trust.stability.adjusted_rand)} [{low}, {high}]"
    if trust.silhouette is not None:
        info["silhouette"] = number(trust.silhouette)
    if trust.coverage is not None:
        info["in patterns"] = share(trust.coverage)
        info["noise"] = count(found.noise)
    return {name: words for name, words in info.items() if words}


def changes(report: Report, shift: Shifted) -> Iterator[tuple[str, str, str]]:
    """Status, pattern and difference of each change that is sure or of kind new, gone or back."""
    for change in shift.changes:
        if change.sure or change.status in ("new", "gone", "back"):
            sure = "" if change.sure else ", which may be chance"
            rate = f"{signed(change.per_100.value)} {bounds(change.per_100)}"
            much = f"{rate} per 100 conversations{sure}"
            yield change.status, report.pattern_name(change.pattern_id), much


def moved(shift: Shifted) -> str:
    """How far the mix moved."""
    return f"{share(shift.distance)} of the mix moved, p = {number(shift.p)}"


def verdict(shift: Shifted) -> Text:
    """What a shift means, in words."""
    words, style = _VERDICTS.get(shift.verdict, (shift.verdict, ""))
    return Text(words, style)


def _quality(found: Discovered) -> Iterator[RenderableType]:
    info = quality(found)
    yield Text()
    yield joined([Text.assemble((f"{name} ", "dim"), words) for name, words in info.items()], "   ")


def _suspects(found: Discovered) -> Iterator[RenderableType]:
    if not found.suspects:
        return
    times = sum(suspect.times for suspect in found.suspects)
    yield Text()
    yield Text.assemble(
        ("Suspect tasks", "bold"),
        f"  {count(len(found.suspects))}, with {counted(times, 'failure')}; fix or leave them out",
    )
    for suspect in found.suspects[:SUSPECTS]:
        line = Text.assemble((suspect.task_id, "bold"), f" ×{suspect.times}  ", suspect.summary)
        yield Padding(line, (0, 0, 0, 2), expand=False)
    if len(found.suspects) > SUSPECTS:
        yield Padding(Text(f"and {len(found.suspects) - SUSPECTS} more", "dim"), (0, 0, 0, 2))


def _shift(report: Report, shift: Shifted) -> Iterator[RenderableType]:
    yield Text()
    yield Text.assemble(
        (f"Round {shift.before} to {shift.after}", "bold"), f"  {moved(shift)}: ", verdict(shift)
    )
    for status, name, much in list(changes(report, shift))[:CHANGES]:
        style = "yellow" if status in ("new", "back", "more") else "green"
        line = Text.assemble((status.ljust(5), style), f" {name}  ", (much, "dim"))
        yield Padding(line, (0, 0, 0, 2), expand=False)


_VERDICTS = {
    "shifting": ("the error distribution is still shifting", "green"),
    "settled": (
        "the error distribution has stopped shifting: a ceiling, not a gap in the curriculum; "
        "more rounds like these will not help",
        "yellow",
    ),
    "too few failures": ("too few failures to tell whether it shifts", "dim"),
}
