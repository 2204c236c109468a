"""Bad input: a message of one line and a hint on stderr, nothing on stdout, no traceback."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.run_folder import RunFolder

Cli = Callable[..., Any]


def refused(outcome: Any, *words: str) -> None:
    """The outcome is an error the user can fix: one line that says what, one that says how."""
    assert outcome.status == 1, outcome
    assert outcome.out == ""
    lines = [line for line in outcome.err.splitlines() if not line.startswith(("[", "warning"))]
    assert len(lines) == 2, outcome.err
    assert lines[0].startswith("error: ")
    for word in words:
        assert word in outcome.err


def misused(outcome: Any, *words: str) -> None:
    assert outcome.status == 2
    assert outcome.out == ""
    assert "Traceback" not in outcome.err
    for word in words:
        assert word in outcome.err


def evaluated(
    cli: Cli, folder: str, policy: str, *, tasks: int = 3, trials: int = 1, split: str = "test"
) -> Path:
    sizes = ["--tasks", tasks, "--trials", trials, "--split", split]
    assert cli("eval", "--policy", policy, *sizes, "--out", folder).status == 0
    return Path(folder)


def test_an_unknown_domain_names_the_nearest(cli: Cli) -> None:
    refused(cli("loop", "--domain", "retial"), "'retial'", "Did you mean 'retail'?")


def test_an_unknown_setting_of_a_file_names_the_nearest(cli: Cli) -> None:
    Path("bad.toml").write_text("roundz = 3\n")
    refused(cli("loop", "--config", "bad.toml"), "'roundz'", "Did you mean 'rounds'?")


def test_a_file_that_is_missing_or_no_toml_is_said(cli: Cli) -> None:
    Path("bad.toml").write_text("rounds = = 3\n")
    refused(cli("loop", "--config", "bad.toml"), "not valid TOML")
    refused(cli("loop", "--config", "none.toml"), "cannot read none.toml")


def test_a_weight_for_an_unknown_reward_term_names_the_nearest(cli: Cli) -> None:
    refused(cli("loop", "--reward", "repeted_calls=0.2"), "Did you mean 'repeated_calls'?")


@pytest.mark.parametrize("weight", ["repeated_calls", "repeated_calls=much", "=0.2"])
def test_a_malformed_weight_is_wrong_usage(cli: Cli, weight: str) -> None:
    misused(cli("loop", "--reward", weight), "is not NAME=NUMBER")


def test_a_malformed_option_is_wrong_usage(cli: Cli) -> None:
    misused(cli("loop", "--option", "steps=3"), "is not PLUGIN.KEY")


def test_an_unknown_option_of_a_plugin_names_the_nearest_and_leaves_no_folder(cli: Cli) -> None:
    outcome = cli("loop", "--option", "grpo.max_stps=3", "--out", "run")
    refused(outcome, "grpo has no option 'max_stps'", "Did you mean 'max_steps'?")
    assert not Path("run").exists()


def test_an_option_table_that_nothing_uses_is_refused(cli: Cli) -> None:
    refused(cli("loop", "--option", "gprpo.steps=3"), "is not used", "Did you mean 'grpo'?")


def test_more_tasks_than_the_domain_has_are_refused_before_anything_runs(cli: Cli) -> None:
    outcome = cli("eval", "--policy", "noop", "--tasks", 100_000, "--out", "run")
    refused(outcome, "test tasks, not 100000", "--tasks")
    assert not Path("run").exists()
    Path("big.toml").write_text("validation_tasks = 100000\n")
    refused(cli("loop", "--config", "big.toml", "--out", "run"), "validation tasks, not 100000")
    assert not Path("run").exists()


@pytest.mark.parametrize(
    "command", [["report"], ["discover"], ["inject"], ["train"], ["loop", "--resume"]]
)
def test_a_folder_that_is_no_run_is_named(cli: Cli, command: list[str], tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    refused(cli(*command, "plain"), "plain is not a run folder: it has no config.json")
    refused(cli(*command, "nowhere"), "nowhere is not a run folder: it does not exist")
    assert list((tmp_path / "plain").iterdir()) == []


def test_a_file_that_does_not_exist_is_named(cli: Cli) -> None:
    refused(cli("discover", "nowhere.jsonl", "--outcome", "r"), "nowhere.jsonl does not exist")


def test_a_run_is_never_overwritten(cli: Cli) -> None:
    run = evaluated(cli, "run", "expert")
    before = (run / "config.json").read_text()
    outcome = cli("eval", "--policy", "noop", "--tasks", 1, "--out", "run")
    refused(outcome, "run already holds a run", "--resume run")
    assert (run / "config.json").read_text() == before


def test_a_torn_last_line_is_warned_of_and_the_rest_is_reported(cli: Cli) -> None:
    run = evaluated(cli, "run", "expert", trials=2)
    path = run / "evals" / "policy-test" / "episodes.jsonl"
    text = path.read_text()
    path.write_text(text[:-200])
    outcome = cli("report", "run", "--json")
    assert outcome.status == 0
    assert "incomplete last line" in outcome.err
    assert outcome.err.startswith("warning: ")
    assert outcome.json["arms"][0]["pass"]["1"]["value"] == 100.0
    assert path.read_text() == text[:-200]


def test_a_resumed_evaluation_makes_a_torn_line_anew(cli: Cli) -> None:
    run = evaluated(cli, "run", "noisy:0.5", trials=2)
    path = run / "evals" / "policy-test" / "episodes.jsonl"
    text = path.read_text()
    path.write_text(text[:-200])
    (run / "done" / "evaluate-policy-on-test.json").unlink()
    outcome = cli("eval", "--resume", "run")
    assert outcome.status == 0
    assert "incomplete last line" in outcome.err
    assert path.read_text() == text


def test_a_damaged_line_in_the_middle_is_named(cli: Cli) -> None:
    run = evaluated(cli, "run", "expert")
    path = run / "evals" / "policy-test" / "episodes.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "{torn", lines[2]]) + "\n")
    refused(cli("report", "run"), "line 2: not JSON")


def test_settings_of_another_version_are_named(cli: Cli) -> None:
    run = evaluated(cli, "run", "expert")
    settings = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**settings, "warp": 9}))
    refused(cli("loop", "--resume", "run"), "unknown setting 'warp'")


@pytest.mark.parametrize("flag", [["--policy", "noop"], ["--tasks", 2], ["--seed", 1]])
def test_a_resumed_evaluation_takes_no_other_settings(cli: Cli, flag: list[object]) -> None:
    evaluated(cli, "run", "expert")
    misused(cli("eval", "--resume", "run", *flag), "keeps its settings")


@pytest.mark.parametrize(
    "flag",
    [["--restart", "previous"], ["--pool", "recent"], ["--control", "none"], ["--injector", "x"]],
)
def test_a_resumed_loop_takes_no_other_settings(cli: Cli, flag: list[str]) -> None:
    evaluated(cli, "run", "expert")
    misused(cli("loop", "--resume", "run", *flag), "keeps its settings")


def test_a_resumed_evaluation_stays_on_its_split(cli: Cli) -> None:
    words = ["--policy", "noop", "--split", "validation", "--tasks", 2, "--trials", 1]
    assert cli("eval", *words, "--out", "run").status == 0
    assert cli("eval", "--resume", "run").status == 0
    assert [path.name for path in Path("run/evals").iterdir()] == ["policy-validation"]


def test_zero_failures_are_nothing_to_learn_from(cli: Cli) -> None:
    evaluated(cli, "run", "expert", split="validation")
    assert "no diagnosed failures" in cli("discover", "run").out
    refused(cli("inject", "run"), "nothing to learn from", "more")
    assert not Path("run/done/inject-1.json").exists()


def test_training_before_there_is_a_checkpoint_says_what_is_missing(cli: Cli) -> None:
    evaluated(cli, "run", "noop", split="validation")
    refused(cli("inject", "run"), "discovery.json is missing")
    assert cli("discover", "run").status == 0
    refused(cli("train", "run"), "no targeted tasks yet")
    assert cli("inject", "run", "--count", 3).status == 0
    refused(cli("train", "run"), "no checkpoint 'sft'")


def test_a_model_folder_without_a_tokenizer_is_named(cli: Cli) -> None:
    Path("model").mkdir()
    Path("model/config.json").write_text('{"model_type": "llama"}')
    Path("model/model.safetensors").write_bytes(b"")
    outcome = cli("eval", "--policy", "./model", "--tasks", 1, "--out", "run")
    refused(outcome, "model has no tokenizer")


def test_a_policy_without_weights_cannot_be_trained(cli: Cli) -> None:
    outcome = cli("sft", "--policy", "expert", "--out", "run")
    refused(outcome, "'expert' cannot be trained")


def test_a_full_disk_is_said_and_the_run_can_go_on(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = RunFolder.append
    room = 4

    def shrinking(self: RunFolder, name: str, row: dict[str, object]) -> None:
        nonlocal room
        room -= 1
        if room < 0:
            with self._writing(name):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        append(self, name, row)

    words = ["--policy", "noisy:0.5", "--tasks", 6, "--trials", 1]
    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "append", shrinking)
        outcome = cli("eval", *words, "--out", "run")
    refused(outcome, "no space left on the disk while writing", "resume the run that it began")
    episodes = Path("run/evals/policy-test/episodes.jsonl")
    assert len(episodes.read_text().splitlines()) == 4
    assert cli("eval", "--resume", "run").status == 0
    assert cli("eval", *words, "--out", "whole").status == 0
    assert episodes.read_text() == Path("whole/evals/policy-test/episodes.jsonl").read_text()


def test_a_folder_that_cannot_be_made_is_said(cli: Cli) -> None:
    Path("file").write_text("")
    outcome = cli("eval", "--policy", "noop", "--tasks", 1, "--out", "file/run")
    refused(outcome, "cannot write file/run", "Not a directory")


def test_a_picture_that_cannot_be_written_is_said(cli: Cli) -> None:
    evaluated(cli, "run", "expert")
    refused(cli("report", "run", "--svg", "nowhere/x.svg"), "cannot write nowhere/x.svg")


def test_a_second_process_on_one_run_is_kept_out(cli: Cli) -> None:
    evaluated(cli, "run", "noop")
    with RunFolder.open(Path("run")).lock():
        refused(cli("discover", "run"), "in use by another process")
        assert cli("report", "run").status == 0


def test_out_and_resume_together_are_wrong_usage(cli: Cli) -> None:
    evaluated(cli, "run", "noop")
    misused(cli("loop", "--resume", "run", "--out", "other"), "not both")


def test_an_unknown_command_is_wrong_usage(cli: Cli) -> None:
    misused(cli("frobnicate"), "No such command")


def test_a_model_that_cannot_be_opened_leaves_no_run_folder(cli: Cli) -> None:
    Path("model").mkdir()
    wrong = ["eval", "--policy", "./model", "--tasks", 1, "--out", "run"]
    assert cli(*wrong).status == 1
    assert not Path("run").exists()
    assert cli("eval", "--policy", "noop", "--tasks", 1, "--out", "run").status == 0
