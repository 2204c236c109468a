"""Results from a file: aligned by task, voids apart, and a clear word where there are none."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.errors import RunError
from harness.study.results_file import parse_results, read_results


def test_seeds_with_other_test_tasks_are_aligned_by_id(made_up: Any) -> None:
    document = made_up({"sft": 0.5}, seeds=2, tasks=3)
    rows = [row for row in document["rows"] if row["arm"] == "sft"]
    rows[1]["tasks"] = ["task-2", "task-9", "task-0"]
    rows[0]["outcomes"], rows[1]["outcomes"] = ["1", "0", "1"], ["0", "1", "1"]
    found = parse_results(json.dumps(document), "made up").passes("sft", 1, [0, 1])
    nan = float("nan")
    assert np.array_equal(found, [[100, 0, 100, nan], [100, nan, 0, 100]], equal_nan=True)


def test_a_void_is_no_result_of_its_arm(made_up: Any) -> None:
    document = made_up({"sft": 0.5}, seeds=1)
    document["rows"].append({"seed": 0, "arm": "targeted", "void": "nothing to learn"})
    found = parse_results(json.dumps(document), "made up")
    assert list(found.arms) == ["sft"]
    assert [row.void for row in found.voids] == ["nothing to learn"]


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"study": {}, "rows": 1}', '{"rows": [{}]}', '{"study": [], "rows": []}'],
)
def test_a_file_of_something_else_is_said_to_hold_no_results(tmp_path: Path, text: str) -> None:
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(RunError, match="holds no results"):
        read_results(tmp_path / "results.json")


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        ({"outcomes": 7}, r"rows[1].outcomes: found a number, expected a list"),
        ({"outcomes": ["1", 0, "1"]}, r"rows[1].outcomes[1]: found a number, expected text"),
        ({"seed": "0"}, r"rows[1].seed: found text, expected a whole number"),
        ({"blame": {"agent": True}}, r"rows[1].blame.agent: found true or false, expected a whole"),
        ({"training": {"steps": "9"}}, r"rows[1].training.steps: found text, expected a whole"),
        ({"outcomes": ["1"]}, r"rows[1]: Value error, outcomes of 1 tasks, expected 3"),
        ({"tags": {"book": [3]}}, r"rows[1]: Value error, the place '3' among 3 tasks"),
        ({"tags": {"book": [-4]}}, r"rows[1]: Value error, the place '-4' among 3 tasks"),
        ({"failures": {"p": {"9": 1}}}, r"rows[1]: Value error, the place '9' among 3 tasks"),
        ({"mistakes": {"Other": {"k": {"x": 1}}}}, r"rows[1]: Value error, the place 'x' among 3"),
        (
            {"mistakes_by_round": {"x": {}}},
            r"a round or the place of a task 'x', expected a number",
        ),
        (
            {"mistakes_by_round": {"1": {"Other": {"k": {"9999999": 1}}}}},
            r"a round or the place of a task '9999999', expected a number",
        ),
    ],
)
def test_a_damaged_row_is_named(
    tmp_path: Path, made_up: Any, damage: dict[str, Any], problem: str
) -> None:
    document = made_up({"sft": 0.5}, seeds=1, tasks=3)
    document["rows"][1] |= damage
    (tmp_path / "results.json").write_text(json.dumps(document))
    with pytest.raises(RunError, match=re.escape(problem)):
        read_results(tmp_path / "results.json")
