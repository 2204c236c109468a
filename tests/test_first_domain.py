"""The page that builds a domain from nothing: every listing and every command of it, in order."""

from __future__ import annotations

import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli, cli

__all__ = ["cli"]

PAGE = (Path(__file__).parents[1] / "docs" / "first-domain.md").read_text(encoding="utf-8")
LISTING = re.compile(r"^`([\w./]+)`\n\n```\w+\n(.*?)```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^    harness (.*)$", re.MULTILINE)


@pytest.fixture
def library(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """The listings as files, installed as pip would."""
    folder = tmp_path_factory.mktemp("library")
    for path, text in LISTING.findall(PAGE):
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    info = folder / "harness_library-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    points = "".join(f"{k} = {v}\n" for k, v in project["entry-points"]["harness"].items())
    (info / "entry_points.txt").write_text(f"[harness]\n{points}")
    monkeypatch.syspath_prepend(str(folder))
    yield folder
    for name in [name for name in sys.modules if name.startswith("harness_library")]:
        del sys.modules[name]


def test_the_domain_passes_the_kit_fails_an_agent_and_makes_tasks_for_its_failures(
    library: Path, cli: Cli
) -> None:
    *commands, loop = COMMAND.findall(PAGE)
    assert len(commands) == 7
    shown: dict[str, Any] = {}
    for command in commands:
        outcome = cli(*shlex.split(command))
        assert outcome.status == 0, f"{command}: {outcome.out}{outcome.err}"
        shown[command.split(" --out ")[-1]] = outcome
    assert "passes" in shown["check library"].out
    passed = {run: cli("report", run, "--json").json["arms"][0]["pass"]["1"]["value"] for run in
              ("expert", "nothing")}  # fmt: skip
    assert passed == {"expert": 100.0, "nothing": 0.0}
    kinds = {k for p in cli("discover", "mine", "--json").json["patterns"] for k in p["kinds"]}
    assert "wrong_book" in kinds
    made = cli("tasks", "mine", "--json").json["tasks"]
    assert len(made) == 8
    assert {"twin_titles", "out_of_scope"} & {tag for task in made for tag in task["tags"]}
    assert cli(*shlex.split(loop), "--dry-run").status == 0
