"""Offer reward-hacking policies: each tries to earn reward without doing the task."""

from __future__ import annotations

from collections.abc import Mapping

from harness.hookspecs import Factory, hookimpl
from harness.protocols import Probe


@hookimpl
def harness_probes() -> Mapping[str, Factory[Probe]]:
    from harness_probes.idlers import IDLERS
    from harness_probes.imposture import IMPOSTURES

    return {**IDLERS, **IMPOSTURES}
