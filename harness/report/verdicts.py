"""What the conformance kit says of plugins, as a table and the findings below it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

_STATES = {"passes": "green", "not checked": "yellow", "broken": "red"}


def verdicts_table(rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    """A line per product, and what, where, why and how to mend for each finding."""
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for column in ("kind", "name", "from", "verdict", "seconds"):
        table.add_column(column)
    findings: list[RenderableType] = []
    for row in rows:
        state = Text(row["state"], _STATES[row["state"]])
        table.add_row(row["kind"], Text(row["name"]), Text(row["plugin"]), state,
                      f"{row['seconds']:.1f}")  # fmt: skip
        if row["reason"]:
            findings.append(Text(f"\n{row['kind']} {row['name']}: {row['reason']}"))
        for found in row["findings"]:
            findings.append(Text(f"\n{row['kind']} {row['name']}: {found['what']}", "bold"))
            findings += [Text(f"  {key + ':':<6} {found[key]}") for key in ("where", "why", "mend")]
    return Group(table, *findings)
