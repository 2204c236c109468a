"""What went wrong and what was made of it: error patterns by round, whose fault, the task pool."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from harness.report.discovered import contrast, discovered
from harness.report.families import by_family, together
from harness.report.figures import UNKNOWN, bar, count, of_few, share
from harness.report.layout import LABEL_WIDTH, heading, plain_table, tally
from harness.report.model import Pattern, Report, Share

_BAR_WIDTH = 8
_SHARE_WIDTH = 13
_ROUND_WIDTH = _BAR_WIDTH + _SHARE_WIDTH
_CHANGE_WIDTH = 9
_LEAST_NAME_WIDTH = 26
_POOL_ROUNDS = 5


def patterns(report: Report) -> Iterator[RenderableType]:
    """Each error pattern's share by round, and whose fault failures were; nothing without any."""
    if report.patterns or report.blame:
        yield from heading("Error patterns", "share of the agent's failures, round by round")
    if report.patterns:
        yield _Patterns(report.patterns, report.rounds)
    if report.blame:
        yield Text()
        yield _blame(report)
    yield from discovered(report)


def pool(report: Report) -> Iterator[RenderableType]:
    """The tasks each round added, by pattern, and what it refused; nothing if there is no pool."""
    if report.pool:
        yield from heading("Task pool", "tasks added in each round, by the pattern they provoke")
        yield _pool(report)


@dataclass(frozen=True, slots=True)
class _Patterns:
    """A line per pattern with a bar for each of the last rounds that fit, its description below."""

    patterns: Sequence[Pattern]
    rounds: Sequence[int]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        room = options.max_width - _CHANGE_WIDTH
        fitting = max((room - _LEAST_NAME_WIDTH) // _ROUND_WIDTH, 1)
        shown = self.rounds[-fitting:]
        longest = max(len(pattern.name) for pattern in self.patterns)
        name_width = max(min(longest, room - _ROUND_WIDTH * len(shown) - 2), _LEAST_NAME_WIDTH) + 2
        yield self._header(name_width, shown)
        for family, members in by_family(self.patterns, self.rounds[-1:]):
            if family:
                yield self._family(family, members)
            for pattern in members:
                yield self._line(pattern, name_width, shown)
                for words in (pattern.description, contrast(pattern)):
                    if words:
                        yield Padding(Text(words, "dim"), (0, 0, 0, 2), expand=False)

    def _family(self, family: str, members: Sequence[Pattern]) -> Text:
        last = self.rounds[-1]
        shares = (pattern.rounds[last] for pattern in members if last in pattern.rounds)
        few = any(of_few(one.count, one.fraction) for one in shares)
        whole = "" if few else f"  {share(together(members, last))}"
        return Text.assemble((family, "bold magenta"), (whole, "dim"))

    def _header(self, name_width: int, shown: Sequence[int]) -> Text:
        rounds = "".join(f"round {number}".ljust(_ROUND_WIDTH) for number in shown)
        change = "change" if len(self.rounds) > 1 else ""
        return _line(Text(" " * name_width + rounds + change, "dim"))

    def _line(self, pattern: Pattern, name_width: int, shown: Sequence[int]) -> Text:
        name = Text(pattern.name)
        name.truncate(name_width - 2, overflow="ellipsis")
        line = Text.assemble((name.plain, "bold"), " " * (name_width - name.cell_len))
        greatest = max((s.fraction for p in self.patterns for s in p.rounds.values()), default=0.0)
        for number in shown:
            line.append_text(_share(pattern.rounds.get(number), greatest))
        return _line(line.append_text(self._change(pattern)))

    def _change(self, pattern: Pattern) -> Text:
        if len(self.rounds) < 2:
            return Text()
        before, now = (pattern.rounds.get(number) for number in self.rounds[-2:])
        if before is None and now is not None and self.rounds[-1] == min(pattern.rounds):
            return Text("new", "yellow")
        points = round(
            100 * ((now.fraction if now else 0.0) - (before.fraction if before else 0.0))
        )
        if points == 0:
            return Text("=", "dim")
        return Text(f"▼ {-points}", "green") if points < 0 else Text(f"▲ {points}", "red")


def _share(seen: Share | None, greatest: float) -> Text:
    if seen is None or not seen.count:
        return Text("none".ljust(_ROUND_WIDTH), "dim")
    drawn = bar(seen.fraction / greatest if greatest else 0.0, _BAR_WIDTH)
    if few := of_few(seen.count, seen.fraction):
        return Text.assemble((drawn, "cyan"), f"  {few}".ljust(_SHARE_WIDTH))
    cell = Text.assemble((drawn, "cyan"), f" {share(seen.fraction):>4}")
    cell.append(f" ×{count(seen.count)}".ljust(_SHARE_WIDTH - 5), "dim")
    return cell


def _line(text: Text) -> Text:
    text.no_wrap, text.overflow = True, "ellipsis"
    text.rstrip()
    return text


def _blame(report: Report) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True, min_width=LABEL_WIDTH - 1)
    for number, counts in report.blame.items():
        failures = Text.assemble((count(sum(counts.values())), "bold"), " failures by  ")
        told = failures + tally(counts) if any(counts.values()) else Text("no diagnosed failures")
        table.add_row(Text(f"round {number}"), told)
    return table


def _pool(report: Report) -> Table:
    shown = report.pool[-_POOL_ROUNDS:]
    table = plain_table()
    table.add_column(no_wrap=True, overflow="ellipsis", min_width=LABEL_WIDTH - 2)
    for row in shown:
        table.add_column(f"round {row.round}", justify="right", no_wrap=True)
    table.add_row(Text("all tasks", "bold"), *(Text(count(row.tasks), "bold") for row in shown))
    for key in dict.fromkeys(key for row in shown for key in row.patterns):
        cells = (_tasks(row.patterns.get(key, 0)) for row in shown)
        table.add_row(Text(report.pattern_name(key)), *cells)
    for reason in dict.fromkeys(reason for row in shown for reason in row.refused):
        cells = (_tasks(row.refused.get(reason, 0)) for row in shown)
        table.add_row(Text(f"refused: {reason.replace('_', ' ')}", "dim"), *cells)
    return table


def _tasks(number: int) -> Text:
    return Text(count(number)) if number else Text(UNKNOWN, "dim")
