"""A run's events as the state of its stations: how far each is, how fast, how well it goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from harness.protocols import Event
from harness.report.figures import count, duration, number, share
from harness.runtime.foreign_text import clean
from harness.types import FAULTS, Json

State = Literal["waiting", "running", "done", "skipped", "stopped"]

_HISTORY = 24
_COURSES = ("reward", "loss")


@dataclass(slots=True)
class Station:
    """One station of the run.

    ``done`` and ``total`` count ``unit``; ``began``, like ``now`` below, is in seconds of a clock.
    """

    name: str
    state: State = "waiting"
    unit: str = ""
    done: int = 0
    total: int = 0
    began: float = 0.0
    seconds: float | None = None
    note: str = ""
    in_flight: int = 0
    scored: int = 0
    successes: int = 0
    faults: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)
    course: tuple[float, ...] = ()
    _before: int | None = None

    def rollout(self, data: Mapping[str, Json]) -> None:
        """Count one finished rollout; a fault counts as neither success nor failure.

        ``success`` is whether it succeeded or, as a number, how many of those done so far did.
        """
        self.faults += data.get("ended") in FAULTS
        self.in_flight = int(as_number(data.get("in_flight")) or 0)
        if self.unit != "steps":
            self._count_by("rollouts")
            self._advance(data.get("done"), data.get("total"))
        self._count_success(data.get("success"), fault=data.get("ended") in FAULTS)

    def _count_success(self, success: Json, *, fault: bool) -> None:
        if not isinstance(success, bool):
            self.successes, self.scored = int(as_number(success) or 0), self.done - self.faults
        elif not fault:
            self.successes += success
            self.scored += 1

    def step(self, data: Mapping[str, Json]) -> None:
        """Take in one training step: its number and whatever numbers came with it."""
        self._count_by("steps")
        self._advance(data.get("step"), data.get("steps"))
        found = ((key, as_number(value)) for key, value in data.items())
        self.metrics = {
            key: value
            for key, value in found
            if value is not None and key not in ("step", "steps", "round")
        }
        for name in _COURSES:
            if name in self.metrics:
                self.course = (*self.course, self.metrics[name])[-_HISTORY:]
                return

    def part(self, data: Mapping[str, Json]) -> None:
        """Bring in how far a long work inside a part is, such as the embedding of explanations."""
        self._count_by("texts" if data.get("part") == "clusterer" else self.unit)
        self._advance(data.get("done"), data.get("total"))

    def _count_by(self, unit: str) -> None:
        """What was counted in another unit is no total of this one."""
        if unit != self.unit:
            self.unit, self.done, self.total, self._before = unit, 0, 0, None

    def _advance(self, done: Json, total: Json) -> None:
        self.done = int(as_number(done) or self.done + 1)
        self.total = int(as_number(total) or self.total)
        if self.done > self.total:
            self.total = 0  # it was a guess
        if self._before is None:
            self._before = self.done - 1

    @property
    def fraction(self) -> float:
        return self.done / self.total if self.total else 0.0

    def rate(self, now: float) -> float:
        """Units a second since the station began, what a resumed run had done before left out."""
        passed = now - self.began
        return (self.done - (self._before or 0)) / passed if passed > 0 else 0.0

    def status(self, now: float) -> list[str]:
        """What there is to say of a running station, most important first."""
        words = []
        if self.done or self.total:
            of = f"/{count(self.total)}" if self.total else ""
            words.append(f"{count(self.done)}{of} {self.unit}".rstrip())
        rate = self.rate(now) if self.done else 0.0
        if rate > 0:
            words.append(f"{rate:.1f}/s" if rate >= 0.95 else f"{1 / rate:.1f} s each")
            if self.total > self.done:
                words.append(f"{duration((self.total - self.done) / rate)} left")
        return words + self._quality(now)

    def _quality(self, now: float) -> list[str]:
        words = [f"{count(self.in_flight)} in flight"] if self.in_flight else []
        words += [f"{k} {number(v)}" for k in ("loss", "reward") if (v := self.metrics.get(k))]
        success = self.successes / self.scored if self.scored else self.metrics.get("success")
        if success is not None:
            words.append(f"{share(success)} success")
        if self.faults:
            words.append(f"{self.faults} fault{'s' if self.faults > 1 else ''}")
        if (tokens := self._tokens_per_second(now)) > 0:
            words.append(f"{count(round(tokens))} tokens/s")
        return words

    def _tokens_per_second(self, now: float) -> float:
        if "tokens_per_second" in self.metrics or now <= self.began:
            return self.metrics.get("tokens_per_second", 0.0)
        return self.metrics.get("tokens", 0.0) / (now - self.began)


@dataclass(slots=True)
class Progress:
    """The whole run's state. ``began`` is the clock at its start."""

    began: float
    title: str = "run"
    stations: list[Station] = field(default_factory=list)
    state: State = "running"

    @property
    def current(self) -> Station | None:
        """The station at work; None between stations."""
        return next((s for s in reversed(self.stations) if s.state == "running"), None)

    def position(self, station: Station) -> str:
        """ "3/12"."""
        place = next(i for i, s in enumerate(self.stations, 1) if s is station)
        return f"{place}/{len(self.stations)}"

    def take(self, event: Event, now: float) -> Station | None:
        """Bring the state up to date; the station the event is about, if it is about one."""
        data = event.data
        match event.name:
            case "run_started":
                names = data.get("stations")
                self.stations = (
                    [Station(clean(n)) for n in names] if isinstance(names, list) else []
                )
                self.title = " · ".join(clean(data[k]) for k in ("domain", "run") if data.get(k))
            case "run_finished":
                self.state = "done"
            case "run_interrupted":
                self.stop()
            case "station_started" | "station_skipped" | "station_finished":
                return self._move(event, now)
            case "rollout_finished" | "train_step":
                station = self._find(data, now, "running", "waiting")
                (station.step if event.name == "train_step" else station.rollout)(data)
                return station
            case "part_progress" if self.current is not None:
                self.current.part(data)
                return self.current
        return None

    def stop(self) -> None:
        """The run ended early: what was at work has stopped."""
        for station in self.stations:
            if station.state == "running":
                station.state = "stopped"
        if self.state == "running":
            self.state = "stopped"

    def _move(self, event: Event, now: float) -> Station:
        data = event.data
        if event.name == "station_started":
            station = self._find(data, now, "waiting")
            station.total = int(as_number(data.get("total")) or 0)
            station.unit = clean(data.get("unit") or "")
        elif event.name == "station_skipped":
            station = self._find(data, now, "waiting")
            station.state = "skipped"
        else:
            station = self._find(data, now, "running", "waiting")
            station.state = "done"
            seconds = as_number(data.get("seconds"))
            station.seconds = now - station.began if seconds is None else seconds
            station.note = clean(data.get("note") or "")
        return station

    def _find(self, data: Mapping[str, Json], now: float, *states: State) -> Station:
        """The first station of that name in such a state, or a new one; a waiting one starts."""
        name = clean(data.get("station") or "work")
        named = (s for s in self.stations if s.name == name)
        station = next((s for s in named if s.state in states), None)
        if station is None:
            station = Station(name)
            self.stations.append(station)
        if station.state == "waiting":
            station.state, station.began = "running", now
        return station


def as_number(value: Json) -> float | None:
    """The value if it is a finite number, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e15 else None
