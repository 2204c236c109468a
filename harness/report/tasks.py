"""Targeted tasks in the terminal: a line for each, or all about a few; and the yield of gates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from harness.report.layout import heading, plain_table
from harness.runtime.counting import counted

Document = Mapping[str, Any]

_SHOWN = 40
"""Tasks in the list; the rest is counted."""


def tasks_table(log: Document) -> RenderableType:
    """A line for each task, then what the gates refused and why."""
    return Group(*_list(log["tasks"]), *_yields(log["injections"]))


def task_cards(log: Document) -> RenderableType:
    """All that is known of each task: what is said, what is wanted, and how it was proved."""
    return Group(*(part for row in log["tasks"] for part in _card(row)))


def domain_tasks_table(found: Document) -> RenderableType:
    """A line for each fixed task of a domain."""
    rows = found["tasks"]
    table = plain_table()
    table.expand = True
    for name, width in (("id", 20), ("tags", 24), ("writes", 6)):
        table.add_column(name, no_wrap=True, overflow="ellipsis", width=width)
    table.add_column("the customer says", no_wrap=True, overflow="ellipsis", ratio=1)
    for row in rows[:_SHOWN]:
        cells = (row["id"], ", ".join(row["tags"]), str(len(row["gold"])), _opening(row))
        table.add_row(*map(Text, cells))
    more = len(rows) - _SHOWN
    title = heading(f"Tasks of {found['domain']}", f"{len(rows)} in {found['split']}")
    return Group(
        *title, table, *([Text(f"and {more} more: see --json", "dim")] if more > 0 else [])
    )


def domain_task_cards(found: Document) -> RenderableType:
    """All about each task: what is said, and what is to be done and said."""
    parts: list[RenderableType] = []
    for row in found["tasks"]:
        parts += [*heading(row["id"], f"{found['split']}, {', '.join(row['tags']) or 'no tags'}")]
        grid = _wanted(row)
        for request in row["scenario"]["requests"]:
            asked = f"{request['says'][0]} ({request['outcome']})"
            grid.add_row("request", Text(asked))
        for fact in _facts(row["scenario"]):
            grid.add_row("knows", Text(f"{fact['about']}: {fact['says'][0]}"))
        parts.append(Padding(grid, (0, 0, 0, 2)))
    return Group(*parts)


def _facts(scenario: Document) -> list[Document]:
    own = [fact for request in scenario["requests"] for fact in request["facts"]]
    return [*scenario["identity"], *own]


def _list(rows: Sequence[Document]) -> Iterator[RenderableType]:
    vetoed = sum(row["vetoed"] for row in rows)
    note = f"{len(rows)} in the pool" + (f", {vetoed} of them vetoed" if vetoed else "")
    yield from heading("Targeted tasks", note)
    table = plain_table()
    table.expand = True
    for name, width in (("id", 12), ("round", 5), ("pattern", 18), ("made with", 20), ("fails", 6)):
        table.add_column(name, no_wrap=True, overflow="ellipsis", width=width)
    table.add_column("the customer says", no_wrap=True, overflow="ellipsis", ratio=1)
    for row in rows[:_SHOWN]:
        style = "dim strike" if row["vetoed"] else ""
        table.add_row(
            Text(row["id"], style),
            Text(str(row["round"])),
            Text(row["pattern_name"] or row["pattern"]),
            Text(_made_with(row)),
            Text(_failures(row)),
            Text(_opening(row), style),
        )
    yield table
    if len(rows) > _SHOWN:
        yield Text(f"and {len(rows) - _SHOWN} more: see --json", "dim")


def _yields(injections: Sequence[Document]) -> Iterator[RenderableType]:
    for found in injections:
        counts: Counter[str] = Counter()
        seen: dict[str, int] = {}
        held = 0
        for injection in found["injections"]:
            held += injection["conversations"]
            for row in injection["yields"]:
                seen[row["gate"]] = seen.get(row["gate"], 0) + row["seen"]
                counts[row["gate"]] += row["passed"]
        played = f", {counted(held, 'rollout')} played" if held else ""
        yield from heading(f"Gates of round {found['round']}", f"in order of cost{played}")
        table = plain_table()
        for name, justify in (("gate", "left"), ("saw", "right"), ("passed", "right")):
            table.add_column(name, justify=justify, no_wrap=True)  # type: ignore[arg-type]
        table.add_column("refused because", ratio=1)
        for gate, number in seen.items():
            reasons = found["refused"].get(gate, {})
            words = ", ".join(f"{reason} {n}" for reason, n in reasons.items())
            table.add_row(Text(gate), Text(str(number)), Text(str(counts[gate])), Text(words))
        yield table
        for injection in found["injections"]:
            yield from _shortfalls(injection["patterns"])


def _shortfalls(patterns: Sequence[Document]) -> Iterator[RenderableType]:
    for row in patterns:
        if row["ended"]:
            got = f"{counted(row['admitted'], 'task')} of a quota of {row['quota']}"
            yield Text(f"pattern {row['pattern']}: {got}; {row['ended']}", "yellow")


def _card(row: Document) -> Iterator[RenderableType]:
    origin = row["origin"]
    yield from heading(row["id"], f"round {row['round']}, {_made_with(row)}")
    if row["vetoed"]:
        yield Text(f"vetoed: {row['veto_reason'] or 'no reason given'}", "yellow")
    grid = _wanted(row)
    grid.add_row("pattern", Text(f"{row['pattern']} {row['pattern_name']}".strip()))
    if origin:
        failure = f"{origin['trajectory_id']} on task {origin['parent_task_id']}"
        grid.add_row("failure", Text(failure))
        maker = f"{origin['injector']} {origin['version']}, seed {origin['seed']}"
        grid.add_row("made by", Text(maker))
        if origin["mutated_from"]:
            mutation = f"{origin['mutation']}, of {origin['mutated_from']}"
            grid.add_row("harder by", Text(mutation))
    for gate, measured in row["gates"].items():
        grid.add_row(gate, Text(", ".join(f"{k} {v}" for k, v in measured.items()) or "passed"))
    yield Padding(grid, (0, 0, 0, 2))


def _wanted(row: Document) -> Table:
    """What the customer says and what is to be done and said."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(ratio=1)
    scenario = row["scenario"]
    grid.add_row("why", Text(scenario["reason"]))
    if scenario["known"]:
        grid.add_row("known", Text(scenario["known"]))
    grid.add_row("customer", Text(scenario["instructions"]))
    for call in row["gold"]:
        grid.add_row("gold", Text(_call(call)))
    for text in row["communicate"]:
        grid.add_row("must say", Text(text))
    return grid


def _made_with(row: Document) -> str:
    origin = row["origin"]
    words = [origin.get("feature", ""), origin.get("mutation", "")]
    return " + ".join(word for word in words if word) or origin.get("injector", "")


def _failures(row: Document) -> str:
    found = row["gates"].get("targeted")
    return f"{found['failures']} of {found['trials']}" if found and "trials" in found else "-"


def _opening(row: Document) -> str:
    requests = row["scenario"]["requests"]
    if not requests:
        return str(row["scenario"]["reason"])
    return " / ".join(request["says"][0] for request in requests)


def _call(call: Document) -> str:
    arguments = ", ".join(f"{name}={value}" for name, value in call["arguments"].items())
    return f"{call['name']}({arguments})"
