"""A seeded sample of ``benchmarks/attack.py``: nothing lost, nothing twice, no traceback, and no
input of a stranger that its door does not take or refuse in words.
"""

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
        [sys.executable, str(ATTACK), "--json", *map(str, words)],
        capture_output=True, text=True, timeout=900, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    "station", ["eval", "inject again", "import", "export to a folder", "study"]
)
def test_a_station_that_was_killed_goes_on_to_the_same_files(station: str) -> None:
    sample = ["--kills", 2, "--seed", 11, "--seeds", 1]
    found = attacked("--only", "kills", "--station", station, *sample)
    assert [row["how"] for row in found["kills"]] == ["killed", "torn", "full"]
    for row in found["kills"]:
        assert row["tries"] == 2
        assert (row["lost"], row["doubled"], row["differing"], row["stuck"]) == (0, 0, 0, 0), row
    assert found["kinds"]["kills"] == {"tries": 6, "failures": 0}


@pytest.mark.slow
def test_damaged_folders_are_read_or_refused_in_words() -> None:
    found = attacked("--only", "damaged", "--damaged", 60, "--seed", 11)
    assert found["kinds"]["damaged"] == {"tries": 60, "failures": 0}, found["examples"]


def test_inputs_of_strangers_are_read_or_refused_in_words() -> None:
    found = attacked("--only", "fuzzed", "--fuzzed", 20_000, "--seed", 11)
    assert found["kinds"]["fuzzed"] == {"tries": 20_000, "failures": 0}, found["examples"]
    assert min(found["doors"].values()) > 1_000


def test_what_was_tried_is_not_tried_again(tmp_path: Path) -> None:
    state, page = tmp_path / "state.jsonl", tmp_path / "page.md"
    page.write_text("Before\n<!-- attack: start -->\nold\n<!-- attack: end -->\nAfter\n")
    words = ["--only", "kills", "--station", "export to a file", "--how", "killed", "--seeds", 1]
    words += ["--state", state]
    assert attacked(*words, "--seconds", 0.001)["kinds"]["kills"]["tries"] == 1
    whole = attacked(*words)
    assert whole["kinds"]["kills"]["tries"] > 1
    lines = state.read_text()
    assert attacked(*words, "--summary", "--markdown", page) == whole
    assert state.read_text() == lines
    text = page.read_text()
    assert text.startswith("Before\n")
    assert text.endswith("After\n")
    assert "old" not in text
    assert "| `export to a file` | " in text
