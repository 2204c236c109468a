"""Shapes that the sections of the terminal report share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

LABEL_WIDTH = 11
"""Cells for an arm's or a round's name at the left edge: the sections line up on it."""

_UNLIMITED = 10_000


@dataclass(frozen=True, slots=True)
class FirstThatFits:
    """Of several layouts, the first that the console has room for; the last if none fits."""

    layouts: Sequence[RenderableType]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        roomy = options.update_width(_UNLIMITED)
        for layout in self.layouts[:-1]:
            if Measurement.get(console, roomy, layout).maximum <= options.max_width:
                yield layout
                return
        yield self.layouts[-1]


def heading(title: str, note: str = "") -> Iterable[RenderableType]:
    """An empty line, then the section's title and a remark, over a thin rule."""
    yield Text()
    yield ruled(Text(title, "bold"), Text(note, "dim"))


def ruled(title: Text, note: Text) -> RenderableType:
    """Title and note at the left of a rule that fills the line."""
    line = Text.assemble(title, "  " if note.plain else "", note)
    return Rule(line, align="left", style="dim", characters="─")


def plain_table(*, gap: int = 2) -> Table:
    """A table without lines whose header is dim."""
    return Table(
        box=None, header_style="dim", padding=(0, gap, 0, 0), pad_edge=False, show_edge=False
    )


def joined(parts: Iterable[Text], separator: str = " · ") -> Text:
    """The parts in one flowing text that wraps between words."""
    return Text().join(piece for part in parts for piece in (Text(separator, "dim"), part))[
        len(separator) :
    ]


def tally(counts: Mapping[str, int]) -> Text:
    """ "name 12 · other 3", greatest first."""
    ranked = sorted(counts.items(), key=lambda item: -item[1])
    words = ((name.replace("_", " "), n) for name, n in ranked)
    return joined(Text.assemble(f"{name} ", (f"{n:,}", "bold")) for name, n in words)
