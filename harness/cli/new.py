"""`harness new`: a plugin package to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.running import tell


def register(app: typer.Typer) -> None:
    app.command()(new)


def new(
    kind: Annotated[str, typer.Argument(help="What it offers, such as domain or reward-term.")],
    name: Annotated[str, typer.Argument(help="Its name: small letters, digits and '_'.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder to create; default: harness-NAME.")
    ] = None,
) -> None:
    """Write a plugin package that installs, works and tests itself."""
    from harness.scaffold.packages import write_package

    folder = write_package(kind, name, out)
    tell(f"{folder}: install it with `pip install -e {folder}`, then `harness check {name}`")
