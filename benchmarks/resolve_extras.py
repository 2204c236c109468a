"""Turn extras of the package into what pip would install for them on another machine.

    python benchmarks/resolve_extras.py vllm ray tinker
    python benchmarks/resolve_extras.py vllm --python 3.11 --json

Nothing is installed: pip resolves for Linux on x86_64, from wheels alone, and reads the registry.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
GLIBC = 35
"""The minor version of the C library, glibc 2, up to which wheels are taken."""

PLATFORMS = (
    *(f"manylinux_2_{minor}_x86_64" for minor in range(GLIBC, 4, -1)),
    *(f"manylinux{name}_x86_64" for name in ("2014", "2010", "1")),
    "linux_x86_64",
)
OURS = "errata-harness"
NAMED = ("torch", "transformers", "trl", "vllm", "ray", "tinker", "numpy", "pydantic")
"""Distributions whose versions are worth reading."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("extras", nargs="+", help="extras to resolve, each by itself")
    parser.add_argument("--python", default="3.12", help="version of Python to resolve for")
    parser.add_argument("--json", action="store_true", help="print one object")
    arguments = parser.parse_args()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = {
        extra: resolved(sorted(requirements(project, extra)), arguments.python)
        for extra in arguments.extras
    }
    report = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "python": arguments.python, "extras": found}
    if arguments.json:
        print(json.dumps(report, indent=1, allow_nan=False))
    else:
        print(f"Python {arguments.python}, Linux x86_64, {report['date']}")
        for extra, result in found.items():
            versions = ", ".join(f"{name} {version}" for name, version in result["named"].items())
            print(f"[{extra}] {result['packages']} packages: {versions}{result['error']}")
    sys.exit(any(result["error"] for result in found.values()))


def requirements(project: dict[str, Any], extra: str) -> Iterator[str]:
    """What the package and its extra ask for; extras that it names itself are taken apart."""
    yield from project["dependencies"]
    for line in project["optional-dependencies"][extra]:
        if own := re.fullmatch(rf"{OURS}\[(.*)\]", line):
            for other in own[1].split(","):
                yield from requirements(project, other)
        else:
            yield line


def resolved(wanted: list[str], python: str) -> dict[str, Any]:
    """What pip chooses for the requirements: how many packages, versions of some, or its error."""
    with tempfile.TemporaryDirectory() as folder:
        target = ["--target", folder, "--python-version", python, "--only-binary", ":all:"]
        for platform in PLATFORMS:
            target += ["--platform", platform]
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--report", "-"]
        done = subprocess.run(
            [*command, "--ignore-installed", *target, *wanted], capture_output=True, text=True
        )
    if done.returncode:
        return {"packages": 0, "named": {}, "error": done.stderr.strip() or "pip failed"}
    chosen = {
        item["metadata"]["name"].lower(): item["metadata"]["version"]
        for item in json.loads(done.stdout)["install"]
    }
    named = {name: chosen[name] for name in NAMED if name in chosen}
    return {"packages": len(chosen), "named": named, "error": ""}


if __name__ == "__main__":
    main()
