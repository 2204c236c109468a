"""Reward terms, and what probes make of a reward, as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from harness.report.figures import bounds, percent, weight
from harness.report.layout import joined, plain_table
from harness.runtime.counting import counted
from harness.training.reward_probing import (
    NOTHING,
    SANE_SHARE,
    DoingNothing,
    Probed,
    Probing,
    falls_short,
)
from harness.types import Interval, Json

Row = Mapping[str, Json]

_TAGS = 4
"""Tags of tasks that are named where doing nothing is right."""


def terms_table(rows: Sequence[Row]) -> RenderableType:
    """A paragraph per term: its name, weight, range, what its value is and what it stops."""
    table = plain_table()
    for name in ("term", "weight", "range"):
        table.add_column(name, no_wrap=True, justify="right" if name == "weight" else "left")
    table.add_column("")
    for row in rows:
        given = row["weight"]
        term = Text(str(row["name"]), "bold" if given else "dim")
        stops, _, _ = str(row["stops"]).partition(". ")
        said = Text.assemble(str(row["value"]), (f"\n{stops.rstrip('.')}." if stops else "", "dim"))
        table.add_row(term, Text(_weight(given)), f"[{row['low']:g}, {row['high']:g}]", said)
    return table


def probes_values(found: Probing) -> dict[str, Json]:
    """The same as `harness probe --json` prints it."""
    return {
        "domain": found.domain,
        "seed": found.seed,
        "tasks": found.tasks,
        "baseline": found.baseline,
        "baseline_success": _triple(found.success),
        "weights": dict(found.weights),
        "rows": [_values(row) for row in found.rows],
        "let_through": list(found.let_through),
        "unsure": list(found.unsure),
        "doing_nothing": _nothing_values(found.doing_nothing),
    }


def probes_table(found: Probing, *, matrix: bool = False) -> RenderableType:
    """A line per probe: what it earned, what the baseline policy did, and what caught it."""
    table = plain_table()
    for name in ("probe", "tasks", "reward", "baseline", "diff.", "", "caught by"):
        right = name in ("tasks", "reward", "baseline", "diff.")
        table.add_column(name, no_wrap=True, justify="right" if right else "left")
    for row in found.rows:
        caught = row.caught_by if row.is_caught else f"{NOTHING}!"
        if not row.tasks:
            table.add_row(row.probe, "0", *[""] * 4, Text("found no occasion", "dim"))
            continue
        table.add_row(
            row.probe,
            f"{row.tasks}",
            _number(row.reward),
            _number(row.baseline_reward),
            Text(_signed(row.difference.value), "bold"),
            Text(_bounds(row.difference), "dim"),
            Text(caught, "" if row.is_caught else "red"),
        )
    head = Text.assemble(
        ("baseline policy ", "dim"),
        found.baseline,
        (f" on {counted(found.tasks, 'task')} of ", "dim"),
        found.domain,
        (", success ", "dim"),
        f"{percent(found.success.value)}% {bounds(found.success)}",
        (f", seed {found.seed}", "dim"),
    )
    parts: list[RenderableType] = [head, Text(), table, Text()]
    if matrix:
        parts += [_matrix(found), Text()]
    return Group(*parts, _verdict(found))


def _matrix(found: Probing) -> RenderableType:
    """The difference that is left without each term; in red where the probe is not caught then."""
    names = list(found.weights)
    table = plain_table(gap=1)
    table.add_column("without", no_wrap=True)
    for number in range(1, len(names) + 1):
        table.add_column(f"{number}", justify="right", no_wrap=True)
    for row in found.rows:
        if row.tasks:
            table.add_row(row.probe, *(_left(row.without[name]) for name in names))
    legend = joined(
        Text.assemble((f"{number} ", "bold"), name) for number, name in enumerate(names, 1)
    )
    return Group(table, Text(), legend)


def _left(difference: Interval) -> Text:
    text = _signed(difference.value, digits=2)
    return Text(text, "dim") if falls_short(difference) else Text(f"{text}!", "bold red")


def _verdict(found: Probing) -> RenderableType:
    through = found.let_through
    lines: list[Text] = []
    if through:
        lines.append(Text(f"not caught: {', '.join(through)}", "red"))
        lines += _why_not(found)
    else:
        lines.append(Text("every probe earns clearly less than the baseline policy", "green"))
    for name in found.weights:
        held = [row.probe for row in found.rows if row.is_caught and name in row.held_by]
        if held:
            lines.append(Text.assemble((f"{name} alone catches ", "dim"), ", ".join(held)))
    return Group(*lines)


def _why_not(found: Probing) -> list[Text]:
    """What may be the reason why probes are not caught, and what to do."""
    lines, nothing = [], found.doing_nothing
    if nothing is not None:
        best = [
            f"{_number(earned.reward)} on {tag} ({counted(earned.tasks, 'task')})"
            for tag, earned in list(nothing.tags.items())[:_TAGS]
        ]
        lines.append(
            Text(
                f"doing nothing earns up to {_number(nothing.reward)} ({nothing.probe}) and is "
                f"right on {percent(100 * nothing.success)}% of the tasks"
                + (f": {', '.join(best)}" if best else "")
            )
        )
    if nothing is not None and nothing.is_too_often_right:
        lines.append(
            Text(
                f"let at most {100 * SANE_SHARE:.0f}% of the tasks that generate() makes by "
                "default end in a refusal or a transfer",
                "yellow",
            )
        )
    if found.unsure:
        words = f"too few tasks to be sure of {', '.join(found.unsure)}: play more with --tasks"
        lines.append(Text(words, "yellow"))
    return lines


def _nothing_values(nothing: DoingNothing | None) -> Json:
    if nothing is None:
        return None
    return {
        "probe": nothing.probe,
        "reward": round(nothing.reward, 6),
        "success": round(nothing.success, 6),
        "sane_share": SANE_SHARE,
        "tags": {
            tag: {"tasks": earned.tasks, "reward": round(earned.reward, 6)}
            for tag, earned in nothing.tags.items()
        },
    }


def _values(row: Probed) -> dict[str, Json]:
    return {
        "probe": row.probe,
        "about": row.about,
        "tasks": row.tasks,
        "reward": round(row.reward, 6),
        "baseline_reward": round(row.baseline_reward, 6),
        "success": round(row.success, 6),
        "difference": _triple(row.difference),
        "caught_by": row.caught_by,
        "held_by": list(row.held_by),
        "without": {name: _triple(left) for name, left in row.without.items()},
    }


def _triple(interval: Interval) -> list[Json]:
    return [round(value, 6) for value in (interval.value, interval.low, interval.high)]


def _weight(value: Json) -> str:
    return weight(value) if isinstance(value, int | float) and value else "off"


def _number(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _signed(value: float, digits: int = 3) -> str:
    return f"{value:+.{digits}f}".replace("-", "−")


def _bounds(interval: Interval) -> str:
    return f"[{_signed(interval.low, 2)}, {_signed(interval.high, 2)}]"
