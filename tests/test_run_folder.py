import errno
import json
import os
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import RunError
from harness.run_folder import LOCK, RunFolder
from harness.run_folder.marks import left_in
from harness.types import (
    Change,
    Checkpoint,
    Diagnosis,
    Episode,
    Grade,
    Message,
    Scenario,
    Score,
    Task,
    TermScore,
    ToolCall,
    Trajectory,
)


@pytest.fixture
def store(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "run", {"domain": "weather"})


def task(name: str) -> Task:
    return Task(
        id=name,
        domain="weather",
        split="test",
        scenario=Scenario(reason="rain"),
        world={"seed": 1},
        gold=(ToolCall(name="add", arguments={"ids": ["a", "b"], "n": 1.5}),),
    )


def episode(of: Task, trial: int = 0) -> Episode:
    call = ToolCall(name="add", arguments={"ids": ["a"]}, id="call_1")
    return Episode(
        task=of,
        trajectory=Trajectory(
            id=f"{of.id}-{trial}",
            task_id=of.id,
            trial=trial,
            policy="expert",
            seed=7,
            messages=(
                Message(role="assistant", content="Hi"),
                Message(role="user", content="[/x] ünïcode\n"),
                Message(role="assistant", calls=(call,)),
                Message(role="tool", content="{}", call_id="call_1", is_error=True),
            ),
            ended="user_stop",
        ),
        grade=Grade(success=False, actual=(Change(path=("a", "b"), before=None, after=[1]),)),
        score=Score(success=False, terms=(TermScore(name="x", value=-0.5, note="n"),), total=-0.5),
    )


def test_values_come_back_equal(store: RunFolder) -> None:
    diagnosis = Diagnosis(
        trajectory_id="t", task_id="a", blame="agent", kind="wrong_order", turn=3, summary="No."
    )
    store.write_values("rounds/1/diagnoses.jsonl", Diagnosis, [diagnosis])
    assert store.read_values("rounds/1/diagnoses.jsonl", Diagnosis) == [diagnosis]


def test_episodes_come_back_equal_with_their_tasks(store: RunFolder) -> None:
    episodes = [episode(task("a")), episode(task("a"), trial=1), episode(task("b"))]
    for one in episodes:
        store.append_episode("sft-test", one)
    assert store.read_episodes("sft-test", [task("a"), task("b")]) == episodes


def test_a_torn_last_line_is_dropped_with_a_warning_and_nothing_else_is_lost(
    store: RunFolder,
) -> None:
    warnings: list[str] = []
    store.warn = warnings.append
    store.append("rows.jsonl", {"n": 1})
    store.append("rows.jsonl", {"n": 2})
    path = store.folder / "rows.jsonl"
    path.write_text(path.read_text() + '{"n": 3, "tor')
    assert store.read_rows("rows.jsonl") == [{"n": 1}, {"n": 2}]
    assert len(warnings) == 1
    assert "incomplete last line" in warnings[0]
    assert path.read_text().endswith("tor")  # not ours to fix: it may be being written
    with store.lock():
        store.read_rows("rows.jsonl")
    store.append("rows.jsonl", {"n": 4})
    assert [row["n"] for row in store.read_rows("rows.jsonl")] == [1, 2, 4]


@pytest.mark.parametrize("whole", ['{"n": 1}\n{"n": 2}\n', ""], ids=["after lines", "alone"])
def test_a_torn_last_line_is_cut_off_before_a_line_is_appended(
    store: RunFolder, whole: str
) -> None:
    warnings: list[str] = []
    store.warn = warnings.append
    path = store.folder / "rows.jsonl"
    path.write_text(whole + '{"n": 3, "tor')
    store.append("rows.jsonl", {"n": 4})
    assert path.read_text() == whole + '{"n": 4}\n'
    assert warnings == [f"{path}: dropped an incomplete last line (13 bytes)"]


@pytest.mark.parametrize("name", ["timings.jsonl", "evals/sft-test/episodes.jsonl", "rows.jsonl"])
def test_no_file_of_lines_is_spoiled_by_a_torn_one(store: RunFolder, name: str) -> None:
    def write() -> None:
        store.finish("train sft", 1.0)
        store.append_episode("sft-test", episode(task("a")))
        store.append_values("rows.jsonl", Task, [task("a")])

    write()
    path = store.folder / name
    path.write_bytes(path.read_bytes()[:-5])
    write()
    assert len(store.read_rows(name)) == 1


def test_a_line_may_hold_any_character(store: RunFolder) -> None:
    odd = Diagnosis(
        trajectory_id="t", task_id="a", blame="agent", kind="x", turn=0, summary="a\u2028b\x85c"
    )
    store.write_values("rounds/1/diagnoses.jsonl", Diagnosis, [odd])
    assert store.read_values("rounds/1/diagnoses.jsonl", Diagnosis) == [odd]


def test_half_a_surrogate_pair_in_an_argument_survives(store: RunFolder) -> None:
    call = ToolCall(name="add", arguments={"text": "half \ud83d"})
    whole = episode(task("a"))
    message = Message(role="assistant", calls=(call,))
    odd = replace(whole, trajectory=replace(whole.trajectory, messages=(message,)))
    store.append_episode("sft-test", odd)
    assert store.read_episodes("sft-test", [task("a")]) == [odd]


def test_a_line_of_an_evaluation_that_does_not_fit_is_numbered(store: RunFolder) -> None:
    store.append_episode("sft-test", episode(task("a")))
    store.append("evals/sft-test/episodes.jsonl", {"trajectory": {}})
    with pytest.raises(RunError, match=r"episodes\.jsonl, line 2 does not fit this version"):
        store.read_episodes("sft-test", [task("a")])
    path = store.folder / "evals" / "sft-test" / "episodes.jsonl"
    path.write_text("{torn\n")
    with pytest.raises(RunError, match=r"episodes\.jsonl, line 1: not JSON"):
        store.read_episodes("sft-test", [task("a")])


def test_only_evaluations_with_conversations_are_listed(store: RunFolder) -> None:
    assert store.evaluations() == []
    for name in ("sft-test", "base-test"):
        store.append_episode(name, episode(task("a")))
    (store.folder / "evals" / "rl-1-test").mkdir()
    assert store.evaluations() == ["base-test", "sft-test"]


def test_a_warm_start_has_an_evaluation_and_weights_kept_on_the_way_have_none(
    store: RunFolder,
) -> None:
    for name in ("rl-1/warm-test", "rl-1-test", "rl-1/step-5-test"):
        store.append_episode(name, episode(task("a")))
    assert store.evaluations() == ["rl-1-test", "rl-1/warm-test"]


def test_a_damaged_line_in_the_middle_is_named(store: RunFolder) -> None:
    (store.folder / "rows.jsonl").write_text('{"n": 1}\nnot json\n{"n": 3}\n')
    with pytest.raises(RunError, match="line 2: not JSON"):
        store.read_rows("rows.jsonl")


def test_a_folder_without_a_config_is_not_a_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"is not a run folder: it has no config\.json"):
        RunFolder.open(tmp_path)
    with pytest.raises(RunError, match="does not exist"):
        RunFolder.open(tmp_path / "nowhere")


def test_a_run_is_never_overwritten(store: RunFolder) -> None:
    with pytest.raises(RunError, match="already holds a run") as caught:
        RunFolder.create(store.folder, {})
    assert "resume" in caught.value.hint


def test_a_station_is_done_only_after_it_finished(store: RunFolder) -> None:
    assert not store.is_done("train rl-1")
    store.finish("train rl-1", 2.5)
    assert store.is_done("train rl-1")
    assert store.seconds() == {"train rl-1": 2.5}
    store.reopen("train rl-1")
    assert not store.is_done("train rl-1")


def test_a_full_disk_is_said_and_leaves_the_old_file_whole(
    store: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write_json("report.json", {"old": True})

    def full(number: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match="no space left") as caught:
        store.write_json("report.json", {"new": True})
    assert "resume" in caught.value.hint
    assert json.loads((store.folder / "report.json").read_text()) == {"old": True}
    assert [p.name for p in store.folder.glob("*.part")] == []


def test_a_missing_checkpoint_is_named(store: RunFolder) -> None:
    with pytest.raises(RunError, match="no checkpoint 'sft'"):
        store.read_checkpoint("sft")
    checkpoint = Checkpoint(id="1", policy="tiny", path="x", record={"losses": [1.0, 0.5]})
    store.write_checkpoint("sft", checkpoint)
    assert store.read_checkpoint("sft") == checkpoint


def test_a_moved_run_folder_finds_its_models(store: RunFolder, tmp_path: Path) -> None:
    model = store.folder / "checkpoints" / "sft" / "model"
    model.mkdir(parents=True)
    store.write_checkpoint("sft", Checkpoint(id="1", policy="tiny", path=str(model)))
    assert store.read_checkpoint("sft").path == str(model)
    moved = store.folder.rename(tmp_path / "moved")
    found = RunFolder.open(moved).read_checkpoint("sft").path
    assert found == str(moved / "checkpoints" / "sft" / "model")


def test_a_second_process_is_kept_out(store: RunFolder) -> None:
    with store.lock(), pytest.raises(RunError, match="in use"), store.lock():
        pass


@pytest.mark.parametrize(
    "error",
    [BrokenPipeError("stdout"), TimeoutError("judge"), ConnectionRefusedError("server")],
    ids=lambda error: type(error).__name__,
)
def test_what_goes_wrong_while_the_folder_is_held_keeps_its_name(
    store: RunFolder, error: OSError
) -> None:
    with pytest.raises(type(error)) as caught, store.lock():
        raise error
    assert caught.value is error
    with store.lock():
        pass  # it was let go


def test_a_folder_that_cannot_be_locked_is_said(store: RunFolder) -> None:
    (store.folder / LOCK).mkdir()
    with pytest.raises(RunError, match=r"cannot write .*run\.lock") as caught, store.lock():
        pass
    assert "Fix the permissions" in caught.value.hint


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was synced and renamed, in order."""
    done: list[str] = []
    fsync, replace_ = os.fsync, os.replace

    def sync(number: int) -> None:
        fsync(number)
        done.append(f"sync {Path(os.readlink(f'/proc/self/fd/{number}')).name}")

    def rename(source: Path, target: Path) -> None:
        replace_(source, target)
        done.append(f"rename {target.name}")

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "replace", rename)
    return done


on_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@on_linux
def test_a_file_is_on_disk_before_its_name_is_and_both_when_the_call_returns(
    store: RunFolder, disk: list[str]
) -> None:
    store.write_json("rounds/1/refused.json", {})
    made = ["sync rounds", "sync run"]
    written = ["sync refused.json.part", "rename refused.json", "sync 1"]
    assert disk == made + written


@on_linux
def test_what_a_step_of_training_adds_is_on_disk_at_once(store: RunFolder, disk: list[str]) -> None:
    store.append_values("rows.jsonl", Task, [task("a")])
    assert disk == ["sync rows.jsonl", "sync run"]


@on_linux
def test_no_conversation_waits_for_the_disk_but_the_mark_of_its_station_does(
    store: RunFolder, disk: list[str]
) -> None:
    store.append_episode("sft-test", episode(task("a")))
    assert "sync episodes.jsonl" not in disk
    store.finish("evaluate sft", 1.0)
    wanted = ["sync episodes.jsonl", "sync timings.jsonl", "rename evaluate-sft.json"]
    assert [step for step in disk if step in wanted] == wanted


@on_linux
def test_weights_are_on_disk_before_their_checkpoint_is(store: RunFolder, disk: list[str]) -> None:
    model = store.folder / "checkpoints" / "sft" / "model"
    model.mkdir(parents=True)
    (model / "weights").write_text("1")
    store.write_checkpoint("sft", Checkpoint(id="1", policy="tiny", path=str(model)))
    assert disk.index("sync weights") < disk.index("rename checkpoint.json")
    assert disk.index("sync model") < disk.index("rename checkpoint.json")


def test_a_file_of_many_rows_is_never_held_as_a_whole(store: RunFolder) -> None:
    name, text = "evals/sft-test/episodes.jsonl", "x" * 1000
    tracemalloc.start()
    try:
        store.write_rows(name, ({"text": text} for _ in range(20_000)))
        left = left_in(name, store.path(name))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert left.lines == len(left.each) == 20_000
    assert store.path(name).stat().st_size > 20_000_000
    assert most < 8_000_000
