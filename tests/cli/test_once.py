"""A command asks each plugin once what it offers, and works with the domain it has checked."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]
Stranger = Callable[[str, str], None]

COUNTING = """
from pathlib import Path

from harness.hookspecs import hookimpl
from harness_retail.domain import retail_domain


def note(word):
    with open("calls.txt", "a") as file:
        file.write(word + chr(10))


def make(settings):
    note("domain")
    return retail_domain(settings)


@hookimpl
def harness_domains():
    note("hook")
    return {"counted": make}
"""

SMALL = ("--tasks", 2, "--trials", 1)


def calls() -> Counter[str]:
    """What was called since the last look."""
    file = Path("calls.txt")
    found = Counter(file.read_text().split()) if file.exists() else Counter[str]()
    file.unlink(missing_ok=True)
    return found


@pytest.fixture
def counted(stranger: Stranger) -> str:
    stranger("stranger_counted", COUNTING)
    return "counted"


def test_an_evaluation_calls_hook_and_factory_once_new_or_resumed(cli: Cli, counted: str) -> None:
    words = ("--domain", counted, "--policy", "noop", *SMALL, "--out", "run")
    assert cli("eval", *words).status == 0
    assert calls() == {"hook": 1, "domain": 1}
    (Path("run/done") / "evaluate-policy-on-test.json").unlink()
    assert cli("eval", "--resume", "run").status == 0
    assert calls() == {"hook": 1, "domain": 1}


@pytest.mark.parametrize("command", ["loop", "sft"])
def test_training_commands_call_hook_and_factory_once(cli: Cli, counted: str, command: str) -> None:
    outcome = cli(command, "--domain", counted, "--policy", "expert", "--out", "run")
    assert "'expert' cannot be trained" in outcome.err
    assert calls() == {"hook": 1, "domain": 1}


def test_discovery_in_a_run_calls_hook_and_factory_once(cli: Cli, counted: str) -> None:
    words = ("--domain", counted, "--policy", "noop", "--split", "validation", *SMALL)
    assert cli("eval", *words, "--out", "run").status == 0
    calls()
    assert cli("discover", "run").status == 0
    assert calls() == {"hook": 1, "domain": 1}
