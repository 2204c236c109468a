"""Turn conversations without a domain into the draft of a domain package."""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from importlib.resources import files as packaged
from pathlib import Path

from harness.assembly.registry import Registry
from harness.errors import ConfigError, RunError
from harness.interchange.files import read_source
from harness.interchange.foreign import DOMAIN, Adoption
from harness.interchange.inference import InferredTool, answered, infer_tools
from harness.interchange.runs import Options
from harness.run_folder import disk_errors
from harness.runtime import files
from harness.types import Episode, Json, Recording, Split, Tool, stable_id

MOST_TASKS = 200
"""Tasks that a draft has at most."""

_NAME = re.compile(r"[a-z][a-z0-9_]{1,30}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Where a draft was written, what is in it, and what a person must decide."""

    folder: Path
    tools: int
    records: int
    tasks: int
    decisions: Sequence[str]

    def plain(self) -> dict[str, Json]:
        return {
            "folder": str(self.folder),
            "tools": self.tools,
            "records": self.records,
            "tasks": self.tasks,
            "decisions": list(self.decisions),
        }


def draft_domain(
    registry: Registry,
    file: Path,
    out: Path,
    *,
    name: str,
    format: str = "",
    options: Options | None = None,
    adoption: Adoption | None = None,
) -> Draft:
    """Write an installable package ``harness_NAME`` into a new folder.

    Tools have inferred schemas, look-ups the recorded answers, and tasks what users asked for in
    conversations that went well, with the writes made there as gold. Raises ``ConfigError`` for a
    bad name, or a file of a domain that is known; ``RunError`` for a folder with something in it.
    """
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise ConfigError(
            f"{name!r} cannot name a domain", hint="Use lower-case letters, digits and _: my_shop."
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RunError(f"{out} is there already", hint="Name a new folder with --out.")
    source = read_source(registry, file, format=format, options=options, adoption=adoption)
    recording = source.recording
    if recording.domain != DOMAIN:
        raise ConfigError(
            f"{file} is of the domain {recording.domain!r}",
            hint="Drafts are for conversations of which no domain is known.",
        )
    tools = infer_tools(recording.episodes, recording.tools)
    records = _records(recording, tools)
    tasks = _tasks(recording, tools)
    draft = Draft(
        folder=out,
        tools=len(tools),
        records=sum(map(len, records.values())),
        tasks=len(tasks),
        decisions=decisions(recording, tools, len(tasks)),
    )
    policy = str(recording.about.get("system") or "")
    _write(draft, name, tools, records, tasks, policy)
    return draft


def decisions(recording: Recording, tools: Sequence[InferredTool], tasks: int) -> list[str]:
    """What nobody can read off conversations, a sentence each."""
    found = [
        f"Does {one.tool.name} {one.tool.kind}? Thought so since {one.why}."
        for one in tools
        if not one.sure
    ]
    found += [f"What does {one.tool.name} do? It has no description." for one in tools
              if not one.tool.description]  # fmt: skip
    found += [f"What does {one.tool.name} change? Its writes are noted, and no look-up shows them."
              for one in tools if one.tool.kind == "write"]  # fmt: skip
    if not recording.about.get("system"):
        found.append("What may the agent do, and what not? policy.md is empty.")
    if not tasks:
        found.append("What do users want? No conversation that went well made a write.")
    else:
        found.append(
            "Was each write of a conversation that went well wanted? tasks.json takes it as gold."
        )
    found.append("Which look-ups can be asked for that nobody has asked for? Only recorded answer.")
    found.append("Who plays the user? Tasks hold the first words of the recorded one, no facts.")
    return found


def _records(recording: Recording, tools: Sequence[InferredTool]) -> dict[str, dict[str, str]]:
    """The first good answer of each look-up, by tool and arguments."""
    reads = {one.tool.name for one in tools if one.tool.kind == "read"}
    found: dict[str, dict[str, str]] = {}
    for episode in recording.episodes:
        for call, result in answered(episode.trajectory.messages):
            if call.name in reads and result is not None and not result.is_error:
                key = json.dumps(dict(call.arguments), sort_keys=True)
                found.setdefault(call.name, {}).setdefault(key, result.content)
    return found


def _tasks(recording: Recording, tools: Sequence[InferredTool]) -> list[dict[str, Json]]:
    writes = {one.tool.name for one in tools if one.tool.kind == "write"}
    found: dict[str, dict[str, Json]] = {}
    for episode in recording.episodes:
        gold: list[Json] = [
            {"name": call.name, "arguments": dict(call.arguments)}
            for call, result in answered(episode.trajectory.messages)
            if call.name in writes and result is not None and not result.is_error
        ]
        asks = _first_words(episode)
        if episode.score.success and gold and asks:
            id = stable_id("draft", asks, gold)
            found[id] = {"id": id, "split": _split(id), "asks": asks, "gold": gold}
    return list(found.values())[:MOST_TASKS]


def _first_words(episode: Episode) -> str:
    return next((m.content for m in episode.trajectory.messages if m.role == "user"), "")


def _split(id: str) -> Split:
    """Three fifths of the tasks train, a fifth each are held out."""
    return ("train", "train", "train", "validation", "test")[int(id, 16) % 5]


def _described(tool: Tool) -> Tool:
    """The tool with the words of its name for a description, if it has none."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", tool.name).capitalize()
    return tool if tool.description else replace(tool, description=f"{words}.")


def _write(
    draft: Draft,
    name: str,
    tools: Sequence[InferredTool],
    records: dict[str, dict[str, str]],
    tasks: list[dict[str, Json]],
    policy: str,
) -> None:
    package = f"harness_{name}"
    kept = ("name", "description", "parameters", "kind")
    tables = [{part: asdict(_described(one.tool))[part] for part in kept} for one in tools]
    engine = packaged("harness.interchange.templates").joinpath("domain.py.txt").read_text()
    listed = "\n".join(f"- [ ] {sentence}" for sentence in draft.decisions)
    contents = {
        "pyproject.toml": _PROJECT.format(name=name, package=package),
        "DECIDE.md": f"# What a person must decide\n\n{listed}\n",
        f"{package}/__init__.py": _HOOK.format(name=name, package=package),
        f"{package}/domain.py": engine.replace("@NAME@", name),
        f"{package}/policy.md": policy,
        f"{package}/tools.json": json.dumps(tables, indent=2, ensure_ascii=False),
        f"{package}/records.json": json.dumps(records, indent=1, ensure_ascii=False),
        f"{package}/tasks.json": json.dumps(tasks, indent=1, ensure_ascii=False),
        "tests/test_domain.py": _TEST.format(package=package),
    }
    with disk_errors(draft.folder):
        draft.folder.parent.mkdir(parents=True, exist_ok=True)
        with files.whole(draft.folder) as place:
            for path, text in contents.items():
                (place / path).parent.mkdir(parents=True, exist_ok=True)
                (place / path).write_text(text, encoding="utf-8", errors="replace")


_PROJECT = """[build-system]
requires = ["hatchling>=1.24"]
build-backend = "hatchling.build"

[project]
name = "harness-{name}"
version = "0.1.0"
description = "A domain for errata-harness, drafted from conversations."
requires-python = ">=3.11"
dependencies = ["errata-harness"]

[project.entry-points.harness]
{name} = "{package}"

[tool.hatch.build.targets.wheel]
packages = ["{package}"]
"""

_HOOK = '''"""The domain {name}, drafted from conversations: DECIDE.md says what is open."""

from __future__ import annotations

from collections.abc import Mapping

from harness.hookspecs import Factory, hookimpl
from harness.protocols import Domain, Settings


@hookimpl
def harness_domains() -> Mapping[str, Factory[Domain]]:
    return {{"{name}": make}}


def make(settings: Settings) -> Domain:
    from {package}.domain import DraftDomain

    return DraftDomain()
'''

_TEST = '''"""The draft keeps the contract of a domain."""

from {package}.domain import DraftDomain

from harness.testing import check_domain


def test_the_domain_keeps_its_contract() -> None:
    check_domain(DraftDomain())
'''
