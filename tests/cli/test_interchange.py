"""`import`, `export` and `rescore`: from files to run folders and back, with what does not fit."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]

KEYS = {
    "id", "task_id", "trial", "success", "reward", "termination_reason", "db_match", "parts",
    "gradeable", "replayed", "problem", "unknown_tools", "other_answers", "data_version",
    "recorded_reward",
}  # fmt: skip


@pytest.fixture
def run(cli: Cli, plain_format: str) -> Path:
    """Eight conversations on four tasks, about half of them failed."""
    words = ["--policy", "noisy:0.7", "--tasks", 4, "--trials", 2, "--out", "run"]
    assert cli("eval", *words).status == 0
    return Path("run")


@pytest.fixture
def file(cli: Cli, run: Path) -> Path:
    """The same conversations as a file."""
    outcome = cli("export", run, "--format", "plain", "--out", "talks.json")
    assert (outcome.status, outcome.out) == (0, "talks.json\n")
    return Path("talks.json")


def edited(file: Path, change: Callable[[Any], None]) -> Path:
    """The file after a change to what is in it."""
    plain = json.loads(file.read_text())
    change(plain["plain"])
    file.write_text('{"plain": ' + json.dumps(plain["plain"]) + "}")
    return file


def break_one(plain: Any) -> None:
    """Let the recorded answer to the last call of conversation 2, a write, be another one."""
    messages = plain["conversations"][2][0]["messages"]
    [m for m in messages if m["role"] == "tool"][-1]["content"] = '{"odd": true}'


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def refused(outcome: Any, *words: str) -> None:
    assert outcome.status == 1, outcome
    said = [line for line in outcome.err.splitlines() if not line.startswith(("[", "warning"))]
    assert said[-2].startswith("error: "), outcome.err
    for word in words:
        assert word in outcome.err


# --- import


def test_an_imported_file_is_a_run_like_any_other(cli: Cli, run: Path, file: Path) -> None:
    found = cli("import", "plain", file, "--out", "new", "--json").json
    old = cli("report", run, "--json").json
    assert (found["run"], found["evaluation"]) == ("new", "policy-test")
    assert (found["conversations"], found["tasks"], found["graded"]) == (8, 4, 8)
    assert found["not_replayed"] == []
    assert found["successes"] == found["recorded_successes"]
    report = cli("report", "new", "--json").json
    assert report["complete"] is True
    assert report["arms"][0]["pass"] == old["arms"][0]["pass"]
    new, own = (cli("discover", name, "--json").json for name in ("new", run))
    assert new["patterns"] == own["patterns"]
    assert "policy-test" in cli("inject", "new").err, "nothing is learned from test tasks"
    assert "Pass^1" in cli("import", "plain", file, "--out", "again").out


def test_what_does_not_replay_is_named_and_keeps_its_recorded_grade(cli: Cli, file: Path) -> None:
    outcome = cli("import", "plain", edited(file, break_one), "--out", "new", "--json")
    assert outcome.status == 0
    assert (outcome.json["not_replayed"], outcome.json["graded"]) == ([2], 7)
    [warning] = [line for line in outcome.err.splitlines() if "warning" in line]
    assert "conversation 2 " in warning
    assert "odd" in warning
    recorded = json.loads(file.read_text())["plain"]["conversations"][2][2]["success"]
    kept = lines(Path("new/evals/policy-test/episodes.jsonl").read_text())[2]
    assert kept["score"]["success"] is recorded


def test_a_domain_that_is_not_installed_is_said_once_and_the_recorded_grades_stand(
    cli: Cli, file: Path
) -> None:
    def elsewhere(plain: Any) -> None:
        plain["domain"] = "shoes"

    outcome = cli("import", "plain", edited(file, elsewhere), "--out", "new", "--json")
    assert outcome.status == 0
    assert outcome.err.count("warning") == 1
    assert "no domain is called 'shoes'" in outcome.err
    assert outcome.json["graded"] == 0
    recorded = outcome.json["recorded_successes"]
    kept = lines(Path("new/evals/policy-test/episodes.jsonl").read_text())
    assert sum(row["score"]["success"] for row in kept) == recorded > 0
    assert cli("report", "new").status == 0
    refused(cli("discover", "new"), "no domain is called 'shoes'")


def test_a_folder_that_is_in_use_is_not_overwritten(cli: Cli, run: Path, file: Path) -> None:
    refused(cli("import", "plain", file, "--out", run), "already holds a run")


def test_options_reach_the_format_and_the_run(cli: Cli, file: Path) -> None:
    words = ["import", "plain", file, "--out", "new"]
    refused(cli(*words, "--option", "retial.compat=tau2"), "options.retial", "'retail'")
    assert cli(*words, "--option", "replay.evaluation=x").status == 0
    settings = json.loads(Path("new/config.json").read_text())
    assert settings["options"]["replay"] == {"evaluation": "x"}


# --- export


def test_an_export_holds_the_diagnoses_of_discovery(cli: Cli, run: Path) -> None:
    assert cli("discover", run).status == 0
    outcome = cli("export", run, "--format", "plain")
    path = Path(outcome.out.strip())
    assert path == run / "exports" / "plain-policy-test.json"
    plain = json.loads(path.read_text())["plain"]
    wanted = lines((run / "rounds/1/diagnoses.jsonl").read_text())
    assert plain["diagnoses"] == wanted != []
    assert plain["about"]["policy"] == "noisy:0.7"


def test_what_was_imported_is_exported_as_it_was(cli: Cli, file: Path) -> None:
    cli("import", "plain", file, "--out", "new")
    cli("export", "new", "--format", "plain", "--out", "back.json")
    assert json.loads(Path("back.json").read_text()) == json.loads(file.read_text())


OPTIONED = """
from dataclasses import dataclass
from harness.assembly.config import read_options
from harness.hookspecs import hookimpl
from harness.testing import PlainFormat

@dataclass(frozen=True, kw_only=True)
class Options:
    title: str = ""
    year: int = 0

def optioned(settings):
    options = read_options(Options, settings, name="optioned")
    print(options.title, options.year)
    return PlainFormat()

@hookimpl
def harness_formats():
    return {"optioned": optioned}
"""


def test_options_of_a_format_come_from_the_file_and_from_flags(
    cli: Cli, run: Path, stranger: Callable[[str, str], None]
) -> None:
    stranger("harness_optioned", OPTIONED)
    Path("my.toml").write_text('[options.optioned]\ntitle = "Mine"\nyear = 2020\n')
    words = ["export", run, "--format", "optioned", "--config", "my.toml"]
    assert "Mine 2020" in cli(*words).out
    assert "Mine 2024" in cli(*words, "--option", "optioned.year=2024").out
    refused(cli(*words, "--option", "optioned.yaer=1"), "no option 'yaer'", "'year'")
    refused(cli(*words, "--option", "other.year=1"), "--option other.")
    assert "is not PLUGIN.KEY" in cli(*words, "--option", "year=2024").err
    refused(cli("export", run, "--format", "optioned", "--config", "no.toml"), "no.toml")


def test_what_cannot_be_exported_is_named(cli: Cli, run: Path) -> None:
    words = ["export", run, "--format"]
    refused(cli(*words, "plian"), "no format is called 'plian'", "'plain'")
    refused(cli(*words, "plain", "--evaluation", "sft-test"), "'sft-test'", "it has policy-test")
    refused(cli("export", "nowhere", "--format", "plain"), "not a run folder")
    (run / "evals" / "policy-test" / "episodes.jsonl").unlink()
    refused(cli(*words, "plain"), "has no evaluation yet")


# --- rescore


@pytest.mark.parametrize("what", ["run", "talks.json"])
def test_each_conversation_is_graded_again_on_a_line_of_its_own(
    cli: Cli, file: Path, what: str
) -> None:
    outcome = cli("rescore", what, "--json")
    assert outcome.status == 0
    rows = lines(outcome.out)
    assert len(rows) == 8
    assert all(set(row) == KEYS for row in rows)
    assert [row["reward"] for row in rows] == [row["recorded_reward"] for row in rows]
    assert {row["success"] for row in rows} == {True, False}
    assert "Pass^1" in outcome.err


def test_people_get_a_line_each_and_the_counts_below(cli: Cli, run: Path) -> None:
    said = cli("rescore", run).out.splitlines()
    assert [line.split()[0] for line in said[:8]] == [str(number) for number in range(8)]
    assert any(line.startswith("conversations") and "8 on 4 tasks" in line for line in said[8:])


def test_the_verdict_does_not_trust_the_recording(cli: Cli, file: Path) -> None:
    def praise(plain: Any) -> None:
        for _, grade, score in plain["conversations"]:
            grade["success"] = score["success"] = True

    before = [row["reward"] for row in lines(cli("rescore", file, "--json").out)]
    outcome = cli("rescore", edited(file, praise), "--json")
    assert [row["reward"] for row in lines(outcome.out)] == before
    wrong = [str(index) for index, reward in enumerate(before) if reward == 0.0]
    [differing] = [line for line in outcome.err.splitlines() if line.startswith("differing")]
    assert differing.split(maxsplit=1)[1].strip() == f"{len(wrong)}: {', '.join(wrong)}"


def test_one_that_does_not_replay_has_no_verdict_and_the_rest_are_graded(
    cli: Cli, file: Path
) -> None:
    outcome = cli("rescore", edited(file, break_one), "--json")
    assert outcome.status == 0
    rows = lines(outcome.out)
    assert [index for index, row in enumerate(rows) if not row["gradeable"]] == [2]
    assert (rows[2]["success"], rows[2]["reward"], rows[2]["db_match"]) == (None, None, None)
    assert "odd" in rows[2]["problem"]
    assert "not replayed" in outcome.err


def test_if_none_can_be_graded_it_is_an_error(cli: Cli, file: Path) -> None:
    def break_all(plain: Any) -> None:
        for trajectory, _, _ in plain["conversations"]:
            trajectory["messages"] = [m for m in trajectory["messages"] if m["role"] != "tool"]

    outcome = cli("rescore", edited(file, break_all), "--json")
    refused(outcome, "none of the 8 conversations", "no result")
    assert len(lines(outcome.out)) == 8


def test_what_cannot_be_rescored_is_named(cli: Cli, run: Path, file: Path) -> None:
    Path("notes.txt").write_text("Dear diary")
    refused(cli("rescore", "notes.txt"), "Dear diary", "plain")
    refused(cli("rescore", "nowhere"), "does not exist")
    refused(cli("rescore", file, "--domain", "retial"), "'retial'", "'retail'")
    refused(cli("rescore", file, "--evaluation", "x"), "not a run folder")
    refused(cli("rescore", run, "--evaluation", "x"), "it has policy-test")
    refused(cli("rescore", run, "--option", "retial.x=1"), "--option retial.", "'retail'")


# --- replay


def test_a_file_plays_both_sides_again_through_the_ordinary_evaluation(
    cli: Cli, run: Path, file: Path
) -> None:
    words = ["--policy", f"replay:{file}", "--simulator", f"replay:{run}"]
    outcome = cli("eval", *words, "--tasks", 4, "--trials", 2, "--out", "again", "--json")
    assert outcome.status == 0
    old, new = (
        [
            (row["trajectory"]["messages"], row["trajectory"]["ended"], row["score"]["success"])
            for row in lines((folder / "evals/policy-test/episodes.jsonl").read_text())
        ]
        for folder in (run, Path("again"))
    )
    assert new == old
