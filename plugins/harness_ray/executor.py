"""Apply an async function to many items on the machines of a Ray cluster."""

from __future__ import annotations

import asyncio
import multiprocessing
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar, cast

from harness.assembly.config import read_options
from harness.assembly.extras import DISTRIBUTION
from harness.protocols import ChatGateway, Executor, Products, Settings, stays_here
from harness.runtime.bounded import bounded_map
from harness_ray.calls import Answering
from harness_ray.options import Options

T = TypeVar("T")
R = TypeVar("R")


def ray_executor(settings: Settings) -> Executor:
    options = read_options(Options, settings, name="ray")
    return RayExecutor(options, products=settings.products, calls=settings.calls)


class RayExecutor:
    """Distributes the items over actors; only their results come back, each once.

    An actor makes the products of the run again from its configuration. One that dies is replaced,
    and what it was doing is done again. Questions to chat models are answered in this process. What
    must stay in this process does, and so does everything in a fork of it, which has no connection.
    """

    def __init__(
        self,
        options: Options,
        *,
        products: Products | None = None,
        calls: ChatGateway | None = None,
    ) -> None:
        self.options = options
        self._products = products
        self._answering = Answering(calls)

    def map(
        self, function: Callable[[T], Awaitable[R]], items: Sequence[T]
    ) -> AsyncIterator[tuple[int, R]]:
        is_fork = multiprocessing.parent_process() is not None
        if stays_here(function) or is_fork or not items:
            return bounded_map(function, items, self.options.concurrency)
        return cast(AsyncIterator[tuple[int, R]], self._map(function, items))

    async def _map(
        self, function: object, items: Sequence[object]
    ) -> AsyncIterator[tuple[int, object]]:
        import ray

        from harness_ray.lanes import Lane
        from harness_ray.orders import ordered
        from harness_ray.pool import cores, open_pool
        from harness_ray.work import Work

        options, pool = self.options, open_pool(self.options)
        order = ray.put(ordered(function, self._products))
        wanted = options.actors or int(cores() / options.cpus)
        size = max(1, min(wanted, options.concurrency, len(items)))
        work = Work(
            items,
            concurrency=options.concurrency,
            retries=options.retries,
            start_seconds=options.start_seconds,
        )
        channel = uuid.uuid4().hex
        lanes = [
            Lane(
                place,
                pool=pool,
                channel=channel,
                order=order,
                items=items,
                work=work,
                share=-(-options.concurrency // size),
                answering=self._answering,
                distributions=sorted(self._products.versions if self._products else [DISTRIBUTION]),
            )
            for place in range(size)
        ]

        def wake() -> None:
            for lane in lanes:
                lane.feed()

        work.wake = wake
        serving = [asyncio.create_task(lane.run()) for lane in lanes]
        try:
            async for pair in work.results():
                yield pair
        finally:
            for task in serving:
                task.cancel()
            await asyncio.gather(*serving, return_exceptions=True)
