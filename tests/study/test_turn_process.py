"""A turn in a process of its own: how it is started, and which cores it has."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.study.folder import StudyFolder
from harness.study.spec import Turn, parse_study
from harness.study.turn_process import command, share_of_cores

CORES = (
    "import os; from harness.study.turn_process import bind_to_cores;"
    "bind_to_cores([{core}]); print(sorted(os.sched_getaffinity(0)))"
)


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    table = {"title": "t", "seeds": [0], "settings": {"domain": "retail"}, "arms": {"sft": {}}}
    return StudyFolder.begin(tmp_path / "study", parse_study(table, "study.toml"))


def test_it_is_the_same_command_line_that_a_user_has(folder: StudyFolder) -> None:
    python, *words = command(folder, Turn(seed=3, arm="sft"), [0, 2])
    assert python == sys.executable
    assert words[:4] == ["-m", "harness", "study", "turn"]
    assert words[-7:] == ["--arm", "sft", "--seed", "3", "--tied", "--cores", "0,2"]


def test_where_cores_cannot_be_chosen_none_are_named(folder: StudyFolder) -> None:
    assert "--cores" not in command(folder, Turn(seed=0, arm="sft"), [])


def test_cores_are_divided_and_shared_where_they_are_too_few(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {4, 5, 6}, raising=False)
    assert [share_of_cores(place, 2) for place in (0, 1)] == [[4, 6], [5]]
    assert share_of_cores(0, 1) == [4, 5, 6]
    assert share_of_cores(3, 4) == [4, 5, 6]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores cannot be chosen here")
def test_a_process_binds_itself_to_its_cores() -> None:
    core = min(os.sched_getaffinity(0))
    script = [sys.executable, "-c", CORES.format(core=core)]
    found = subprocess.run(script, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == f"[{core}]"
