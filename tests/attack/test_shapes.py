"""What a folder or a file holds may have any shape, and each part may be without the others: a
command that reads it says so in words.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import ConfigError, RunError
from harness.study.folder import StudyFolder
from harness.study.results_file import parse_results
from harness.study.spec import SHARED, Turn, parse_study
from tests.attack.conftest import Command

STUDY: dict[str, Any] = {
    "title": "T",
    "seeds": [0],
    "settings": {"preset": "quick"},
    "arms": {"sft": {}},
}

Damage = Callable[[Path], None]


def _emptied(path: Path) -> None:
    path.write_text("")


def _of_another(path: Path) -> None:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[0]["members"] = ["another"]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("rounds/1/diagnoses.jsonl", Path.unlink),
        ("rounds/1/diagnoses.jsonl", _emptied),
        ("rounds/1/patterns.jsonl", _of_another),
    ],
)
def test_a_pattern_whose_failures_are_not_all_there_is_said(
    command: Command, name: str, damage: Damage
) -> None:
    words = ["--policy", "noisy:0.5", "--tasks", 12, "--trials", 1, "--split", "validation"]
    assert command("eval", "--domain", "retail", *words, "--out", "run").status == 0
    assert command("discover", "run").status == 0
    damage(Path("run") / name)
    done = command("inject", "run", "--again", "--count", 1, "--off", "targeted")
    assert done.status == 1
    assert "have no diagnosis or no conversation" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("arm", [3, 1.5, True, None, "sft", [], [["rounds", 1]]])
def test_an_arm_that_is_no_table_is_said(arm: Any) -> None:
    with pytest.raises(ConfigError, match=r"\[arms\.a\] in study\.toml") as raised:
        parse_study({**STUDY, "arms": {"a": arm}}, "study.toml")
    assert raised.value.hint


@pytest.mark.parametrize("row", [{}, {"training": True}, {"seed": 0, "arm": "sft", "curve": 3}])
def test_a_row_of_a_study_that_is_none_is_named(tmp_path: Path, row: dict[str, Any]) -> None:
    folder = StudyFolder.begin(tmp_path / "study", parse_study(STUDY, "study.toml"))
    path = folder.folder / "rows/0" / f"{SHARED}.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(row))
    for read in (lambda: folder.row(Turn(seed=0, arm=SHARED)), folder.results):
        with pytest.raises(RunError, match=rf"{SHARED}\.json"):
            read()


@pytest.mark.parametrize("text", ["[" * 99_999, '{"a":' * 99_999, "", "3", '{"rows": 3}'])
def test_results_of_any_shape_are_refused_in_words(text: str) -> None:
    with pytest.raises(RunError, match=r"^theirs holds no results of a study") as raised:
        parse_results(text, "theirs")
    assert raised.value.hint


@pytest.mark.parametrize("key", ["domain", "options", "policy", "seed"])
def test_a_run_whose_settings_lack_one_is_named(command: Command, key: str) -> None:
    words = ["--domain", "retail", "--policy", "noop", "--tasks", 2, "--trials", 1]
    assert command("eval", *words, "--out", "run").status == 0
    config = json.loads(Path("run/config.json").read_text())
    del config[key]
    Path("run/config.json").write_text(json.dumps(config))
    done = command("rescore", "run")
    assert done.status == 1
    assert f"config.json has no {key!r}" in done.err
    assert "Traceback" not in done.err
