"""`harness ablate --train` in real processes on the weather domain."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Harness = Callable[..., Any]
Finish = Callable[..., tuple[int, str, str]]

SETTINGS = """
preset = "quick"
domain = "weather"
policy = "pupil"
sft_trainer = "lessons"
trainer = "drill"
test_tasks = 12
test_trials = 4
validation_tasks = 30
validation_trials = 1
targeted_tasks = 10
held_out_demonstrations = 3
control = "none"
"""


@pytest.fixture
def run(harness: Harness, finish: Finish, tmp_path: Path) -> Path:
    """A finished run."""
    (tmp_path / "run.toml").write_text(SETTINGS)
    made = harness("loop", "--config", tmp_path / "run.toml", "--out", tmp_path / "run")
    status, _, err = finish(made)
    assert status == 0, err
    return tmp_path / "run"


def test_arms_of_other_rewards_start_from_the_runs_own_sft_and_tasks(
    harness: Harness, finish: Finish, run: Path
) -> None:
    words = ("ablate", run, "--train", "--seeds", 2, "--without", "repeated_calls", "--only",
             "task_success")  # fmt: skip
    status, out, err = finish(harness(*words))
    assert status == 0, err
    for words_of in ("SFT (`sft`)", "- without repeated calls", "`whole` − `sft`", "invalid calls"):
        assert words_of in out
    results = json.loads((run / "ablation" / "results.json").read_text())
    rows = {(row["arm"], row["seed"]): row for row in results["rows"]}
    arms = ("shared", "sft", "whole", "without-repeated_calls", "only-task_success")
    assert rows.keys() == {(arm, seed) for arm in arms for seed in (0, 1)}
    pool = {row["pool"]["1"] for (arm, _), row in rows.items() if arm != "shared"}
    assert len(pool) == 1
    sft = json.loads((run / "checkpoints/sft/checkpoint.json").read_text())["id"]
    for arm, seed in rows:
        folder = run / "ablation" / "runs" / str(seed) / arm
        begun = json.loads((folder / "checkpoints/sft/checkpoint.json").read_text())
        assert begun["id"] == sft
        config = json.loads((folder / "config.json").read_text())
        weights = {name: weight for name, weight in config["rewards"].items() if weight}
        assert ("repeated_calls" in weights) == (arm in ("shared", "sft", "whole"))
        assert (len(weights) == 1) == (arm == "only-task_success")
    status, _, err = finish(harness(*words))
    assert status == 0
    assert "— " not in err


def test_what_a_kill_left_of_the_copied_run_is_cleared(
    harness: Harness, finish: Finish, run: Path
) -> None:
    words = ("ablate", run, "--train", "--seeds", 1, "--only", "task_success")
    assert finish(harness(*words))[0] == 0
    made = run / "ablation" / "runs" / "0"
    (run / "ablation" / "rows" / "0" / "shared.json").unlink()
    (made / "shared.from" / "tasks").mkdir(parents=True)
    (made / "shared.from" / "tasks" / "test.jsonl").write_text("{}")
    assert finish(harness(*words))[0] == 0
    assert not (made / "shared.from").exists()


def test_a_run_without_targeted_tasks_cannot_be_trained_on(
    harness: Harness, finish: Finish, tmp_path: Path
) -> None:
    (tmp_path / "run.toml").write_text(SETTINGS)
    made = harness("sft", "--config", tmp_path / "run.toml", "--out", tmp_path / "run")
    assert finish(made)[0] == 0
    status, _, err = finish(harness("ablate", tmp_path / "run", "--train"))
    assert status == 1
    assert "no targeted tasks" in err
