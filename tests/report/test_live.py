"""Live progress: few lines where nobody looks on, a picture that keeps up where somebody does."""

from __future__ import annotations

import io
import threading
from typing import Any

import pytest
from rich.console import Console

from harness.protocols import Event
from harness.report.live import LiveProgress
from harness.report.progress import Progress

STATIONS = ["evaluate sft on test", "discover 1", "train rl-1"]


def event(name: str, **data: Any) -> Event:
    return Event(name=name, data=data)


class File(io.StringIO):
    """Text, and how much of it was written by the thread that made the file."""

    def __init__(self) -> None:
        super().__init__()
        self.own_thread, self.own_writes = threading.get_ident(), 0

    def write(self, text: str) -> int:
        self.own_writes += threading.get_ident() == self.own_thread
        return super().write(text)


class Watched:
    """Live progress on a file, and a clock that the test sets."""

    def __init__(self, *, terminal: bool = False) -> None:
        self.seconds = 0.0
        self.file = File()
        console = Console(
            file=self.file,
            force_terminal=terminal,
            color_system=None,
            width=100,
            height=30,
            _environ={"TERM": "xterm-256color"},
        )
        self.live = LiveProgress(console, clock=lambda: self.seconds)

    def tell(self, name: str, **data: Any) -> None:
        self.live.notify(event(name, **data))

    @property
    def lines(self) -> list[str]:
        return self.file.getvalue().splitlines()


def rollouts(watched: Watched, count: int, seconds_each: float, **more: Any) -> None:
    for done in range(1, count + 1):
        watched.seconds += seconds_each
        watched.tell(
            "rollout_finished",
            station=STATIONS[0],
            done=done,
            total=count,
            success=done // 2,
            ended="user_stop",
            **more,
        )


def started(watched: Watched) -> None:
    watched.tell("run_started", run="runs/r", domain="retail", stations=STATIONS)
    watched.tell("station_started", station=STATIONS[0], unit="rollouts", total=0)


def test_ten_thousand_events_print_a_line_every_ten_seconds_where_there_is_no_terminal() -> None:
    watched = Watched()
    with watched.live:
        started(watched)
        rollouts(watched, 10_000, 0.02)
        watched.tell("station_finished", station=STATIONS[0], seconds=200.0, note="")
    assert 18 <= len(watched.lines) <= 22
    assert "\x1b" not in watched.file.getvalue()


def test_a_line_tells_how_far_how_well_how_fast_and_how_long_still() -> None:
    watched = Watched()
    started(watched)
    rollouts(watched, 80, 0.25)
    line = watched.lines[1]
    assert "1/3 evaluate sft on test" in line
    assert "40/80 rollouts" in line
    assert "50% success" in line
    assert "4.0/s" in line
    assert "10 s left" in line


def test_a_station_that_ends_gets_its_own_line_however_short() -> None:
    watched = Watched()
    watched.tell("run_started", run="runs/r", domain="retail", stations=STATIONS)
    for name in STATIONS:
        watched.tell("station_started", station=name)
        watched.tell("station_finished", station=name, seconds=0.2, note="fine")
    assert [line.partition("] ")[2] for line in watched.lines[1:]] == [
        "1/3 evaluate sft on test · done in 0.2 s · fine",
        "2/3 discover 1 · done in 0.2 s · fine",
        "3/3 train rl-1 · done in 0.2 s · fine",
    ]


def test_training_steps_tell_loss_reward_and_tokens_a_second() -> None:
    watched = Watched()
    watched.tell("station_started", station="train rl-1", unit="steps")
    watched.seconds = 20.0
    watched.tell(
        "train_step", station="train rl-1", step=10, steps=40, reward=0.5, loss=0.25, tokens=40_000
    )
    line = watched.lines[0]
    for words in ("10/40 steps", "loss 0.25", "reward 0.50", "2,000 tokens/s"):
        assert words in line


def test_a_fault_is_counted_apart_from_success() -> None:
    watched = Watched()
    watched.tell("station_started", station="work")
    watched.tell(
        "rollout_finished", station="work", done=1, total=4, success=True, ended="transfer"
    )
    watched.seconds = 11.0
    watched.tell(
        "rollout_finished", station="work", done=2, total=4, success=False, ended="agent_fault"
    )
    assert "100% success" in watched.lines[0]
    assert "1 fault" in watched.lines[0]


def test_a_resumed_station_is_timed_by_what_it_did_itself() -> None:
    watched = Watched()
    watched.tell("station_started", station="work")
    watched.seconds = 10.0
    watched.tell(
        "rollout_finished", station="work", done=901, total=911, success=1, ended="transfer"
    )
    assert "10.0 s each · 1 min 40 s left" in watched.lines[0]


def test_a_warning_is_shown_once_and_without_control_characters() -> None:
    watched = Watched()
    for _ in range(1000):
        watched.tell("warning", message="torn \x1b[2Jline [/x]\n\x07")
    assert watched.lines == ["warning: torn line [/x]"]


@pytest.mark.parametrize(
    ("terminal", "shown"),
    [(False, "1/1 work · done in 4.0 s · fine"), (True, "✓ work         4.0 s")],
)
def test_events_out_of_order_or_without_data_do_no_harm(terminal: bool, shown: str) -> None:
    watched = Watched(terminal=terminal)
    with watched.live:
        for name in ("run_finished", "train_step", "rollout_finished", "station_finished"):
            watched.tell(name)
        watched.tell("station_finished", station="never started", seconds="x")
        watched.tell("run_started", stations=None)
        watched.tell("made up")
        watched.tell("station_started", station="work")
        watched.tell("station_finished", station="work", seconds=4.0, note="fine")
    assert shown in watched.lines[-1 - terminal]


def test_on_a_terminal_the_last_picture_stays_and_the_cursor_comes_back() -> None:
    watched = Watched(terminal=True)
    with watched.live:
        started(watched)
        rollouts(watched, 8, 0.5)
        watched.tell("station_finished", station=STATIONS[0], seconds=4.0, note="")
        watched.tell("station_started", station=STATIONS[1])
    text = watched.file.getvalue()
    last = text[text.rindex("retail · runs/r") :]
    assert "✓ evaluate sft on test" in last
    assert "· train rl-1" in last
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


def test_ctrl_c_marks_the_station_at_work_as_stopped_and_restores_the_terminal() -> None:
    watched = Watched(terminal=True)

    def interrupted() -> None:
        with watched.live:
            started(watched)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    text = watched.file.getvalue()
    last = text[text.rindex("retail · runs/r") :]
    assert "× evaluate sft on test" in last
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


def test_events_cost_no_redraw_on_a_terminal() -> None:
    watched = Watched(terminal=True)
    with watched.live:
        before = watched.file.own_writes
        started(watched)
        rollouts(watched, 10_000, 0.02)
        assert watched.file.own_writes == before
    text = watched.file.getvalue()
    assert "10.0k/10.0k rollouts" in text[text.rindex("retail · runs/r") :]


def test_many_stations_fit_the_screen_around_the_one_at_work() -> None:
    watched = Watched(terminal=True)
    names = [f"station {n}" for n in range(40)]
    with watched.live:
        watched.tell("run_started", run="r", domain="d", stations=names)
        for name in names[:20]:
            watched.tell("station_started", station=name)
            watched.tell("station_finished", station=name, seconds=1.0)
        watched.tell("station_started", station=names[20])
    text = watched.file.getvalue()
    last = text[text.rindex("d · r") :]
    assert "station 20" in last
    assert "… 13 before" in last
    assert "… 15 to come" in last


def test_progress_inside_a_part_is_that_of_the_station_at_work() -> None:
    seen = Progress(began=0.0)
    seen.take(event("station_started", station="discover 1", unit="", total=0), 0.0)
    station = seen.take(event("part_progress", part="clusterer", done=300, total=1200), 3.0)
    assert station is not None
    assert "300/1,200 texts" in station.status(3.0)
