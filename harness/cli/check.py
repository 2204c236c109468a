"""`harness check`: whether a plugin keeps the contract of what it offers."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from harness.cli import flag_values, options
from harness.cli.running import emit, say


def register(app: typer.Typer) -> None:
    app.command()(check)


def check(
    name: Annotated[
        str, typer.Argument(help="A product, NAME:ARGUMENT, a plugin or a distribution.")
    ] = "",
    kind: Annotated[str, typer.Option(help="Only products of this kind.")] = "",
    domain: Annotated[str, typer.Option(help="Domain to try products on.")] = "",
    option: options.Option = None,
    everything: Annotated[bool, typer.Option("--all", help="Check all that is installed.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """Check that plugins keep their contracts.

    Each finding says what, where, why it matters and how to mend it. Status 1 if there is one.
    """
    from harness.assembly.registry import KINDS
    from harness.llm.roles import open_registry
    from harness.report.verdicts import verdicts_table
    from harness.testing.kit import Kit

    if bool(name) == everything:
        raise typer.BadParameter("name a product or plugin, or give --all", param_hint="NAME")
    if kind and kind not in KINDS:
        raise typer.BadParameter(f"one of {', '.join(KINDS)}", param_hint="--kind")
    kit = Kit(open_registry(), domain=domain, options=flag_values.option_tables(option))
    found = []
    for verdict in kit.all(kind) if everything else kit.named(name, kind):
        say(f"{verdict.kind} {verdict.name}: {verdict.state}")
        found.append(asdict(verdict))
    emit(found, verdicts_table(found), as_json=as_json)
    if any(row["findings"] for row in found):
        raise typer.Exit(1)
