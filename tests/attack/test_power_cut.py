"""What a power cut leaves: everything that was synced, and of the rest whatever is worst."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.run_folder import RunFolder
from harness.types.names import StationName

DISCOVERED = StationName.discover(1)


class Disk:
    """A folder, and what of it a power cut leaves: contents as they were when their file was last
    synced, under the names that were there when their folder was.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.contents: dict[int, bytes] = {}
        self.names: dict[int, dict[str, int]] = {}
        self.open: list[int] = []  # so that no number of a deleted file is given out again

    def synced(self, number: int) -> None:
        path, inode = Path(os.readlink(f"/proc/self/fd/{number}")), os.fstat(number).st_ino
        self.open.append(os.dup(number))
        if path.is_dir():
            self.names[inode] = {one.name: one.stat().st_ino for one in path.iterdir()}
        else:
            self.contents[inode] = path.read_bytes()

    def cut(self, folder: Path) -> None:
        """Write what is left into another folder."""
        self._restore(self.folder.stat().st_ino, folder)

    def _restore(self, inode: int, target: Path) -> None:
        if inode not in self.names:
            target.write_bytes(self.contents.get(inode, b""))
            return
        target.mkdir(parents=True)
        for name, inside in self.names[inode].items():
            self._restore(inside, target / name)


@contextmanager
def watched(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    disk, sync = Disk(folder), os.fsync

    def synced(number: int) -> None:
        sync(number)
        disk.synced(number)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", synced)
        yield disk
    for number in disk.open:
        os.close(number)


def worked(store: RunFolder) -> Iterator[str]:
    """Steps of a run; after each, what must be on the disk by now."""
    yield "config.json"
    with store.together():
        store.write_rows("rounds/1/diagnoses.jsonl", [{"n": 1}])
        store.write_json("rounds/1/discovery.json", {"evaluation": "x-validation"})
        store.mark(DISCOVERED)
    yield "rounds/1/discovery.json"
    store.append("evals/x-test/episodes.jsonl", {"n": 1})
    store.finish(StationName.evaluate("x", "test"), 1.0)
    yield "evals/x-test/episodes.jsonl"
    store.write_json("report.json", {"complete": True})
    yield "report.json"


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_what_a_station_left_survives_a_power_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    with watched(tmp_path / "run", monkeypatch) as disk:
        store = RunFolder.create(tmp_path / "run", {"domain": "weather"})
        due = [name for name, _ in zip(worked(store), range(steps), strict=False)]
        disk.cut(tmp_path / "cut")
    left = RunFolder.open(tmp_path / "cut")
    assert left.config == {"domain": "weather"}
    for name in due:
        assert (left.folder / name).read_bytes() == (store.folder / name).read_bytes()
    for station in left.done():
        assert left.is_done(station)


def test_only_lines_that_were_not_synced_are_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with watched(tmp_path / "run", monkeypatch) as disk:
        store = RunFolder.create(tmp_path / "run", {"domain": "weather"})
        store.append("rows.jsonl", {"n": 1})
        store.sync()
        store.append("rows.jsonl", {"n": 2})
        disk.cut(tmp_path / "cut")
    assert RunFolder.open(tmp_path / "cut").read_rows("rows.jsonl") == [{"n": 1}]


def test_a_folder_is_put_in_its_place_only_once_it_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename, put = os.replace, tmp_path / "run"

    def cut(source: Path, target: Path) -> None:
        if Path(target) == put:
            disk.folder = Path(source)
            disk.cut(tmp_path / "cut")
        rename(source, target)

    with watched(put, monkeypatch) as disk:
        monkeypatch.setattr(os, "replace", cut)
        with RunFolder.whole(put, {"domain": "weather"}) as store:
            store.append("rows.jsonl", {"n": 1})
    left = {path.name: path.read_bytes() for path in (tmp_path / "cut").iterdir()}
    assert left == {path.name: path.read_bytes() for path in put.iterdir()}
    assert left.keys() == {"config.json", "rows.jsonl"}
