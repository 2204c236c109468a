"""A whole loop whose turns come from a server, through the command: the trainers are as ever."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from harness.cli import app

from .loopback import VllmServer


def test_a_loop_trains_here_and_samples_there(
    server: VllmServer, folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "run.toml"
    file.write_text(
        f'''
preset = "quick"
domain = "retail"
policy = "vllm:{server.url}"
executor = "asyncio"
message_limit = 8
test_tasks = 1
test_trials = 1
validation_tasks = 1
validation_trials = 1
held_out_demonstrations = 1
targeted_tasks = 2
control = "none"

[options.vllm]
model = "{folder}"
max_new_tokens = 8
max_context = 4000

[options.sft]
max_steps = 1
batch_size = 1

[options.warm_start]
max_steps = 1
batch_size = 1

[options.grpo]
max_steps = 2
tasks_per_step = 1
num_generations = 2
learning_rate = 1e-3
'''
    )
    said = CliRunner().invoke(app, ["loop", "--config", str(file), "--out", str(tmp_path / "run")])
    assert said.exit_code == 0, said.output
    gaps = [gap for record in records(tmp_path / "run") for gap in found(record, "sampler_gap_max")]
    assert gaps
    assert max(gaps) < 1e-3
    assert server.count("/collective_rpc") >= 4  # opened, after SFT, before each step of GRPO
    assert list((tmp_path / "run").rglob("model/probe.json"))


def records(run: Path) -> list[Any]:
    return [json.loads(line) for file in run.rglob("*.jsonl") for line in file.open()] + [
        json.loads(file.read_text()) for file in run.rglob("*.json")
    ]


def found(value: Any, key: str) -> list[float]:
    if isinstance(value, dict):
        own = [float(value[key])] if key in value else []
        return own + [one for part in value.values() for one in found(part, key)]
    return [one for part in value for one in found(part, key)] if isinstance(value, list) else []
