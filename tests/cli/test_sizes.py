"""Default sizes shrink to what a domain has; sizes that were asked for do not."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]
EVAL = ("eval", "--domain", "few", "--policy", "noop", "--trials", 1)

FEW = """
from harness.hookspecs import hookimpl


class Few:
    def __init__(self, inner):
        self.inner = inner

    def __getattr__(self, name):
        if name == "inner":
            raise AttributeError(name)
        return getattr(self.inner, name)

    def tasks(self, split):
        return self.inner.tasks(split)[:3]


@hookimpl
def harness_domains():
    return {"few": lambda settings: Few(settings.inner("domain", "retail"))}
"""


@pytest.fixture(autouse=True)
def few(stranger: Callable[[str, str], None]) -> None:
    """A domain of three tasks for each split is installed."""
    stranger("harness_few", FEW)


def test_a_domain_with_fewer_tasks_than_the_preset_asks_for_has_them_all(cli: Cli) -> None:
    outcome = cli(*EVAL, "--out", "run", "--json")
    assert outcome.status == 0
    assert "has 3 test tasks, so test_tasks is 3 instead of 100" in outcome.err
    assert outcome.json["arms"][0]["tasks"] == 3
    assert json.loads(Path("run/config.json").read_text())["test_tasks"] == 3
    assert cli("eval", "--resume", "run").status == 0


def test_the_plan_has_the_sizes_that_a_run_would_have(cli: Cli) -> None:
    words = ["loop", "--domain", "few", "--preset", "quick", "--dry-run", "--json"]
    settings = cli(*words).json["settings"]
    assert (settings["validation_tasks"], settings["test_tasks"]) == (3, 3)


def test_a_size_that_was_asked_for_is_an_error_with_a_command_that_works(cli: Cli) -> None:
    outcome = cli(*EVAL, "--tasks", 9, "--out", "run")
    assert outcome.status == 1
    assert "has 3 test tasks, not 9" in outcome.err
    assert "`harness eval --split test --tasks 3`" in outcome.err
    assert not Path("run").exists()


BLAME = """
from harness.hookspecs import hookimpl


class World:
    def __init__(self, inner):
        self.inner = inner

    def call(self, call):
        return {}["user_7"]

    def changes(self):
        return self.inner.changes()


class Broken:
    def __init__(self, inner):
        self.inner = inner

    def __getattr__(self, name):
        if name == "inner":
            raise AttributeError(name)
        return getattr(self.inner, name)

    def open(self, task):
        return World(self.inner.open(task))


class Silent:
    def __init__(self, inner):
        self.inner = inner

    def forget(self, conversation_id):
        pass

    id = "silent"

    async def act(self, conversation, *, seed):
        raise KeyError("turn_7")


@hookimpl
def harness_domains():
    return {"broken": lambda settings: Broken(settings.inner("domain", "retail"))}


@hookimpl
def harness_policies():
    return {"silent": lambda settings: Silent(settings.inner("policy", "expert"))}
"""


def test_an_error_is_told_of_who_raised_it(cli: Cli, stranger: Callable[[str, str], None]) -> None:
    stranger("harness_blame", BLAME)
    words = ["--tasks", 2, "--trials", 1]
    world = cli("eval", "--domain", "broken", "--policy", "expert", *words)
    assert world.status == 1
    assert "the plugin harness_blame:harness_blame failed in its call of" in world.err
    assert "KeyError: 'user_7'" in world.err
    policy = cli("eval", "--domain", "retail", "--policy", "silent", *words)
    assert "the plugin harness_blame:harness_blame failed in its turn: KeyError: 'turn_7'" in (
        policy.err
    )
