"""Rollouts on this machine: on one asyncio event loop, or on one in each of several processes."""

from __future__ import annotations

from collections.abc import Mapping

from harness.hookspecs import Factory, hookimpl
from harness.protocols import Executor


@hookimpl
def harness_executors() -> Mapping[str, Factory[Executor]]:
    from harness_asyncio.executor import asyncio_executor
    from harness_asyncio.forking import fork_executor

    return {"asyncio": asyncio_executor, "fork": fork_executor}
