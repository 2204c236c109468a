"""Pass^k as benchmarks print it, where faults leave nothing to estimate it from too."""

from __future__ import annotations

import runpy
from pathlib import Path

from harness.evaluation.metrics import Outcome

PASSES = Path(__file__).parents[2] / "benchmarks" / "passes.py"


def test_a_pass_k_that_no_task_has_trials_for_is_none() -> None:
    passes = runpy.run_path(str(PASSES))["passes"]
    trials = [Outcome(task_id="a", success=True)] * 3
    fault = Outcome(task_id="a", success=False, fault="context_overflow")
    assert passes([*trials, fault])["pass_4"] is None
    value, low, high = passes([*trials, trials[0]])["pass_4"]
    assert 0 <= low < value == high == 100
