"""Nothing made from conversations on test tasks reaches the pool or a training."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

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


def refused(outcome: Outcome) -> None:
    assert outcome.status == 1
    assert "policy-test" in outcome.err
    assert "--split validation" in outcome.err


def test_no_tasks_are_made_from_failures_on_test_tasks(looked_at_test: Cli) -> None:
    refused(looked_at_test("inject", "run", "--count", 2, "--off", "targeted"))
    assert not Path("run/rounds/1/tasks.jsonl").exists()


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
    assert cli("eval", "--policy", "noop", "--split", "validation", "--out", "more", *SMALL[:4])
    run = Path("run")
    Path("more/evals/policy-validation").rename(run / "evals/policy-validation")
    Path("more/tasks/validation.jsonl").rename(run / "tasks/validation.jsonl")
    words = ("--evaluation", "policy-validation", "--again")
    assert cli("discover", "run", *words).status == 0
    assert cli("inject", "run", "--count", 2, "--off", "targeted").status == 0
