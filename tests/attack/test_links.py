"""Neither a link nor a name in a folder of others reaches a file outside it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from harness.assembly.config import load_config
from harness.assembly.opening import Needs, begin_run
from harness.assembly.trust import Wish
from harness.discovery.station import evaluation_read
from harness.errors import RunError
from harness.evaluation.station import read_evaluation
from harness.interchange.runs import recorded_run
from harness.llm.roles import open_registry
from harness.loop import evaluate_once, write_report
from harness.run_folder import FolderFiles, RunFolder
from harness.run_folder.weights import refuse_damaged
from harness.runtime import files
from harness.runtime.inside import LeadsOutside, links_out, place
from harness.study.folder import StudyFolder
from harness.types import Checkpoint, Scenario, Task

Command = Callable[..., Any]

SECRET = "the user's own\n"

NAMES = (
    "report.json", "report.json.part", "config.json.part", "calls.json.part", "timings.jsonl",
    "vetoes.jsonl", "proofs.jsonl", "run.lock", "done", "done/evaluate-policy-test.json.part",
    "rounds/1/map.svg", "rounds/1/map.svg.part", "rounds/1/tasks.jsonl", "exports",
    "exports/tau2-policy-test.json.part", "evals/policy-test/episodes.jsonl",
    "checkpoints/rl-1/model", "checkpoints/rl-1/model/config.json", "checkpoints/rl-1/scratch",
)  # fmt: skip


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A file of the user's, in a folder of the user's."""
    file = tmp_path / "home" / ".bashrc"
    file.parent.mkdir()
    file.write_text(SECRET)
    return file


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder as `harness eval` leaves it."""
    flags = {"preset": "quick", "domain": "retail", "policy": "noop", "test_tasks": 2,
             "test_trials": 1}  # fmt: skip
    folder = tmp_path_factory.mktemp("recorded") / "run"
    config = load_config(flags=flags)
    needs = Needs(splits=["test"], training=False)
    with begin_run(config, needs, open_registry(), folder) as (parts, store):
        evaluate_once(parts, store, "test")
        write_report(parts, store, complete=True)
    return folder


@pytest.fixture
def run(recorded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(recorded, tmp_path / "theirs"))


def link(run: Path, name: str, target: Path) -> None:
    path = run / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def state(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


COMMANDS = (
    ("report", "RUN"), ("tasks", "RUN"), ("why", "1", "RUN"), ("rescore", "RUN"),
    ("export", "RUN", "--format", "tau2"), ("ablate", "RUN"), ("discover", "RUN", "--again"),
    ("eval", "--resume", "RUN"), ("loop", "--resume", "RUN"), ("inject", "RUN"), ("train", "RUN"),
    ("tasks", "RUN", "--veto", "x"),
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_run_folder_with_a_link_out_of_it_is_not_opened(
    command: Command, run: Path, own: Path, name: str
) -> None:
    is_folder = name in ("done", "exports", "checkpoints/rl-1/model", "checkpoints/rl-1/scratch")
    link(run, name, own.parent if is_folder else own)
    before = state(own.parent)
    for words in COMMANDS[:3] if name != NAMES[0] else COMMANDS:
        done = command(*(run if word == "RUN" else word for word in words))
        assert done.status == 1, words
        assert f"{run / name} is left alone: it is a link that leaves the folder" in done.err
    assert state(own.parent) == before


def test_a_link_that_stays_in_the_folder_may_be_read(command: Command, run: Path) -> None:
    (run / "evals").rename(run / "kept")
    (run / "evals").symlink_to("kept")
    assert command("report", run).status == 0
    assert command("rescore", run).status == 0


def test_a_folder_may_itself_be_reached_by_a_link(
    command: Command, run: Path, tmp_path: Path
) -> None:
    (tmp_path / "short").symlink_to(run)
    assert command("report", tmp_path / "short").status == 0


def test_a_study_folder_with_a_link_out_of_it_is_not_opened(tmp_path: Path, own: Path) -> None:
    (tmp_path / "study" / "rows").mkdir(parents=True)
    (tmp_path / "study" / "study.json").write_text("{}")
    (tmp_path / "study" / "rows" / "0").symlink_to(own.parent)
    with pytest.raises(RunError, match="it is a link that leaves the folder"):
        StudyFolder.open(tmp_path / "study")


# --- even in a folder that is open ----------------------------------------------------------------


@pytest.mark.parametrize("name", ["report.json", "rounds/1/tasks.jsonl", "exports/a.svg"])
def test_a_scratch_file_is_made_anew(tmp_path: Path, own: Path, name: str) -> None:
    store = FolderFiles(tmp_path / "open")
    link(store.folder, f"{name}.part", own)
    store.write_json(name, {"a": 1})
    assert store.read_table(name) == {"a": 1}
    assert own.read_text() == SECRET
    assert not os.path.lexists(store.folder / f"{name}.part")


def test_a_link_in_a_files_place_is_replaced_and_its_target_is_not(
    tmp_path: Path, own: Path
) -> None:
    link(tmp_path / "open", "a.json", own)
    files.replace(tmp_path / "open" / "a.json", "new")
    assert (tmp_path / "open" / "a.json").read_text() == "new"
    assert own.read_text() == SECRET


@pytest.mark.parametrize("inside", [False, True])
def test_nothing_is_appended_through_a_link(tmp_path: Path, own: Path, inside: bool) -> None:
    store = RunFolder(tmp_path / "open")
    store.append("other.jsonl", {"n": 1})
    target = store.folder / "other.jsonl" if inside else own
    for name in ("timings.jsonl", "vetoes.jsonl", "evals/a/episodes.jsonl"):
        link(store.folder, name, target)
        with pytest.raises(RunError, match="is left alone"):
            store.append(name, {"n": 2})
        with pytest.raises(RunError, match="is left alone"):
            store.append_values(name, Task, [_task()])
    assert store.read_rows("other.jsonl") == [{"n": 1}]
    assert own.read_text() == SECRET


@pytest.mark.parametrize("name", ["run.lock", "timings.jsonl", "report.json"])
def test_a_pipe_in_a_files_place_holds_nobody_up(tmp_path: Path, name: str) -> None:
    store = RunFolder(tmp_path)
    os.mkfifo(tmp_path / name)

    def use() -> None:
        if name == "run.lock":
            with store.lock():
                pass
        elif name == "timings.jsonl":
            store.append(name, {"n": 1})
        else:
            store.read_table(name)

    with pytest.raises(RunError, match="is left alone: it is no ordinary file"):
        use()


OUTSIDE = ("../home/.bashrc", "/etc/passwd", "a/../../home/.bashrc", "", "..", "a\0b")


@pytest.mark.parametrize("name", OUTSIDE)
def test_no_name_leaves_the_folder(tmp_path: Path, own: Path, name: str) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    with pytest.raises(LeadsOutside):
        place(folder, name)
    store = FolderFiles(folder)
    for use in (store.has, store.read_table, store.read_rows, store.remove):
        with pytest.raises(RunError, match=r"is left alone: (the name leads|no file can have)"):
            use(name)
    with pytest.raises(RunError):
        store.append(name, {})
    assert own.read_text() == SECRET


@pytest.mark.parametrize("name", ["../../home", "/etc", "../../../etc/passwd"])
def test_an_evaluation_named_in_a_row_is_one_of_the_folder(run: Path, own: Path, name: str) -> None:
    kept = run / "evals" / "policy-test" / "episodes.jsonl"
    (own.parent / "episodes.jsonl").write_bytes(kept.read_bytes())
    store = RunFolder.open(run)
    store.write_json("rounds/1/discovery.json", {"evaluation": name, "method": "x"})
    read = evaluation_read(store, 1)
    assert read == name
    with pytest.raises(RunError):
        read_evaluation(store, read)
    with pytest.raises(RunError):
        recorded_run(open_registry(), store, read)


@pytest.mark.parametrize("name", ["../../home", "/etc"])
def test_an_evaluation_named_in_a_command_is_one_of_the_folder(
    command: Command, run: Path, name: str
) -> None:
    for words in (("export", run, "--format", "tau2"), ("rescore", run), ("discover", run)):
        done = command(*words, "--evaluation", name)
        assert done.status == 1
        assert "Traceback" not in done.err


def test_a_checkpoint_in_the_folder_is_one_that_its_path_does_not_leave(tmp_path: Path) -> None:
    store = RunFolder(tmp_path / "run")
    (tmp_path / "evil").mkdir()
    for path in ("../evil", str(tmp_path / "evil")):
        store.write_checkpoint("sft", Checkpoint(id="1", policy="tiny", path=path))
        assert store.models_elsewhere() == [path]


def test_links_are_found_at_any_depth_and_none_is_followed(tmp_path: Path, own: Path) -> None:
    deep = tmp_path / "run" / "/".join("abcdefgh")
    deep.mkdir(parents=True)
    (deep / "out").symlink_to(own)
    (deep / "round").symlink_to(tmp_path / "run")
    (tmp_path / "run" / "dangling").symlink_to(tmp_path / "not-yet")
    found = {path.name for path in links_out(tmp_path / "run")}
    assert found == {"out", "dangling"}


def _task() -> Task:
    return Task(id="t", domain="d", split="test", scenario=Scenario(reason="r"), world={})


@pytest.mark.parametrize("name", ["a\0b", "\ud83d", "models/\udfff/x", "\0"])
def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(LeadsOutside, match="no file can have that name"):
        place(tmp_path, name)
    store = RunFolder.create(tmp_path / "run", {})
    made = Checkpoint(id="1", policy="path", path=name, digests={"a": "b"})
    plain = TypeAdapter(Checkpoint).dump_python(made)
    store.write_text("checkpoints/base/checkpoint.json", json.dumps(plain))
    assert store.models_elsewhere() == [name]
    assert len(Wish(what="model", value=name, why="").digest) == 64
    with pytest.raises(RunError, match=r"is missing|cannot read the model"):
        refuse_damaged(store.read_checkpoint("base"))
