"""Turns run in order, side by side where they may, and only while there is time."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import RunError
from harness.study.folder import StudyFolder
from harness.study.schedule import Clock, forecast, run_one_by_one, run_side_by_side
from harness.study.spec import Turn, parse_study

TABLE: dict[str, Any] = {
    "title": "t",
    "seeds": [0, 1],
    "settings": {"preset": "quick", "domain": "weather", "warm_start": False},
    "arms": {
        "sft": {},
        "targeted": {"trains": "targeted"},
        "generic": {"trains": "generic"},
        "continued": {
            "trains": "demonstrations",
            "as_long_as": "targeted",
            "budget": "sft.cpu_seconds",
        },
    },
}
ORDER = ["shared", "sft", "targeted", "generic", "continued"]


class Laboratory:
    """A study whose turns take no time: who began when, and beside whom."""

    def __init__(self, folder: Path, seconds: float = 60.0) -> None:
        self.folder = StudyFolder.begin(folder, parse_study(TABLE, "study.toml"))
        self.turns = self.folder.study.turns()
        self.begun: list[tuple[str, set[str], int]] = []
        self.running: set[str] = set()
        self._seconds = seconds

    def finish(self, turn: Turn) -> None:
        self.begun.append((turn.arm, set(self.running), 1))
        self.folder.finish(turn, {"seconds": {"train": self._seconds}})

    def start(self, turn: Turn, place: int, of: int, fails: str = "") -> "Process":
        self.begun.append((turn.arm, set(self.running), of))
        self.running.add(turn.arm)
        return Process(self, turn, status=int(turn.arm == fails))


class Process:
    """Is at work for two looks at it."""

    def __init__(self, lab: Laboratory, turn: Turn, status: int) -> None:
        self._lab, self._turn, self._status, self._looks = lab, turn, status, 0

    def poll(self) -> int | None:
        self._looks += 1
        if self._looks < 3:
            return None
        self._lab.running.remove(self._turn.arm)
        if not self._status:
            self._lab.folder.finish(self._turn, {"seconds": {"train": 60.0}})
        return self._status


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Laboratory:
    monkeypatch.setattr("harness.study.schedule.POLL", 0.0)
    return Laboratory(tmp_path / "study")


def minutes_from(now: list[float]) -> Callable[[], float]:
    return lambda: now[0]


def test_one_by_one_everything_is_done_in_order(lab: Laboratory) -> None:
    assert run_one_by_one(lab.folder, lab.turns, Clock(None), lab.finish) == []
    assert [arm for arm, _, _ in lab.begun] == ORDER * 2


def test_what_is_done_is_not_done_again(lab: Laboratory) -> None:
    run_one_by_one(lab.folder, lab.turns[:3], Clock(None), lab.finish)
    run_one_by_one(lab.folder, lab.turns, Clock(None), lab.finish)
    assert [arm for arm, _, _ in lab.begun] == ORDER * 2


def test_what_another_process_did_meanwhile_is_not_done_again(lab: Laboratory) -> None:
    def work(turn: Turn) -> None:
        lab.finish(turn)
        if turn.arm == "sft":
            lab.folder.finish(Turn(seed=turn.seed, arm="targeted"), {})

    assert run_one_by_one(lab.folder, lab.turns, Clock(None), work) == []
    assert "targeted" not in [arm for arm, _, _ in lab.begun]


def test_nothing_is_begun_that_would_not_end_in_time(lab: Laboratory) -> None:
    now = [0.0]

    def work(turn: Turn) -> None:
        lab.finish(turn)
        now[0] += 60

    left = run_one_by_one(lab.folder, lab.turns, Clock(3.5, clock=minutes_from(now)), work)
    assert [arm for arm, _, _ in lab.begun] == ["shared", "sft", "targeted"]
    assert left == lab.turns[3:]


def test_the_forecast_is_the_median_of_what_was_done(lab: Laboratory) -> None:
    assert forecast(lab.folder).total(lab.turns) is None
    for turn, seconds in zip(lab.turns, (100.0, 10.0, 30.0), strict=False):
        lab.folder.finish(turn, {"seconds": {"a": seconds - 1, "b": 1.0}})
    found = forecast(lab.folder)
    assert found.seconds(Turn(seed=1, arm="targeted")) == 30
    assert found.seconds(Turn(seed=1, arm="generic")) == 20
    assert found.total([Turn(seed=1, arm="shared"), Turn(seed=1, arm="sft")]) == 110
    lab.folder.finish(lab.turns[0], {})
    assert forecast(lab.folder).seconds(Turn(seed=1, arm="shared")) == 0


def test_side_by_side_what_the_clock_decides_about_is_alone(lab: Laboratory) -> None:
    assert run_side_by_side(lab.folder, lab.turns, Clock(None), lab.start, 2) == []
    assert sorted(arm for arm, _, _ in lab.begun) == sorted(ORDER * 2)
    for arm, beside, of in lab.begun:
        timed = arm in ("shared", "continued")
        assert of == (1 if timed else 2)
        assert not (beside if timed else beside & {"shared", "continued"})
    assert any(beside for _, beside, _ in lab.begun)


def test_a_turn_that_fails_lets_the_others_end_and_is_named(lab: Laboratory) -> None:
    def start(turn: Turn, place: int, of: int) -> Process:
        return lab.start(turn, place, of, fails="sft")

    with pytest.raises(RunError, match="failed: sft, seed 0"):
        run_side_by_side(lab.folder, lab.turns, Clock(None), start, 2)
    assert lab.folder.is_done(Turn(seed=0, arm="targeted"))
    assert not lab.folder.is_done(Turn(seed=0, arm="generic"))


def test_side_by_side_also_keeps_to_the_time(lab: Laboratory) -> None:
    for turn in lab.turns[:5]:
        lab.folder.finish(turn, {"seconds": {"train": 600.0}})
    clock = Clock(5, clock=minutes_from([0.0]))
    assert run_side_by_side(lab.folder, lab.turns, clock, lab.start, 2) == lab.turns[5:]
    assert lab.begun == []
