"""Turn the name of a recipe into a plan: what it needs, takes and lacks on this machine."""

from __future__ import annotations

from harness.assembly.components import Components
from harness.llm.roles import open_registry
from harness.loop import stations
from harness.planning.checks import checks, missing
from harness.planning.estimate import estimate, memory
from harness.planning.recipes import read_recipe
from harness.types import Json


def plan(name: str) -> dict[str, Json]:
    """The plan as JSON: ``recipe`` and its ``file``, ``about``, ``checks`` and what is ``missing``,
    ``memory`` (GiB on paper), ``expected`` rollouts, tokens, hours and dollars, how to ``start``,
    the ``settings`` and the ``sources`` of the numbers. Makes no call and changes nothing.

    Raises ``UnknownName`` and ``ConfigError`` for a recipe that is none.
    """
    recipe = read_recipe(name)
    parts = Components(recipe.config, open_registry())
    rows = checks(parts, recipe)
    names = [str(station) for station in stations(parts)]
    return {
        "recipe": recipe.name,
        "file": str(recipe.file),
        "about": recipe.needs.about,
        "checks": [{**row} for row in rows],
        "missing": missing(rows),
        "memory": [*memory(recipe)],
        "expected": estimate(parts, recipe, names),
        "start": [line.replace("RECIPE", str(recipe.file)) for line in recipe.needs.start],
        "settings": recipe.config.plain(),
        "sources": [*recipe.needs.sources],
    }
