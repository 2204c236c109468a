"""What a recording holds and how it was graded again, as a plain table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from harness.report.layout import tally
from harness.runtime.counting import counted
from harness.types import Json

Counts = Mapping[str, Json]

LISTED = 10
"""Of many indices or names, how many are shown."""


def tally_table(counts: Counts) -> RenderableType:
    """A line for each count. Where the recording became a ``run``, recorded verdicts stand beside
    the new ones.
    """
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, told in (*_whole(counts), *_verdicts(counts), *_replayed(counts), *_figures(counts)):
        table.add_row(name, told if isinstance(told, Text) else Text(told))
    return table


def _whole(counts: Counts) -> Iterator[tuple[str, str | Text]]:
    for name in ("run", "evaluation", "data_version"):
        if counts.get(name):
            yield name, str(counts[name])
    yield (
        "conversations",
        f"{counts['conversations']} on {counted(int(str(counts['tasks'])), 'task')}",
    )
    yield "endings", tally(_numbers(counts, "endings"))


def _verdicts(counts: Counts) -> Iterator[tuple[str, str | Text]]:
    none = _stands(counts) and not counts["graded"]
    yield (
        "graded again",
        "none: every verdict is the recorded one" if none else str(counts["graded"]),
    )
    recorded = f"{counts['recorded_successes']} in the recording"
    if none:
        yield "successes", f"{counts['kept_successes']}, all as recorded"
    elif _stands(counts):
        both = f"{counts['successes']} graded again, {counts['kept_successes']} as recorded"
        yield "successes", f"{_sum(counts, 'successes', 'kept_successes')}: {both}; {recorded}"
    else:
        yield "successes", f"{counts['successes']}, {recorded}"


def _replayed(counts: Counts) -> Iterator[tuple[str, str | Text]]:
    for name in ("contradicted", "not_replayed", "no_verdict", "differing"):
        if counts[name] or name != "contradicted":
            yield name.replace("_", " "), _indices(counts[name])
    for name in ("unknown_tools", "other_answers"):
        if counts[name]:
            made = (f"{tool} {n:,}" for tool, n in _numbers(counts, name).items())
            yield name.replace("_", " "), " · ".join(made)
    if taken := counts["taken_as_recorded"]:
        yield (
            "taken as recorded",
            f"the answers of these calls, in {counted(int(str(taken)), 'conversation')}",
        )


def _figures(counts: Counts) -> Iterator[tuple[str, str | Text]]:
    first = counts["pass_1"]
    if isinstance(first, list):
        value, low, high = first
        yield "Pass^1", f"{value} [{low}, {high}], of {_made_up(counts)}"
    failing = _table(counts, "failing_gold")
    if tasks := _table(failing, "tasks"):
        yield (
            "failing gold",
            f"a gold write fails in {len(tasks)} task{'s' * (len(tasks) > 1)} "
            f"({_some(list(tasks))}): {failing['graded']} new verdicts are of these, "
            f"{counted(int(str(failing['successes'])), 'success')}",
        )
    if noise := _table(counts, "noise"):
        yield "noise", _noise(noise)


def _made_up(counts: Counts) -> str:
    """Which verdicts a Pass^1 is of."""
    again, kept = f"{counts['graded']} graded again", f"{counts['kept']} as recorded"
    if not _stands(counts):
        return again
    parts = f"{again}, {kept}" if counts["graded"] else "all as recorded"
    return f"{_sum(counts, 'graded', 'kept')} verdicts: {parts}"


def _stands(counts: Counts) -> bool:
    """Whether recorded verdicts stand beside new ones."""
    return "run" in counts and bool(counts["kept"])


def _noise(noise: Counts) -> str:
    each = noise["pass_1_by_run"]
    runs = each if isinstance(each, list) and len(each) > 1 else []
    told = f"Pass^1 of the {len(runs)} runs {', '.join(map(str, runs))}; " if runs else ""
    return (
        f"{told}repeated trials of {noise['unsteady']} of {noise['tasks']} tasks end differently; "
        f"two such runs, alike but for chance, differ in Pass^1 by at most {noise['difference']} "
        "points in 95% of cases"
    )


def _indices(found: Json) -> str:
    """How many, and the first of them."""
    listed = found if isinstance(found, list) else []
    return f"{len(listed)}: {_some(listed)}" if listed else "0"


def _some(listed: Sequence[object]) -> str:
    return ", ".join(map(str, listed[:LISTED])) + (", …" if len(listed) > LISTED else "")


def _sum(counts: Counts, *names: str) -> int:
    return sum(int(str(counts[name])) for name in names)


def _numbers(counts: Counts, key: str) -> dict[str, int]:
    return {name: int(str(n)) for name, n in _table(counts, key).items()}


def _table(counts: Counts, key: str) -> Counts:
    found = counts.get(key)
    return found if isinstance(found, dict) else {}
