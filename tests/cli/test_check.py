"""`harness check`: findings and status."""

from collections.abc import Callable
from typing import Any

Stranger = Callable[[str, str], None]
Cli = Callable[..., Any]

SHOUTING = """
from harness.hookspecs import hookimpl
from harness.types import TermScore

@hookimpl
def harness_reward_terms():
    return {"shouting": lambda s: lambda t, grade, task: TermScore(name="shouting", value=7)}
"""


def test_the_command_shows_findings_and_ends_with_status_1(stranger: Stranger, cli: Cli) -> None:
    stranger("shout", SHOUTING)
    outcome = cli("check", "shouting", "--domain", "tau2-retail")
    assert outcome.status == 1
    for word in ("lies in [-1, 1]", "where:", "why:", "mend:", "broken"):
        assert word in outcome.out


def test_what_passes_ends_with_status_0_and_json(cli: Cli) -> None:
    outcome = cli("check", "noop", "--domain", "tau2-retail", "--json")
    assert outcome.status == 0
    assert [(row["name"], row["state"]) for row in outcome.json] == [("noop", "passes")]


def test_it_wants_a_name_or_all(cli: Cli) -> None:
    assert cli("check").status == 2
    assert cli("check", "noop", "--all").status == 2


def test_a_plugin_is_left_out_by_a_flag(stranger: Stranger, cli: Cli, monkeypatch: Any) -> None:
    monkeypatch.setenv("HARNESS_PLUGINS_OFF", "")
    stranger("shout", SHOUTING)
    rows = {row["plugin"]: row for row in cli("-p", "no:shout", "plugins", "--json").json}
    assert "left out" in rows["shout"]["error"]
    assert not rows["rewards"]["error"]
    assert cli("-p", "shout", "plugins").status == 2
