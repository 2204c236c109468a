"""Make the reference pages of the documentation site from the code, when the site is built.

A hook of MkDocs (``hooks`` in mkdocs.yml). It also brings pages that are kept outside docs/ into
the site, and leads links to them there.
"""

import inspect
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

from typer import Context
from typer.main import get_command

from harness import run_folder, types
from harness.assembly.config import PRESETS, LoopConfig, load_config
from harness.assembly.contracts import contract
from harness.assembly.registry import KINDS
from harness.cli import app
from harness.cli.options import FLAGS
from harness.run_folder.rows import EpisodeRow
from harness.run_folder.sampled import SampledTokens, SampledTurn
from harness.testing.checks.observers import EVENTS
from harness.training.rollout_log import TrainingRollout

ROOT = Path(__file__).parents[1]

OUTSIDE = {
    "benchmarks/README.md": "benchmarks.md",
    "CHANGELOG.md": "changelog.md",
    **{f"studies/{p.name}": f"studies/{p.name}" for p in (ROOT / "studies").glob("*.toml")},
}
"""Files of the repository that are pages or files of the site, by where they are there."""

TABLES = ("rewards", "options")
"""Settings that are tables."""

STORED = (
    types.Task, types.Trajectory, types.Message, types.ToolCall, types.Grade, types.Score,
    types.TermScore, types.Usage, EpisodeRow, types.Diagnosis, types.ErrorPattern, types.Origin,
    types.Checkpoint, TrainingRollout, SampledTokens, SampledTurn,
)  # fmt: skip
"""The values that lines and files of a run folder are."""


def commands() -> str:
    """Every command with its arguments and options."""
    pieces = ["# Commands", ""]
    group: Any = get_command(app)
    ctx = Context(group)
    for name in sorted(group.list_commands(ctx)):
        pieces += _command(f"harness {name}", group.get_command(ctx, name))
    return "\n".join(pieces)


def settings() -> str:
    """Every setting with its type, its default, its value in each preset and its flag's help."""
    presets = {name: load_config(preset=name) for name in PRESETS}
    hints = get_type_hints(LoopConfig)
    header = ["setting", "type", *PRESETS, "flag"]
    rows = []
    for field in fields(LoopConfig):
        if field.name in TABLES:
            continue
        values = [_value(getattr(config, field.name)) for config in presets.values()]
        flag = FLAGS.get(field.name)
        told = flag.__metadata__[0].help if flag is not None else ""  # type: ignore[attr-defined]
        rows.append([f"`{field.name}`", f"`{_type(hints[field.name])}`", *values, told])
    pieces = ["# Settings", "", _prose(inspect.getdoc(LoopConfig)), "", _table(header, rows), ""]
    for name, config in presets.items():
        text = json.dumps({table: getattr(config, table) for table in TABLES}, indent=2)
        pieces += [f"## Rewards and options of `{name}`", "", "```json", text, "```", ""]
    return "\n".join(pieces)


def hooks() -> str:
    """Every hook with the protocol of what it offers, and those that a product may have besides."""
    pieces = ["# Hooks", ""]
    for kind, hook in KINDS.items():
        found: Any = contract(kind)
        pieces += [f"## `{hook}`", "", found["about"], ""]
        for protocol in found["protocols"]:
            pieces += [f"### `{protocol['name']}`", "", protocol["about"], ""]
            for member in protocol["members"]:
                pieces += ["```python", member["signature"], "```", "", member["about"], ""]
    return "\n".join(pieces)


def events() -> str:
    """Every event of a run with an example of its data."""
    seen: dict[str, Mapping[str, Any]] = {}
    for name, data in EVENTS:
        seen.setdefault(name, data)
    rows = [
        [f"`{name}`", ", ".join(f"`{key}`" for key in data), f"`{dict(data)}`"]
        for name, data in seen.items()
    ]
    note = "What observers are told, by name. [The guide for plugins](../plugins.md) says when."
    return "\n".join(["# Events", "", note, "", _table(["event", "data", "example"], rows), ""])


def run_folder_page() -> str:
    """What a run folder holds, and the fields of the values in it."""
    text = _prose(inspect.getdoc(run_folder))
    pieces = ["# Run folder", "", "```text", text, "```", ""]
    for value in STORED:
        pieces += [f"## `{value.__name__}`", "", _prose(inspect.getdoc(value)), "", *_fields(value)]
    return "\n".join(pieces)


PAGES = {
    "reference/commands.md": commands,
    "reference/settings.md": settings,
    "reference/hooks.md": hooks,
    "reference/events.md": events,
    "reference/run-folder.md": run_folder_page,
}


def on_files(files: Any, config: Any) -> Any:
    """MkDocs asks for all files: here are the generated ones, and those from outside docs/."""
    from mkdocs.structure.files import File

    for path, make in PAGES.items():
        files.append(File.generated(config, path, content=make()))
    for source, path in OUTSIDE.items():
        text = (ROOT / source).read_text("utf-8")
        files.append(File.generated(config, path, content=from_outside(text, source)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Links that leave docs/ lead to the copies in the site."""
    return into_site(markdown)


def into_site(markdown: str) -> str:
    """The page with its links out of docs/ led to their places in the site."""
    return re.sub(
        r"\]\(\.\./([^)#]+)", lambda found: f"]({OUTSIDE.get(found[1], found[0][2:])}", markdown
    )


def from_outside(text: str, source: str) -> str:
    """A page of another folder with its links as seen from docs/."""
    if not source.endswith(".md"):
        return text
    if source == "CHANGELOG.md":
        return text.replace("](docs/", "](")
    return text.replace("](../docs/", "](")


def _command(path: str, command: Any) -> Iterator[str]:
    if hasattr(command, "commands"):
        for name, inner in sorted(command.commands.items()):
            yield from _command(f"{path} {name}", inner)
        return
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option"]
    words = " ".join(_argument(p) for p in arguments)
    yield from (
        f"## `{path}`",
        "",
        "```text",
        " ".join(part for part in (path, words, "[OPTIONS]") if part),
        "```",
        "",
    )
    yield from (_prose(command.help), "")
    rows = [[f"`{' '.join(p.opts)}`", _cell(p.help)] for p in options if not p.hidden]
    if rows:
        yield from (_table(["option", ""], rows), "")


def _argument(param: Any) -> str:
    name = param.metavar or param.name.upper()
    return name if param.required else f"[{name}]"


def _fields(value: type) -> Iterator[str]:
    assert is_dataclass(value)
    hints = get_type_hints(value)
    rows = []
    for field in fields(value):
        default = "" if field.default is MISSING else f"`{field.default!r}`"
        rows.append([f"`{field.name}`", f"`{_type(hints[field.name])}`", default])
    yield from (_table(["field", "type", "default"], rows), "")


def _type(hint: Any) -> str:
    """The type in words that a reader knows."""
    hint = getattr(hint, "__origin__", hint) if hasattr(hint, "__metadata__") else hint
    text = hint.__name__ if isinstance(hint, type) and not hasattr(hint, "__args__") else str(hint)
    text = text.replace(" | ", " or ")
    text = re.sub(r"(?:typing|collections\.abc|harness\.[\w.]+)\.", "", text)
    return re.sub(r"Annotated\[(\w+),[^\]]*\]", r"\1", text)


def _value(value: Any) -> str:
    if value in ("", None, (), {}):
        return ""
    return f"`{_cell(str(list(value) if isinstance(value, tuple) else value))}`"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *[[_cell(cell) for cell in row] for row in rows]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str | None) -> str:
    return " ".join((text or "").split()).replace("\\[", "[").replace("|", "\\|")


def _prose(text: str | None) -> str:
    return (text or "").replace("``", "`").replace("\\[", "[")
