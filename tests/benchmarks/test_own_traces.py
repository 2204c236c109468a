"""The benchmark of discovery without a domain: planted kinds are found, and figures are of them."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.test_docs import imported

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def own_traces(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])
    return imported(BENCHMARKS / "own_traces.py")


def test_planted_kinds_are_found_in_a_log_and_figures_are_over_seeds(
    own_traces: ModuleType,
) -> None:
    row = own_traces.measure(seed=7, size=60)
    assert row["conversations"] == 60
    assert 0 < row["visible"] <= row["failures"] < 60
    assert row["v_measure"] > 0.7
    assert row["kinds"].keys() & own_traces.VISIBLE
    other = {**row, "seed": 8, "v_measure": 0.5}
    found = own_traces.over_seeds([row, other])["v_measure"]
    assert found["worst"] == 0.5
    assert (
        own_traces.table({"runs": [row], "over_seeds": {"v_measure": found}}).count("seed 7") == 1
    )


def test_v_measure_is_1_where_groups_are_the_kinds_and_0_where_all_is_one_group(
    own_traces: ModuleType,
) -> None:
    rows = [("a", "1", ""), ("a", "1", ""), ("b", "2", ""), ("b", "2", "")]
    assert own_traces.v_measure(rows)["v_measure"] == 1.0
    assert own_traces.v_measure([(kind, "1", "") for kind, _, _ in rows])["v_measure"] == 0.0
