"""Standard output that is full, closed or of another encoding is said in words, or does no harm."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HARNESS = Path(sys.executable).parent / "harness"


def harness(redirection: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", f"{HARNESS} plugins --json {redirection}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize(
    ("redirection", "said"),
    [("> /dev/full", "cannot write to standard output"), (">&-", "standard output is closed")],
)
def test_output_that_goes_nowhere_is_an_error_of_one_line(redirection: str, said: str) -> None:
    done = harness(redirection)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith(f"error: {said}")
    assert len(done.stderr.splitlines()) == 2


def test_a_reader_that_leaves_ends_the_command_quietly() -> None:
    done = harness("| head -c 1")
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_what_the_encoding_does_not_have_is_escaped() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from harness.cli.streams import *\n"
         "with standard_streams(): print('caf\\u00e9 \\ud83d')"],
        capture_output=True, check=True, env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert done.stdout == b"caf\\xe9 \\ud83d\n"
