"""Results on disk: small, and the same when they are read again."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.errors import RunError
from harness.study.packing import packed, unpacked
from harness.study.results_file import parse_results, read_document


def test_rows_come_back_as_they_were(made_up: Any) -> None:
    document = made_up({"sft": 0.5, "targeted": 0.6}, seeds=2)
    rows = document["rows"]
    rows[3]["tasks"] = [f"other-{n}" for n in range(40)]
    before = json.dumps(rows)
    text = packed(document["study"], rows)
    assert json.dumps(rows) == before
    assert unpacked(json.loads(text), "")["rows"] == rows  # type: ignore[index]
    assert len(json.loads(text)["tests"]) == 2


def test_points_of_a_curve_that_are_not_alike_come_back_too(made_up: Any) -> None:
    document = made_up({"sft": 0.5, "targeted": 0.6}, seeds=1)
    [row] = [row for row in document["rows"] if row.get("training", {}).get("curve")][:1]
    del row["training"]["curve"][1]["reward"]
    text = packed(document["study"], document["rows"])
    assert unpacked(json.loads(text), "")["rows"] == document["rows"]  # type: ignore[index]


def test_what_rows_share_is_there_once(made_up: Any) -> None:
    document = made_up({"sft": 0.5, "targeted": 0.6}, seeds=3)
    text = packed(document["study"], document["rows"])
    assert text.count("task-17") == 1
    assert text.count('"two_orders"') == 1
    assert text.count('"reward":') == 3  # a column for each arm with a curve


def test_the_file_reads_as_the_whole_rows_do(tmp_path: Path, made_up: Any) -> None:
    document = made_up({"sft": 0.5, "targeted": 0.6}, seeds=2)
    text = packed(document["study"], document["rows"])
    (tmp_path / "results.json").write_text(text)
    whole = parse_results(json.dumps(document), "made up")
    assert parse_results(text, "made up") == whole
    assert read_document(tmp_path / "results.json").rows == document["rows"]


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        ({"test": 7}, r"rows\[1\].test: there is no set of test tasks 7"),
        ({"test": "0"}, r"rows\[1\].test: there is no set of test tasks '0'"),
        ({"training": {"curve": {"step": [1], "reward": []}}}, "not equally long"),
        ({"training": {"curve": {"step": 1}}}, "not equally long"),
        ({"outcomes": 7}, "outcomes: found a number"),
    ],
)
def test_a_damaged_row_is_named(made_up: Any, damage: dict[str, Any], problem: str) -> None:
    document = made_up({"sft": 0.5}, seeds=1, tasks=3)
    found = json.loads(packed(document["study"], document["rows"]))
    found["rows"][1] |= damage
    with pytest.raises(RunError, match=problem):
        parse_results(json.dumps(found), "made up")


def test_controls_of_the_first_results_are_those_with_the_tests_own_mix(made_up: Any) -> None:
    document = made_up({"sft": 0.5, "untargeted": 0.6}, seeds=1)
    del document["study"]["pattern_arms"]
    document["study"]["arms"]["untargeted"]["trains"] = "untargeted"
    found = parse_results(json.dumps(document), "made up")
    assert found.study.arms["untargeted"].trains == "oracle"
    assert found.study.pattern_arms == ("sft", "untargeted", "targeted")
