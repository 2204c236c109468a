"""Files that are written together are all new or all old, wherever the process dies."""

import contextlib
import json
import os
from pathlib import Path

import pytest

from harness.errors import RunError
from harness.run_folder import CONFIG, FolderFiles, RunFolder
from harness.runtime import files

OLD, NEW = {"a.json": 1, "b/c.json": 1, "gone.json": 1}, {"a.json": 2, "b/c.json": 2, "d.json": 2}


class Killed(BaseException):
    """What ends the process here, so that no `except Exception` survives it."""


def begun(folder: Path) -> RunFolder:
    store = RunFolder.create(folder, {"domain": "weather"})
    for name, value in OLD.items():
        store.write_json(name, value)
    return store


def changed(store: RunFolder) -> None:
    with store.together():
        for name, value in NEW.items():
            store.write_json(name, value)
        store.remove("gone.json")


def held(store: FolderFiles) -> dict[str, object]:
    names = sorted({*OLD, *NEW})
    return {name: store.read_value(name, int) for name in names if store.has(name)}


@pytest.mark.parametrize("call", ["replace", "unlink", "rmdir", "fsync"])
@pytest.mark.parametrize("at", range(12))
def test_a_step_is_whole_wherever_it_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, at: int
) -> None:
    store, left = begun(tmp_path / "run"), [at]
    real = getattr(os, call)

    def dying(*words: object, **named: object) -> object:
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        return real(*words, **named)

    with monkeypatch.context() as patch:
        patch.setattr(os, call, dying)
        with contextlib.suppress(Killed):
            changed(store)
    found = RunFolder.open(tmp_path / "run")
    assert held(found) in (OLD, NEW)
    with found.lock():
        changed(found)
    assert held(found) == NEW
    assert not (found.folder / "pending").exists()


def test_what_raises_changes_nothing(tmp_path: Path) -> None:
    store = begun(tmp_path / "run")
    with pytest.raises(ZeroDivisionError), store.together():
        store.write_json("a.json", 1 / 0 if store.write_json("d.json", 2) is None else 0)
    assert held(store) == OLD
    assert held(RunFolder.open(tmp_path / "run")) == OLD


def test_within_a_step_files_are_read_as_they_were(tmp_path: Path) -> None:
    store = begun(tmp_path / "run")
    with store.together():
        store.write_json("a.json", 2)
        store.write_json("a.json", 3)
        store.write_json("d.json", 4)
        assert store.read_value("a.json", int) == 1
        assert not store.has("d.json")
    assert (store.read_value("a.json", int), store.read_value("d.json", int)) == (3, 4)


@pytest.mark.parametrize("name", ["../outside", "/outside", "pending/../../outside"])
def test_the_journal_of_a_stranger_reaches_nothing_outside(tmp_path: Path, name: str) -> None:
    store = begun(tmp_path / "run")
    (tmp_path / "outside").write_text("mine")
    pending = store.folder / "pending"
    pending.mkdir()
    (pending / "0").write_text("theirs")
    for listed in ({name: "0"}, {name: None}, {"a.json": name}):
        (pending / "journal.json").write_text(json.dumps(listed))
        with pytest.raises(RunError, match="left alone"):
            RunFolder.open(store.folder)
    assert (tmp_path / "outside").read_text() == "mine"


@pytest.mark.parametrize("text", ["", "[]", '{"a.json": 3}', "[" * 99_999, "\xff"])
def test_a_damaged_journal_is_said(tmp_path: Path, text: str) -> None:
    store = begun(tmp_path / "run")
    (store.folder / "pending").mkdir()
    (store.folder / "pending" / "journal.json").write_text(text, encoding="latin-1")
    with pytest.raises(RunError, match=r"journal\.json is damaged"):
        RunFolder.open(store.folder)


def test_a_run_that_was_never_begun_is_not_in_the_way(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    (folder / "pending").mkdir(parents=True)
    (folder / "pending" / "0").write_text("half")
    assert RunFolder.create(folder, {"domain": "weather"}).config == {"domain": "weather"}
    assert (folder / CONFIG).is_file()


def test_a_run_that_died_just_as_it_was_begun_is_a_run(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    (folder / "pending").mkdir(parents=True)
    (folder / "pending" / "0").write_text('{"domain": "weather"}')
    (folder / "pending" / "journal.json").write_text(json.dumps({CONFIG: "0"}))
    assert RunFolder.is_one(folder)
    with pytest.raises(RunError, match="already holds a run"):
        RunFolder.create(folder, {"domain": "retail"})
    assert RunFolder.open(folder).config == {"domain": "weather"}


def test_what_is_made_as_a_whole_begins_without_what_a_killed_process_left(tmp_path: Path) -> None:
    left = tmp_path / ".made.part"
    for name in ("made", "made.part"):  # the second is of who makes it, by a way of its own
        (left / name / "sub").mkdir(parents=True)
        (left / name / "sub" / "half").write_text("half")
    with files.whole(tmp_path / "made") as place:
        assert [*place.parent.iterdir()] == []
        place.mkdir()
        (place / "new").write_text("new")
    assert [path.name for path in tmp_path.rglob("*")] == ["made", "new"]
