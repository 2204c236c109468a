"""Several policies' failure landscapes side by side."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from harness.discovery.compare import Comparison
from harness.discovery.drift import Change, Landscape, Shift
from harness.discovery.families import OTHER
from harness.report.figures import bounds, coloured, count, number, share, signed
from harness.report.layout import heading, plain_table
from harness.results.history import described, shift_row
from harness.runtime.foreign_text import clean
from harness.types import ErrorPattern, Json


def comparison_table(found: Comparison) -> RenderableType:
    """A line per pattern: its share on each side, and how much that is above the first's."""
    patterns = _ordered(found)
    table = plain_table()
    table.add_column("")
    for n, side in enumerate(found.sides):
        table.add_column(clean(side.name, 24), justify="right", no_wrap=True)
        if n:
            table.add_column("per 100 conversations", no_wrap=True)
    table.add_row("conversations", *_cells(found, [count(len(s.episodes)) for s in found.sides]))
    table.add_row("failures", *_cells(found, [count(len(s.diagnoses)) for s in found.sides]))
    own = [count(sum(side.counts().values())) for side in found.landscapes]
    table.add_row("  of the agent", *_cells(found, own))
    family = None
    for pattern in patterns:
        if pattern.family != family:
            family = pattern.family
            table.add_row(Text(family or OTHER, "bold magenta"))
        table.add_row(Text(clean(pattern.name, 60), "bold"), *_row(found, pattern))
    notes = [
        Text.assemble((f"{clean(side.name)}: ", "bold"), _moved(shift))
        for side, shift in zip(found.sides[1:], found.shifts, strict=True)
    ]
    head = heading("Failure landscapes", f"patterns of all sides; against {found.sides[0].name}")
    return Group(*head, table, Text(), *notes)


def comparison_values(found: Comparison) -> dict[str, Json]:
    """The comparison as JSON values."""
    return {
        "sides": [
            {
                "name": side.name,
                "conversations": len(side.episodes),
                "failures": len(side.diagnoses),
                "patterns": dict(landscape.counts()),
            }
            for side, landscape in zip(found.sides, found.landscapes, strict=True)
        ],
        "patterns": [described(pattern) for pattern in _ordered(found)],
        "shifts": [
            {"side": side.name, "against": found.sides[0].name, **shift_row(shift)}
            for side, shift in zip(found.sides[1:], found.shifts, strict=True)
        ],
        **{key: found.found.about[key] for key in ("method", "quality", "families", "blame")},
    }


def _ordered(found: Comparison) -> list[ErrorPattern]:
    patterns = [*found.found.patterns, *found.found.filtered]
    weight = {p.family: sum(q.share for q in patterns if q.family == p.family) for p in patterns}
    return sorted(patterns, key=lambda p: (-weight[p.family], p.family, -p.share))


def _row(found: Comparison, pattern: ErrorPattern) -> list[Text]:
    cells = [_share(found.landscapes[0], pattern.id)]
    for landscape, shift in zip(found.landscapes[1:], found.shifts, strict=True):
        change = next(c for c in shift.changes if c.pattern_id == pattern.id)
        cells += [_share(landscape, pattern.id), _difference(change)]
    return cells


def _share(landscape: Landscape, id: str) -> Text:
    counts = landscape.counts()
    if not counts[id]:
        return Text("none", "dim")
    return Text.assemble(share(counts[id] / counts.total()), (f" ×{counts[id]}", "dim"))


def _difference(change: Change) -> Text:
    found = change.difference
    style = coloured(found, less_is_better=True)
    return Text(f"{signed(found.value)} {bounds(found)}", style or "dim")


def _moved(shift: Shift) -> str:
    how = "task by task" if shift.paired else "on different tasks"
    verdict = {
        "shifting": "the mixes of failures differ",
        "settled": "no difference in the mix of failures",
        "too few failures": "too few failures to tell whether the mixes differ",
    }[shift.verdict]
    return f"{share(shift.distance)} of the mix differs, p = {number(shift.p)}, {how}: {verdict}"


def _cells(found: Comparison, values: Sequence[str]) -> list[str]:
    """The values with an empty cell after each but the first."""
    first, *others = values
    return [first, *(cell for value in others for cell in (value, ""))]
