"""The cookbook: all its commands in order, and its listings."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

from harness.llm.roles import open_registry
from harness.protocols import Settings
from tests.cli.conftest import Cli, cli

__all__ = ["cli"]

PAGE = (Path(__file__).parents[1] / "docs" / "cookbook.md").read_text(encoding="utf-8")
COMMAND = re.compile(r"^    harness (.*)$", re.MULTILINE)
LISTING = re.compile(r"```python\n(.*?)```", re.DOTALL)


def test_there_are_ten_recipes_each_with_something_to_run() -> None:
    recipes = re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
    assert [recipe.partition(".")[0] for recipe in recipes] == [str(n) for n in range(1, 11)]
    assert all(COMMAND.search(recipe) or LISTING.search(recipe) for recipe in recipes)


def test_all_commands_of_the_cookbook_work_in_order(cli: Cli) -> None:
    printed = {}
    for command in COMMAND.findall(PAGE):
        outcome = cli(*shlex.split(command))
        assert outcome.status == 0, f"{command}: {outcome.err}"
        printed[command] = outcome.out
    assert json.loads(printed["discover kitchen/before --json"])["patterns"]
    assert "<html" in Path("kitchen/report.html").read_text()
    before, again = (
        cli("report", f"kitchen/{run}", "--json").json["validation"][0]["pass"]["1"]["value"]
        for run in ("before", "again")
    )
    assert before == again
    assert cli("show", "kitchen/logs", "--json").json["conversations"]


def test_the_listings_of_the_cookbook_work() -> None:
    policy, kit = LISTING.findall(PAGE)
    names: dict[str, Any] = {}
    exec(compile(policy, "docs/cookbook.md", "exec", dont_inherit=True), names)
    names["test_the_apology_keeps_its_contract"](
        open_registry().make("domain", "retail", Settings())
    )
    exec(compile(kit, "docs/cookbook.md", "exec", dont_inherit=True), names)
    assert names["broken"]("noop") == []
