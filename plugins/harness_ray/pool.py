"""Connect to a Ray cluster, and have actors there that live as long as the run."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any

import ray

from harness.errors import ConfigError, RunError
from harness_ray.options import Options
from harness_ray.worker import Worker

NAMESPACE = "errata-harness"
CALLS_AT_ONCE = 10_000
"""How many calls of one actor may be open: each map has one that waits for results."""

_POOL: dict[str, Pool] = {}
"""The pool of this process, by what its actors are like. Two would wait for each other's cores."""


def open_pool(options: Options) -> Pool:
    """The actors for these options on the cluster that this process is connected to.

    Raises ``RunError`` if the cluster cannot be reached.
    """
    connect(options)
    job = ray.get_runtime_context().get_job_id()
    key = f"{job} {options.cpus} {options.runtime_env}"
    if key not in _POOL:
        for other, pool in _POOL.items():
            if other.startswith(job):  # else they ended with their connection
                pool.close()
        _POOL.clear()
        _POOL[key] = Pool(options)
    return _POOL[key]


def connect(options: Options) -> None:
    """Connect this process, unless it is: to the address, or to a cluster of its own."""
    if ray.is_initialized():
        return
    if options.address.startswith("ray://"):
        raise ConfigError(
            f"[options.ray] address = {options.address!r} is for clients outside the cluster",
            hint='Start the run on a machine of the cluster, with address = "auto".',
        )
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    own: dict[str, Any] = {} if options.address else {"include_dashboard": False}
    try:
        ray.init(
            address=options.address or "local",
            namespace=NAMESPACE,
            log_to_driver=False,
            logging_level=logging.ERROR,
            **own,
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        where = options.address or "on this machine"
        raise RunError(
            f"no Ray cluster can be reached at {where}: {str(error).strip().splitlines()[0]}",
            hint="Start one with `ray start --head` and give its address, or leave the address out "
            "for one of the run's own. All nodes need the same versions of Ray and Python.",
        ) from error


def cores() -> float:
    """How many the cluster has now, taken or not."""
    known: Mapping[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return known.get("CPU", 1.0)


class Pool:
    """Actors at numbered places, made when first asked for."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._workers: dict[int, Any] = {}

    def close(self) -> None:
        """End all actors."""
        for place, worker in list(self._workers.items()):
            self.drop(place, worker)

    def worker(self, place: int) -> Any:
        """The actor at the place, which may not have answered yet."""
        if place not in self._workers:
            made: Any = ray.remote(Worker)
            self._workers[place] = made.options(
                num_cpus=self._options.cpus,
                max_concurrency=CALLS_AT_ONCE,
                max_restarts=0,
                max_task_retries=0,
                runtime_env=self._options.runtime_env or None,
            ).remote()
        return self._workers[place]

    def drop(self, place: int, worker: Any) -> None:
        """Let go of an actor, and end it if it still lives: the place's next one is another."""
        if self._workers.get(place) is worker:
            del self._workers[place]
        ray.kill(worker)
