"""Offer policies that try to earn reward without the work: what a reward must not fall for."""

from __future__ import annotations

from collections.abc import Mapping

from harness.hookspecs import Factory, hookimpl
from harness.protocols import Probe


@hookimpl
def harness_probes() -> Mapping[str, Factory[Probe]]:
    from harness_probes.idlers import IDLERS
    from harness_probes.imposture import IMPOSTURES

    return {**IDLERS, **IMPOSTURES}
