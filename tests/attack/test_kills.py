"""A seeded sample of ``benchmarks/attack.py``: nothing lost, nothing twice, no traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ATTACK = Path(__file__).parents[2] / "benchmarks" / "attack.py"


def attacked(*words: object) -> Any:
    done = subprocess.run(
        [sys.executable, str(ATTACK), "--json", "--seed", "11", *map(str, words)],
        capture_output=True, text=True, timeout=900, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("station", ["eval", "inject again", "import", "export to a folder"])
def test_a_station_that_was_killed_goes_on_to_the_same_files(station: str) -> None:
    rows = attacked("--station", station, "--kills", 2, "--damaged", 0)["kills"]
    assert [row["how"] for row in rows] == ["killed", "torn", "full"]
    for row in rows:
        assert row["tries"] == 2
        assert (row["lost"], row["doubled"], row["differing"], row["stuck"]) == (0, 0, 0, 0), row


@pytest.mark.slow
def test_damaged_folders_are_read_or_refused_in_words() -> None:
    found = attacked("--kills", -1, "--damaged", 60)["damaged"]
    assert found["tries"] == 60
    assert found["failures"] == 0, found["places"]
