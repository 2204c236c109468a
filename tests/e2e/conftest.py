"""The real command in processes of its own, with the third-party distribution beside it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PLUGIN = Path(__file__).parent / "plugin" / "harness_pupil.py"
THIRD_PARTY = Path(__file__).parents[1] / "thirdparty" / "harness_weather"

Harness = Callable[..., subprocess.Popen[str]]


@pytest.fixture(scope="session")
def weather(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip installed the weather distribution."""
    target = tmp_path_factory.mktemp("site")
    flags = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    pip = [sys.executable, "-m", "pip", "install", *flags, "--target", str(target)]
    subprocess.run([*pip, str(THIRD_PARTY)], check=True, timeout=120, capture_output=True)
    return target


@pytest.fixture(scope="session")
def pupil(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the pupil's plugin, as pip would leave it."""
    site = tmp_path_factory.mktemp("pupil")
    info = site / "harness_pupil-1.0.dist-info"
    info.mkdir()
    shutil.copy(PLUGIN, site)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: harness-pupil\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[harness]\npupil = harness_pupil\n")
    return site


@pytest.fixture(scope="session")
def harness(weather: Path, pupil: Path) -> Harness:
    """Start the command with these words; its streams are pipes."""

    def start(*words: object) -> subprocess.Popen[str]:
        kept = ("PATH", "HOME", "LANG", "TMPDIR")
        environment = {name: os.environ[name] for name in kept if name in os.environ}
        environment |= {
            "PYTHONPATH": f"{weather}{os.pathsep}{pupil}",
            "OMP_NUM_THREADS": "1",
            "HF_HUB_OFFLINE": "1",
            "COLUMNS": "120",
        }
        return subprocess.Popen(
            [str(Path(sys.executable).parent / "harness"), *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )

    return start


@pytest.fixture(scope="session")
def finish() -> Callable[..., tuple[int, str, str]]:
    """Wait for a process: its status, stdout and stderr."""

    def wait(process: subprocess.Popen[str], timeout: float = 300) -> tuple[int, str, str]:
        try:
            out, err = process.communicate(timeout=timeout)
        finally:
            process.kill()
        return process.returncode, out, err

    return wait


def read_rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="session")
def rows() -> Callable[[Path], list[dict[str, Any]]]:
    return read_rows
