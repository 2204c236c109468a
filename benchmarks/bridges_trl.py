"""Measure a step of TRL's own GRPOTrainer on retail: do its tool loop and our environment meet?

    python benchmarks/bridges_trl.py MODEL_FOLDER [--json]

The folder holds any causal language model; it speaks by TRL's own template of Qwen3, whose words
are added to the tokenizer. One step, two rollouts of one task.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from importlib.resources import files

from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import GRPOConfig, GRPOTrainer

from harness_bridges.trl import dataset, environment_factory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rows = [{**row, "prompt": [{"role": "user", "content": "Help the customer.\n"}]}
            for row in dataset("retail", count=2)]  # fmt: skip
    began = time.perf_counter()
    model = AutoModelForCausalLM.from_pretrained(args.model)
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    tokenizer.chat_template = files("trl").joinpath("chat_templates/qwen3.jinja").read_text()
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    model.resize_token_embeddings(len(tokenizer))
    with tempfile.TemporaryDirectory() as folder:
        trainer = GRPOTrainer(
            model=model,
            processing_class=tokenizer,
            train_dataset=Dataset.from_list(rows),
            environment_factory=environment_factory("retail", count=2),
            args=GRPOConfig(
                output_dir=folder, max_steps=1, per_device_train_batch_size=2, num_generations=2,
                max_completion_length=48, report_to=[], use_cpu=True, save_strategy="no",
                logging_steps=1, max_tool_calling_iterations=2,
            ),
        )  # fmt: skip
        done = trainer.train()
        logged = {k: v for row in trainer.state.log_history for k, v in row.items()}
    found = {
        "steps": done.global_step,
        "tools": len(trainer.tools),
        "rewards": {k: v for k, v in logged.items() if "reward" in k},
        "seconds": round(time.perf_counter() - began, 1),
    }
    sys.stdout.write(json.dumps(found, indent=2, allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
