"""Run a turn of a study in a process of its own, on its share of the cores."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence

from harness.study.folder import StudyFolder
from harness.study.spec import Turn


class TurnProcess:
    """A turn at work; ``say`` is told when it ends. See ``harness.study.schedule.Started``."""

    def __init__(
        self, folder: StudyFolder, turn: Turn, cores: Sequence[int], say: Callable[[str], None]
    ) -> None:
        self._name, self._say = str(turn), say
        log = folder.log(turn)
        say(f"— {turn}: started, see {log}")
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                command(folder, turn, cores),
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=out,
                env={**os.environ, "OMP_NUM_THREADS": str(max(1, len(cores)))},
            )

    def poll(self) -> int | None:
        status = self._process.poll()
        if status is not None:
            self._say(f"— {self._name}: {'failed' if status else 'done'}")
        return status


def command(folder: StudyFolder, turn: Turn, cores: Sequence[int]) -> list[str]:
    """The command line of a turn that ends when its parent does."""
    words = ["study", "turn", str(folder.folder), "--arm", turn.arm, "--seed", str(turn.seed)]
    bound = ["--cores", ",".join(map(str, cores))] if cores else []
    return [sys.executable, "-m", "harness", *words, "--tied", *bound]


def share_of_cores(place: int, of: int) -> list[int]:
    """The cores that this process may use, divided by ``of``: the share of that place.

    All of them if there are fewer than shares; [] where processes cannot be bound to cores.
    """
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return cores[place::of] or cores


def bind_to_cores(cores: Sequence[int]) -> None:
    """Have this process, and those that it starts, run on these cores alone."""
    if cores:
        os.sched_setaffinity(0, cores)


def end_with_stdin() -> None:
    """Have this process end when its stdin does: the parent that holds the other end is gone."""
    threading.Thread(target=_wait_for_the_end, daemon=True).start()


def _wait_for_the_end() -> None:
    os.read(sys.stdin.fileno(), 1)
    os._exit(130)
