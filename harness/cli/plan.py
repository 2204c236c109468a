"""`harness plan RECIPE`: what a run on a larger machine needs, takes and lacks."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli import options
from harness.cli.running import emit


def register(app: typer.Typer) -> None:
    app.command()(plan)


def plan(
    recipe: Annotated[
        str, typer.Argument(help="A recipe by name, or a TOML file with the table recipe.")
    ] = "",
    as_json: options.AsJson = False,
) -> None:
    """Say what a recipe needs, would take and lacks on this machine; without a name, list them.

    Status 1 if something is missing.
    """
    from harness.planning.plan import plan as made_plan
    from harness.planning.recipes import read_recipe, recipe_names
    from harness.report.plans import recipe_plan, recipes_table

    if not recipe:
        known = [
            {"recipe": name, "about": read_recipe(name).needs.about} for name in recipe_names()
        ]
        emit(known, recipes_table(known), as_json=as_json)
        return
    found = made_plan(recipe)
    emit(found, recipe_plan(found), as_json=as_json)
    if found["missing"]:
        raise typer.Exit(1)
