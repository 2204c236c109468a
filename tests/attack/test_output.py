"""Standard output that is full, closed or of another encoding is said in words, or does no harm."""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import OutOfMemory, RunError, plugin_boundary
from harness.run_folder import disk_errors
from tests.attack.conftest import Command

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


def test_a_place_that_cannot_be_written_is_said(command: Command) -> None:
    words = ["--policy", "noisy:0.5", "--tasks", 12, "--trials", 1, "--split", "validation"]
    assert command("eval", "--domain", "retail", *words, "--out", "run").status == 0
    assert command("discover", "run").status == 0
    assert command("inject", "run", "--count", 1, "--off", "targeted").status == 0
    Path("file").write_text("kept")
    Path("full/of").mkdir(parents=True)
    os.mkfifo("pipe")
    places = {
        "file/x": "file/x: file: File exists",
        "/proc/x/y": "/proc/x",
        "full": "full",
        "pipe": "pipe is left alone: it is no ordinary file",
        "": "names no file to write",
    }
    for write in (
        ["tasks", "run", "--format", "tau2-tasks"],
        ["export", "run", "--format", "tau2"],
    ):
        for place, said in places.items():
            outcome = command(*write, "--out", place)
            assert (outcome.status, outcome.out) == (1, ""), (write, place)
            [error, hint] = outcome.err.splitlines()
            assert error.startswith("error: ")
            assert said in error
            assert hint
    assert Path("file").read_text() == "kept"
    assert Path("pipe").is_fifo()


def test_memory_that_runs_out_anywhere_is_one_line(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted() -> None:
        raise MemoryError

    monkeypatch.setattr("harness.cli.app", exhausted)
    outcome = command("plugins")
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err.startswith("error: memory ran out")
    assert len(outcome.err.splitlines()) == 2


@pytest.mark.parametrize("error", [MemoryError("no"), RuntimeError("could not create a primitive")])
def test_memory_that_runs_out_in_a_plugin_is_no_fault_of_it(error: Exception) -> None:
    with (
        pytest.raises(OutOfMemory, match=r"memory ran out in the turn of the plugin p: ") as raised,
        plugin_boundary("p", "turn"),
    ):
        raise error
    assert raised.value.hint


@pytest.mark.parametrize(("number", "said"), [
    (errno.ENOSPC, "no space left on the disk while writing"),
    (errno.EDQUOT, "no space left on the disk while writing"),
    (errno.EACCES, "Permission denied"),
])  # fmt: skip
def test_a_folder_that_cannot_be_copied_is_said_in_one_line(
    tmp_path: Path, number: int, said: str
) -> None:
    """What copying it raises has no number, and is a list of all files."""
    (tmp_path / "from").mkdir()
    for name in ("a", "b"):
        (tmp_path / "from" / name).write_text(name)

    def failing(source: str, target: str) -> None:
        raise OSError(number, os.strerror(number), target)

    with pytest.raises(RunError, match=said) as raised, disk_errors(tmp_path / "to"):
        shutil.copytree(tmp_path / "from", tmp_path / "to", copy_function=failing)
    assert str(raised.value).count("Errno") <= 1
