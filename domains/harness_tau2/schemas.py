"""Turn the tool kit of the installed package tau2 into tools with the official schemas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib import import_module
from typing import Any

from harness.errors import MissingExtra
from harness.types import Json, Tool
from harness_tau2.data import INSTALL, has_package


def official_tools(kit: str, own: Sequence[Tool]) -> tuple[Tool, ...]:
    """``own`` tools, with description and parameters as the agent sees them officially.

    ``kit``: module and class of the official tools, such as "tau2.domains.x.tools:XTools". In the
    official order. A tool that the package does not have comes last and, like all where the
    package is not installed, keeps what it has. Raises ``MissingExtra`` if the package lacks what
    it imports.
    """
    schemas = _schemas(kit) if has_package() else {}
    places = {name: place for place, name in enumerate(schemas)}
    return tuple(
        replace(tool, **schemas.get(tool.name, {}))
        for tool in sorted(own, key=lambda tool: places.get(tool.name, len(places)))
    )


@cache
def _schemas(kit: str) -> Mapping[str, Mapping[str, Any]]:
    module, _, name = kit.partition(":")
    try:
        from loguru import logger

        logger.disable("tau2")
        found = getattr(import_module(module), name)(None).get_tools()
    except ImportError as error:
        raise MissingExtra(f"tau2 cannot be imported: {error}", hint=f"Run: {INSTALL}") from error
    return {name: _schema(tool.openai_schema) for name, tool in found.items()}


def _schema(schema: Mapping[str, Any]) -> dict[str, Json]:
    function = schema["function"]
    return {"description": function["description"], "parameters": function["parameters"]}
