"""Run the turns of a study in order, one or several at a time, within a limit of time."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Protocol

from harness.errors import RunError
from harness.study.folder import StudyFolder
from harness.study.spec import Study, Turn

POLL = 0.2
"""Seconds between looks at processes at work."""


class Started(Protocol):
    """A turn at work in a process of its own."""

    def poll(self) -> int | None:
        """The exit status; None while it runs."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """How long turns take, in seconds of wall time, from those that are done.

    ``known`` is by arm. Arms not seen yet, ``starts`` aside, are taken to be as long as the median
    of those that were.
    """

    known: Mapping[str, float]
    starts: Collection[str] = ()

    def seconds(self, turn: Turn) -> float | None:
        """None where nothing is known yet."""
        if turn.arm in self.known:
            return self.known[turn.arm]
        others = [seconds for arm, seconds in self.known.items() if arm not in self.starts]
        return median(others) if others and turn.arm not in self.starts else None

    def total(self, turns: Sequence[Turn]) -> float | None:
        """None where it is not known of each of them."""
        found = [self.seconds(turn) for turn in turns]
        known = [seconds for seconds in found if seconds is not None]
        return sum(known) if len(known) == len(found) else None


def forecast(folder: StudyFolder) -> Forecast:
    """From the finished turns of the study."""
    spent: dict[str, list[float]] = {}
    for turn in folder.study.turns():
        if folder.is_done(turn):
            seconds = sum(folder.row(turn).get("seconds", {}).values())
            spent.setdefault(turn.arm, []).append(seconds)
    known = {arm: median(seconds) for arm, seconds in spent.items()}
    return Forecast(known=known, starts=folder.study.starts)


def remaining(folder: StudyFolder, turns: Sequence[Turn]) -> list[Turn]:
    return [turn for turn in turns if not folder.is_done(turn)]


class Clock:
    """Says whether there is time for a turn. ``minutes`` None: always."""

    def __init__(
        self, minutes: float | None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._ends = None if minutes is None else clock() + 60 * minutes

    def allows(self, seconds: float | None) -> bool:
        """Whether a turn of so many seconds (None: not known) would end in time."""
        return self._ends is None or self._clock() + (seconds or 0.0) < self._ends


def run_one_by_one(
    folder: StudyFolder, turns: Sequence[Turn], clock: Clock, work: Callable[[Turn], None]
) -> list[Turn]:
    """The turns in order; returns those there was no time for. ``work`` finishes a turn or raises.

    A turn that there is no time for is passed over, and so is what needs it.
    """
    for turn in turns:
        if folder.is_done(turn):  # perhaps by another process, meanwhile
            continue
        ready = all(folder.is_done(needed) for needed in folder.study.needs(turn))
        if ready and clock.allows(forecast(folder).seconds(turn)):
            work(turn)
    return remaining(folder, turns)


def run_side_by_side(
    folder: StudyFolder,
    turns: Sequence[Turn],
    clock: Clock,
    start: Callable[[Turn, int, int], Started],
    jobs: int,
) -> list[Turn]:
    """The same with up to ``jobs`` turns at once; ``start(turn, place, of)`` begins one on the
    share ``place`` of ``of`` of the cores.

    Turns that the clock decides about run alone, on all cores. When one fails the others end
    first; then ``RunError`` names it.
    """
    running: dict[int, tuple[Turn, Started]] = {}
    failed: list[Turn] = []
    passed: set[Turn] = set()
    while True:
        for place, (turn, process) in list(running.items()):
            if (status := process.poll()) is not None:
                del running[place]
                failed += [turn] if status or not folder.is_done(turn) else []
        waiting = [t for t in remaining(folder, turns) if t not in passed]
        busy = {turn for turn, _ in running.values()}
        free = [t for t in waiting if t not in busy]
        chosen = None if failed else _next(folder, free, busy, jobs)
        if chosen is not None and not clock.allows(forecast(folder).seconds(chosen)):
            passed.add(chosen)
        elif chosen is not None:
            timed = folder.study.is_timed(chosen)
            place = 0 if timed else next(n for n in range(jobs) if n not in running)
            running[place] = chosen, start(chosen, place, 1 if timed else jobs)
        elif not running:
            break
        else:
            time.sleep(POLL)
    if failed:
        raise RunError(
            f"failed: {'; '.join(map(str, failed))}",
            hint=f"See {', '.join(str(folder.log(turn)) for turn in failed)}; "
            "repeat the command to continue.",
        )
    return remaining(folder, turns)


def _next(folder: StudyFolder, waiting: Sequence[Turn], busy: set[Turn], jobs: int) -> Turn | None:
    """The first turn that can begin now.

    One that must run alone waits until nothing runs, and meanwhile nothing is begun before it but
    what is ready and comes first.
    """
    study: Study = folder.study
    if len(busy) >= jobs or any(study.is_timed(turn) for turn in busy):
        return None
    for turn in waiting:
        if not all(folder.is_done(needed) for needed in study.needs(turn)):
            continue
        if not study.is_timed(turn):
            return turn
        return None if busy else turn
    return None
