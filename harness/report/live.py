"""A run's events as progress on stderr: redrawn on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.text import Text

from harness.protocols import Event
from harness.report.figures import bar, duration, sparkline
from harness.report.progress import Progress, State, Station
from harness.report.screen import Cleaned, screen
from harness.runtime.foreign_text import clean

_FRAMES_PER_SECOND = 6
_SECONDS_PER_LINE = 10.0
_SHOWN_BEFORE, _SHOWN_AFTER = 7, 4
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_MARKS: dict[State, tuple[str, str]] = {
    "waiting": ("·", "dim"),
    "done": ("✓", "green"),
    "skipped": ("✓", "dim"),
    "stopped": ("×", "yellow"),
}


class LiveProgress:
    """An ``Observer`` to be used in a ``with`` statement around the run.

    On a terminal the stations are redrawn at most six times a second, by a thread of rich's, so
    that an event costs microseconds. Elsewhere a line is printed when a station ends and at most
    every ten seconds within one. Leaving the ``with`` block, by Ctrl-C too, restores the terminal
    and leaves the last state on it. ``clock`` gives seconds.
    """

    def __init__(
        self, console: Console | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._console = console or screen(stderr=True)
        self._clock = clock
        self._progress = Progress(began=clock())
        self._last_line = clock()
        self._warned: set[str] = set()
        self._live: Live | None = None

    def __enter__(self) -> LiveProgress:
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            self._live = Live(
                console=self._console,
                get_renderable=lambda: Cleaned(self._draw()),
                refresh_per_second=_FRAMES_PER_SECOND,
                redirect_stdout=False,
                vertical_overflow="crop",
            )
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._progress.stop()
        live, self._live = self._live, None
        if live is not None:
            try:
                live.stop()
            finally:
                self._console.show_cursor(True)

    def notify(self, event: Event) -> None:
        """Take the event in; print nothing more often than the class says."""
        now = self._clock()
        if event.name == "warning":
            self._warn(clean(event.data.get("message", "")))
            return
        station = self._progress.take(event, now)
        if self._live is None and not self._console.is_terminal:
            self._line(event, station, now)

    def _warn(self, message: str) -> None:
        if message not in self._warned:
            self._warned.add(message)
            self._print(Text.assemble(("warning: ", "yellow"), message))

    def _line(self, event: Event, station: Station | None, now: float) -> None:
        match event.name:
            case "run_started":
                count = len(self._progress.stations)
                words = [self._progress.title, f"{count} station{'s' if count != 1 else ''}"]
            case "run_finished":
                words = ["finished"]
            case "run_interrupted":
                words = ["interrupted"]
            case "station_finished" if station:
                words = [self._place(station), f"done in {duration(station.seconds)}", station.note]
            case _ if station and now - self._last_line >= _SECONDS_PER_LINE:
                words = [self._place(station), *station.status(now)]
            case _:
                return
        self._last_line = now
        passed = duration(now - self._progress.began)
        self._print(Text(f"[{passed:>12}] " + " · ".join(word for word in words if word)))

    def _place(self, station: Station) -> str:
        return f"{self._progress.position(station)} {station.name}"

    def _print(self, text: Text) -> None:
        self._console.print(Cleaned(text), soft_wrap=True)

    def _draw(self) -> Text:
        now, progress = self._clock(), self._progress
        passed = duration(now - progress.began)
        lines = [Text.assemble((progress.title, "bold"), (f"  {passed}", "dim"))]
        stations = list(progress.stations)
        at = stations.index(progress.current) if progress.current else _reached(stations)
        first, last = max(0, at - _SHOWN_BEFORE), at + 1 + _SHOWN_AFTER
        if first:
            lines.append(Text(f"  … {first} before", "dim"))
        width = max((len(s.name) for s in stations), default=0)
        for station in stations[first:last]:
            lines.extend(_draw_station(station, now, width))
        if stations[last:]:
            lines.append(Text(f"  … {len(stations) - last} to come", "dim"))
        drawn = Text("\n").join(lines)
        drawn.no_wrap, drawn.overflow = True, "ellipsis"
        return drawn


def _reached(stations: list[Station]) -> int:
    """The index of the last station that is no longer waiting."""
    return max((i for i, s in enumerate(stations) if s.state != "waiting"), default=0)


def _draw_station(station: Station, now: float, width: int) -> list[Text]:
    name = station.name.ljust(width)
    if station.state != "running":
        mark, style = _MARKS[station.state]
        said = {"skipped": "done before", "stopped": "stopped"}.get(station.state, station.note)
        spent = f"  {duration(station.seconds):>12}" if station.seconds is not None else ""
        return [
            Text.assemble(
                (f"{mark} ", style),
                (name, style if mark == "·" else ""),
                (spent, "dim"),
                (f"  {said}", "dim"),
            )
        ]
    spinner = _SPINNER[int(now * _FRAMES_PER_SECOND) % len(_SPINNER)]
    head = Text.assemble((f"{spinner} ", "cyan"), (name, "bold"))
    head.append(f"  {duration(now - station.began):>12}  ", "dim")
    if station.total:
        head.append(bar(station.fraction, 24).replace(" ", "░"), "cyan")
        head.append(f" {100 * station.fraction:.0f}%")
    if len(station.course) > 1:
        head.append(f"  {sparkline(station.course, 24)}", "cyan")
    status = station.status(now)
    return [head, Text("  " + " · ".join(status), "dim")] if status else [head]
