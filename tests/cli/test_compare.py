"""`compare` and `show`: runs held side by side, and one conversation to read."""

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main
from harness.evaluation.metrics import (
    Outcome,
    paired_difference,
)
from harness.study.flips import sign_test
from tests.report.conftest import Page

Cli = Callable[..., Any]


def harness(*words: object) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["harness", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            main()
        assert not left.value.code


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Evaluations on 8 tasks: of one policy with two seeds, of a better one, of other tasks."""
    folder = tmp_path_factory.mktemp("runs")
    for name, policy, *more in (
        ("one", "noisy:0.6", "--seed", 1),
        ("two", "noisy:0.6", "--seed", 2),
        ("good", "expert", "--seed", 1),
        ("other", "noisy:0.6", "--split", "validation"),
        ("fewer", "noisy:0.6", "--tasks", 3),
    ):
        words = ["--policy", policy, "--tasks", 8, "--trials", 4, *more, "--out", folder / name]
        harness("eval", *words)
    harness("discover", folder / "one")
    return folder


def compared(cli: Cli, *words: object) -> Any:
    outcome = cli("compare", *words, "--json")
    assert outcome.status == 0, outcome.err
    return outcome.json


def test_two_seeds_of_one_policy_show_no_difference(cli: Cli, runs: Path) -> None:
    [pair] = compared(cli, runs / "one", runs / "two")["pairs"]
    assert pair["verdict"] == "no difference"
    assert (pair["tasks"], pair["same_seed"], pair["notes"]) == (8, False, [])
    difference = pair["pass"]["1"]["difference"]
    assert difference["low"] <= 0 <= difference["high"]
    told = cli("compare", runs / "one", runs / "two").out
    assert "No difference found: Pass^1" in told
    assert f"on 8 tasks, of which {pair['differing_tasks']} differ" in told


def test_a_better_policy_is_found_with_the_tasks_it_gained(cli: Cli, runs: Path) -> None:
    found = compared(cli, runs / "one", runs / "good")
    [pair] = found["pairs"]
    assert pair["verdict"] == "higher"
    assert pair["pass"]["1"]["difference"]["low"] > 0
    assert "policy" in found["differing_settings"]
    gained, lost = pair["flips"]["gained"], pair["flips"]["lost"]
    assert gained
    assert not lost
    for one in gained:
        assert one["before_solved"][0] < 2 < one["after_solved"][0]
        assert one["before"]["messages"] != one["after"]["messages"]
    [back] = compared(cli, runs / "good", runs / "one")["pairs"]
    assert back["verdict"] == "lower"
    assert [one["task_id"] for one in back["flips"]["lost"]] == [one["task_id"] for one in gained]


def test_patterns_are_said_to_be_gone_new_and_back(cli: Cli, runs: Path) -> None:
    [pair] = compared(cli, runs / "one", runs / "good")["pairs"]
    assert {row["status"] for row in pair["patterns"]} == {"gone"}
    [pair] = compared(cli, runs / "good", runs / "one")["pairs"]
    assert {row["status"] for row in pair["patterns"]} == {"new"}
    copy = runs / "again"
    if not copy.exists():
        shutil.copytree(runs / "one", copy)
    _, last = compared(cli, runs / "one", runs / "good", copy)["pairs"]
    assert {row["status"] for row in last["patterns"]} == {"back"}
    assert all(row["before"] == row["after"] > 0 for row in last["patterns"])


def test_failures_that_nobody_diagnosed_are_not_compared_by_pattern(cli: Cli, runs: Path) -> None:
    [pair] = compared(cli, runs / "one", runs / "two")["pairs"]
    assert "two were not diagnosed" in pair["no_patterns"]
    assert "Patterns are not compared" in cli("compare", runs / "one", runs / "two").out


def test_other_tasks_cannot_be_compared_and_fewer_are_left_out(cli: Cli, runs: Path) -> None:
    [pair] = compared(cli, runs / "one", runs / "other")["pairs"]
    assert (pair["verdict"], pair["tasks"]) == ("not comparable", 0)
    assert "pass" not in pair
    told = cli("compare", runs / "one", runs / "other").out
    assert "cannot be compared" in told
    assert "no task is the same" in told
    assert "the splits differ" in told
    [pair] = compared(cli, runs / "one", runs / "fewer")["pairs"]
    assert (pair["tasks"], pair["only_before"], pair["only_after"]) == (3, 5, 0)
    assert "5 tasks left out" in pair["notes"][0]


def logged(path: Path, said: str, failing: int) -> Path:
    """A run of a log of 40 conversations, of which so many fail by a call that is repeated."""
    call = {"id": "c", "function": {"name": "find_order", "arguments": '{"order": "A-1234"}'}}
    looked = [
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "on its way"},
    ]
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"{said} A-1234, please. I am number {n}."},
                *(looked * (4 if n < failing else 1)),
                {"role": "assistant", "content": "It is on its way."},
            ],
            "solved": n >= failing,
        }
        for n in range(40)
    ]
    path.with_suffix(".jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    harness("discover", path.with_suffix(".jsonl"), "--outcome", "solved", "--out", path)
    return path


def test_logs_without_a_common_task_are_compared_as_two_samples(cli: Cli, tmp_path: Path) -> None:
    last, this = logged(tmp_path / "last", "Find", 20), logged(tmp_path / "this", "Where is", 4)
    [pair] = compared(cli, last, this)["pairs"]
    assert (pair["verdict"], pair["paired"], pair["tasks"]) == ("higher", False, 0)
    row = pair["pass"]["1"]
    assert (row["before"]["value"], row["after"]["value"]) == (50, 90)
    assert 0 < row["difference"]["low"] < row["difference"]["value"] == 40
    [change] = pair["patterns"]
    assert (change["before"], change["after"], change["status"]) == (20, 4, "less")
    assert pair["effort"]["tool_calls"]["difference"]["value"] == -1.2
    told = cli("compare", last, this).out
    assert "this is higher: Pass^1 +40.0" in told
    assert "on 40 and 40 other tasks" in told
    assert "two samples of tasks" in told
    assert "flipped" not in told
    with (tmp_path / "this.jsonl").open("a") as file:  # one that is asked in the same words
        file.write((tmp_path / "last.jsonl").read_text().splitlines()[-1] + "\n")
    harness("discover", tmp_path / "this.jsonl", "--outcome", "solved", "--out", tmp_path / "that")
    [pair] = compared(cli, last, tmp_path / "that")["pairs"]
    assert (pair["verdict"], pair["paired"], pair["tasks"]) == ("higher", False, 1)
    assert pair["pass"]["1"]["sampled"] == [40, 41]
    assert not pair["flips"]["gained"]
    page = tmp_path / "page.html"
    assert cli("compare", last, this, "--html", page).status == 0
    assert "on 40 and 40 other tasks" in page.read_text()
    assert "flipped" not in page.read_text()


def test_tasks_of_one_id_that_differ_are_not_taken_for_the_same(cli: Cli, runs: Path) -> None:
    changed = runs / "changed"
    shutil.copytree(runs / "two", changed)
    file = changed / "tasks" / "test.jsonl"
    first, *rest = file.read_text().splitlines(keepends=True)
    row = json.loads(first)
    row["communicate"] = ["a word"]
    file.write_text("".join([json.dumps(row) + "\n", *rest]))
    [pair] = compared(cli, runs / "one", changed)["pairs"]
    assert (pair["tasks"], pair["changed"]) == (7, 1)


def test_the_page_holds_both_conversations_and_no_markup_of_others(cli: Cli, runs: Path) -> None:
    hostile = runs / "hostile"
    shutil.copytree(runs / "good", hostile)
    file = hostile / "evals" / "policy-test" / "episodes.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    for row in rows:
        row["trajectory"]["messages"][-1]["content"] = "<script>alert(1)</script>\x1b[31m"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert cli("compare", runs / "one", hostile, "--html", "page.html").status == 0
    page = Page(Path("page.html").read_text())
    assert "script" not in page.names
    assert "<script>alert(1)</script>" in page.text
    assert "\x1b" not in page.text
    assert "solved 0 of 4, then 4 of 4" in page.text or "solved 1 of 4, then 4 of 4" in page.text


def test_what_cannot_be_opened_is_named(cli: Cli, runs: Path) -> None:
    outcome = cli("compare", runs / "one", "nowhere")
    assert outcome.status == 1
    assert "nowhere is not a run folder" in outcome.err
    outcome = cli("compare", runs / "one", f"{runs / 'two'}:sft")
    assert outcome.status == 1
    assert "it has policy-test" in outcome.err
    assert cli("compare", runs / "one", runs / "one").status == 1
    assert cli("compare", runs / "one").status == 2
    assert cli("compare", f"{runs / 'one'}:policy", f"{runs / 'two'}:policy-test").status == 0


def test_the_sign_test_is_that_of_the_binomial() -> None:
    assert sign_test(0, 0) == 1.0
    assert sign_test(3, 3) == 1.0
    assert sign_test(0, 5) == pytest.approx(2 / 32)
    assert sign_test(1, 7) == pytest.approx(2 * (1 + 8) / 256)


def test_few_tasks_that_differ_are_no_difference_though_the_interval_leaves_out_0() -> None:
    before = [Outcome(task_id=str(n), success=True) for n in range(50)]
    for failed, p, verdict in ((5, 1 / 16, "no difference"), (6, 1 / 32, "lower")):
        after = [replace(one, success=n >= failed) for n, one in enumerate(before)]
        interval = paired_difference(after, before)
        assert interval
        assert interval.high < 0
        assert interval.p == pytest.approx(p)
        assert interval.direction == verdict


# --- show


def failed_id(cli: Cli, run: Path) -> str:
    return str(cli("show", run, "--only", "failed", "--json").json["conversations"][0]["id"])


def test_a_run_alone_lists_its_conversations(cli: Cli, runs: Path) -> None:
    rows = cli("show", runs / "one", "--json").json["conversations"]
    assert len(rows) == 32
    assert {row["result"] for row in rows} == {"solved", "failed"}
    assert all(row["mistake"] for row in rows if row["result"] == "failed")
    table = cli("show", runs / "one", "--only", "solved").out
    solved = [row["id"] for row in rows if row["result"] == "solved"]
    assert all(id in table for id in solved)
    assert f"{len(solved)} in" in table


def test_a_conversation_is_read_in_80_columns_with_its_verdict(
    cli: Cli, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    id = failed_id(cli, runs / "one")
    found = cli("show", runs / "one", id, "--json").json
    shown = cli("show", runs / "one", id[:9]).out
    assert max(map(len, shown.splitlines())) <= 80
    assert "\x1b" not in shown
    assert f"conversation {id}" in shown
    assert found["diagnosis"]["kind"].replace("_", " ") in shown
    assert f"▶{found['diagnosis']['turn']} " in shown
    assert "Reward" in shown
    wrong = [row for row in found["changes"] if row["state"] != "done"]
    assert f"{len(wrong)} of {len(found['changes'])} fields not as wanted" in shown or not wrong
    long = [m for m in found["messages"] if m["role"] == "tool" and len(m["content"]) > 400]
    full = cli("show", runs / "one", id, "--full").out
    assert ("--full)" in shown, "--full)" in full) == (bool(long), False)


def test_colour_is_for_terminals_and_not_where_it_is_refused(
    cli: Cli, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = failed_id(cli, runs / "one")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "\x1b[" in cli("show", runs / "one", id).out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[31m" not in cli("show", runs / "one", id).out


def test_an_unknown_or_ambiguous_conversation_is_named(cli: Cli, runs: Path) -> None:
    outcome = cli("show", runs / "one", "zzz")
    assert outcome.status == 1
    assert "holds no conversation 'zzz'" in outcome.err
    ids = [row["id"] for row in cli("show", runs / "one", "--json").json["conversations"]]
    digit = next(id[0] for id in ids if sum(other[0] == id[0] for other in ids) > 1)
    outcome = cli("show", runs / "one", digit)
    assert outcome.status == 1
    assert "begins with" in outcome.err
    assert "it has policy-test" in cli("show", runs / "one", "--evaluation", "x").err
