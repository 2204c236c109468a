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
from harness.assembly.contracts import contract, described
from harness.assembly.registry import KINDS, Registry
from harness.cli import app
from harness.cli.options import FLAGS
from harness.discovery.families import KINDS as KINDS_OF_MISTAKES
from harness.discovery.families import family
from harness.protocols import Settings
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

OURS = "errata-harness"
DOMAINS = ("retail", "airline", "telecom")
EXAMPLES = 4
"""Features that are named beside a kind of mistake."""

TABLES = ("rewards", "options")
"""Settings that are tables."""

WHAT_DOMAINS_SAY = (
    types.Task, types.Scenario, types.Request, types.Fact, types.Revision, types.Feature,
    types.Recipe, types.Origin, types.Tool, types.ToolCall, types.ToolResult, types.Change,
    types.Grade,
)  # fmt: skip
"""The values that authors of domains make."""

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


def values() -> str:
    """What tasks, scenarios, tools and grades are made of."""
    note = "What a domain makes and returns, from `harness.types`. Arguments are keyword-only."
    pieces = ["# Tasks and values", "", note, ""]
    for value in WHAT_DOMAINS_SAY:
        pieces += [f"## `{value.__name__}`", "", _prose(inspect.getdoc(value)), "", *_fields(value)]
    return "\n".join(pieces)


def options() -> str:
    """The option tables of everything that is offered by this distribution."""
    pieces = ["# Options of plugins", "", inspect.cleandoc(_OPTIONS), ""]
    registry = Registry()
    offers = [offer for kind in KINDS for offer in registry.offers[kind].values()]
    for offer in offers:
        if not offer.plugin.startswith(f"{OURS}:"):
            continue
        for row in described(registry, offer.name):
            if row["kind"] == offer.kind and row["options"]:
                pieces += _option_table(row)
    return "\n".join(pieces)


def mistakes() -> str:
    """The kinds of mistakes that `Feature.provokes` and diagnoses speak of."""
    registry = Registry()
    provoking: dict[str, list[str]] = {}
    for name in DOMAINS:
        for feature in registry.make("domain", name, Settings()).features:
            for kind in feature.provokes:
                provoking.setdefault(kind, []).append(f"{name}: {feature.name}")
    named = [kind for kinds in KINDS_OF_MISTAKES.values() for kind in kinds]
    rows = [
        [f"`{kind}`", family(kind), "; ".join(provoking.get(kind, [])[:EXAMPLES])]
        for kind in [*named, *sorted({*provoking} - {*named})]
    ]
    header = ["kind", "family", "features that provoke it, for example"]
    return "\n".join(
        ["# Kinds of mistakes", "", inspect.cleandoc(_KINDS), "", _table(header, rows), ""]
    )


_OPTIONS = """
    A table `[options.NAME]` in the file of `--config`, or `--option NAME.KEY=VALUE`. `"none"`
    stands for no value. `harness plugins NAME` prints the same for whatever is installed.
    """

_KINDS = """
    A judge gives each failure of the agent a kind (`Diagnosis.kind`); failures of one kind tend to
    fall into one error pattern. A domain says in `Feature.provokes` which kinds a feature of its
    tasks invites: that is how an injector finds tasks for a pattern, so a feature that names no
    kind is never chosen. Kinds are slugs. Those without a noun have these names in every domain.
    An argument with a wrong value is `wrong_NOUN`, by `Tool.noun`: with
    `nouns={"book_id": "book"}` it is `wrong_book`, without a noun the argument's own
    name. A kind of your own works as well, if your judge says it.
    """

PAGES = {
    "reference/commands.md": commands,
    "reference/settings.md": settings,
    "reference/hooks.md": hooks,
    "reference/values.md": values,
    "reference/mistakes.md": mistakes,
    "reference/options.md": options,
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


def _is_async(function: Any) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def _option_table(row: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"## `{row['name']}` ({row['kind']})", "", _prose(row["options_about"]), "")
    cells = [[f"`{o[part]}`" for part in ("name", "type", "default")] for o in row["options"]]
    yield from (_table(["option", "type", "default"], cells), "")


def _fields(value: type) -> Iterator[str]:
    assert is_dataclass(value)
    hints = get_type_hints(value)
    rows = []
    for field in fields(value):
        default = "" if field.default is MISSING else f"`{field.default!r}`"
        if field.default_factory is not MISSING:
            default = f"`{field.default_factory()!r}`"
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
