"""The benchmark of discovery, small: what it plants is what is found."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
KEYS = {"blame_precision", "blame_recall", "v_measure", "purity", "failures"}


@pytest.mark.slow
def test_planted_faults_are_blamed_on_those_who_made_them_and_become_patterns() -> None:
    script = [sys.executable, str(BENCHMARKS / "discovery.py"), "--seed", "5", "--json"]
    done = subprocess.run(
        [*script, "--failures", "600"], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert set(found) >= KEYS
    assert found["failures"] >= 600
    assert len([kind for kind in found["kinds"] if kind.startswith("agent: ")]) >= 12
    assert len([kind for kind in found["kinds"] if kind.startswith("user_simulator: ")]) >= 6
    assert len([kind for kind in found["kinds"] if kind.startswith("task: ")]) >= 3
    assert found["blame_precision"] >= 0.95
    assert found["blame_recall"] >= 0.95
    assert found["v_measure"] >= 0.85
    assert found["purity"] >= 0.9
    assert all(row["strays_in_patterns"] == 0 for row in found["clusterings"][:1])
    assert found["rounds"]["same_policy"]["mass_keeping_its_id"] >= 0.9
    assert [gone["name"] for gone in found["rounds"]["cured"]["gone"]] == ["wrong item"]
