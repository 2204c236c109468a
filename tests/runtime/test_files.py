"""Files and folders that are made beside their place, by one process or several."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.runtime import files


def test_two_that_make_others_in_one_folder_wait_for_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, lock = os.open(tmp_path, os.O_RDONLY), fcntl.flock
    lock(other, fcntl.LOCK_EX)

    def meanwhile(number: int, flags: int) -> None:
        if not flags & fcntl.LOCK_NB:
            lock(other, fcntl.LOCK_UN)  # as the other does, which has begun
        lock(number, flags)

    monkeypatch.setattr(fcntl, "flock", meanwhile)
    with files.whole(tmp_path / "made") as place:
        place.write_text("all of it")
    os.close(other)
    assert (tmp_path / "made").read_text() == "all of it"
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_two_that_make_the_same_do_not_wait(tmp_path: Path) -> None:
    with files.whole(tmp_path / "made") as place:
        place.write_text("mine")
        with pytest.raises(BlockingIOError), files.whole(tmp_path / "made"):
            pass
        assert place.read_text() == "mine"
    assert (tmp_path / "made").read_text() == "mine"


def test_scratch_of_the_dead_is_cleared_and_that_of_the_living_stays(tmp_path: Path) -> None:
    dead = tmp_path / "exports" / f".old{files.SCRATCH}"
    dead.mkdir(parents=True)
    (dead / "old").write_text("half of it")
    with files.whole(tmp_path / "exports" / "new") as place:
        place.mkdir()
        (place / f"rows{files.SCRATCH}").write_text("mine")
        files.clear_scratch(tmp_path)
        assert not dead.exists()
    assert [path.name for path in (tmp_path / "exports" / "new").iterdir()] == ["rows.part"]


def made_whole(path: Path) -> None:
    with files.whole(path) as place:
        place.write_text("text")


@pytest.mark.parametrize(
    "write",
    [
        lambda path: files.replace(path, "text"),
        lambda path: files.move(path.with_name("other"), path),
        made_whole,
    ],
)
def test_a_pipe_or_a_device_is_never_replaced(
    tmp_path: Path, write: Callable[[Path], None]
) -> None:
    pipe, other = tmp_path / "pipe", tmp_path / "other"
    os.mkfifo(pipe)
    other.write_text("x")
    with pytest.raises(OSError, match="no ordinary file"):
        write(pipe)
    assert pipe.is_fifo()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "pipe"]
