"""A whole loop with a model on a server, through the command."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from harness.cli import app

from .loopback import TinkerServer


def test_a_loop_trains_on_the_server_and_evaluates_what_it_brought_back(
    server: TinkerServer, folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "run.toml"
    file.write_text(
        f'''
preset = "quick"
domain = "retail"
policy = "tinker:{folder}"
sft_trainer = "tinker-sft"
trainer = "tinker-grpo"
message_limit = 40
test_tasks = 1
test_trials = 1
validation_tasks = 1
validation_trials = 1
held_out_demonstrations = 1
targeted_tasks = 2
control = "none"

[options.tinker]
url = "{server.url}"
rank = 4
max_new_tokens = 4
max_context = 4000

[options.tinker-sft]
max_steps = 1
batch_size = 1
max_length = 300

[options.tinker-grpo]
max_steps = 1
tasks_per_step = 1
num_generations = 2
'''
    )
    said = CliRunner().invoke(app, ["loop", "--config", str(file), "--out", str(tmp_path / "run")])
    assert said.exit_code == 0, said.output
    kept = sorted((tmp_path / "run").rglob("model/tinker.json"))
    assert [path.parts[-3] for path in kept if "checkpoints" in path.parts][-1] == "sft"
    for noted in kept[1:]:
        place = json.loads(noted.read_text())
        assert place["state"] in server.disk.states
        assert place["sampler"] in server.disk.samplers
        assert (noted.parent / "model.safetensors").is_file()
    assert server.count("optim_step") == 3  # SFT, the warm start, and a step with proofs
    assert len(server.models) <= 1
