"""Run the turns of a study: each arm of each seed, in this process or side by side."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

from harness.assembly.components import Components
from harness.assembly.config import LoopConfig
from harness.assembly.opening import Needs, checked, open_run
from harness.assembly.registry import Registry
from harness.assembly.trust import refuse_unagreed, wishes
from harness.errors import NothingToLearn
from harness.llm.roles import open_registry
from harness.protocols import Observer
from harness.run_folder import RunFolder
from harness.study import schedule
from harness.study.arms import prepare, run_arm
from harness.study.cpu_meter import Meter
from harness.study.folder import StudyFolder
from harness.study.result_rows import arm_row, shared_row
from harness.study.spec import Turn
from harness.study.turn_process import TurnProcess, share_of_cores

Watch = Callable[[], AbstractContextManager[tuple[Observer, ...]]]
"""Opens the observers of one turn."""

Say = Callable[[str], None]


@contextmanager
def unwatched() -> Iterator[tuple[Observer, ...]]:
    """No observers but those that are configured."""
    yield ()


def run_study(
    folder: StudyFolder,
    turns: Sequence[Turn],
    *,
    minutes: float | None = None,
    jobs: int = 1,
    trust: bool = False,
    watch: Watch = unwatched,
    say: Say = lambda line: None,
) -> None:
    """Run those of the turns that are not done, as far as there is time, and write the results.

    ``minutes``: start no turn that is not expected to end by then. ``jobs``: turns at once, each in
    a process of its own if several. ``trust``: what the study asks for is granted; else raises
    ``NotAgreed`` for what was not granted before. ``say`` is told which turns start and end.
    """
    registry, study = open_registry(), folder.study
    starts, arms = (
        _distinct(study.config(name, study.seeds[0]) for name in names)
        for names in (study.starts, study.arms)
    )
    asked = {wish.digest: wish for config in (*starts, *arms) for wish in wishes(config, registry)}
    refuse_unagreed(asked.values(), folder.folder, trust=trust)
    for config in arms:
        checked(config, Needs(shrink=False), registry)  # a study says its sizes
    clock = schedule.Clock(minutes)

    def work(turn: Turn) -> None:
        say(f"— {turn}")
        run_turn(folder, turn, registry, watch=watch)

    def start(turn: Turn, place: int, of: int) -> TurnProcess:
        return TurnProcess(folder, turn, share_of_cores(place, of), say)

    try:
        if jobs == 1:
            schedule.run_one_by_one(folder, turns, clock, work)
        else:
            schedule.run_side_by_side(folder, turns, clock, start, jobs)
    finally:
        folder.results()


def _distinct(configs: Iterable[LoopConfig]) -> list[LoopConfig]:
    return [*{json.dumps(config.plain(), sort_keys=True): config for config in configs}.values()]


def run_turn(
    folder: StudyFolder, turn: Turn, registry: Registry, *, watch: Watch = unwatched
) -> None:
    """Run one arm of one seed in this process, and keep its row of results."""
    store = folder.open_run(turn)
    meter = Meter(store)
    with (
        watch() as observers,
        open_run(store, registry, observers=(*observers, meter)) as parts,
    ):
        try:
            if turn.arm in folder.study.starts:
                prepare(parts, store)
                row = shared_row(store, parts.domain)
            else:
                row = arm_row(parts, store, _run_arm(folder, turn, parts, store))
        except NothingToLearn as nothing:
            parts.notify("warning", message=str(nothing))
            row = {"void": str(nothing), "seconds": dict(store.seconds())}
    folder.finish(turn, row)


def _run_arm(folder: StudyFolder, turn: Turn, parts: Components, store: RunFolder) -> str:
    study = folder.study
    arm = study.arms[turn.arm]
    left = folder.left_by(replace(turn, arm=arm.after)) if arm.start == "after" else ""
    return run_arm(parts, store, arm, study.curve_trials, left)
