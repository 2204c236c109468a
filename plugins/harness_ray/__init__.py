"""Rollouts on a Ray cluster: on the cores of this machine, or on many machines."""

from __future__ import annotations

from collections.abc import Mapping

from harness.assembly.extras import need
from harness.hookspecs import Factory, hookimpl
from harness.protocols import Executor, Settings


@hookimpl
def harness_executors() -> Mapping[str, Factory[Executor]]:
    return {"ray": _ray}


def _ray(settings: Settings) -> Executor:
    need("the executor 'ray'", "ray", extra="ray")
    from harness_ray.executor import ray_executor

    return ray_executor(settings)
