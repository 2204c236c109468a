"""Write maps of failures (SVG) and comparisons of runs as files."""

from __future__ import annotations

import json
from pathlib import Path

from harness.discovery.compare import Comparison
from harness.report.comparison import comparison_values
from harness.report.map import map_svg
from harness.results.history import failure_map, failure_maps, map_of
from harness.run_folder import RunFolder, disk_errors

MAP = "map.svg"


def draw_rounds(store: RunFolder) -> list[Path]:
    """The files of the maps of all rounds' failures."""
    return [draw_round(store, number) for number in failure_maps(store)]


def draw_round(store: RunFolder, number: int, copy: Path | None = None) -> Path:
    """The file of the map of a round's failures: in the run folder, and ``copy`` if given."""
    drawn = map_svg(failure_map(store, number), f"Round {number}: the agent's failures")
    name = f"rounds/{number}/{MAP}"
    store.write_text(name, drawn)
    if copy is None:
        return store.path(name)
    write_text(copy, drawn)
    return copy


def write_comparison(found: Comparison, folder: Path, file: Path | None = None) -> Path:
    """The file of the map of all sides' failures, ``file`` or in the folder, with the comparison's
    values in the folder as comparison.json.
    """
    path = file or folder / MAP
    names = " and ".join(side.name for side in found.sides)
    write_text(path, map_svg(map_of(found.found), f"The agents' failures: {names}"))
    values = json.dumps(comparison_values(found), indent=2, ensure_ascii=False)
    write_text(folder / "comparison.json", values + "\n")
    return path


def write_text(path: Path, text: str) -> None:
    """Write a file, and the folders above it. Raises ``RunError`` if the disk refuses."""
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
