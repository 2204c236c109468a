"""The command in processes of its own: a stranger's domain, Ctrl-C, a kill, resuming."""

import json
import re
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

Harness = Callable[..., subprocess.Popen[str]]
Finish = Callable[..., tuple[int, str, str]]
Rows = Callable[[Path], list[dict[str, Any]]]

ARMS = ["base", "sft", "rl-1/warm", "rl-1", "generic-1"]
SETTINGS = """
domain = "weather"
observers = ["tally"]
validation_tasks = {validation}
validation_trials = 1
test_tasks = 8
test_trials = 2
targeted_tasks = 10
held_out_demonstrations = 4

[options.sft]
{sft}

[options.grpo]
max_steps = 1
resamples = 6
tasks_per_step = 4
num_generations = 4
"""


def written(folder: Path, *, sft: str, validation: int = 16) -> Path:
    path = folder / "tiny.toml"
    path.write_text(SETTINGS.format(sft=sft, validation=validation))
    return path


def loop(harness: Harness, config: Path, run: Path) -> subprocess.Popen[str]:
    return harness("loop", "--preset", "quick", "--config", config, "--out", run)


@pytest.fixture(scope="module")
def finished(harness: Harness, finish: Finish, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the whole loop on the weather domain, with a real model really trained."""
    folder = tmp_path_factory.mktemp("weather")
    status, out, err = finish(loop(harness, written(folder, sft="seconds = 20"), folder / "run"))
    assert status == 0, err
    assert re.search(r"^round 1 +\d", out, re.MULTILINE)
    return folder / "run"


@pytest.mark.slow
def test_a_strangers_domain_runs_through_the_whole_loop(
    finished: Path, harness: Harness, finish: Finish
) -> None:
    status, out, err = finish(harness("report", finished, "--json"))
    assert (status, err) == (0, "")
    report = json.loads(out)
    assert (report["run"], report["domain"], report["complete"]) == ("run", "weather", True)
    assert [arm["name"] for arm in report["arms"]] == ARMS
    assert [arm["faults"] for arm in report["arms"]] == [0] * len(ARMS)
    assert json.loads((finished / "config.json").read_text())["observers"] == ["tally"]


@pytest.mark.slow
def test_sft_warm_start_and_grpo_change_the_weights(finished: Path) -> None:
    from safetensors.numpy import load_file

    weights = {
        arm: load_file(model_of(finished, arm) / "model.safetensors")
        for arm in ("base", "sft", "rl-1/warm", "rl-1")
    }
    record = json.loads((finished / "checkpoints/rl-1/checkpoint.json").read_text())["record"]
    # Where all rollouts of each group earn the same, there is nothing to learn.
    learned = any(point["rollouts_trained_on"] for point in record["curve"])
    changed = [True, True, learned]
    for (before, after), changes in zip(pairwise(weights), changed, strict=True):
        one, other = weights[before], weights[after]
        assert one.keys() == other.keys()
        assert any((one[name] != other[name]).any() for name in other) == changes


@pytest.mark.slow
def test_every_targeted_task_of_the_run_leads_back_to_its_failure(
    finished: Path, rows: Rows
) -> None:
    tasks = rows(finished / "rounds" / "1" / "tasks.jsonl")
    patterns = {row["id"]: row for row in rows(finished / "rounds" / "1" / "patterns.jsonl")}
    blamed = {row["trajectory_id"] for row in rows(finished / "rounds" / "1" / "diagnoses.jsonl")}
    had = rows(finished / "evals" / "sft-validation" / "episodes.jsonl")
    failed = {
        row["trajectory"]["id"]: row["trajectory"] for row in had if not row["score"]["success"]
    }
    assert tasks
    assert blamed <= set(failed)
    for task in tasks:
        origin = task["origin"]
        assert origin["trajectory_id"] in patterns[origin["pattern_id"]]["members"]
        assert origin["trajectory_id"] in blamed
        assert failed[origin["trajectory_id"]]["task_id"] == origin["parent_task_id"]
    assert {task["origin"]["pattern_id"] for task in tasks} == set(patterns)


@pytest.mark.slow
def test_a_model_folder_of_a_run_is_a_policy(
    finished: Path, harness: Harness, finish: Finish, tmp_path: Path
) -> None:
    model = model_of(finished, "rl-1")
    sizes = ["--tasks", 2, "--trials", 1, "--out", tmp_path / "run", "--json"]
    status, out, err = finish(harness("eval", "--domain", "weather", "--policy", model, *sizes))
    assert status == 0, err
    assert json.loads(out)["arms"][0]["tasks"] == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("moment", "before"),
    [
        ("evaluate base on test · done", ["base", "evaluate base on test"]),
        ("sft · done", ["base", "evaluate base on test", "sft"]),
    ],
)
def test_an_interrupted_loop_is_finished_by_resume_without_repeating_stations(
    harness: Harness,
    finish: Finish,
    rows: Rows,
    tmp_path: Path,
    moment: str,
    before: Sequence[str],
) -> None:
    run = tmp_path / "run"
    process = loop(harness, written(tmp_path, sft="max_steps = 12"), run)
    wait_for(process, moment)
    process.send_signal(signal.SIGINT)
    status, out, err = finish(process)
    assert (status, out) == (130, "")
    assert "Traceback" not in err
    assert f"--resume {run}" in err
    assert [row["station"] for row in rows(run / "timings.jsonl")] == before
    made = (model_of(run, "base") / "model.safetensors").stat().st_mtime_ns

    moved = run.rename(tmp_path / "moved")
    status, out, err = finish(harness("loop", "--resume", moved, "--json"))
    assert status == 0, err
    report = json.loads(out)
    assert report["complete"] is True
    assert [arm["name"] for arm in report["arms"]] == ARMS
    stations = [row["station"] for row in rows(moved / "timings.jsonl")]
    assert stations[: len(before)] == before
    assert len(set(stations)) == len(stations)
    assert (model_of(moved, "base") / "model.safetensors").stat().st_mtime_ns == made


@pytest.mark.slow
def test_a_killed_evaluation_goes_on_to_the_same_bytes(
    harness: Harness, finish: Finish, tmp_path: Path
) -> None:
    words = ["eval", "--domain", "weather", "--policy", "noisy:0.5", "--seed", 5]
    sizes = ["--tasks", 60, "--trials", 20]
    status, _, err = finish(harness(*words, *sizes, "--out", tmp_path / "whole"))
    assert status == 0, err
    expected = (tmp_path / "whole" / "evals" / "policy-test" / "episodes.jsonl").read_bytes()

    killed = tmp_path / "killed" / "evals" / "policy-test" / "episodes.jsonl"
    process = harness(*words, *sizes, "--out", tmp_path / "killed")
    until(lambda: killed.exists() and killed.stat().st_size > 50_000)
    process.send_signal(signal.SIGKILL)
    assert finish(process)[0] == -signal.SIGKILL
    had = killed.read_bytes()
    assert len(had) < len(expected)
    killed.write_bytes(had[:-40])

    status, _, err = finish(harness("eval", "--resume", tmp_path / "killed"))
    assert status == 0, err
    assert "incomplete last line" in err
    assert killed.read_bytes() == expected


@pytest.mark.slow
def test_a_run_in_use_is_kept_from_a_second_process(
    harness: Harness, finish: Finish, tmp_path: Path
) -> None:
    words = ["eval", "--domain", "weather", "--policy", "noisy:0.5", "--tasks", 60, "--trials", 30]
    run = tmp_path / "run"
    process = harness(*words, "--out", run)
    until(lambda: (run / "evals").exists())
    status, out, err = finish(harness("discover", run))
    finish_first = finish(process)
    assert (status, out) == (1, "")
    assert "in use by another process" in err
    assert finish_first[0] == 0


def model_of(run: Path, arm: str) -> Path:
    """The model folder of an arm, wherever the run folder lies now."""
    kept = json.loads((run / "checkpoints" / arm / "checkpoint.json").read_text())["path"]
    assert not Path(kept).is_absolute()
    return run / kept


def wait_for(process: subprocess.Popen[str], words: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return
    raise AssertionError(f"the process ended before it said {words!r}")


def until(condition: Callable[[], bool], *, seconds: float = 60) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.005)
