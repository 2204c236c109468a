"""Turn probes into factories by name; none of them takes options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.assembly.config import read_options
from harness.hookspecs import Factory
from harness.protocols import Probe, Settings


@dataclass(frozen=True, kw_only=True)
class NoOptions:
    """Takes no options."""


def offered(probes: Iterable[tuple[str, Probe]]) -> Mapping[str, Factory[Probe]]:
    """A factory for each of the named probes."""
    return {name: _factory(name, probe) for name, probe in probes}


def _factory(name: str, probe: Probe) -> Factory[Probe]:
    def factory(settings: Settings) -> Probe:
        read_options(NoOptions, settings, name=name)
        return probe

    return factory
