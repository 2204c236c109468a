"""How good each arm is: Pass^k with intervals, on one scale, and faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from harness.report.arms import control_notes, short_label
from harness.report.figures import UNKNOWN, bounds, coloured, percent, signed
from harness.report.layout import LABEL_WIDTH, FirstThatFits, heading, joined, plain_table, tally
from harness.report.model import Arm, Differences, Report
from harness.runtime.counting import counted
from harness.types import Difference, Interval

_Cell = Callable[[Interval | None], Text]
"""Draws a value, or a difference, with its interval."""

_SCALE = 51
"""Cells of the scale from 0 to 100: two points each."""

_LABEL = 13
"""Cells of the longest line of an arm's name."""

_STRICT = "  strict"
"""The row of Pass^k with every fault counted as a failure."""

_TASKS = "  of tasks"
"""The row of how many tasks each Pass^k above it is of, where that is not all tasks for each k."""

_TICKS = (0, 20, 40, 60, 80, 100)


def outcome(report: Report) -> Iterator[RenderableType]:
    """The main table, each arm's Pass^1 on one scale, validation, faults, and what is to be known
    of the calls to chat models.
    """
    if report.arms:
        yield from heading(report.tested, "Pass^k in %, [95% interval], tasks × trials")
        yield _table(report.arms)
        if any(1 in arm.passes for arm in report.arms):
            yield Text()
            yield _scale(report.arms)
        yield from _notes(report.arms)
    for title, note, arms in held_out(report):
        yield from heading(title, note)
        yield _table(arms)
    if report.arms or report.validation:
        yield from _faults([*report.arms, *report.validation])
    for noted in report.call_notes:
        yield Text(noted.said, "yellow")


def held_out(report: Report) -> Iterator[tuple[str, str, Sequence[Arm]]]:
    """The arms on other tasks than test tasks: heading, note, arms."""
    train = [arm for arm in report.validation if arm.split == "train"]
    if others := [arm for arm in report.validation if arm not in train]:
        yield "Validation", "where failures are read from", others
    if train:
        yield "Train tasks", "not held out: the split that policies train on", train


def _notes(arms: Sequence[Arm]) -> Iterator[RenderableType]:
    """A line for each kind of control: what it is."""
    notes = control_notes(arm.name for arm in arms)
    if notes:
        yield Text()
    for name, note in notes.items():
        yield Text.assemble((f"{name}: ", ""), (note, "dim"))


def _table(arms: Sequence[Arm]) -> RenderableType:
    return FirstThatFits([_wide(arms), _narrow(arms)])


def _wide(arms: Sequence[Arm]) -> Table:
    table = _columns(_ks(arms), "tasks", "faults")
    for arm in arms:
        _add_rows(table, arm, _ks(arms), _beside, [Text(arm.size), _fault_count(arm)])
    return table


def _narrow(arms: Sequence[Arm]) -> Table:
    table = _columns(_ks(arms), "tasks", gap=1)
    for arm in arms:
        faults = Text("faults ", "dim") + _fault_count(arm)
        size = Text("\n").join([Text(arm.size), faults])
        _add_rows(table, arm, _ks(arms), _stacked, [size])
    return table


def _add_rows(
    table: Table, arm: Arm, ks: Sequence[int], cell: _Cell, last: Sequence[RenderableType]
) -> None:
    """The arm's Pass^k, the strict one and the differences, each with its numbers of tasks."""
    table.add_row(Text(arm.label, "bold"), *(cell(arm.passes.get(k)) for k in ks), *last)
    _add_tasks(table, arm.uneven(arm.tasks_by_k), ks)
    if arm.strict:
        table.add_row(Text(_STRICT, "dim"), *(cell(arm.strict.get(k)) for k in ks))
        _add_tasks(table, arm.uneven(arm.pass_counted_tasks), ks)
    for compared in arm.compared:
        table.add_row(_against(compared), *(cell(compared.passes.get(k)) for k in ks))
        _add_tasks(table, arm.uneven(compared.tasks_by_k), ks)


def _add_tasks(table: Table, tasks: Mapping[int, int], ks: Sequence[int]) -> None:
    if tasks:
        table.add_row(Text(_TASKS, "dim"), *(Text(str(tasks.get(k, 0)), "dim") for k in ks))


def _columns(ks: Sequence[int], *last: str, gap: int = 2) -> Table:
    table = plain_table(gap=gap)
    table.add_column(min_width=LABEL_WIDTH - gap, max_width=_LABEL)
    for k in ks:
        table.add_column(f"Pass^{k}", no_wrap=True)
    for name in last:
        table.add_column(name, no_wrap=True, justify="right" if gap > 1 else "left")
    return table


def _ks(arms: Sequence[Arm]) -> list[int]:
    return sorted(set(chain.from_iterable(arm.passes for arm in arms)))


def _against(compared: Differences) -> Text:
    against = compared.against
    return Text(f"  − {short_label(against)}" if against else "  change", "dim")


def _beside(interval: Interval | None) -> Text:
    if interval is None:
        return Text(UNKNOWN, "dim")
    value = _value(interval)
    return Text.assemble(value, " " * (5 - len(value) if len(value) < 5 else 1), _bounds(interval))


def _stacked(interval: Interval | None) -> Text:
    if interval is None:
        return Text(UNKNOWN, "dim")
    return Text("\n").join([_value(interval), _bounds(interval)])


def _value(interval: Interval) -> Text:
    if isinstance(interval, Difference):
        return Text(signed(interval.value), coloured(interval))
    return Text(percent(interval.value), "bold")


def _bounds(interval: Interval) -> Text:
    return Text(bounds(interval), "dim")


def _fault_count(arm: Arm) -> Text:
    return Text(str(arm.faults), "yellow" if arm.faults else "")


def _scale(arms: Sequence[Arm]) -> Table:
    table = Table.grid()
    table.add_column(min_width=LABEL_WIDTH)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_row(Text("Pass^1", "dim"), _axis())
    for arm in arms:
        if 1 in arm.passes:
            interval = arm.passes[1]
            table.add_row(
                Text(f"{arm.label}  "), _whiskers(interval), f"  {percent(interval.value)}"
            )
    return table


def _axis() -> Text:
    cells = " " * (_SCALE + 2)
    for tick in _TICKS:
        cells = cells[: _cell(tick)] + str(tick) + cells[_cell(tick) + len(str(tick)) :]
    return Text(cells, "dim")


def _whiskers(interval: Interval) -> Text:
    low, at, high = (_cell(x) for x in (interval.low, interval.value, interval.high))
    cells = [" "] * _SCALE
    for tick in _TICKS:
        cells[_cell(tick)] = "┊"
    cells[low : high + 1] = "─" * (high + 1 - low)
    cells[low], cells[high], cells[at] = "├", "┤", "●"
    drawn = Text("".join(cells), "dim")
    drawn.stylize("not dim bold", at, at + 1)
    drawn.stylize("not dim", low, high + 1)
    return drawn


def _cell(value: float) -> int:
    return round(min(max(value, 0.0), 100.0) / 100 * (_SCALE - 1))


def _faults(arms: Sequence[Arm]) -> Iterator[RenderableType]:
    yield Text()
    faulty = [_fault_line(arm) for arm in arms if arm.faults]
    undecided = [
        _of(arm, Text(str(arm.not_gradeable), "bold")) for arm in arms if arm.not_gradeable
    ]
    if faulty:
        note = "Faults, left out of Pass^k, failures in the strict one: "
        yield Text.assemble((note, "dim"), joined(faulty, "; "))
        for arm in arms:
            yield from fault_notes(arm)
    else:
        yield Text("No faults." if undecided else "No faults: every rollout was scored.", "dim")
    if undecided:
        note = "Not gradeable without a judge, never scored: "
        yield Text.assemble((note, "dim"), joined(undecided, "; "))


def fault_notes(arm: Arm) -> Iterator[Text]:
    """What the commonest fault of an arm said, and that most conversations are faults."""
    for said, times in arm.fault_said.items():
        yield Text.assemble((f"  {arm.label}, {times:,} of them: ", "dim"), said)
    if 2 * arm.faults > arm.tasks * arm.trials:
        rest = counted(max(0, arm.tasks * arm.trials - arm.faults), "conversation")
        words = f"Most conversations of {arm.label} are faults: its Pass^k is of {rest} alone."
        yield Text(words, "yellow")


def _fault_line(arm: Arm) -> Text:
    return _of(arm, tally(arm.fault_kinds) if arm.fault_kinds else Text(str(arm.faults), "bold"))


def _of(arm: Arm, counts: Text) -> Text:
    where = f"{arm.label} ({arm.split})" if arm.split not in ("", "test") else arm.label
    return Text(f"{where}: ") + counts
