"""Plugins, extension points, machine checks and plans as plain tables."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from harness.report.layout import plain_table
from harness.runtime.counting import counted
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


def draft_lines(found: Mapping[str, Json]) -> RenderableType:
    """What a drafted package holds, what a person must decide, and whether it passes the kit."""
    problem, decisions = found["problem"], found["decisions"]
    kit = Text("passes the conformance kit", "green")
    if problem:
        kit = Text(f"does not pass the conformance kit yet: {problem}", "yellow")
    return Group(
        Text(f"Draft: {found['folder']}"),
        Text(
            f"{counted(int(str(found['tools'])), 'tool')}, "
            f"{counted(int(str(found['records'])), 'recorded look-up')}, "
            f"{counted(int(str(found['tasks'])), 'task')}"
        ),
        kit,
        Text("To decide (DECIDE.md):"),
        *(Text(f"- {one}") for one in (decisions if isinstance(decisions, list) else [])),
    )


def hooks_table(rows: Sequence[Row]) -> RenderableType:
    """A line per extension point."""
    table = _table("kind", "hook", "what it offers")
    for row in rows:
        table.add_row(row["kind"], row["hook"], Text(row["offers"]))
    return table


def contract_lines(found: Mapping[str, Any]) -> RenderableType:
    """A hook and its protocols: signatures as code, below each what it does."""
    parts: list[RenderableType] = [Text(found["hook"], "bold"), Text(found["about"])]
    for protocol in found["protocols"]:
        parts += [Text(), Text(f"class {protocol['name']}", "bold"), _below(protocol["about"])]
        for member in protocol["members"]:
            parts += [Padding(Text(member["signature"], "cyan"), (0, 0, 0, 2))]
            parts += [_below(member["about"], 4)] if member["about"] else []
    return Group(*parts)


def products_lines(found: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Products one below the other: what each is, where from, and its options."""
    parts: list[RenderableType] = []
    for row in found:
        title = Text.assemble((f"{row['kind']} {row['name']}", "bold"), f"  {row['plugin']}")
        parts += [Text(), title] if parts else [title]
        parts += [_below(row["about"])] if row["about"] else []
        parts += [_below(f"also: {role}") for role in row["roles"]]
        parts += _option_lines(row)
    return Group(*parts)


def _option_lines(row: Mapping[str, Any]) -> Iterator[RenderableType]:
    if row["problem"]:
        yield Padding(Text(row["problem"], "yellow"), (0, 0, 0, 2))
    elif not row["options"]:
        yield _below("takes no options")
    else:
        yield Padding(Text(f"[options.{row['name']}]", "dim"), (1, 0, 0, 2))
        table = plain_table()
        for name in ("option", "type", "default"):
            table.add_column(name, overflow="fold")
        for one in row["options"]:
            table.add_row(Text(one["name"]), Text(one["type"]), Text(one["default"]))
        yield Padding(table, (0, 0, 0, 2))
        if row["options_about"]:
            yield Padding(Text(row["options_about"]), (1, 0, 0, 2))


def _below(text: str, indent: int = 2) -> RenderableType:
    return Padding(Text(text), (0, 0, 0, indent))


def runs_table(rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    """A line per run; one that cannot be read shows why."""
    table = _table("run", "changed", "domain", "policy", "stations", "Pass^1")
    for row in rows:
        if row["error"]:
            table.add_row(Text(row["run"]), Text(row["changed"]), Text(row["error"], "red"))
            continue
        state = f"{row['stations']}{'' if row['complete'] else ', going on'}"
        passed = "" if row["pass_1"] is None else f"{row['pass_1']:.1f} {row['arm']}"
        cells = (row["run"], row["changed"], row["domain"], row["policy"], state, passed)
        table.add_row(*(Text(str(cell)) for cell in cells))
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


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column)
    return table


def _mapping(plan: Mapping[str, Json], key: str) -> Mapping[str, Json]:
    found = plan.get(key)
    return found if isinstance(found, dict) else {}
