"""A whole study in real processes on the weather domain: killed, gone on with, side by side."""

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.study.packing import unpacked

Harness = Callable[..., Any]
Finish = Callable[..., tuple[int, str, str]]

STUDY = """
title = "weather"
seeds = [0, 1]
resamples = 100
[settings]
preset = "quick"
domain = "weather"
policy = "pupil"
sft_trainer = "lessons"
trainer = "drill"
test_tasks = 12
test_trials = 4
validation_tasks = 30
validation_trials = 1
targeted_tasks = 10
held_out_demonstrations = 3
easy_demonstrations = 0.0
warm_start = false
[arms.base]
start = "base"
[arms.sft]
[arms.targeted]
trains = "targeted"
settings = { keep_every = 1 }
[arms.generic]
trains = "generic"
[arms.oracle]
trains = "oracle"
[arms.warm]
trains = "targeted"
settings = { warm_start = true }
[arms.warm-before]
start = "warm"
after = "warm"
[arms.union]
trains = "targeted"
after = "targeted"
settings = { rounds = 2 }
[arms.eager]
trains = "targeted"
group = "ablation"
seeds = 1
settings = { options = { drill = { gain = 0.6 } } }
[[comparisons]]
arm = "targeted"
against = "sft"
[[expectations]]
says = "Targeted training helps"
arm = "targeted"
against = "sft"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "study.toml").write_text(STUDY)
    return tmp_path / "study.toml"


def rows(folder: Path) -> dict[tuple[str, int], Any]:
    """The rows of a study without the times."""
    document: Any = unpacked(json.loads((folder / "results.json").read_text()), str(folder))
    found = document["rows"]
    timed = ("seconds", "cpu")
    return {
        (row["arm"], row["seed"]): {k: v for k, v in row.items() if k not in timed} for row in found
    }


def finished(folder: Path) -> int:
    return len(list(folder.glob("rows/*/*.json")))


def test_a_study_killed_halfway_goes_on_to_the_same_results(
    harness: Harness, finish: Finish, file: Path, tmp_path: Path
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    status, out, err = finish(harness("study", "run", file, "--out", whole, "--json"))
    assert status == 0, err
    assert json.loads(out)["left"] == 0
    process = harness("study", "run", file, "--out", killed)
    while finished(killed) < 4 and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    finish(process)
    begun = finished(killed)
    status, _, err = finish(harness("study", "run", file, "--out", killed))
    assert status == 0, err
    assert err.count("— ") == 19 - begun
    assert rows(killed) == rows(whole)
    found = rows(whole)
    assert len(found) == 19
    targeted, union = found["targeted", 0], found["union", 0]
    assert [point["step"] for point in targeted["curve"]] == [1]
    assert union["checkpoint"] == "rl-2"
    for kind in ("generic", "oracle"):
        assert found[kind, 0]["checkpoint"] == f"{kind}-1"
        assert found[kind, 0]["rollouts"]["in_all"] == targeted["rollouts"]["in_all"]
    warm, before = found["warm", 0], found["warm-before", 0]
    assert (warm["checkpoint"], before["checkpoint"]) == ("rl-1", "rl-1/warm")
    assert warm["warm_start"] == before["training"]
    assert warm["rollouts"]["since_sft"] == targeted["rollouts"]["since_sft"]
    assert before["rollouts"]["since_sft"] == 0
    assert {row["start"] for (_, seed), row in found.items() if seed == 0} == {union["start"]}
    assert union["rollouts"]["since_sft"] == sum(union["pool"].values())
    assert union["rollouts"]["in_all"] > union["rollouts"]["since_sft"]
    tasks = {tuple(row["tasks"]) for (arm, _), row in found.items() if arm != "shared"}
    assert len(tasks) == 1


def test_arms_side_by_side_come_to_what_they_come_to_alone(
    harness: Harness, finish: Finish, file: Path, tmp_path: Path
) -> None:
    words = ("study", "run", file, "--seed", 0, "--arm", "targeted", "--arm", "oracle")
    for name, jobs in (("one", 1), ("two", 2)):
        status, _, err = finish(harness(*words, "--out", tmp_path / name, "--jobs", jobs))
        assert status == 0, err
    assert rows(tmp_path / "one") == rows(tmp_path / "two")
    assert set(rows(tmp_path / "two")) == {(a, 0) for a in ("shared", "targeted", "oracle")}


def test_what_cannot_be_run_is_told_in_the_report_and_the_rest_is_run(
    harness: Harness, finish: Finish, file: Path, tmp_path: Path
) -> None:
    file.write_text(STUDY.replace("resamples = 100\n[settings]", "[settings]\nmin_coverage = 1.0"))
    folder, out = tmp_path / "study", tmp_path / "docs" / "results.md"
    run = harness("study", "run", file, "--out", folder, "--arm", "targeted", "--arm", "sft")
    status, printed, err = finish(run)
    assert status == 0, err
    assert "∅" in printed
    status, printed, err = finish(harness("study", "report", folder, "--out", out))
    assert status == 0, err
    assert "not run" in printed
    assert "can be a cause of failures" in out.read_text()
    assert (out.parent / "results-pass.svg").is_file()
    again = tmp_path / "again.md"
    status, _, err = finish(harness("study", "report", out.with_suffix(".json"), "--out", again))
    assert status == 0, err
    assert again.read_text() == out.read_text().replace("results", "again")


def test_another_study_is_refused(
    harness: Harness, finish: Finish, file: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "study"
    status, _, err = finish(harness("study", "run", file, "--out", folder, "--minutes", 0))
    assert status == 0, err
    assert finished(folder) == 0
    file.write_text(STUDY.replace("test_trials = 4", "test_trials = 2"))
    status, _, err = finish(harness("study", "run", file, "--out", folder))
    assert status == 1
    assert "started with a different study: settings differ" in err


@pytest.mark.slow
def test_the_quick_study_runs_with_real_trainers(
    harness: Harness, finish: Finish, tmp_path: Path
) -> None:
    text = (Path(__file__).parents[2] / "studies" / "quick.toml").read_text()
    for large, small in (
        ("cpu_seconds = 40", "cpu_seconds = 4"), ("cpu_seconds = 5", "cpu_seconds = 2"),
        ("test_tasks = 10", "test_tasks = 3"),
        ("validation_tasks = 20", "validation_tasks = 6"),
        ("tasks_per_step = 4", "tasks_per_step = 2"),
        ("num_generations = 4", "num_generations = 2"),
    ):  # fmt: skip
        assert large in text
        text = text.replace(large, small)
    (tmp_path / "study.toml").write_text(text)
    names = ("sft", "targeted", "generic", "warm-before", "imitated", "refreshed")
    folder = tmp_path / "study"
    words = [word for name in names for word in ("--arm", name)]
    run = harness("study", "run", tmp_path / "study.toml", "--out", folder, *words)
    status, _, err = finish(run, timeout=900)
    assert status == 0, err
    found = rows(folder)
    for arm in ("targeted", "generic"):
        assert found[arm, 0]["rollouts"] == {"since_sft": 8, "in_all": 8}
        assert [point["step"] for point in found[arm, 0]["curve"]] == [1]
        assert len(found[arm, 0]["outcomes"]) == len(found["sft", 0]["outcomes"]) == 3
    assert found["targeted", 0]["tasks"] == found["sft", 0]["tasks"]
    assert found["imitated", 0]["training"]["stopped_because"] == "cpu_seconds"
    assert found["warm", 0]["warm_start"]["stopped_because"] == "cpu_seconds"
    assert found["warm-before", 0]["checkpoint"] == "rl-1/warm"
    # The second round is made of failures in the four rollouts of the first; there may be none.
    rounds = int(found["refreshed", 0]["checkpoint"].removeprefix("rl-"))
    assert rounds in (1, 2)
    assert found["refreshed", 0]["rollouts"] == {"since_sft": 4 * rounds, "in_all": 4 * rounds}
