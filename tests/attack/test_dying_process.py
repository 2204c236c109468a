"""The process that ``benchmarks/attack.py`` kills dies at every change that it makes, however it
makes it, and what is kept of a kill is what a real one leaves.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from dying_process import DIED, Ended, How, Operation, recorded, run
from folder_states import States

from harness.runtime import files

Work = Callable[[], object]


def begun(folder: Path) -> Path:
    folder.mkdir()
    (folder / "old").write_text("old")
    (folder / "sub").mkdir()
    (folder / "sub" / "inner").write_text("inner")
    (folder / "empty").mkdir()
    return folder


def in_folder(folder: Path, work: Callable[[Path], object], *, relative: bool = False) -> Work:
    def done() -> None:
        os.chdir(folder)
        work(Path() if relative else folder)

    return done


def through_a_folder(here: Path) -> None:
    number = os.open(here / "sub", os.O_RDONLY)
    os.unlink("inner", dir_fd=number)


def descriptor(here: Path) -> None:
    number = os.open(here / "new", os.O_WRONLY | os.O_CREAT)
    with os.fdopen(number, "wb") as file:
        file.write(b"12")


CHANGES: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "text": (lambda here: (here / "new").write_text("12"), ["open", "write"]),
    "bytes over old ones": (lambda here: (here / "old").write_bytes(b"12"), ["empty", "write"]),
    "a descriptor": (descriptor, ["open", "write"]),
    "an append": (
        lambda here: files.append(here / "old", "12\n", sync=True),
        ["truncate", "write", "sync", "sync"],
    ),
    "a replacement": (
        lambda here: files.replace(here / "old", "12"),
        ["open", "write", "sync", "os.rename", "sync"],
    ),
    "a copy": (lambda here: shutil.copyfile(here / "old", here / "new"), ["open", "write"]),
    "a link": (lambda here: os.link(here / "old", here / "new"), ["os.link"]),
    "a cut": (lambda here: os.truncate(here / "old", 1), ["os.truncate"]),
    "a folder": (lambda here: (here / "new").mkdir(), ["os.mkdir"]),
    "a folder less": (lambda here: (here / "empty").rmdir(), ["os.rmdir"]),
    "a file less": (lambda here: (here / "old").unlink(), ["os.remove"]),
    "a file less of an open folder": (through_a_folder, ["os.remove"]),
    "a tree less": (lambda here: shutil.rmtree(here / "sub"), ["os.remove", "os.rmdir"]),
    "a name": (lambda here: (here / "old").rename(here / "new"), ["os.rename"]),
    "nothing": (lambda here: (here / "sub").mkdir(exist_ok=True), []),
    "a look": (lambda here: (here / "old").read_text(), []),
}


def kept(
    tmp_path: Path, work: Callable[[Path], object], *, relative: bool = False
) -> tuple[States, list[Operation]]:
    folder, states = begun(tmp_path / "folder"), States(tmp_path / "states")
    ended, operations = recorded(
        in_folder(folder, work, relative=relative), folder, states, errors=tmp_path / "said.txt"
    )
    assert ended == Ended(status=0, said="")
    shutil.rmtree(folder)
    return states, operations


@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("change", CHANGES)
def test_every_change_is_an_operation(tmp_path: Path, change: str, relative: bool) -> None:
    work, expected = CHANGES[change]
    _, operations = kept(tmp_path, work, relative=relative)
    assert [operation.what for operation in operations] == expected


@pytest.mark.parametrize("change", ["an append", "a replacement", "a copy", "a tree less"])
@pytest.mark.parametrize("how", ["killed", "torn"])
def test_what_is_kept_of_a_kill_is_what_it_leaves(tmp_path: Path, change: str, how: How) -> None:
    work, _ = CHANGES[change]
    states, operations = kept(tmp_path, work)
    for at, operation in enumerate(operations, 1):
        if not operation.can(how):
            continue
        folder = begun(tmp_path / "folder")
        ended = run(in_folder(folder, work), folder, at=at, how=how, errors=tmp_path / "said.txt")
        assert ended.status == DIED
        assert states.take(folder) == (operation.torn if how == "torn" else operation.killed)
        shutil.rmtree(folder)


def test_a_state_is_put_back_as_it_was(tmp_path: Path) -> None:
    folder, states = begun(tmp_path / "folder"), States(tmp_path / "states")
    os.link(folder / "old", folder / "second name")
    (folder / "sub" / "inner").chmod(0o600)
    states.put(states.take(folder), tmp_path / "again")
    again = tmp_path / "again"
    assert states.take(again) == states.take(folder)
    assert again.joinpath("old").samefile(again / "second name")
    assert (again / "sub" / "inner").stat().st_mode & 0o777 == 0o600
    assert (again / "empty").is_dir()


def test_states_that_differ_in_seconds_alone_are_one(tmp_path: Path) -> None:
    folder, states = begun(tmp_path / "folder"), States(tmp_path / "states")
    found = []
    for text in ('{"seconds": 1.5}', '{"seconds": 2}', '{"second": 2}'):
        (folder / "timings").write_text(text)
        found.append(states.take(folder))
    assert found[0] == found[1] != found[2]


def test_a_full_disk_takes_half_a_write_and_lets_files_be_deleted(tmp_path: Path) -> None:
    def work(here: Path) -> None:
        with pytest.raises(OSError, match="No space left"):
            (here / "new").write_text("1234")
        with pytest.raises(OSError, match="No space left"):
            (here / "more").mkdir()
        (here / "old").unlink()

    folder = begun(tmp_path / "folder")
    ended = run(in_folder(folder, work), folder, at=2, how="full", errors=tmp_path / "said.txt")
    assert ended == Ended(status=0, said="")
    assert (folder / "new").read_text() == "12"
    assert not (folder / "more").exists()
    assert not (folder / "old").exists()
