"""Plugins of others on the command line: broken ones are named and the rest goes on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

Cli = Callable[..., Any]
Stranger = Callable[[str, str], None]

OFFER = """
from harness.hookspecs import hookimpl


@hookimpl
def {hook}():
    return {{{name!r}: lambda settings: {product}}}
"""


def offering(hook: str, name: str, product: str = "object()") -> str:
    return OFFER.format(hook=hook, name=name, product=product)


def test_a_plugin_that_raises_on_import_is_named_and_the_others_load(
    cli: Cli, stranger: Stranger
) -> None:
    stranger("stranger_broken", "raise RuntimeError('no [b]luck[/x] today')")
    listed = cli("plugins", "--json")
    assert listed.status == 0
    errors = {row["plugin"]: row["error"] for row in listed.json}
    assert errors.pop("stranger_broken") == "RuntimeError: no [b]luck[/x] today"
    assert not any(errors.values())
    assert "no [b]luck[/x] today" in cli("plugins").out
    assert cli("doctor").status == 1
    assert cli("eval", "--policy", "noop", "--tasks", 1, "--trials", 1, "--out", "run").status == 0


def test_a_name_nobody_offers_points_at_the_plugin_that_failed(
    cli: Cli, stranger: Stranger
) -> None:
    stranger("stranger_broken", "import no_such_module_anywhere")
    outcome = cli("loop", "--domain", "snowfall")
    assert outcome.status == 1
    assert "stranger_broken" in outcome.err


def test_two_plugins_with_one_name_are_both_named(cli: Cli, stranger: Stranger) -> None:
    stranger("stranger_one", offering("harness_domains", "retail"))
    outcome = cli("loop", "--domain", "retail")
    assert outcome.status == 1
    assert outcome.out == ""
    assert "errata-harness:retail and stranger_one:stranger_one" in outcome.err
    assert "Traceback" not in outcome.err


def test_a_product_that_fails_is_blamed_on_its_plugin(cli: Cli, stranger: Stranger) -> None:
    stranger("stranger_zero", offering("harness_policies", "zero", "1 / 0"))
    outcome = cli("eval", "--policy", "zero", "--tasks", 1, "--trials", 1, "--out", "run")
    assert outcome.status == 1
    assert "stranger_zero failed in its policy 'zero' (harness_policies): Zero" in outcome.err
    assert "Traceback" not in outcome.err


def test_a_strangers_domain_and_observer_run_on_the_command_line(
    cli: Cli, stranger: Stranger
) -> None:
    watcher = """
import sys

class Watcher:
    def notify(self, event):
        if event.name == "station_finished":
            print("SAW", event.data["station"], file=sys.stderr)
"""
    stranger("stranger_watch", watcher + offering("harness_observers", "watch", "Watcher()"))
    with open("watch.toml", "w") as file:
        file.write('observers = ["watch"]\n')
    words = ["--policy", "noop", "--tasks", 1, "--trials", 1]
    for named, count in (
        (("--config", "watch.toml"), 1),
        (("--observers", "watch"), 1),
        (("--observers", "watch,watch"), 2),
    ):
        outcome = cli("eval", *words, *named, "--out", f"run-{named[1]}")
        assert outcome.status == 0
        assert outcome.err.count("SAW evaluate policy on test") == count


def test_ctrl_c_counts_even_where_it_was_swallowed(cli: Cli, stranger: Stranger) -> None:
    swallowing = """
import os
import signal

from harness.testing import IdlePolicy


def deaf():
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt:
        pass
    return IdlePolicy()
"""
    stranger("stranger_deaf", swallowing + offering("harness_policies", "deaf", "deaf()"))
    outcome = cli("eval", "--policy", "deaf", "--tasks", 3, "--trials", 1, "--out", "run")
    assert (outcome.status, outcome.out) == (130, "")
    assert "--resume run" in outcome.err
    assert not Path("run/done").exists()
