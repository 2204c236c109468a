"""Rollouts on a Ray cluster: on the cores of this machine, or on many machines."""

from __future__ import annotations

import os
from collections.abc import Mapping

from harness.assembly.extras import need
from harness.hookspecs import Factory, hookimpl
from harness.protocols import Executor, Settings


@hookimpl
def harness_executors() -> Mapping[str, Factory[Executor]]:
    return {"ray": _ray}


def _ray(settings: Settings) -> Executor:
    need("the executor 'ray'", "ray", extra="ray")
    # Read when Ray is imported: else it prints what it has to say of processes into reports.
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")
    from harness_ray.executor import ray_executor

    return ray_executor(settings)
