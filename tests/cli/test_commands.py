"""Each command does its one thing: the right status, the report on stdout, JSON that parses."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args, get_type_hints

import pytest
from typer import Context
from typer.main import get_command

from harness import hookspecs
from harness.assembly.config import LoopConfig, read_options
from harness.assembly.registry import KINDS
from harness.cli import app
from harness.cli.options import FLAGS
from harness.protocols import Settings
from harness_sft.options import Options

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "plugins.md").read_text()

Cli = Callable[..., Any]
COMMANDS = (
    "loop", "sft", "eval", "discover", "inject", "train", "tasks", "report", "study", "import",
    "domain", "serve-domain", "export", "rescore", "rewards", "probe", "ablate", "plan", "plugins",
    "hooks", "doctor", "why", "check", "new", "compare", "show", "view", "runs",
)  # fmt: skip
HEAVY = ("torch", "transformers", "trl", "faiss", "sentence_transformers", "datasets", "pydantic")


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def test_help_lists_every_command(cli: Cli) -> None:
    outcome = cli("--help")
    assert outcome.status == 0
    assert outcome.err == ""
    assert all(f"│ {command} " in outcome.out for command in COMMANDS)


def test_the_version_is_that_of_the_distribution(cli: Cli) -> None:
    assert cli("--version").out == f"errata-harness {version('errata-harness')}\n"


def test_no_help_is_taken_for_markup(cli: Cli) -> None:
    for command, option in every_option(get_command(app), ()):
        told = re.findall(r"\[[A-Za-z.*]+\]", (option.help or "").replace("\\[", "["))
        shown = cli(*command, "--help").out if told else ""
        assert all(word in shown for word in told), (command, option.name, told)


def every_option(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, inner in getattr(command, "commands", {}).items():
        yield from every_option(inner, (*path, name))
    yield from ((path, p) for p in command.params if p.param_type_name == "option")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(cli: Cli, command: str) -> None:
    outcome = cli(command, "--help")
    assert outcome.status == 0
    assert f"harness {command}" in outcome.out


def flags_of(command: str, rest: str = "") -> set[str]:
    """The flags of a command, of a group's that of the first word of the rest."""
    group: Any = get_command(app)
    found = group.get_command(Context(group), command)
    if hasattr(found, "commands"):
        found = found.commands[rest.split()[0]]
    return {flag for param in found.params for flag in param.opts} | {"--help"}


def test_the_flags_that_choose_plugins_exist() -> None:
    named = re.findall(r"(--[a-z-]+)", Path(hookspecs.__file__).read_text())
    named += re.findall(r"`(--[a-z-]+)", "".join(re.findall(r"Chosen by .*", GUIDE)))
    assert len(named) > 10
    assert not set(named) - flags_of("loop")


def test_a_flag_that_gives_a_setting_has_its_name() -> None:
    of_several = {"config", "option", "reward"}
    assert {*FLAGS} - of_several <= {field.name for field in fields(LoopConfig)}


def test_commands_in_the_docs_have_the_flags_they_are_shown_with() -> None:
    texts = [path.read_text() for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))]
    shown = re.findall(r"^ *(?:\w+=\S+ )?harness ([a-z-]+)(.*)$", "\n".join(texts), re.MULTILINE)
    assert len(shown) > 30
    for command, rest in shown:
        given = set(re.findall(r"(?<![\w-])--[a-z-]+", rest.partition("#")[0]))
        assert command in COMMANDS, command
        assert not given - flags_of(command, rest), f"harness {command}{rest}"


def test_help_breaks_no_line_before_it_is_full(cli: Cli, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    for command in COMMANDS:
        about = cli(command, "--help").out.split("╭")[0]
        lines = [line.strip() for line in about.splitlines()]
        lines = lines[lines.index("", 1) :]  # what is below the usage, which may be long
        assert not [pair for pair in pairwise(lines) if all(pair)], command


def loaded_by(*words: str) -> str:
    """Which heavy modules a command has imported when it ends."""
    code = f"""
import sys
from harness.cli import main
sys.argv = ["harness", *{words}]
try:
    main()
except SystemExit:
    pass
print("LOADED", *[name for name in {HEAVY} if name in sys.modules])
"""
    return python(code).splitlines()[-1]


def test_help_imports_nothing_heavy() -> None:
    assert loaded_by("--help") == "LOADED"


@pytest.mark.parametrize("words", [["loop", "--help"], ["plugins"], ["hooks"], ["doctor"]])
def test_looking_around_imports_no_framework(words: list[str]) -> None:
    assert loaded_by(*words) in ("LOADED", "LOADED pydantic")


def test_the_console_script_is_this_command_line() -> None:
    script = Path(sys.executable).parent / "harness"
    done = subprocess.run(
        [script, "hooks", "--json"], capture_output=True, text=True, env=dict(os.environ)
    )
    assert done.returncode == 0
    assert len(json.loads(done.stdout)) == len(KINDS)


def test_plugins_are_listed_with_what_they_offer(cli: Cli) -> None:
    rows = {row["plugin"]: row for row in cli("plugins", "--json").json}
    assert "domain retail" in rows["retail"]["offers"]
    assert {"plugin", "distribution", "version", "offers", "error"} <= set(rows["retail"])
    assert "retail" in cli("plugins").out


def test_every_hook_is_listed_with_what_it_is_for(cli: Cli) -> None:
    rows = cli("hooks", "--json").json
    assert len(rows) == len(KINDS)
    assert all(row["kind"] and row["hook"].startswith("harness_") and row["offers"] for row in rows)
    assert "harness_domains" in cli("hooks").out


def test_doctor_finds_this_machine_fit(cli: Cli) -> None:
    outcome = cli("doctor", "--json")
    states = {row["check"]: row["state"] for row in outcome.json}
    assert states["Python"] == "good"
    assert states["plugin retail"] == "good"
    assert set(states.values()) <= {"good", "missing", "broken"}


def test_doctor_reads_the_extras_of_the_distribution(cli: Cli, monkeypatch) -> None:
    lines = [
        "rich>=14",
        'pydantic>=2; extra == "shapes"',
        'no-such-package>=1; sys_platform == "linux" and extra == "far"',
        'errata-harness[shapes]; extra == "both"',
        'no-such-package; extra == "both"',
        'no-such-package; extra == "dev"',
    ]
    extras = {"Provides-Extra": ["shapes", "far", "both", "dev"]}
    monkeypatch.setattr("harness.assembly.doctor.requires", lambda name: lines)
    monkeypatch.setattr(
        "harness.assembly.doctor.metadata", lambda name: SimpleNamespace(get_all=extras.get)
    )
    rows = {row["check"]: row for row in cli("doctor", "--json").json}
    found = {check: row["state"] for check, row in rows.items() if check.startswith("extra ")}
    assert found == {"extra both": "missing", "extra far": "missing", "extra shapes": "good"}
    assert rows["extra shapes"]["detail"].startswith("pydantic 2")
    assert "errata-harness[both]" in rows["extra both"]["detail"]


def test_a_dry_run_looks_at_the_trainers_options_without_their_libraries() -> None:
    assert not {"torch", "trl", "transformers"} & {*loaded_by("loop", "--dry-run").split()}


def test_a_dry_run_shows_the_plan_and_touches_nothing(cli: Cli, tmp_path: Path) -> None:
    outcome = cli(
        "loop", "--preset", "quick", "--rounds", 2, "--control", "generic", "--dry-run", "--json"
    )
    assert outcome.status == 0
    plan = outcome.json
    assert plan["plugins"]["domain (retail)"] == "errata-harness:retail"
    assert plan["stations"][:3] == ["base", "evaluate base on test", "sft"]
    assert plan["stations"][-1] == "evaluate generic-2 on test"
    assert plan["evaluation_rollouts"]["evaluate rl-1 on test"] == 50 * 4
    assert plan["evaluation_rollouts"]["evaluate rl-1 on validation"] == 60
    assert plan["settings"]["rounds"] == 2
    assert plan["rewards"]["task_success"] == 1.0
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_of_one_station_plans_that_station(cli: Cli, tmp_path: Path) -> None:
    words = ["--policy", "expert", "--tasks", 5, "--trials", 3, "--dry-run", "--json"]
    plan = cli("eval", *words).json
    assert plan["stations"] == ["evaluate policy on test"]
    assert plan["evaluation_rollouts"] == {"evaluate policy on test": 15}
    assert cli("sft", "--dry-run", "--json").json["stations"] == ["base", "sft"]
    assert list(tmp_path.iterdir()) == []


def test_flags_win_over_the_file_and_the_file_over_the_preset(cli: Cli) -> None:
    Path("mine.toml").write_text('seed = 5\nrounds = 3\npool = "recent"\n[rewards]\nlength = 0.3\n')
    words = ["--preset", "quick", "--config", "mine.toml", "--seed", 7, "--reward", "length=0.4"]
    settings = cli("loop", *words, "--dry-run", "--json").json["settings"]
    assert (settings["seed"], settings["rounds"], settings["pool"]) == (7, 3, "recent")
    assert (settings["test_tasks"], settings["preset"]) == (50, "quick")
    assert settings["rewards"]["length"] == 0.4
    assert settings["rewards"]["task_success"] == 1.0


OPTIONAL = sorted(
    name
    for name, kind in get_type_hints(LoopConfig).items()
    if type(None) in get_args(kind) and name in FLAGS
)


@pytest.mark.parametrize("name", OPTIONAL)
def test_a_flag_unsets_what_the_file_sets(cli: Cli, name: str) -> None:
    Path("mine.toml").write_text(f"{name} = 7\n")
    words = ["loop", "--config", "mine.toml", "--dry-run", "--json"]
    assert cli(*words).json["settings"][name] == 7
    flag = f"--{name.replace('_', '-')}"
    assert cli(*words, flag, "none").json["settings"][name] is None
    for wrong in ("-1", "nan", "several"):
        refused = cli(*words, flag, wrong)
        assert (refused.status, refused.out) == (2, "")
        assert flag in refused.err


def test_options_of_plugins_are_unset_by_flags_too(cli: Cli) -> None:
    Path("mine.toml").write_text("[options.sft]\nseconds = 7.0\n")
    words = ["--config", "mine.toml", "--option", "sft.seconds=none", "--dry-run", "--json"]
    settings = cli("sft", *words).json["settings"]
    table = read_options(Options, Settings(options=settings["options"]["sft"]), name="sft")
    assert table.seconds is None


def test_a_resumed_run_can_have_its_budgets_taken_away(cli: Cli) -> None:
    words = ["--policy", "noop", "--tasks", 1, "--trials", 1, "--budget-usd", 3, "--out", "run"]
    assert cli("eval", *words).status == 0
    assert cli("eval", "--resume", "run", "--budget-usd", "none").status == 0
    assert json.loads(Path("run/config.json").read_text())["budget_usd"] is None


def test_the_expert_passes_every_task_every_time(cli: Cli) -> None:
    words = ["--policy", "expert", "--tasks", 5, "--trials", 2, "--out", "run"]
    outcome = cli("eval", *words, "--json")
    assert outcome.status == 0
    [arm] = outcome.json["arms"]
    assert (arm["name"], arm["tasks"], arm["trials"], arm["faults"]) == ("policy", 5, 2, 0)
    assert arm["pass"]["1"] == {"value": 100.0, "low": 54.93, "high": 100.0}
    assert arm["pass"]["2"]["value"] == 100.0
    assert "evaluate policy on test" in outcome.err
    assert "Pass^1" in cli("report", "run").out


def test_stations_work_alone_on_the_folder_of_an_evaluation(cli: Cli) -> None:
    words = ["--policy", "noop", "--split", "validation", "--tasks", 6, "--trials", 1]
    assert cli("eval", *words, "--out", "run").status == 0
    patterns = cli("discover", "run", "--json").json["patterns"]
    assert 0.5 < sum(pattern["rounds"][0]["share"] for pattern in patterns) <= 1.0
    assert {"id", "name", "description", "rounds"} <= set(patterns[0])
    [pool] = cli("inject", "run", "--count", 6, "--off", "targeted", "--json").json
    assert pool["round"] == 1
    assert pool["tasks"] > 0
    assert set(pool["patterns"]) <= {pattern["id"] for pattern in patterns}
    report = cli("report", "run", "--json").json
    assert report["patterns"] == patterns
    assert report["pool"] == [pool]
    assert {"round", "tasks"} <= set(pool)
    assert patterns[0]["name"] in cli("report", "run").out


def test_a_finished_station_is_skipped_unless_asked_again(cli: Cli) -> None:
    cli("eval", "--policy", "noop", "--tasks", 4, "--trials", 1, "--out", "run")
    first = cli("discover", "run", "--json").json
    diagnoses = Path("run/rounds/1/diagnoses.jsonl")
    written, text = diagnoses.stat().st_ino, diagnoses.read_bytes()
    cli("discover", "run")
    assert diagnoses.stat().st_ino == written
    assert cli("discover", "run", "--again", "--json").json == first
    assert diagnoses.stat().st_ino != written
    assert diagnoses.read_bytes() == text


def test_a_report_has_the_documented_keys(cli: Cli) -> None:
    cli("eval", "--policy", "noisy:0.5", "--tasks", 5, "--trials", 4, "--out", "run")
    cli("discover", "run")
    report = cli("report", "run", "--json").json
    assert {
        "run", "domain", "seed", "arms", "patterns", "pool", "seconds", "cost_usd"
    } <= set(report)  # fmt: skip
    assert (report["run"], report["domain"], report["seed"]) == ("run", "retail", 0)
    [arm] = report["arms"]
    assert {"name", "tasks", "trials", "pass", "faults"} <= set(arm)
    assert set(arm["pass"]) == {"1", "2", "3", "4"}
    for interval in arm["pass"].values():
        assert 0 <= interval["low"] <= interval["value"] <= interval["high"] <= 100
    assert {"id", "name", "description", "rounds"} <= set(report["patterns"][0])
    assert {"round", "count", "share"} <= set(report["patterns"][0]["rounds"][0])
    assert report["seconds"]["evaluate policy on test"] > 0
    assert report["cost_usd"] == 0


def test_a_report_is_written_as_picture_and_page(cli: Cli) -> None:
    cli("eval", "--policy", "noop", "--tasks", 2, "--trials", 1, "--out", "run")
    outcome = cli("report", "run", "--svg", "r.svg", "--html", "r.html")
    assert outcome.status == 0
    assert Path("r.svg").read_text().startswith("<svg")
    assert "<html" in Path("r.html").read_text()


def test_equal_seeds_give_equal_files_and_other_seeds_other_ones(cli: Cli) -> None:
    words = ["--policy", "noisy:0.5", "--tasks", 6, "--trials", 2]
    for folder, seed in (("a", 3), ("b", 3), ("c", 4)):
        assert cli("eval", *words, "--seed", seed, "--out", folder).status == 0

    def files(folder: str) -> dict[str, bytes]:
        kept = (*Path(folder, "evals").rglob("*.jsonl"), *Path(folder, "tasks").rglob("*.jsonl"))
        return {str(path.relative_to(folder)): path.read_bytes() for path in kept}

    assert len(files("a")) == 2
    assert files("a") == files("b")
    assert files("a") != files("c")
