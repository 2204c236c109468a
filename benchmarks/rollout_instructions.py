"""How many machine instructions a turn of a chat model takes: a figure that neighbours do not move.

    python benchmarks/rollout_instructions.py [--wire WIRE] [--checkout FOLDER] [--json]

Runs `rollout_overhead.py` under valgrind's cachegrind, with few and with many conversations, and
divides the difference: start and imports cancel out. Whatever happens in the process counts, the
SDK and the event loop included. `--checkout` measures another checkout of this project with the
Python of its `.venv`, for a comparison that CPU seconds on a shared machine cannot decide.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from rollout_overhead import VARIABLES
from rollout_overhead_server import TURNS

ROOT = Path(__file__).parents[1]
FEW, MANY = 100, 200
COUNTED = re.compile(r"I\s+refs:\s+([\d,]+)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wire", choices=sorted(VARIABLES), default="openai", help="Whose SDK.")
    parser.add_argument("--checkout", type=Path, help="Another checkout, with a .venv of its own.")
    parser.add_argument("--json", action="store_true", help="Print the figures as JSON.")
    arguments = parser.parse_args()
    if shutil.which("valgrind") is None:
        parser.error("valgrind is not installed: on Debian, `apt install valgrind`")
    python = sys.executable
    if arguments.checkout:
        python = str(arguments.checkout.resolve() / ".venv/bin/python")
    root = arguments.checkout or ROOT
    figures = measured(python, root, arguments.wire)
    if arguments.json:
        print(json.dumps(figures, indent=2, allow_nan=False))
        return
    for name, value in figures.items():
        print(f"{name:32} {value}")


def measured(python: str, root: Path, wire: str) -> dict[str, Any]:
    few, many = (instructions(python, root, wire, count) for count in (FEW, MANY))
    a_turn = (many - few) / (TURNS * (MANY - FEW))
    return {"wire": wire, "turns": TURNS * (MANY - FEW), "instructions_per_turn": round(a_turn)}


def instructions(python: str, root: Path, wire: str, conversations: int) -> int:
    """Those of the whole process that has so many conversations; its server is another one."""
    command = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    script = [python, "benchmarks/rollout_overhead.py", "--wire", wire]
    done = subprocess.run(
        [*command, *script, "--conversations", str(conversations)],
        cwd=root,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    found = COUNTED.search(done.stderr)
    assert found is not None, done.stderr
    return int(found[1].replace(",", ""))


if __name__ == "__main__":
    main()
