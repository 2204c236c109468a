"""A study in the terminal and as JSON: Pass^k by arm, and what became of each expectation."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.report.figures import UNKNOWN, bounds, percent
from harness.report.layout import FirstThatFits, heading, plain_table
from harness.report.study.page import judged, reason
from harness.report.study.tables import (
    are_uneven,
    behaviour_table,
    difference_table,
    main_table,
)
from harness.results.history import interval_row
from harness.runtime.counting import counted
from harness.runtime.foreign_text import clean
from harness.study.analysis import KS, Estimate, difference, pass_estimate
from harness.study.results_file import Results
from harness.types import Json

_STYLES = {"confirmed": "green", "refuted": "red", "undecided": "yellow", "not run": "dim"}


def summary_table(results: Results) -> RenderableType:
    """A line per arm, then a line per expectation with the verdict in words and in colour."""
    verdicts = plain_table()
    verdicts.add_column("")
    verdicts.add_column("expected")
    for one in judged(results):
        measured = reason(one).replace("`", "")
        said = Text.assemble(one.expectation.says, "\n", (measured, "dim"))
        verdicts.add_row(Text(one.verdict, _STYLES[one.verdict]), said)
    head = heading(clean(results.study.title, 80))
    arms = FirstThatFits([_arms(results, ks) for ks in (KS, (KS[0], KS[-1]))])
    return Group(*head, arms, *heading("What was expected"), verdicts)


def ablation_text(results: Results) -> str:
    """The tables of an ablation as Markdown: Pass^k by arm, differences, behaviour."""
    tables = [main_table(results), difference_table(results), behaviour_table(results)]
    return "\n\n".join(table for table in tables if table)


def _arms(results: Results, ks: Sequence[int]) -> Table:
    table = plain_table()
    table.add_column("arm")
    for k in ks:
        table.add_column(f"Pass^{k}", justify="right", no_wrap=True)
    table.add_column("seeds", justify="right")
    for arm in results.arms:
        found = [pass_estimate(results, arm, k) for k in ks]
        cells = [_cell(one, are_uneven(found)) for one in found]
        table.add_row(Text(clean(arm, 28)), *cells, str(len(results.seeds(arm))))
    return table


def summary_values(results: Results) -> dict[str, Json]:
    """The same as JSON values, with the differences."""
    return {
        "study": results.study.title,
        "arms": {
            arm: {
                "seeds": list(results.seeds(arm)),
                "pass": {str(k): _values(pass_estimate(results, arm, k)) for k in KS},
            }
            for arm in results.arms
        },
        "differences": [
            {
                "arm": one.arm,
                "against": one.against,
                "pass": {str(k): _values(difference(results, one.arm, one.against, k)) for k in KS},
            }
            for one in results.study.comparisons
        ],
        "expectations": [
            {
                "says": one.expectation.says,
                "verdict": one.verdict,
                "estimates": {name: _values(e) for name, e in one.estimates.items()},
            }
            for one in judged(results)
        ],
        "void": [{"arm": row.arm, "seed": row.seed, "why": row.void} for row in results.voids],
    }


def _cell(one: Estimate | None, with_tasks: bool) -> Text:
    if one is None:
        return Text(UNKNOWN)
    tasks = f" {counted(one.tasks, 'task')}" if with_tasks else ""
    return Text.assemble(percent(one.interval.value), (f" {bounds(one.interval)}{tasks}", "dim"))


def _values(one: Estimate | None) -> Json:
    if one is None:
        return None
    return {**interval_row(one.interval), "seeds": one.seeds, "tasks": one.tasks}
