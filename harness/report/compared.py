"""Runs side by side in a terminal: each after the first beside the first, at 80 columns."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from harness.report.figures import UNKNOWN, bounds, coloured, number, percent, signed
from harness.report.layout import heading, plain_table
from harness.runtime.counting import counted
from harness.runtime.foreign_text import clean
from harness.types import Difference, Interval

Document = Mapping[str, Any]

SHOWN = 8
"""Tasks that are listed of those that flipped one way, and patterns."""

_NAME = 24


def compared_table(found: Document) -> RenderableType:
    """A section for each pair of runs, before it what the runs are."""
    parts: list[RenderableType] = [*_sides(found)]
    for pair in found["pairs"]:
        parts += _pair(found, pair)
    return Group(*parts)


def verdict(pair: Document) -> str:
    """What came of a comparison, in a sentence. The p-value is of signs by chance."""
    if pair["verdict"] == "not comparable":
        return "Pass^k cannot be compared."
    found = interval(pair["pass"]["1"]["difference"])
    figures = f"Pass^1 {signed(found.value)} {bounds(found)} points"
    on = f"on {_tasks(pair)} ({p_value(pair['p'])})"
    if pair["verdict"] == "no difference":
        return f"No difference found: {figures}, {on}."
    return f"{pair['side']} is {pair['verdict']}: {figures}, {on}."


def _tasks(pair: Document) -> str:
    if not pair["paired"]:
        first, second = pair["pass"]["1"]["sampled"]
        return f"{first} and {counted(second, 'other task')}"
    tasks = counted(pair["pass"]["1"]["tasks"], "task")
    return f"{tasks}, of which {pair['differing_tasks']} differ"


def flipped(flips: Document) -> str:
    """How many tasks flipped, in a sentence."""
    gained, lost = len(flips["gained"]), len(flips["lost"])
    if not gained + lost:
        return "No task flipped between failed and solved in most trials."
    return (
        f"{counted(gained, 'task')} solved only by the second, {lost} only by the first, in most "
        f"trials ({p_value(flips['p'])}, sign test)."
    )


def p_value(value: float) -> str:
    """As readers write it."""
    return "p < 0.01" if value < 0.01 else f"p = {number(value)}"


def status(change: Document) -> str:
    """What became of a pattern, and whether that may be chance."""
    is_sure = change["sure"] or change["status"] == "same"
    return str(change["status"]) if is_sure else f"{change['status']}, may be chance"


def interval(row: Document) -> Interval:
    return Interval(value=row["value"], low=row["low"], high=row["high"])


def difference(row: Document) -> Difference:
    return Difference(value=row["value"], low=row["low"], high=row["high"], p=row["p"])


def measured(name: str, value: float) -> str:
    """A measure of effort, as a reader would write it."""
    if name == "cost_usd":
        return f"${value:.4f}".replace("$-", "−$")
    return f"{value:,.0f}".replace("-", "−") if abs(value) >= 100 else number(value)


def _sides(found: Document) -> Iterator[RenderableType]:
    yield from heading("Compared", "Pass^k in percent [95% interval]")
    table = plain_table()
    table.add_column("", max_width=_NAME, overflow="fold")
    for title in ("policy", "seed", "tasks", "conversations", "faults", "Pass^1"):
        text = title in ("policy", "Pass^1")
        table.add_column(title, justify="left" if text else "right", overflow="fold")
    for side in found["sides"]:
        passed = side["pass"].get("1")
        table.add_row(
            Text(side["name"], "bold"),
            clean(side["policy"], 40),
            str(side["seed"]),
            str(side["tasks"]),
            str(side["conversations"]),
            str(side["faults"]),
            f"{percent(passed['value'])} {bounds(interval(passed))}" if passed else UNKNOWN,
        )
    yield table
    if differing := found["differing_settings"]:
        names = ", ".join(name.replace("_", " ") for name in differing)
        yield Text(f"Settings that differ: {names}.", "yellow")


def _pair(found: Document, pair: Document) -> Iterator[RenderableType]:
    yield from heading(f"{pair['side']} against {pair['against']}")
    style = {"higher": "green", "lower": "red"}.get(pair["verdict"], "")
    yield Text(verdict(pair), f"bold {style}".strip())
    for note in pair["notes"]:
        yield Text(f"Note: {note}.", "yellow")
    if "pass" not in pair:
        return
    yield Text()
    yield _numbers(pair)
    yield from _patterns(pair)
    if pair["paired"]:
        yield from _flips(found, pair)


def _numbers(pair: Document) -> RenderableType:
    table = plain_table()
    table.add_column("", no_wrap=True)
    for name in (pair["against"], pair["side"]):
        table.add_column(Text(clean(name, 40)), max_width=_NAME, overflow="fold")
    table.add_column("difference", no_wrap=True)
    for k, row in pair["pass"].items():
        sides = [interval(row[side]) for side in ("before", "after")]
        cells = [Text.assemble((percent(i.value), "bold"), (f" {bounds(i)}", "dim")) for i in sides]
        table.add_row(f"Pass^{k}", *cells, _difference(difference(row["difference"])))
    for name, row in pair["effort"].items():
        apart = row["difference"]
        low, high = (measured(name, apart[end]) for end in ("low", "high"))
        value = measured(name, apart["value"])
        sign = "+" if apart["value"] > 0 else ""
        table.add_row(
            name.replace("_", " ").replace(" usd", ""),
            *(measured(name, row[side]) for side in ("before", "after")),
            Text.assemble(f"{sign}{value} ", (f"[{low}, {high}]", "dim")),
        )
    return table


def _difference(found: Difference) -> Text:
    return Text.assemble((signed(found.value), coloured(found)), " ", (bounds(found), "dim"))


def _patterns(pair: Document) -> Iterator[RenderableType]:
    if pair["no_patterns"]:
        yield Text()
        yield Text(f"Patterns are not compared: {pair['no_patterns']}.", "yellow")
        return
    if not pair["patterns"]:
        return
    yield Text()
    table = plain_table()
    table.add_column("failures by pattern", overflow="fold", max_width=34)
    table.add_column("first", justify="right")
    table.add_column("second", justify="right")
    table.add_column("per 100 conversations", no_wrap=True)
    table.add_column("")
    for change in pair["patterns"][:SHOWN]:
        apart = difference(change["per_100"])
        style = coloured(apart, less_is_better=True) or "dim"
        table.add_row(
            clean(change["name"], 60),
            str(change["before"]),
            str(change["after"]),
            Text(f"{signed(apart.value)} {bounds(apart)}", style),
            Text(status(change), "" if change["sure"] else "dim"),
        )
    yield table
    if (more := len(pair["patterns"]) - SHOWN) > 0:
        yield Text(f"and {counted(more, 'more pattern')}: see --json", "dim")


def _flips(found: Document, pair: Document) -> Iterator[RenderableType]:
    flips = pair["flips"]
    runs = {side["name"]: side["run"] for side in found["sides"]}
    yield Text()
    yield Text(flipped(flips), "bold")
    for kind, sign, style in (("gained", "+", "green"), ("lost", "−", "red")):
        for one in flips[kind][:SHOWN]:
            yield Text.assemble((f"{sign} {one['task_id']}", style), f"  {solved(one)}")
            for side, name in (("before", pair["against"]), ("after", pair["side"])):
                if side in one:
                    run = shlex.quote(str(runs[name]))
                    yield Text(f"    harness show {run} {one[side]['trajectory_id']}", "dim")
        if (more := len(flips[kind]) - SHOWN) > 0:
            yield Text(f"  and {more} more: see --json or --html", "dim")


def solved(one: Document) -> str:
    """How often each side solved a task."""
    (was, of), (has, of_now) = one["before_solved"], one["after_solved"]
    return f"solved {was} of {of}, then {has} of {of_now}"
