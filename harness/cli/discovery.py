"""`harness discover` and `why`: what went wrong, whose fault it was, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options
from harness.cli.running import emit, working
from harness.errors import RunError

if TYPE_CHECKING:
    from harness.discovery.compare import Side
    from harness.run_folder import RunFolder
    from harness.types import Json

MAP = "map.svg"

Again = Annotated[bool, typer.Option("--again", help="Do it anew if it was done before.")]


def register(app: typer.Typer) -> None:
    app.command()(discover)
    app.command()(why)


def discover(
    sources: Annotated[
        list[Path], typer.Argument(metavar="RUN|FILE...", help="Run folders or recordings.")
    ],
    number: Annotated[int, typer.Option("--round", min=1, help="Which round.")] = 1,
    evaluation: Annotated[
        str, typer.Option(help="Which evaluation to read, such as sft-validation.")
    ] = "",
    again: Again = False,
    map_: Annotated[
        Path | None, typer.Option("--map", help="Write the map of failures (SVG) here too.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The folder for a file's run, or for a comparison.")
    ] = None,
    namer: options.Namer = None,
    option: options.Option = None,
    as_json: options.AsJson = False,
) -> None:
    """Read failures, say whose fault they are, and cluster the agent's into error patterns.

    A file of any installed format becomes a run folder first. Several sources are clustered
    together and compared with the first.
    """
    if len(sources) > 1:
        _compare(sources, evaluation, again, map_, out, namer, option, as_json)
        return
    store = _opened(sources[0], out, option)
    found = _discovered(store, number, evaluation, again or namer is not None, namer)
    path = draw_round(store, number)
    if map_ is not None:
        _write(map_, path.read_text(encoding="utf-8"))
    from harness.report import patterns_table

    kept = ("blame", "patterns", "discovery", "shifts")
    emit(
        {"run": str(store.folder), "map": str(map_ or path), **{key: found[key] for key in kept}},
        patterns_table(found),
        as_json=as_json,
    )
    typer.echo(f"Map: {map_ or path}", err=True)


def why(
    id: Annotated[
        str,
        typer.Argument(metavar="FAILURE|PATTERN|TASK|ROLLOUT", help="Its id, or how it begins."),
    ],
    run: Annotated[
        Path | None, typer.Argument(metavar="[RUN]", help="A run folder; default: the newest.")
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Walk from a failure to what was made of it and came of it, or from a targeted task or a
    rollout that was trained on back to its failure.
    """
    from harness.report.why import why_tree, why_values
    from harness.results.lineage import lineage
    from harness.run_folder import RunFolder

    found = lineage(RunFolder.open(run or _newest()), id)
    emit(why_values(found), why_tree(found), as_json=as_json)


def _newest() -> Path:
    from harness.run_folder import CONFIG

    runs = sorted(Path("runs").glob(f"*/{CONFIG}"), key=lambda path: path.stat().st_mtime)
    if not runs:
        raise RunError("there is no run in runs/", hint="Name the run folder: harness why ID RUN.")
    return runs[-1].parent


def _opened(source: Path, out: Path | None, option: list[str] | None) -> RunFolder:
    """The run folder, or one that is made of a file."""
    from harness.run_folder import CONFIG, RunFolder

    if (source / CONFIG).is_file() or not source.exists() or _is_empty(source):
        options.refuse_unused(options.option_tables(option), [])
        return RunFolder.open(source)
    from harness.cli.interchange import imported

    return imported(source, out, options.option_tables(option))[0]


def _is_empty(source: Path) -> bool:
    return source.is_dir() and not any(source.iterdir())


def _discovered(
    store: RunFolder, number: int, evaluation: str, again: bool, namer: str | None = None
) -> Mapping[str, Json]:
    """The report after the station."""
    from harness import loop

    with working(store, {"namer": namer}) as parts:
        if again:
            store.reopen(f"discover {number}")
        loop.discover(parts, store, number, evaluation or loop.studied(store, number))
        return loop.write_report(parts, store, complete=False)


def draw_rounds(store: RunFolder) -> list[Path]:
    """The files of the pictures of all rounds' failures."""
    from harness.results.history import failure_maps

    return [draw_round(store, number) for number in failure_maps(store)]


def draw_round(store: RunFolder, number: int) -> Path:
    """The file of the picture of a round's failures."""
    from harness.report.map import map_svg
    from harness.results.history import failure_map

    path = store.folder / f"rounds/{number}" / MAP
    title = f"Round {number}: the agent's failures"
    _write(path, map_svg(failure_map(store, number), title))
    return path


def _write(path: Path, text: str) -> None:
    from harness.run_folder import disk_errors

    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


# --- several at once ------------------------------------------------------------------------------


def _compare(
    sources: Sequence[Path],
    evaluation: str,
    again: bool,
    map_: Path | None,
    out: Path | None,
    namer: str | None,
    option: list[str] | None,
    as_json: bool,
) -> None:
    from harness.discovery.compare import compare_sides
    from harness.report.comparison import comparison_table, comparison_values
    from harness.report.map import map_svg
    from harness.results.history import map_of

    folder = out or Path("runs") / time.strftime("comparison-%Y%m%d-%H%M%S")
    stores = [
        _opened(source, folder / f"side-{number}", option) for number, source in enumerate(sources)
    ]
    domains = {str(store.config.get("domain")) for store in stores}
    if len(domains) > 1:
        raise RunError(
            f"the sources are of different domains: {', '.join(sorted(domains))}",
            hint="Compare policies on the same domain.",
        )
    sides = [
        _side(name, store, evaluation, again)
        for name, store in zip(_names(sources), stores, strict=True)
    ]
    with working(stores[0], {"namer": namer}) as parts:
        found = compare_sides(parts, sides)
    path = map_ or folder / MAP
    title = f"the agents' failures: {' and '.join(side.name for side in sides)}"
    _write(path, map_svg(map_of(found.found), title))
    values = comparison_values(found)
    _write(folder / "comparison.json", _json(values))
    emit({**values, "map": str(path)}, comparison_table(found), as_json=as_json)
    typer.echo(f"Map: {path}\nKept: {folder}", err=True)


def _side(name: str, store: RunFolder, evaluation: str, again: bool) -> Side:
    """A source's conversations and diagnoses; they are made if the run has none of them yet."""
    from harness.discovery.compare import Side
    from harness.evaluation.station import read_evaluation
    from harness.loop import studied
    from harness.types import Diagnosis

    if again or not store.is_done("discover 1"):
        _discovered(store, 1, evaluation, again)
    read = store.read_json("rounds/1/discovery.json")["evaluation"]
    if evaluation and read != evaluation:
        raise RunError(
            f"{store.folder} has patterns of {read}, not of {evaluation}",
            hint="Add --again to discover anew.",
        )
    with working(store) as parts:
        episodes = read_evaluation(parts, store, read or studied(store, 1))
    diagnoses = store.read_values("rounds/1/diagnoses.jsonl", Diagnosis)
    return Side(name=name, episodes=episodes, diagnoses=diagnoses)


def _names(sources: Sequence[Path]) -> list[str]:
    """The last part of each path; whole paths where that would not tell them apart."""
    short = [source.resolve().name for source in sources]
    return short if len(set(short)) == len(short) else [str(source) for source in sources]


def _json(values: object) -> str:
    import json

    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"
