"""`harness tasks`: targeted tasks of a run (show, veto, export) and the fixed ones of a domain."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from harness.cli import flag_values, options
from harness.cli.running import emit, tell, warn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.assembly.registry import Registry
    from harness.protocols import Domain
    from harness.types import Json, Split


def register(app: typer.Typer) -> None:
    app.command()(tasks)


def tasks(
    run: Annotated[
        str | None, typer.Argument(metavar="RUN", help="Run folder; none with --domain.")
    ] = None,
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID...", help="Show these tasks in full.")
    ] = None,
    number: Annotated[
        int | None, typer.Option("--round", min=1, help="Tasks of this round only.")
    ] = None,
    pattern: Annotated[
        str, typer.Option(metavar="ID", help="Tasks for this error pattern only.")
    ] = "",
    veto: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Keep this task out of training; repeatable."),
    ] = None,
    allow: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Undo the task's veto; repeatable.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Reason to store with the veto.")] = "",
    format: Annotated[
        str, typer.Option("--format", help="Export the tasks in this format, such as tau2-tasks.")
    ] = "",
    out: Annotated[Path | None, typer.Option(help="File to export to.")] = None,
    domain: Annotated[
        str, typer.Option(metavar="NAME", help="Show this domain's fixed tasks instead.")
    ] = "",
    split: Annotated[
        Literal["train", "validation", "test"], typer.Option(help="With --domain: task split.")
    ] = "train",
    option: options.Option = None,
    as_json: options.AsJson = False,
) -> None:
    """Show a run's targeted tasks: the scenario, the gold calls, and the gates they passed.

    With --domain NAME the fixed tasks of a domain, without any run.
    """
    if domain:
        of_runs = {"--round": number, "--pattern": pattern, "--veto": veto, "--allow": allow}
        for flag, value in of_runs.items():
            if value:
                raise typer.BadParameter(
                    "is for the tasks of a run, not of --domain", param_hint=flag
                )
        if format and out is None:
            raise typer.BadParameter("name the file to export to with --out", param_hint="--format")
        named = [*([run] if run else []), *(ids or ())]
        tables = flag_values.option_tables(option)
        if out is None:
            _show_fixed(domain, split, named, tables, as_json=as_json)
        else:
            _export_fixed(domain, split, named, tables, format or "tau2-tasks", out)
        return
    if run is None:
        raise typer.BadParameter("name a run folder, or a domain with --domain", param_hint="RUN")
    from harness.injection.pool import change_vetoes
    from harness.interchange.exporting import export_tasks
    from harness.llm.roles import open_registry
    from harness.report import task_cards, tasks_table
    from harness.results.tasks import chosen_tasks, task_table
    from harness.run_folder import RunFolder

    store = RunFolder.open(Path(run))
    if veto or allow:
        trained = change_vetoes(store, vetoes=veto or (), allowed=allow or (), reason=reason)
        if veto and trained:
            warn(f"{', '.join(trained)} may have been trained on them; the veto is for later ones")
    log = task_table(store, number=number, pattern=pattern, ids=ids or ())
    if format or out is not None:
        chosen = chosen_tasks(store, log)
        tell(export_tasks(open_registry(), store, chosen, format or "tau2-tasks", out))
        return
    emit(log, task_cards(log) if ids else tasks_table(log), as_json=as_json)


def _show_fixed(
    name: str,
    split: Split,
    ids: Sequence[str],
    tables: Mapping[str, Mapping[str, Json]],
    *,
    as_json: bool,
) -> None:
    from harness.llm.roles import open_registry
    from harness.report.tasks import domain_task_cards, domain_tasks_table
    from harness.results.domain_tasks import domain_task_table

    found = domain_task_table(_domain(open_registry(), name, tables), split, ids)
    emit(found, domain_task_cards(found) if ids else domain_tasks_table(found), as_json=as_json)


def _export_fixed(
    name: str,
    split: Split,
    ids: Sequence[str],
    tables: Mapping[str, Mapping[str, Json]],
    format: str,
    out: Path,
) -> None:
    from harness.interchange.exporting import write_tasks
    from harness.llm.roles import open_registry
    from harness.results.domain_tasks import domain_tasks

    registry = open_registry()
    chosen = domain_tasks(_domain(registry, name, tables), split, ids)
    write_tasks(registry, name, chosen, format, out, tables.get(format, {}))
    tell(out)


def _domain(registry: Registry, name: str, tables: Mapping[str, Mapping[str, Json]]) -> Domain:
    from harness.protocols import Settings

    return registry.make("domain", name, Settings(options=tables.get(name.partition(":")[0], {})))
