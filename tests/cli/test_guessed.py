"""The command line as people guess it: short flags, names as arguments, help that can be read."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer import Context
from typer.main import get_command

from harness.assembly.contracts import described
from harness.assembly.registry import KINDS, Registry
from harness.cli import app
from harness.protocols import Domain

Cli = Callable[..., Any]
COMMANDS = get_command(app).list_commands(Context(get_command(app)))
EVAL = ("eval", "--domain", "retail", "--policy", "noop", "--tasks", 2, "--trials", 1)


def every_command() -> list[Any]:
    """All commands, those of groups too."""
    group: Any = get_command(app)
    ctx = Context(group)
    found = [group.get_command(ctx, name) for name in group.list_commands(ctx)]
    return [one for top in found for one in getattr(top, "commands", {"": top}).values()]


@pytest.mark.parametrize("words", [(), ("loop",), ("study", "run")])
def test_a_short_flag_asks_for_help(cli: Cli, words: tuple[str, ...]) -> None:
    short, long = cli(*words, "-h"), cli(*words, "--help")
    assert short.status == 0
    assert short.out == long.out


def test_the_help_has_its_commands_in_groups(cli: Cli) -> None:
    out = cli("-h").out
    headings = re.findall(r"╭─ (.+?) ─", out)
    assert headings[0] == "Options"
    assert len(headings) >= 6
    assert "Commands" not in headings
    assert out.index("Look at runs") < out.index("│ runs") < out.index("Rewards")


def rows_of_options(text: str) -> list[tuple[str, int]]:
    """Each flag of a help text and how many lines it takes."""
    found: list[tuple[str, int]] = []
    for line in text.splitlines():
        if flag := re.match(r"│ +(?:\* +)?(--[a-z-]+)", line):
            found.append((flag[1], 1))
        elif found and line.startswith("│"):
            found[-1] = (found[-1][0], found[-1][1] + 1)
        else:
            found += [("", 0)]
    return [row for row in found if row[0]]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_can_be_read_at_80_columns(cli: Cli, monkeypatch, command: str) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = cli(command, "-h").out
    assert max(map(len, text.splitlines())) <= 80
    assert not [row for row in rows_of_options(text) if row[1] > 4]


@pytest.mark.parametrize("words", [("-q", *EVAL), (*EVAL, "--quiet")])
def test_a_quiet_command_says_its_result_alone(cli: Cli, words: tuple[object, ...]) -> None:
    outcome = cli(*words)
    assert outcome.status == 0
    assert "Pass^1" in outcome.out
    assert outcome.err == ""
    assert "evaluate policy on test" in cli(*EVAL, "--out", "loud").err


def test_a_quiet_command_warns_and_fails_aloud(cli: Cli) -> None:
    cli(*EVAL, "--out", "run")
    cli("discover", "run", "--evaluation", "policy-test")
    assert "on test tasks" in cli("discover", "-q", "run", "--again").err
    assert cli("report", "nowhere", "-q").err.startswith("error: nowhere is not a run folder")


def test_a_verbose_command_says_each_event(cli: Cli) -> None:
    err = cli(*EVAL, "-v").err
    events = [line.partition(" ")[0] for line in err.splitlines()]
    assert events.count("rollout_finished") == 2
    assert events[0] == "run_opened"


def test_a_verbose_command_says_where_an_error_was_raised(cli: Cli) -> None:
    err = cli("report", "nowhere", "-v").err
    assert 'store.py", line' in err
    assert "error: nowhere is not a run folder" in err
    assert "Traceback" not in cli("report", "nowhere").err


def test_quiet_and_verbose_exclude_each_other(cli: Cli) -> None:
    for words in (["-q", "-v"], ["-v", "-q"]):
        outcome = cli("hooks", *words)
        assert outcome.status == 2
        assert "not both" in outcome.err


def test_a_flag_after_two_dashes_is_no_flag_of_the_program(cli: Cli) -> None:
    assert "-q is not a run folder" in cli("report", "--", "-q").err


def test_colours_are_left_out_when_asked(cli: Cli, monkeypatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    coloured = re.compile(r"\x1b\[[0-9;]*3[1-7]m")
    assert coloured.search(cli("doctor").out)
    assert not coloured.search(cli("doctor", "--no-color").out)
    assert "NO_COLOR" not in os.environ


def test_a_plugin_named_is_shown_with_its_options(cli: Cli) -> None:
    [row] = cli("plugins", "sft", "--json").json
    assert (row["kind"], row["plugin"]) == ("trainer", "errata-harness:sft")
    options = {one["name"]: one for one in row["options"]}
    assert options["batch_size"] == {"name": "batch_size", "type": "int", "default": "32"}
    assert options["cpu_seconds"]["default"] == '"none"'
    out = cli("plugins", "sft").out
    assert "[options.sft]" in out
    assert "batch_size: conversations per step" in out


def test_the_options_of_all_that_is_installed_are_known() -> None:
    registry = Registry()
    light = [plugin for plugin in registry.plugins if plugin.name != "local"]  # that imports torch
    for plugin in light:
        for product in described(registry, plugin.key):
            problem = str(product["problem"])
            assert problem == "" or "MissingExtra" in problem, product


def test_a_distribution_named_has_all_its_products(cli: Cli) -> None:
    rows = cli("plugins", "probes", "--json").json
    assert {row["kind"] for row in rows} == {"probe"}
    assert len(rows) > 10


def test_a_chat_model_is_told_as_all_that_it_can_be(cli: Cli) -> None:
    out = cli("plugins", "openai").out
    assert "also: judge (its options: [options.judge])" in out


BREAKS = """
from harness.hookspecs import hookimpl


@hookimpl
def harness_judges():
    def breaks(settings):
        raise RuntimeError("no luck")

    return {"breaks": breaks}
"""


def test_a_factory_that_breaks_is_said_to(cli: Cli, stranger: Callable[[str, str], None]) -> None:
    stranger("harness_breaks", BREAKS)
    outcome = cli("plugins", "breaks")
    assert outcome.status == 0
    assert "its options are not known: RuntimeError: no luck" in outcome.out


def test_an_unknown_plugin_names_the_nearest(cli: Cli) -> None:
    outcome = cli("plugins", "retial")
    assert outcome.status == 1
    assert "Did you mean 'retail'?" in outcome.err


@pytest.mark.parametrize("kind", KINDS)
def test_a_hook_is_shown_with_its_whole_contract(cli: Cli, kind: str) -> None:
    whole = cli("hooks", KINDS[kind], "--json").json
    assert whole == cli("hooks", kind.replace(" ", "-"), "--json").json
    assert whole["about"]
    assert whole["protocols"][0]["members"]


def test_the_contract_of_a_hook_has_every_method(cli: Cli) -> None:
    out = cli("hooks", "harness_domains").out
    methods = [name for name in vars(Domain) if not name.startswith("_")]
    assert len(methods) > 5
    assert all(f" {name}" in out for name in methods)
    assert "async def act" in cli("hooks", "policy").out
    assert "class TrainablePolicy" in cli("hooks", "policy").out


def test_an_unknown_hook_names_the_nearest(cli: Cli) -> None:
    outcome = cli("hooks", "harness_jugdes")
    assert outcome.status == 1
    assert "Did you mean 'harness_judges'?" in outcome.err


def test_runs_are_listed_the_newest_first(cli: Cli) -> None:
    assert "there is no run in runs" in cli("runs").err
    cli(*EVAL, "--out", "runs/old")
    cli(*EVAL, "--out", "runs/new")
    for name, seconds in (("old", 1_000), ("new", 2_000)):
        for path in Path("runs", name).glob("*.json*"):
            os.utime(path, (seconds, seconds))
    rows = cli("runs", "--json").json
    assert [row["run"] for row in rows] == ["runs/new", "runs/old"]
    assert rows[0]["complete"]
    assert (rows[0]["domain"], rows[0]["policy"], rows[0]["arm"]) == ("retail", "noop", "policy")
    assert "runs/new" in cli("runs").out


def test_a_run_that_cannot_be_read_hides_no_other(cli: Cli) -> None:
    cli(*EVAL, "--out", "runs/good")
    cli(*EVAL, "--out", "runs/bad")
    Path("runs/bad/config.json").write_text("{")
    rows = {row["run"]: row for row in cli("runs", "--json").json}
    assert rows["runs/good"]["error"] == ""
    assert "config.json" in rows["runs/bad"]["error"]


def test_the_tasks_of_a_domain_are_shown_without_a_run(cli: Cli) -> None:
    words = ["tasks", "--domain", "retail", "--split", "validation"]
    found = cli(*words, "--json").json
    first = found["tasks"][0]
    assert (found["split"], first["split"]) == ("validation", "validation")
    assert first["id"][:12] in cli(*words).out
    card = cli(*words, first["id"]).out
    assert first["scenario"]["requests"][0]["says"][0] in card
    assert "has an id that begins with 'zzz'" in cli(*words, "zzz").err
    assert json.loads(cli(*words, first["id"], "--json").out)["tasks"] == [first]


def test_tasks_of_nothing_are_asked_for(cli: Cli) -> None:
    outcome = cli("tasks")
    assert outcome.status == 2
    assert "--domain" in outcome.err


def test_a_bare_evaluation_says_what_it_would_do_and_asks_for_a_domain(cli: Cli) -> None:
    outcome = cli("eval")
    assert outcome.status == 2
    assert "would evaluate the policy 'tiny'" in outcome.err
    assert "retail" in outcome.err
    assert list(Path().iterdir()) == []


def test_a_flag_means_the_same_wherever_it_is() -> None:
    metavars: dict[str, set[str]] = {}
    for command in every_command():
        for param in command.params:
            for flag in {*param.opts} & {"--option", "--control", "--reward"}:
                metavars.setdefault(flag, set()).add(f"{param.metavar} {param.help}")
    assert {"--option", "--control", "--reward"} == {*metavars}
    assert all(len(meanings) == 1 for meanings in metavars.values())
