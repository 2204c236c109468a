"""What a round fixed on the HTML page: a table by error pattern, two conversations side by side."""

from __future__ import annotations

from collections.abc import Iterator

from harness.report.arms import arm_label, short_label
from harness.report.charts import arm_class
from harness.report.figures import UNKNOWN, bounds, percent
from harness.report.fixed import NO_EXAMPLE, NOTE, SILENT, about, rows, speaker
from harness.report.markup import Markup, tag, together
from harness.report.model import Report
from harness.report.model_fixed import Example, Fixed, Told, Turn
from harness.report.page import change, section, table
from harness.runtime.counting import counted
from harness.types import Difference, Interval


def fixed(report: Report) -> Iterator[Markup]:
    """A section for each round whose policy was evaluated."""
    for found in report.fixed:
        title = f"What round {found.round} fixed"
        if found.why_not:
            yield section(title, "", tag("p", f"Not shown: {found.why_not}.", class_="missing"))
            continue
        if found.example is None:
            told = tag("p", NO_EXAMPLE, class_="note")
        else:
            told = _example(found, found.example)
        note = f"{NOTE}; below, one test task before and after"
        yield section(title, note, _rates(found), told)


def _rates(found: Fixed) -> Markup:
    labels = [tag("b", short_label(arm), class_=arm_class(arm)) for arm in found.arms]
    lines = []
    for name, row in rows(found):
        rates = [_rate(row.per_100.get(arm)) for arm in found.arms]
        changes = [_change(row.differences.get(arm)) for arm in found.against]
        lines.append([tag("b" if row.id else "span", name), *rates, *changes])
    header = ["", *labels, *(f"− {short_label(arm)}" for arm in found.against)]
    compared = f"{counted(found.tasks, 'test task')}, each compared with itself."
    return together(table(header, lines), tag("p", compared, class_="note"))


def _rate(found: Interval | None) -> Markup:
    if found is None:
        return together(UNKNOWN)
    return together(tag("b", percent(found.value)), " ", tag("i", bounds(found)))


def _change(found: Difference | None) -> Markup:
    return together(UNKNOWN) if found is None else change(found, less_is_better=True)


def _example(found: Fixed, example: Example) -> Markup:
    pieces = [tag("h3", "Before and after ", tag("small", about(found, example)))]
    alike = example.before.turns[: example.shared]
    if alike:
        said = [_turn(turn, "turn") for turn in alike if turn.role == "user" and turn.content]
        words = f"The same in both: {counted(len(alike), 'message')}."
        turns = [_turn(turn, "turn") for turn in alike]
        pieces += [*said, tag("details", tag("summary", words, class_="note"), *turns)]
    sides = [
        _side(found.before, "failed", "down", example.before, example.shared),
        _side(found.after, "solved it", "up", example.after, example.shared),
    ]
    return together(*pieces, tag("div", *sides, class_="sides"))


def _side(arm: str, verdict: str, style: str, told: Told, shared: int) -> Markup:
    name = tag("b", arm_label(arm), class_=arm_class(arm))
    head = tag("p", name, " ", tag("small", verdict, class_=style))
    turns = [
        _turn(turn, f"turn parts {style}" if place == told.parts_at else "turn")
        for place, turn in enumerate(told.turns)
        if place >= shared
    ]
    if told.parts_at >= len(told.turns):
        turns.append(tag("p", "it ends here", class_=f"turn parts {style}"))
    return tag("div", head, *turns)


def _turn(turn: Turn, class_: str) -> Markup:
    calls = [tag("code", f"→ {call}") for call in turn.calls]
    kind = f"{class_} {'result' if turn.role == 'tool' else 'said'}"
    words = [turn.content, " "] if turn.content else [] if calls else [SILENT]
    error = [tag("i", "error: ")] if turn.is_error else []
    return tag("p", tag("small", speaker(turn)), " ", *error, *words, *calls, class_=kind)
