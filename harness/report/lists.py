"""Plugins, extension points, machine checks and plans as plain tables."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.report.layout import tally
from harness.types import Json

Row = Mapping[str, str]

_STATES = {"good": "green", "missing": "yellow", "broken": "red"}


def plugins_table(rows: Sequence[Row]) -> RenderableType:
    """A line per plugin; a broken one shows its error instead of what it offers."""
    table = _table("plugin", "from", "offers")
    for row in rows:
        offers = Text(row["error"], "red") if row["error"] else Text(row["offers"])
        table.add_row(Text(row["plugin"]), Text(f"{row['distribution']} {row['version']}"), offers)
    return table


def hooks_table(rows: Sequence[Row]) -> RenderableType:
    """A line per extension point."""
    table = _table("kind", "hook", "what it offers")
    for row in rows:
        table.add_row(row["kind"], row["hook"], Text(row["offers"]))
    return table


def doctor_table(rows: Sequence[Row]) -> RenderableType:
    """A line per check, its state in words and in colour."""
    table = _table("check", "state", "")
    for row in rows:
        state = Text(row["state"], _STATES[row["state"]])
        table.add_row(Text(row["check"]), state, Text(row["detail"]))
    return table


def plan_table(plan: Mapping[str, Json]) -> RenderableType:
    """What would run: plugins, stations with their conversations, rewards and sizes."""
    who, settings = _mapping(plan, "plugins"), _mapping(plan, "settings")
    rollouts, rewards = _mapping(plan, "evaluation_rollouts"), _mapping(plan, "rewards")
    plugins = _table("part", "plugin")
    for part, plugin in who.items():
        plugins.add_row(Text(part), Text(str(plugin)))
    stations = _table("station", "rollouts")
    listed = plan["stations"]
    for station in listed if isinstance(listed, list) else []:
        stations.add_row(Text(str(station)), Text(str(rollouts.get(str(station), ""))))
    sizes = _table("setting", "value")
    for key, value in settings.items():
        if key not in ("rewards", "options"):
            sizes.add_row(Text(key), Text(json.dumps(value)))
    for plugin, options in _mapping(settings, "options").items():
        sizes.add_row(Text(f"options.{plugin}"), Text(json.dumps(options)))
    weights = ", ".join(f"{name} {weight}" for name, weight in rewards.items())
    return Group(plugins, stations, Text(f"rewards: {weights or 'none'}"), sizes)


def tally_table(counts: Mapping[str, Json]) -> RenderableType:
    """What a recording holds and how it was graded again, a line for each count. Where it became a
    ``run``, recorded verdicts stand beside the new ones.
    """
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for name in ("run", "evaluation", "data_version"):
        if counts.get(name):
            table.add_row(name, Text(str(counts[name])))
    table.add_row("conversations", f"{counts['conversations']} on {counts['tasks']} tasks")
    table.add_row("endings", tally(_numbers(counts, "endings")))
    table.add_row("graded again", _graded_again(counts))
    table.add_row("successes", _successes(counts))
    for name in ("contradicted", "not_replayed", "no_verdict", "differing"):
        if counts[name] or name != "contradicted":
            table.add_row(name.replace("_", " "), _indices(counts[name]))
    for name in ("unknown_tools", "other_answers"):
        if counts[name]:
            table.add_row(name.replace("_", " "), tally(_numbers(counts, name)))
    if counts["taken_as_recorded"]:
        words = f"answers of these calls, in {counts['taken_as_recorded']} conversations"
        table.add_row("as recorded", words)
    first = counts["pass_1"]
    if isinstance(first, list):
        table.add_row("Pass^1", "{} [{}, {}]".format(*first) + f", of {_made_up(counts)}")
    if isinstance(noise := counts["noise"], dict):
        table.add_row("noise", Text(_noise(noise)))
    return table


def _graded_again(counts: Mapping[str, Json]) -> str:
    if counts["graded"] or not _stands(counts):
        return str(counts["graded"])
    return "none: every verdict is the recorded one"


def _successes(counts: Mapping[str, Json]) -> str:
    recorded = f"{counts['recorded_successes']} in the recording"
    if not _stands(counts):
        return f"{counts['successes']}, {recorded}"
    if not counts["graded"]:
        return f"{counts['kept_successes']}, all as recorded"
    parts = f"{counts['successes']} graded again, {counts['kept_successes']} as recorded"
    return f"{_sum(counts, 'successes', 'kept_successes')}: {parts}; {recorded}"


def _made_up(counts: Mapping[str, Json]) -> str:
    """Which verdicts a Pass^1 is of."""
    again, kept = f"{counts['graded']} graded again", f"{counts['kept']} as recorded"
    if not _stands(counts):
        return again
    return f"{_sum(counts, 'graded', 'kept')} verdicts: " + (
        f"{again}, {kept}" if counts["graded"] else "all as recorded"
    )


def _stands(counts: Mapping[str, Json]) -> bool:
    """Whether recorded verdicts stand beside new ones."""
    return "run" in counts and bool(counts["kept"])


def _noise(noise: Mapping[str, Json]) -> str:
    each = noise["pass_1_by_run"]
    runs = ", ".join(map(str, each)) if isinstance(each, list) and len(each) > 1 else ""
    return (
        (f"Pass^1 of the runs {runs}; " if runs else "")
        + f"{noise['unsteady']} of {noise['tasks']} tasks end now so, now so; two such runs, alike "
        f"but for chance, differ in Pass^1 by up to {noise['difference']} points (95%)"
    )


def _sum(counts: Mapping[str, Json], *names: str) -> int:
    return sum(int(str(counts[name])) for name in names)


def _numbers(counts: Mapping[str, Json], key: str) -> dict[str, int]:
    return {name: int(str(n)) for name, n in _mapping(counts, key).items()}


def _indices(found: Json) -> str:
    """How many, and the first of them."""
    listed = found if isinstance(found, list) else []
    some = ", ".join(map(str, listed[:10])) + (", …" if len(listed) > 10 else "")
    return f"{len(listed)}: {some}" if listed else "0"


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column)
    return table


def _mapping(plan: Mapping[str, Json], key: str) -> Mapping[str, Json]:
    found = plan.get(key)
    return found if isinstance(found, dict) else {}
