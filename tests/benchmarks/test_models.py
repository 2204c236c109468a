"""What the measurements of language models report, on a model that is small and new."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from harness.llm.roles import open_registry
from harness.protocols import Settings

pytestmark = pytest.mark.slow
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    registry, made = open_registry(), tmp_path_factory.mktemp("made")
    domain = registry.make("domain", "invented", Settings())
    options = {"base": "untrained", "tasks": 2, "vocabulary": 700}
    registry.make("policy", "tiny", Settings(domain=domain, folder=made, options=options))
    return made / "tiny"


def run(script: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCHMARKS / script), *words, "--domain", "invented"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_evaluation_and_both_trainers_are_timed(folder: Path) -> None:
    done = run("model_speed.py", str(folder), "--tasks", "2", "--json")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["evaluation"]["tasks"] == 2
    for part in ("evaluation", "sft", "grpo"):
        assert figures[part]["tokens_per_cpu_s"] > 0
    assert 0 < figures["grpo"]["rollout_s"] < figures["grpo"]["cpu_s"]
    assert figures["grpo"]["sampler_gap_max"] < 1e-4


@pytest.mark.skipif(find_spec("vllm") is not None, reason="vllm is installed here")
def test_a_server_that_does_not_start_ends_with_its_log(folder: Path) -> None:
    words = ["--vllm-python", sys.executable, "--prompts", "1", "--tokens", "2"]
    done = run("serve_with_vllm.py", str(folder), *words)
    assert done.returncode == 1
    assert "vLLM did not start" in done.stderr
    assert "No module named" in done.stderr


def test_imitation_is_measured_for_each_combination() -> None:
    words = ["--bases", "untrained", "--seconds", "1", "--learning-rates", "1e-3", "3e-3"]
    done = run("base_model.py", *words, "--tasks", "2", "--json")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["learning_rate"] for row in rows] == [1e-3, 3e-3]
    for row in rows:
        assert row["steps"] > 0
        assert row["held_out_loss"] > 0
        # A policy that has learnt for a second may talk until its context is full: a fault.
        assert row["pass_4"] is None or len(row["pass_4"]) == len(["value", "low", "high"])


def test_reinforcement_is_measured_beside_its_start(folder: Path) -> None:
    words = ["--groups", "1x2", "2x2", "--steps", "1", "--pool", "2", "--tasks", "2", "--json"]
    done = run("reinforcement.py", str(folder), *words)
    assert done.returncode == 0, done.stderr
    start, *rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert start["start"] == str(folder)
    assert [row["groups"] for row in rows] == ["1x2", "2x2"]
    assert all(row["steps"] == 1 and len(row["gain_1"]) == 3 for row in rows)
