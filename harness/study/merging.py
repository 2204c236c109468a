"""Turn results of one study from several machines or days into one file of results."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import RunError
from harness.run_folder import disk_errors
from harness.runtime import files
from harness.study.folder import results_file
from harness.study.packing import packed
from harness.study.results_file import Document, read_document
from harness.study.spec import Study, Turn, changes


def merge_results(sources: Sequence[Path], out: Path) -> int:
    """Write the results of all sources (study folders, or their results.json) into the file
    ``out``, which may be one of them; returns how many turns it has.

    All turns of a seed must begin at the same SFT checkpoint, so that their differences are the
    arms'. Raises ``RunError`` if they do not, if two sources have different results of a turn, and
    if the sources are of different studies: one may have more arms, seeds or comparisons.
    """
    found = {source: read_document(results_file(source)) for source in sources}
    study = _newest(found)
    rows: dict[Turn, Mapping[str, Any]] = {}
    for source, document in found.items():
        for row in document.rows:
            turn = Turn(seed=row["seed"], arm=row["arm"])
            if _plain(rows.setdefault(turn, row)) != _plain(row):
                raise RunError(
                    f"{source}: another file has other results of {turn}",
                    hint="Give one of the two files alone, or run other seeds or arms.",
                )
    _refuse_other_starts(found)
    ordered = [turn for turn in study.turns() if turn in rows]
    text = packed(study.plain(), (rows[turn] for turn in ordered))
    with disk_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        files.replace(out, text)
    return len(ordered)


def _newest(found: Mapping[Path, Document]) -> Study:
    """The study that all the others have grown into."""
    (first, document), *others = found.items()
    study = document.study
    for source, other in others:
        changed = changes(study, other.study)
        if not changed:
            study = other.study
        elif backwards := changes(other.study, study):
            changed = min(changed, backwards, key=len)
            raise RunError(
                f"{first} and {source} are of different studies: {', '.join(changed)} differ",
                hint="Merge results of one study file.",
            )
    return study


def _refuse_other_starts(found: Mapping[Path, Document]) -> None:
    """Raise ``RunError`` for a seed whose turns of one start begin at different checkpoints. A row
    that does not say where it begins is taken to begin where the others of its file do.
    """
    begun: dict[tuple[int, str], tuple[Path, str]] = {}
    for source, document in found.items():
        rows = [((r.seed, document.study.start_of(r.arm)), r.start) for r in document.results]
        for place in sorted({place for place, _ in rows}):
            said = {start for other, start in rows if other == place and start}
            start = "; ".join(sorted(said)) or str(source)
            first, known = begun.setdefault(place, (source, start))
            if known != start:
                raise RunError(
                    f"seed {place[0]} of {source} begins at another SFT checkpoint than in "
                    f"{first}: "
                    "their arms cannot be compared",
                    hint="Run all arms of a seed in one study folder, and other seeds in another.",
                )


def _plain(row: Mapping[str, Any]) -> str:
    return json.dumps(row, sort_keys=True)
