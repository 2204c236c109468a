"""Whose products take part in a run: what errors name where one of them fails."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginNames:
    """For each product, the entry point of the plugin that offers it, such as
    "errata-harness:retail"; its kind where no plugin does.
    """

    domain: str = "domain"
    policy: str = "policy"
    user: str = "user simulator"
    judge: str = "judge"
    clusterer: str = "clusterer"
    namer: str = "namer"
    injector: str = "task injector"
    executor: str = "executor"


NO_PLUGINS = PluginNames()
"""The names of products that no plugin offers."""
