"""Compare generated retail tasks with the official ones in shape: a table, JSON, or docs/tasks.md.

``python benchmarks/task_shapes.py --tasks 2000 --seed 0 --markdown`` makes the table of the
document.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from shape_measures import MEASURES, Sample, Unit, generated_tasks, official_tasks

from harness.errors import ConfigError, HarnessError

DOCUMENT = Path(__file__).parents[1] / "docs" / "tasks.md"
START, END = "<!-- task shapes: start -->", "<!-- task shapes: end -->"
POINTS, PERCENT = 8, 15
"""How far a share may be from the official one, in percentage points, and a mean, in percent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measure of all samples; None where a sample does not record it.

    ``purpose``: why generated tasks are meant to differ; "" if they are to match.
    """

    name: str
    unit: Unit
    official: float | None
    train: float | None
    test: float | None
    purpose: str = ""

    @property
    def verdict(self) -> Literal["match", "on purpose", "off", "-"]:
        """Whether the generated tasks are within the tolerance of the official ones."""
        if self.official is None:
            return "-"
        allowed = POINTS / 100 if self.unit == "share" else PERCENT / 100 * self.official
        apart = max(abs(value - self.official) for value in (self.train or 0.0, self.test or 0.0))
        if self.purpose:
            return "on purpose"
        return "match" if apart <= allowed + 1e-9 else "off"


PURPOSES: Mapping[str, str] = {
    "writes: modify_pending_order_payment": "the one official write of it could train nothing",
    "writes with a payment method that use a gift card": "only a gift card can fall short",
    "tasks that use the calculator *": "the solution says a sum without the tool",
    "tasks with another failing look-up *": "no generated task needs an id that does not exist",
    "tasks with a failing write": "what a tool refuses is a refusal here, not a wanted call",
    "tasks with several things to be told": "each answer belongs to one request",
    **dict.fromkeys(
        ("items per order", "variants per product", "products in the shop"),
        "short observations, so that a small model can read a whole conversation",
    ),
    "customers in the shop": "a fresh shop for every ten tasks instead of one for all",
    "orders per customer of the shop": "every customer has an order, and so can have a task",
}
"""Where generated tasks are meant to differ, and why."""


def compare(official: Sample, train: Sample, test: Sample) -> list[Row]:
    """A row for each measure."""
    return [
        Row(
            name=name,
            unit=unit,
            official=measure(official),
            train=measure(train),
            test=measure(test),
            purpose=PURPOSES.get(name, ""),
        )
        for name, (unit, measure) in MEASURES.items()
    ]


# --- output --------------------------------------------------------------------------------------

_HEADS = ("measure", "official", "train", "test", "verdict")


def cells(row: Row) -> tuple[str, str, str, str, str]:
    """The row as text."""
    values = (_text(value, row.unit) for value in (row.official, row.train, row.test))
    official, train, test = values
    return row.name, official, train, test, row.verdict


def markdown(rows: Sequence[Row], command: str, sizes: Sequence[int]) -> str:
    """The table for the document, with the command that makes it."""
    official, train, test = sizes
    lines = [
        f"Made by `{command} --markdown`: {official} official tasks, {train} generated train tasks "
        f"and {test} generated test tasks. A match is within {POINTS} points (shares) or "
        f"{PERCENT}% (means) of the official value.",
        "",
        f"| {' | '.join(_HEADS)} |",
        f"|{'---|' * len(_HEADS)}",
        *(
            f"| {' | '.join(_cell(text) for text in (*cells(row)[:-1], _said(row)))} |"
            for row in rows
        ),
    ]
    return "\n".join(lines)


def replace_table(document: str, table: str) -> str:
    """The document with the table between its markers. Raises ``ConfigError`` without them."""
    before, start, rest = document.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise ConfigError("the document has no place for the table", hint=f"Add {START} and {END}.")
    return f"{before}{START}\n{table}\n{END}{after}"


def _said(row: Row) -> str:
    return f"on purpose: {row.purpose}" if row.purpose else row.verdict


def _cell(text: str) -> str:
    """The text without what Markdown would read as emphasis."""
    return text.replace("*", r"\*").replace("_", r"\_")


def _text(value: float | None, unit: Unit) -> str:
    if value is None:
        return "-"
    return f"{100 * value:.0f}%" if unit == "share" else f"{value:.2f}"


def _print(rows: Sequence[Row]) -> None:
    table = Table(*_HEADS)
    for row in rows:
        table.add_row(*map(escape, cells(row)))
    Console().print(table)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=2000, help="generated tasks per split")
    parser.add_argument("--seed", type=int, default=0, help="of the generator, for both splits")
    parser.add_argument("--json", action="store_true", help="print the rows as JSON instead")
    parser.add_argument(
        "--markdown",
        type=Path,
        nargs="?",
        const=DOCUMENT,
        help="also put the table between the markers of this document (docs/tasks.md)",
    )
    options = parser.parse_args(arguments)
    try:
        _run(options)
    except HarnessError as error:
        sys.exit(f"{error}\n{error.hint}")


def _run(options: argparse.Namespace) -> None:
    official = official_tasks()
    train = generated_tasks("train", options.tasks, options.seed)
    test = generated_tasks("test", options.tasks, options.seed)
    rows = compare(official, train, test)
    if options.json:
        print(
            json.dumps(
                [{**asdict(row), "verdict": row.verdict} for row in rows], indent=2, allow_nan=False
            )
        )
    else:
        _print(rows)
    if options.markdown:
        command = f"python benchmarks/task_shapes.py --tasks {options.tasks} --seed {options.seed}"
        table = markdown(rows, command, (len(official), len(train), len(test)))
        document = options.markdown.read_text(encoding="utf-8")
        options.markdown.write_text(replace_table(document, table), encoding="utf-8")


if __name__ == "__main__":
    main()
