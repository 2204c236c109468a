"""Each Pass^k says how many tasks it is of, where these are not the same tasks for each k."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.report import to_html
from harness.results.report_document import summarise
from harness.run_folder import RunFolder
from tests.report.conftest import Document, Page, printed

Outcomes = Mapping[str, Sequence[bool | None]]
"""Success by task and trial; None for a fault."""

LOST_A_TRIAL: Outcomes = {"a": [True] * 4, "b": [True, False, None, None], "c": [False] * 3}
EVEN: Outcomes = {"a": [True] * 4, "b": [True, False] * 2, "c": [False] * 4}


def document(folder: Path, **arms: Outcomes) -> dict[str, Any]:
    """The report of a run whose evaluations of these arms came out so."""
    store = RunFolder.create(folder, {"domain": "weather", "seed": 3})
    for name, by_task in arms.items():
        for task, trials in by_task.items():
            for trial, success in enumerate(trials):
                ended = "agent_fault" if success is None else "user_stop"
                id = f"{name}-{task}-{trial}"
                store.append(
                    f"evals/{name.replace('_', '-')}-test/episodes.jsonl",
                    {
                        "trajectory": {"id": id, "task_id": task, "ended": ended},
                        "score": {"success": bool(success)},
                    },
                )
    return summarise(store, complete=True)


def counts_below(document: Document, name: str, *, width: int = 100) -> list[str] | None:
    """The numbers of tasks in the line below the one that begins with the name."""
    lines = [line.strip() for line in printed(document, width).splitlines()]
    at = next(n for n, line in enumerate(lines) if line.startswith(name))
    below = lines[at + 1 : at + 3]
    found = next((line for line in below if line.startswith("of tasks")), None)
    return found.split()[2:] if found else None


@pytest.mark.parametrize(
    ("outcomes", "counts"),
    [
        (LOST_A_TRIAL, ["3", "3", "2", "1"]),
        ({"a": [True] * 2, "b": [None, None]}, ["1", "1"]),
        ({"a": [True, True, False], "b": [True]}, ["2", "1", "1"]),
        (EVEN, None),
        ({"a": [True], "b": [False]}, None),
    ],
)
@pytest.mark.parametrize("width", [100, 80])
def test_the_terminal_has_a_line_of_counts_where_they_differ(
    tmp_path: Path, outcomes: Outcomes, counts: list[str] | None, width: int
) -> None:
    found = document(tmp_path / "run", base=outcomes)
    assert counts_below(found, "base", width=width) == counts


def test_the_strict_row_and_the_differences_have_counts_of_their_own(tmp_path: Path) -> None:
    found = document(tmp_path / "run", sft=LOST_A_TRIAL, rl_1={**EVEN, "c": [True, None]})
    assert counts_below(found, "strict") == ["3", "3", "3", "2"]
    assert counts_below(found, "round 1") == ["3", "2", "2", "2"]
    assert counts_below(found, "− SFT") == ["3", "2", "1", "1"]


def test_the_document_has_the_counts_of_every_k(tmp_path: Path) -> None:
    sft, rl = document(tmp_path / "run", sft=LOST_A_TRIAL, rl_1=EVEN)["arms"]
    assert sft["pass_tasks"] == {"1": 3, "2": 3, "3": 2, "4": 1}
    assert sft["pass_counted_tasks"] == {"1": 3, "2": 3, "3": 3, "4": 2}
    assert rl["pass_tasks"] == {"1": 3, "2": 3, "3": 3, "4": 3}
    assert rl["differences"]["pass_tasks"] == sft["pass_tasks"]


def test_the_page_has_a_count_beside_each_value_where_they_differ(tmp_path: Path) -> None:
    uneven = Page(to_html(document(tmp_path / "one", base=LOST_A_TRIAL))).text
    assert [uneven.count(f" {n} task{'s' * (n > 1)}") for n in (3, 2, 1)] == [5, 2, 1]
    assert " tasks" not in Page(to_html(document(tmp_path / "two", base=EVEN))).text.replace(
        "tasks × trials", ""
    )


def test_a_report_of_an_older_run_has_no_counts(document: Document) -> None:
    assert "of tasks" not in printed(document)
