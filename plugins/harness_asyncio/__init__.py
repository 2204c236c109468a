"""Rollouts in this process, on one asyncio event loop: the default executor."""

from __future__ import annotations

from collections.abc import Mapping

from harness.hookspecs import Factory, hookimpl
from harness.protocols import Executor


@hookimpl
def harness_executors() -> Mapping[str, Factory[Executor]]:
    from harness_asyncio.executor import asyncio_executor

    return {"asyncio": asyncio_executor}
