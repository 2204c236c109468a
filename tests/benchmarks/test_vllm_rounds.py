"""What the benchmarks on vLLM make of two runs, and what they say where they cannot run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("safetensors", reason="needs the extra [train]")

from safetensors.numpy import save_file

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import vllm_rounds

    return vllm_rounds


def run(folder: Path, *, loss: float = 0.5, token: int = 1, weight: float = 1.0) -> Path:
    """What ``compared`` reads of a run: one conversation of two tokens, one step."""
    arm = folder / "checkpoints" / "rl-1"
    (arm / "model").mkdir(parents=True)
    curve = [{"step": 1, "reward": 1.0, "loss": loss, "kl": 0.0, "sampler_gap_max": 1e-5}]
    (arm / "checkpoint.json").write_text(json.dumps({"record": {"curve": curve}}))
    rollout = {"step": 1, "group": 0, "trajectory_id": f"talk {token}", "total": 1.0}
    (arm / "rollouts.jsonl").write_text(json.dumps({**rollout, "ended": "user_stop"}))
    turn = {"message": 1, "tokens": [0, 1], "millinats": [-500, -20]}
    tokens = {"trajectory_id": "talk", "ids": [7, 7 + token], "turns": [turn]}
    (arm / "tokens.jsonl").write_text(json.dumps(tokens))
    save_file({"layer": np.full(3, weight)}, arm / "model" / "model.safetensors")
    return folder


def test_equal_runs_are_nothing_apart(rounds: Any, tmp_path: Path) -> None:
    found = rounds.compared(run(tmp_path / "one"), run(tmp_path / "other"))
    assert (found["conversations"], found["conversations_equal"], found["tokens"]) == (1, 1, 2)
    assert found["rollouts_equal"]
    assert {found[name] for name in found if name.endswith("_apart")} == {0.0}
    assert rounds.gaps(tmp_path / "one") == [1e-5]


def test_what_differs_is_said(rounds: Any, tmp_path: Path) -> None:
    other = run(tmp_path / "other", loss=0.75, token=2, weight=1.5)
    found = rounds.compared(run(tmp_path / "one"), other)
    assert found["conversations_equal"] == 0
    assert not found["rollouts_equal"]
    assert (found["loss_apart"], found["weights_apart"]) == (0.25, 0.5)


def test_the_check_on_a_gpu_is_not_run_where_there_is_none(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "gpu_check.py")],
        env={"PATH": str(tmp_path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "not run: nvidia-smi finds no GPU on this machine\n"


@pytest.mark.parametrize(
    ("figures", "wrong"),
    [
        ({"faults": 0, "sampler_gap_max": 1e-5}, []),
        ({"faults": 2, "sampler_gap_max": 1e-5}, ["2 conversations with a fault"]),
        ({"faults": 0, "sampler_gap_max": 0.2}, ["sampler and trainer are 0.2 nats apart"]),
        ({"faults": 0, "sampler_gap_max": None}, ["nothing was trained on"]),
    ],
)
def test_the_check_on_a_gpu_says_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, figures: dict[str, Any], wrong: list[str]
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import gpu_check

    assert gpu_check.complaints(figures, 1e-3) == wrong
