import json
import subprocess
import sys
from pathlib import Path

from harness.assembly.config import load_config
from harness.llm.roles import open_registry

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "rewards.py"


def test_the_measurement_scores_and_ablates_as_much_as_it_says() -> None:
    words = ["--conversations", "500", "--rollouts", "40", "--json"]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *words], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    terms = len(load_config().rewards)
    assert found["scoring, default reward"]["terms"] == terms
    assert found["scoring, every term"]["terms"] == len(open_registry().names("reward term"))
    assert found["ablation"]["rollouts"] == 40
    assert found["ablation"]["rewards"] == 2 * terms
    assert all(figure["cpu_seconds"] > 0 for figure in found.values())
