"""Recipes, and the plan of one: what is there, what it takes on paper, and how it is started."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.types import Json

_STATES = {"good": "green", "missing": "yellow", "unknown": "dim"}


def recipes_table(rows: Sequence[Mapping[str, str]]) -> RenderableType:
    """A line per recipe."""
    table = _table("recipe", "")
    for row in rows:
        table.add_row(Text(row["recipe"]), Text(row["about"]))
    return table


def recipe_plan(plan: Mapping[str, Json]) -> RenderableType:
    """The plan: checks, memory and time on paper, the commands, and the sources of the numbers."""
    missing = _listed(plan["missing"])
    summary = f"missing: {', '.join(map(str, missing))}" if missing else "nothing is missing"
    return Group(
        Text(str(plan["about"]), "bold"),
        _checks(plan),
        _memory(plan),
        _expected(plan),
        Text("start:"),
        *[Text(f"  {line}") for line in _listed(plan["start"])],
        Text("sources:", "dim"),
        *[Text(f"  {line}", "dim") for line in _listed(plan["sources"])],
        Text(summary, "yellow" if missing else "green"),
    )


def _checks(plan: Mapping[str, Json]) -> Table:
    table = _table("check", "state", "")
    for row in map(_mapped, _listed(plan["checks"])):
        state = str(row["state"])
        shown = Text(state, _STATES.get(state, ""))
        table.add_row(Text(str(row["check"])), shown, Text(str(row["detail"])))
    return table


def _memory(plan: Mapping[str, Json]) -> Table:
    table = _table("memory on paper", "GiB")
    for row in map(_mapped, _listed(plan["memory"])):
        table.add_row(Text(str(row["what"])), Text(str(row["gib"])))
    return table


def _expected(plan: Mapping[str, Json]) -> Group:
    expected = _mapped(plan["expected"])
    table = _table("expected", "rollouts", "million tokens", "hours")
    for row in map(_mapped, _listed(expected["parts"])):
        table.add_row(Text(str(row["part"])), *_numbers(row))
    table.add_row(Text("all", "bold"), *_numbers(expected))
    unpriced = ", ".join(map(str, _listed(expected["without_price"])))
    dollars = f"unknown: no price of {unpriced}" if unpriced else f"{expected['dollars']}"
    return Group(table, Text(f"US dollars for chat models: {dollars}"))


def _numbers(row: Mapping[str, Json]) -> list[str]:
    tokens = float(str(row["tokens"])) / 1e6
    return [f"{row['rollouts']}", f"{tokens:,.1f}", f"{row['hours']}"]


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column)
    return table


def _listed(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _mapped(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, dict) else {}
