"""`harness inject` and `harness tasks`: made, looked at, vetoed, exported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.injection.station import forget_tasks
from harness.run_folder import RunFolder
from tests.cli.conftest import Cli

ALL_GATES = ["--option", "admission.off=[]"]


@pytest.fixture
def run(cli: Cli) -> Cli:
    """A run of an agent that errs now and then, with its error patterns."""
    words = ["--policy", "noisy:0.6", "--tasks", 30, "--trials", 1, "--split", "validation"]
    assert cli("eval", *words, *ALL_GATES, "--out", "run").status == 0
    assert cli("discover", "run").status == 0
    return cli


def book(cli: Cli, *words: object) -> Any:
    return cli("tasks", "run", *words, "--json").json


def test_tasks_carry_their_scenario_gold_gate_record_and_lineage(run: Cli) -> None:
    outcome = run("inject", "run", "--count", 6)
    assert outcome.status == 0
    found = book(run)
    assert 0 < len(found["tasks"]) <= 6
    for row in found["tasks"]:
        targeted = row["gates"]["targeted"]
        assert 0 < targeted["failures"] < targeted["trials"]
        assert targeted["in_pattern"] > 0
        assert row["origin"]["trajectory_id"]
        assert row["origin"]["source"]
        assert row["scenario"]["requests"]
    [account] = found["injections"]
    gates = [row["gate"] for row in account["injections"][0]["yields"]]
    assert gates[:3] == ["made", "well_formed", "discreet"]
    first = found["tasks"][0]
    listed = run("tasks", "run").out
    assert first["id"] in listed
    assert "targeted" in listed
    shown = run("tasks", "run", first["id"][:6]).out
    assert "final_states 1" in shown
    assert first["gold"][0]["name"] in shown if first["gold"] else True


def test_one_pattern_can_be_asked_for_and_what_was_made_stays(run: Cli) -> None:
    run("inject", "run", "--count", 4, "--off", "targeted")
    before = book(run)["tasks"]
    pattern = before[0]["pattern"]
    words = ["--pattern", pattern[:6], "--count", 3, "--off", "targeted"]
    assert run("inject", "run", *words).status == 0
    after = book(run)["tasks"]
    assert after[: len(before)] == before
    assert [row["pattern"] for row in after[len(before) :]] == [pattern] * 3
    assert len({row["id"] for row in after}) == len(before) + 3
    assert {row["pattern"] for row in book(run, "--pattern", pattern)["tasks"]} == {pattern}
    rows = [json.loads(line) for line in Path("run/rounds/1/gates.jsonl").read_text().splitlines()]
    assert [row["task_id"] for row in rows] == [row["id"] for row in after]


@pytest.mark.parametrize("words", [["--pattern", "nope"], ["--again", "--off", "nope"]])
def test_a_request_that_is_refused_leaves_the_round_complete(run: Cli, words: list[str]) -> None:
    run("inject", "run", "--count", 4, "--off", "targeted")
    assert run("inject", "run", *words).status == 1
    assert "no checkpoint 'sft'" in run("train", "run").err


def test_an_injection_of_more_that_is_interrupted_leaves_the_round_complete(
    run: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("inject", "run", "--count", 4, "--off", "targeted")
    before = kept()
    with monkeypatch.context() as patch:
        patch.setattr("harness.injection.station.inject_tasks", interrupted)
        assert run("inject", "run", "--again").status == 130
    assert kept() == before
    assert "no checkpoint 'sft'" in run("train", "run").err


def test_a_kill_before_the_mark_makes_nothing_twice(run: Cli) -> None:
    words = ["--count", 4, "--off", "targeted"]
    run("inject", "run", *words)
    before = kept()
    Path("run/done/inject-1.json").unlink()
    assert run("inject", "run", *words).status == 0
    assert kept() == before
    assert run("inject", "run", "--again", *words).status == 0
    assert len(book(run)["tasks"]) == 8


def test_a_kill_before_the_mark_does_not_seek_again_what_could_not_be_made(cli: Cli) -> None:
    words = ["--policy", "noop", "--tasks", 6, "--trials", 1, "--split", "validation"]
    assert cli("eval", *words, *ALL_GATES, "--out", "run").status == 0
    assert cli("discover", "run").status == 0
    assert cli("inject", "run", "--count", 2).status == 0
    before = kept()
    assert before["tasks.jsonl"] == b""
    Path("run/done/inject-1.json").unlink()
    assert cli("inject", "run", "--count", 2).status == 0
    assert kept() == before


def test_a_kill_between_the_files_of_an_injection_leaves_nothing_in_them_twice(
    run: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["--count", 4, "--off", "targeted"]
    run("inject", "run", *words)
    before = kept()
    store = RunFolder.open(Path("run"))
    forget_tasks(store, 1)
    write = RunFolder.write_values

    def killed(store: RunFolder, name: str, *values: Any) -> None:
        if name.endswith("tasks.jsonl"):
            raise KeyboardInterrupt
        write(store, name, *values)

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "write_values", killed)
        assert run("inject", "run", *words).status == 130
    missing = {"tasks.jsonl", "gates.jsonl", "refused.jsonl", "refused.json", "injections.json"}
    assert set(before) - set(kept()) == missing
    assert run("inject", "run", *words).status == 0
    assert kept() == before


def kept() -> dict[str, bytes]:
    """What the round holds."""
    return {path.name: path.read_bytes() for path in Path("run/rounds/1").iterdir()}


def interrupted(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_a_vetoed_task_is_marked_left_out_of_exports_and_can_come_back(run: Cli) -> None:
    run("inject", "run", "--count", 4, "--off", "targeted")
    [bad, *good] = [row["id"] for row in book(run)["tasks"]]
    assert run("tasks", "run", "--veto", bad, "--reason", "nobody talks so").status == 0
    [row] = book(run, bad)["tasks"]
    assert (row["vetoed"], row["veto_reason"]) == (True, "nobody talks so")
    assert "nobody talks so" in run("tasks", "run", bad).out
    run("tasks", "run", "--format", "tau2-tasks", "--out", "tasks.json")
    assert [raw["id"] for raw in json.loads(Path("tasks.json").read_text())] == good
    run("tasks", "run", "--allow", bad)
    assert not any(row["vetoed"] for row in book(run)["tasks"])


def test_what_is_not_there_is_said_and_what_is(run: Cli) -> None:
    unknown = run("inject", "run", "--pattern", "nope")
    assert unknown.status == 1
    assert "no pattern 'nope'" in unknown.err
    empty = run("tasks", "run")
    assert empty.status == 1
    assert "has no targeted tasks" in empty.err
    assert "no gate 'targetted'" in run("inject", "run", "--off", "targetted").err
    assert "Did you mean 'targeted'?" in run("inject", "run", "--off", "targetted").err
    run("inject", "run", "--count", 2, "--off", "targeted")
    assert "has the id 'zzz'" in run("tasks", "run", "--veto", "zzz").err
    assert "begins with 'zzz'" in run("tasks", "run", "zzz").err
    assert "for the pattern 'zzz'" in run("tasks", "run", "--pattern", "zzz").err
    assert "in round 7" in run("tasks", "run", "--round", 7).err


def test_an_empty_pool_is_named_before_training(run: Cli) -> None:
    run("inject", "run", "--count", 2, "--off", "targeted")
    ids = [row["id"] for row in book(run)["tasks"]]
    run("tasks", "run", *[word for task_id in ids for word in ("--veto", task_id)])
    refused = run("train", "run")
    assert refused.status == 1
    assert "the pool is empty" in refused.err


def test_fixed_tasks_of_a_domain_are_exported(cli: Cli) -> None:
    words = ("tasks", "--domain", "retail", "--split", "validation")
    wanted = [task["id"] for task in cli(*words, "--json").json["tasks"]]
    assert len(wanted) > 1
    told = cli(*words, "--format", "tau2-tasks", "--out", "tasks.json")
    assert (told.status, told.out.strip()) == (0, "tasks.json")
    assert [raw["id"] for raw in json.loads(Path("tasks.json").read_text())] == wanted
    cli(*words, wanted[0], "--out", "one.json")
    assert [raw["id"] for raw in json.loads(Path("one.json").read_text())] == wanted[:1]


def test_flags_that_do_not_go_with_a_domain_are_refused(cli: Cli) -> None:
    for flag in (("--veto", "a"), ("--allow", "a"), ("--pattern", "a"), ("--round", 1)):
        refused = cli("tasks", "--domain", "retail", *flag)
        assert refused.status == 2
        assert f"{flag[0]}: is for the tasks of a run" in refused.err
    nameless = cli("tasks", "--domain", "retail", "--format", "tau2-tasks")
    assert nameless.status == 2
    assert "--out" in nameless.err


@pytest.mark.parametrize("lost", ["conversations", "yields.0.gate", "patterns.0.quota"])
def test_an_account_of_tasks_that_lacks_something_is_named(run: Cli, lost: str) -> None:
    run("inject", "run", "--count", 2)
    path = Path("run/rounds/1/injections.json")
    content = json.loads(path.read_text())
    *places, key = lost.split(".")
    row = content[0]
    for place in places:
        row = row[int(place) if place.isdigit() else place]
    del row[key]
    path.write_text(json.dumps(content))
    told = run("tasks", "run")
    assert told.status == 1
    assert "injections.json" in told.err
    assert key in told.err
