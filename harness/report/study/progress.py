"""How far a study is, and how long the rest will take, as a table."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from harness.report.figures import duration
from harness.report.layout import plain_table
from harness.runtime.counting import counted
from harness.runtime.foreign_text import clean
from harness.study.folder import StudyFolder
from harness.study.schedule import forecast, remaining
from harness.study.spec import Turn
from harness.types import Json

_MARKS = {
    "done": ("✓", "green"),
    "void": ("∅", "yellow"),
    "begun": ("…", ""),
    "to do": ("·", "dim"),
}


def progress_values(folder: StudyFolder, turns: Sequence[Turn]) -> dict[str, Json]:
    """Every turn with its state and expected seconds, and the seconds that are left (None: not
    known yet).
    """
    expected, left = forecast(folder), remaining(folder, turns)
    return {
        "study": folder.study.title,
        "turns": [
            {
                "arm": turn.arm,
                "seed": turn.seed,
                "state": _state(folder, turn),
                "expected_seconds": expected.seconds(turn),
            }
            for turn in turns
        ],
        "left": len(left),
        "expected_seconds": expected.total(left),
    }


def progress_table(folder: StudyFolder, turns: Sequence[Turn]) -> RenderableType:
    """A line per arm, a mark per seed, how long a turn takes; below, what is left."""
    seeds = list(dict.fromkeys(turn.seed for turn in turns))
    table, expected = plain_table(), forecast(folder)
    table.add_column("arm")
    for seed in seeds:
        table.add_column(f"seed {seed}", justify="center")
    table.add_column("takes", justify="right")
    for arm in dict.fromkeys(turn.arm for turn in turns):
        marks = []
        for seed in seeds:
            turn = Turn(seed=seed, arm=arm)
            marks.append(Text(*_MARKS[_state(folder, turn)]) if turn in turns else Text())
        table.add_row(Text(clean(arm, 32)), *marks, duration(expected.known.get(arm)))
    return Group(table, Text(), Text(said(folder, turns)))


def said(folder: StudyFolder, turns: Sequence[Turn]) -> str:
    """What is left, in words."""
    left = remaining(folder, turns)
    if not left:
        return f"Done: all of {counted(len(turns), 'turn')}."
    seconds = forecast(folder).total(left)
    if seconds is None:
        how_long = "how long they take is known when the first of each kind is done"
    else:
        how_long = f"expected to take {duration(seconds)}, one after the other"
    return f"{len(left)} of {len(turns)} turns are left, {how_long}."


def _state(folder: StudyFolder, turn: Turn) -> str:
    if folder.is_done(turn):
        return "void" if "void" in folder.row(turn) else "done"
    return "begun" if folder.run_folder(turn).exists() else "to do"
