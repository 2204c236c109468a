"""Runs side by side as one HTML file that loads nothing: the tables, and both conversations of
each task that flipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files

from harness.report.compared import (
    Document,
    difference,
    flipped,
    interval,
    measured,
    solved,
    status,
    verdict,
)
from harness.report.figures import UNKNOWN, bounds, percent
from harness.report.markup import Markup, tag, together
from harness.report.page import change, section, table
from harness.runtime.counting import counted


def compared_page(found: Document) -> str:
    """The page."""
    style = Markup(files("harness.report").joinpath("page.css").read_text(encoding="utf-8"))
    names = " · ".join(side["name"] for side in found["sides"])
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{names} · comparison"),
        tag("style", style),
    )
    body = [_sides(found), *(_pair(pair) for pair in found["pairs"])]
    header = tag("header", tag("h1", "Comparison ", tag("small", names)))
    page = tag("html", head, tag("body", tag("main", header, *body)), lang="en")
    return f"<!doctype html>\n{page}\n"


def _sides(found: Document) -> Markup:
    rows = [
        [
            tag("b", side["name"]),
            str(side["policy"]),
            str(side["evaluation"]),
            str(side["seed"]),
            str(side["tasks"]),
            str(side["conversations"]),
            str(side["faults"]),
            _value(side["pass"].get("1")),
        ]
        for side in found["sides"]
    ]
    header = ["", "policy", "evaluation", "seed", "tasks", "conversations", "faults", "Pass^1"]
    pieces = [table(header, rows, text_columns=3)]
    if differing := found["differing_settings"]:
        lines = [
            [name.replace("_", " "), *(str(value) for value in values)]
            for name, values in differing.items()
        ]
        names = [side["name"] for side in found["sides"]]
        told = table(["", *names], lines, text_columns=len(names) + 1)
        pieces.append(tag("details", tag("summary", "Settings that differ"), told))
    return section("Compared", "Pass^k in percent [95% interval]", *pieces)


def _pair(pair: Document) -> Markup:
    style = {"higher": "up", "lower": "down"}.get(pair["verdict"], "unsure")
    pieces = [tag("p", tag("b", verdict(pair), class_=style))]
    pieces += [tag("p", f"{note}.", class_="missing") for note in pair["notes"]]
    if "pass" in pair:
        pieces += [_numbers(pair), *_patterns(pair), *(_flips(pair) if pair["paired"] else ())]
    return section(f"{pair['side']} against {pair['against']}", "", *pieces)


def _numbers(pair: Document) -> Markup:
    rows = [
        [
            f"Pass^{k}",
            *(_value(row[side]) for side in ("before", "after")),
            change(difference(row["difference"])),
        ]
        for k, row in pair["pass"].items()
    ]
    for name, row in pair["effort"].items():
        apart = row["difference"]
        low, value, high = (measured(name, apart[at]) for at in ("low", "value", "high"))
        rows.append(
            [
                name.replace("_", " ").replace(" usd", ""),
                *(measured(name, row[side]) for side in ("before", "after")),
                tag("small", f"{'+' if apart['value'] > 0 else ''}{value} [{low}, {high}]"),
            ]
        )
    note = "Turns, calls, tokens and cost are means per conversation."
    made = table(["", pair["against"], pair["side"], "difference"], rows)
    return together(made, tag("p", note, class_="note"))


def _patterns(pair: Document) -> Iterator[Markup]:
    if pair["no_patterns"]:
        yield tag("p", f"Patterns are not compared: {pair['no_patterns']}.", class_="missing")
    elif pair["patterns"]:
        rows = [
            [
                tag("b", row["name"]),
                status(row),
                str(row["before"]),
                str(row["after"]),
                change(difference(row["per_100"]), less_is_better=True),
            ]
            for row in pair["patterns"]
        ]
        header = ["", "", pair["against"], pair["side"], "per 100 conversations"]
        yield tag("h3", "Failures by pattern")
        yield table(header, rows, text_columns=2)


def _flips(pair: Document) -> Iterator[Markup]:
    yield tag("h3", "Tasks that flipped ", tag("small", flipped(pair["flips"])))
    for kind, styles in (("gained", ("down", "up")), ("lost", ("up", "down"))):
        for one in pair["flips"][kind]:
            words = tag("summary", tag("b", one["task_id"]), " ", solved(one), class_=styles[1])
            told = [_beside(pair, one, styles)] if "before" in one else []
            yield tag("details", words, *told)


def _beside(pair: Document, one: Document, styles: tuple[str, str]) -> Markup:
    """What both conversations begin with, then the two of them side by side."""
    shared = one["shared"]
    alike = [_turn(turn, "turn") for turn in one["before"]["messages"][:shared]]
    sides = []
    for name, side, style in zip(
        (pair["against"], pair["side"]), ("before", "after"), styles, strict=True
    ):
        told = one[side]
        head = tag("p", tag("b", name), " ", tag("small", told["trajectory_id"], class_=style))
        turns = [
            _turn(turn, f"turn parts {style}" if place == told["parts_at"] else "turn")
            for place, turn in enumerate(told["messages"])
            if place >= shared
        ]
        sides.append(tag("div", head, *turns))
    note = tag("p", f"The same in both: {counted(shared, 'message')}.", class_="note")
    return together(note, *alike, tag("div", *sides, class_="sides"))


def _turn(turn: Document, class_: str) -> Markup:
    role = str(turn["role"])
    speaker = {"user": "customer", "assistant": "agent"}.get(role, role)
    calls = [tag("code", f"→ {call}") for call in turn["calls"]]
    error = [tag("i", "error: ")] if turn["is_error"] else []
    kind = f"{class_} {'result' if role == 'tool' else 'said'}"
    return tag("p", tag("small", speaker), " ", *error, turn["content"], " ", *calls, class_=kind)


def _value(row: Document | None) -> Markup:
    if row is None:
        return together(UNKNOWN)
    found = interval(row)
    return together(tag("b", percent(found.value)), " ", tag("i", bounds(found)))
