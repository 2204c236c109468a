"""Nothing made from conversations on test tasks reaches the pool or a training."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.discovery.station import patterns_before, round_patterns
from harness.run_folder import RunFolder
from tests.cli.conftest import Cli, Outcome

SMALL = ("--tasks", 6, "--trials", 1, "--out", "run")


@pytest.fixture
def looked_at_test(cli: Cli) -> Cli:
    """A run whose round 1 has read the failures of an evaluation on test tasks."""
    assert cli("eval", "--policy", "noop", *SMALL).status == 0
    found = cli("discover", "run")
    assert found.status == 0
    assert "no task is made from it" in found.err
    return cli


def also_evaluated(cli: Cli, split: str) -> None:
    """The run has an evaluation on this split, too."""
    outcome = cli("eval", "--policy", "noop", "--split", split, "--out", "more", *SMALL[:4])
    assert outcome.status == 0
    for name in (f"evals/policy-{split}", f"tasks/{split}.jsonl"):
        Path("more", name).rename(Path("run", name))


def refused(outcome: Outcome) -> None:
    assert outcome.status == 1
    assert "policy-test" in outcome.err
    assert "--split validation" in outcome.err


def test_no_tasks_are_made_from_failures_on_test_tasks(looked_at_test: Cli) -> None:
    refused(looked_at_test("inject", "run", "--count", 2, "--off", "targeted"))
    assert not Path("run/rounds/1/tasks.jsonl").exists()


def test_a_round_that_reads_test_tasks_since_is_trained_on_no_more(cli: Cli) -> None:
    assert cli("eval", "--policy", "noop", "--split", "validation", *SMALL).status == 0
    assert cli("discover", "run").status == 0
    assert cli("inject", "run", "--count", 2, "--off", "targeted").status == 0
    also_evaluated(cli, "test")
    assert cli("discover", "run", "--again", "--evaluation", "policy-test").status == 0
    refused(cli("train", "run"))
    refused(cli("inject", "run", "--again", "--count", 2, "--off", "targeted"))
    assert RunFolder.open(Path("run")).is_done("inject 1")


def test_what_was_read_in_test_failures_comes_back_in_no_later_round(looked_at_test: Cli) -> None:
    cli, store = looked_at_test, RunFolder.open(Path("run"))
    also_evaluated(cli, "validation")
    assert round_patterns(store, 1)
    assert patterns_before(store, 2) == []
    words = ("--evaluation", "policy-validation", "--round")
    assert cli("discover", "run", *words, 2).status == 0
    assert patterns_before(store, 3) == round_patterns(store, 2)


def test_the_refusal_says_what_tasks_may_be_made_from(looked_at_test: Cli) -> None:
    said = looked_at_test("inject", "run").err
    assert "only from conversations on train or validation tasks" in said


def test_nothing_is_trained_on_tasks_of_a_round_that_has_read_test_tasks(cli: Cli) -> None:
    assert cli("eval", "--policy", "noop", "--split", "validation", *SMALL).status == 0
    assert cli("discover", "run").status == 0
    assert cli("inject", "run", "--count", 2, "--off", "targeted").status == 0
    about = Path("run/rounds/1/discovery.json")
    read_since = json.loads(about.read_text()) | {"evaluation": "policy-test"}
    about.write_text(json.dumps(read_since))
    refused(cli("train", "run"))
    refused(cli("inject", "run", "--again", "--count", 2, "--off", "targeted"))


def test_an_evaluation_that_is_asked_for_by_name_is_no_way_round(cli: Cli) -> None:
    assert cli("eval", "--policy", "noop", "--split", "validation", *SMALL).status == 0
    run = Path("run")
    (run / "evals/policy-validation").rename(run / "evals/sft-test")
    (run / "tasks/validation.jsonl").rename(run / "tasks/test.jsonl")
    assert cli("discover", "run", "--evaluation", "sft-test").status == 0
    outcome = cli("inject", "run")
    assert outcome.status == 1
    assert "sft-test" in outcome.err


def test_a_round_that_reads_validation_tasks_instead_is_free_again(looked_at_test: Cli) -> None:
    cli = looked_at_test
    also_evaluated(cli, "validation")
    words = ("--evaluation", "policy-validation", "--again")
    assert cli("discover", "run", *words).status == 0
    assert cli("inject", "run", "--count", 2, "--off", "targeted").status == 0
