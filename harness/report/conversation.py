"""One conversation to read in a terminal, at 80 columns; and the list to choose it from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from harness.report.figures import number
from harness.report.layout import heading, joined, plain_table, ruled
from harness.runtime.counting import counted
from harness.runtime.foreign_text import clean, visible

Document = Mapping[str, Any]

SHORT = 320
"""Characters of a tool's result that are shown unless all is asked for."""

_STYLES = {"solved": "green", "failed": "red", "faults": "yellow"}
_SIGNS = {"done": ("✓", "green"), "missing": ("−", "red"), "extra": ("+", "red")}
_SPEAKERS = {"user": ("customer", "cyan"), "assistant": ("agent", "bold"), "tool": ("tool", "dim")}


def conversations_table(found: Document) -> RenderableType:
    """A line for each conversation."""
    rows = found["conversations"]
    table = plain_table()
    for name in ("id", "evaluation", "task", "trial", "result"):
        justify = "right" if name == "trial" else "left"
        table.add_column(name, no_wrap=True, justify=justify, overflow="ellipsis")  # type: ignore[arg-type]
    table.add_column("mistake", overflow="fold")
    for row in rows:
        result = "fault" if row["result"] == "faults" else row["result"]
        table.add_row(
            Text(row["id"], "cyan"),
            clean(row["evaluation"], 40),
            clean(row["task_id"], 14),
            str(row["trial"]),
            Text(result, _STYLES[row["result"]]),
            Text(_mistake(row)),
        )
    solved = sum(row["result"] == "solved" for row in rows)
    head = heading("Conversations", f"{len(rows)} in {found['run']}, {solved} solved")
    return Group(*head, table)


def conversation_view(found: Document, *, full: bool = False) -> RenderableType:
    """The conversation with its verdict, the wanted and the actual changes, and the diagnosis.

    ``full``: results of tools are not cut.
    """
    parts = [*_header(found), *_recorded(found), *_wish(found), *_messages(found, full=full)]
    parts += [] if _is_log(found) else _changes(found)
    return Group(*parts, *_grade(found), *_reward(found), *_diagnosed(found))


def _mistake(row: Document) -> str:
    if row["result"] == "faults":
        return clean(row["ended"]).replace("_", " ")
    whose = "" if row["blame"] in ("", "agent") else f"{row['blame'].replace('_', ' ')}: "
    kind = row["mistake"].replace("_", " ")
    pattern = f" · {row['pattern']}" if row["pattern"] not in ("", kind) else ""
    return clean(whose + kind + pattern, 60)


def _header(found: Document) -> Iterator[RenderableType]:
    result = "fault" if found["result"] == "faults" else found["result"]
    verdict = Text(result, f"bold {_STYLES[found['result']]}")
    yield ruled(Text.assemble(("conversation ", "dim"), (found["id"], "bold")), verdict)
    facts = {
        "where": found["where"],
        "task": found["task_id"],
        "trial": found["trial"],
        "policy": found["policy"],
        "ended": found["ended"].replace("_", " "),
    }
    yield joined([Text.assemble((f"{k} ", "dim"), clean(v, 60)) for k, v in facts.items()], "   ")
    if found["fault"]:
        yield Text(clean(found["fault"]), "yellow")


def _is_log(found: Document) -> bool:
    """Whether its task says nothing, as that of a log: nobody knows what was wanted."""
    task = found["task"]
    return task is not None and not (task["scenario"]["reason"] or task["gold"])


def _recorded(found: Document) -> Iterator[RenderableType]:
    """The fields of its record."""
    record = found["record"]
    if not _is_log(found) or not isinstance(record, Mapping) or not record:
        return
    yield from heading("Record", "what the log says of it")
    for name, value in record.items():
        yield Text.assemble((f"{clean(name, 40)} ", "dim"), clean(_value(value), 160))


def _wish(found: Document) -> Iterator[RenderableType]:
    task = found["task"]
    if task is None or _is_log(found):
        return
    yield from heading("Task", ", ".join(task["tags"]))
    yield Text(clean(task["scenario"]["reason"], 1200))
    for call in task["gold"]:
        yield Padding(Text(_call(call), "magenta"), (0, 0, 0, 2))


def _messages(found: Document, *, full: bool) -> Iterator[RenderableType]:
    messages, diagnosis = found["messages"], found["diagnosis"]
    turns = sum(message["role"] == "assistant" for message in messages)
    yield from heading("Conversation", f"{counted(len(messages), 'message')}, {turns} of the agent")
    table = Table.grid(padding=(0, 1, 0, 0), expand=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    evidence = visible(diagnosis["evidence"]).strip() if diagnosis else ""
    for place, message in enumerate(messages):
        decisive = diagnosis is not None and place == diagnosis["turn"]
        name, style = _SPEAKERS.get(message["role"], (message["role"], ""))
        if message["role"] == "tool" and message["requestor"] == "user":
            name = "phone"
        table.add_row(
            Text(f"▶{place}" if decisive else str(place), "bold red" if decisive else "dim"),
            Text(name, "red" if decisive or message["is_error"] else style),
            _said(message, evidence, full=full),
        )
    yield table


def _said(message: Document, evidence: str, *, full: bool) -> Text:
    content = visible(message["content"])
    is_result = message["role"] == "tool"
    if is_result and not full and len(content) > SHORT:
        content = f"{content[:SHORT].rstrip()}… ({len(content):,} characters: --full)"
    style = "red" if message["is_error"] else "dim" if is_result else ""
    words = Text(content, style)
    for call in message["calls"]:
        words.append("\n" if words.plain else "")
        words.append(f"→ {_call(call)}", "magenta")
    if not words.plain:
        words.append("(nothing)", "dim")
    if len(evidence) > 3:
        words.highlight_words([evidence], "reverse")
    return words


def _call(call: Document) -> str:
    arguments = ", ".join(
        f"{name}={_value(value)}" for name, value in dict(call["arguments"]).items()
    )
    return visible(f"{call['name']}({arguments})")


def _value(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _changes(found: Document) -> Iterator[RenderableType]:
    rows = found["changes"]
    if not rows:
        if found["result"] != "faults":
            yield from heading("Changes", "none were wanted, none were made")
        return
    wrong = sum(row["state"] != "done" for row in rows)
    yield from heading("Changes", f"{wrong} of {len(rows)} fields not as wanted")
    for row in rows:
        path = clean(".".join(row["path"]), 200)
        if row["state"] != "differs":
            sign, style = _SIGNS[row["state"]]
            value = row["actual"] if row["state"] == "extra" else row["wanted"]
            note = {"missing": " not done", "extra": " not wanted"}.get(row["state"], "")
            yield Text.assemble((f"{sign} {path}", style), f" {_arrow(row, value)}", (note, style))
            continue
        yield Text(f"≠ {path}", "red")
        yield Text.assemble(("  − wanted ", "green"), _arrow(row, row["wanted"]))
        yield Text.assemble(("  + actual ", "red"), _arrow(row, row["actual"]))


def _arrow(row: Document, value: object) -> str:
    before = "" if row["before"] is None else f"{clean(_value(row['before']), 120)} → "
    return f"{before}{'absent' if value is None else clean(_value(value), 120)}"


def _grade(found: Document) -> Iterator[RenderableType]:
    grade = found["grade"]
    told = [
        *(f"not said: {clean(words)}" for words in grade["unsaid"]),
        *(f"not judged: {clean(words)}" for words in grade["unjudged"]),
        *([f"not gradeable: {clean(grade['ungradeable'])}"] if grade["ungradeable"] else []),
        *(f"{clean(name)}: failed" for name, passed in grade["parts"].items() if not passed),
    ]
    for line in told:
        yield Text(line, "red")


def _reward(found: Document) -> Iterator[RenderableType]:
    terms = [term for term in found["terms"] if term["value"] or term["note"]]
    yield from heading("Reward", number(found["reward"]))
    for term in terms:
        name = clean(term["name"]).replace("_", " ")
        note = f"  {clean(term['note'])}" if term["note"] else ""
        yield Text.assemble(f"{name} ", (number(term["value"]), "bold"), (note, "dim"))
    usage = [
        f"{role} {row['tokens_in']:,} in, {row['tokens_out']:,} out"
        for role, row in found["usage"].items()
    ]
    if usage:
        yield Text(clean("tokens: " + "; ".join(usage)), "dim")


def _diagnosed(found: Document) -> Iterator[RenderableType]:
    diagnosis = found["diagnosis"]
    if diagnosis is None:
        if found["result"] == "failed":
            yield Text()
            yield Text(f"Not diagnosed: `harness discover {found['run']}`.", "dim")
        return
    blame, kind = (diagnosis[key].replace("_", " ") for key in ("blame", "kind"))
    yield from heading("Diagnosis", found["pattern"])
    yield Text.assemble((f"{blame}: {kind}", "bold red"), f" at message {diagnosis['turn']}")
    if diagnosis["summary"]:
        yield Text(clean(diagnosis["summary"], 1000))
    if diagnosis["evidence"]:
        yield Padding(Text(f"“{clean(diagnosis['evidence'], 600)}”", "italic"), (0, 0, 0, 2))
