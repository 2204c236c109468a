"""What a round fixed: failures on test tasks by error pattern, and one task before and after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from harness.report.arms import arm_label, short_label
from harness.report.figures import UNKNOWN, bounds, coloured, percent, signed
from harness.report.layout import FirstThatFits, heading, joined, plain_table
from harness.report.model import Report
from harness.report.model_fixed import Example, Failing, Fixed, Told, Turn
from harness.runtime.counting import counted
from harness.runtime.foreign_text import clean
from harness.types import Difference, Interval

EARLIER, LATER = 3, 5
"""Turns that the terminal shows before and after the one where the conversations part."""

_LONGEST, _LONGEST_RESULT = 240, 100
"""Characters of a turn, and of the result of a tool call, in a terminal."""

_NAME_WIDTH = 20
"""Cells that a pattern's name has at least."""

EARLIER_EXAMPLE = "Two conversations of one test task, before and after: see --html."

SILENT = "(nothing)"
"""Stands for the words of a turn without any."""

NOTE = "failures per 100 conversations, [95% interval]"
"""What the numbers are."""

NO_EXAMPLE = (
    "No test task of a targeted pattern was failed in most trials before and solved in most after."
)


def fixed(report: Report) -> Iterator[RenderableType]:
    """A part for each round whose policy was evaluated; one line where nothing is known. Of two
    conversations side by side there are those of the last round.
    """
    for found in report.fixed:
        yield from heading(f"What round {found.round} fixed", "" if found.why_not else NOTE)
        if found.why_not:
            yield Text(f"Not shown: {found.why_not}.", "yellow")
            continue
        yield FirstThatFits(
            [
                _rates(found, found.controls, stacked=False),
                _rates(found, found.controls[:1], stacked=False),
                _rates(found, found.controls[:1], stacked=True),
            ]
        )
        yield Text()
        if found.example is None:
            yield Text(NO_EXAMPLE, "dim")
        elif found is report.fixed[-1]:
            yield from _example(found, found.example)
        else:
            yield Text(EARLIER_EXAMPLE, "dim")


def rows(found: Fixed) -> Iterator[tuple[str, Failing]]:
    """Each targeted pattern with its name, then the sums."""
    for pattern in found.patterns:
        yield pattern.name or pattern.id, pattern
    if len(found.patterns) > 1:
        yield "all targeted patterns", found.targeted
    yield "all other failures", found.others


def about(found: Fixed, example: Example) -> str:
    """Which task it is, and how often each arm solved it."""
    solved = ", ".join(
        f"{arm_label(arm)} {done.successes} of {done.trials}"
        for arm in found.arms
        if (done := example.solved.get(arm)) is not None
    )
    return f"test task {example.task_id}, {found.name(example.pattern_id)}: solved by {solved}"


def speaker(turn: Turn) -> str:
    """Who a turn is of, in the report's words."""
    return {"user": "customer", "assistant": "agent"}.get(turn.role, turn.role)


def _rates(found: Fixed, controls: Sequence[str], *, stacked: bool) -> Table:
    arms, against = (found.before, found.after, *controls), (found.before, *controls)
    table = plain_table(gap=1 if stacked else 2)
    table.add_column(min_width=_NAME_WIDTH, max_width=None if stacked else 2 * _NAME_WIDTH)
    for arm in arms:
        table.add_column(Text(short_label(arm)), justify="right", no_wrap=True)
    for arm in against:
        table.add_column(Text(f"− {short_label(arm)}"), no_wrap=True)
    for name, row in rows(found):
        rates = [_rate(row.per_100.get(arm)) for arm in arms]
        changes = [_change(row.differences.get(arm), stacked) for arm in against]
        table.add_row(Text(name, "bold" if row.id else ""), *rates, *changes)
    return table


def _rate(interval: Interval | None) -> Text:
    return Text(percent(interval.value), "bold") if interval else Text(UNKNOWN, "dim")


def _change(found: Difference | None, stacked: bool) -> Text:
    if found is None:
        return Text(UNKNOWN, "dim")
    value = signed(found.value)
    between = "\n" if stacked else " " * max(6 - len(value), 1)
    sure = coloured(found, less_is_better=True)
    return Text.assemble((value, sure), between, (bounds(found), "dim"))


def _example(found: Fixed, example: Example) -> Iterator[RenderableType]:
    yield joined([Text("Before and after", "bold"), Text(about(found, example))], "  ")
    yield from _alike(example)
    table = Table.grid(padding=(0, 1, 0, 0), expand=True)
    for _ in ("before", "after"):
        table.add_column(no_wrap=True, min_width=10)
        table.add_column(ratio=1, overflow="fold")
    before = list(_shown(example.before, example.shared, "red"))
    after = list(_shown(example.after, example.shared, "green"))
    table.add_row(
        Text(),
        Text.assemble((arm_label(found.before), "bold"), (" failed", "red")),
        Text(),
        Text.assemble((arm_label(found.after), "bold"), (" solved it", "green")),
    )
    for one, other in zip_longest(before, after, fillvalue=_Line()):
        table.add_row(one.who, one.words, other.who, other.words)
    yield table


def _alike(example: Example) -> Iterator[RenderableType]:
    """What the customer says while the conversations are the same."""
    alike = example.before.turns[: example.shared]
    said = [clean(turn.content, _LONGEST) for turn in alike if turn.role == "user" and turn.content]
    if alike:
        yield Text(
            f"The same in both: {counted(len(alike), 'message')}{':' if said else '.'}", "dim"
        )
    for words in said:
        yield Padding(Text.assemble(("customer ", "dim"), words), (0, 0, 0, 2))


@dataclass(frozen=True, slots=True)
class _Line:
    """One turn in its column."""

    who: Text = field(default_factory=Text)
    words: Text = field(default_factory=Text)


def _shown(told: Told, shared: int, style: str) -> Iterator[_Line]:
    """The turns around the one where the conversations part, the rest counted."""
    first = max(shared, told.parts_at - EARLIER)
    last = min(max(first, told.parts_at) + LATER, len(told.turns) - 1)
    if first > shared:
        yield _Line(words=Text(f"… {counted(first - shared, 'message')}", "dim"))
    for place in range(first, last + 1):
        yield _turn(told.turns[place], style if place == told.parts_at else "")
    if told.parts_at >= len(told.turns):
        yield _Line(Text("▶", f"bold {style}"), Text("it ends here", f"bold {style}"))
    if (rest := len(told.turns) - 1 - last) > 0:
        yield _Line(words=Text(f"… {counted(rest, 'more message')}", "dim"))


def _turn(turn: Turn, style: str) -> _Line:
    is_result = turn.role == "tool"
    who = Text.assemble(("▶ " if style else "  ", style), (speaker(turn), style or "dim"))
    own = "bold" if style else "red" if turn.is_error else "dim" if is_result else ""
    words = " ".join([turn.content, *(f"→ {call}" for call in turn.calls)]).strip() or SILENT
    return _Line(who, Text(clean(words, _LONGEST_RESULT if is_result else _LONGEST), own))
