"""The options of the executor ``ray``."""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.assembly.config import NonNegativeInt, PositiveFloat, PositiveInt
from harness.types import Json


@dataclass(frozen=True, kw_only=True)
class Options:
    """``address`` of a running cluster: "auto" for the one that this machine belongs to, HOST:PORT
    of its head, or "" for one of our own on this machine, which ends with the run.

    ``actors``: how many processes (0: one per ``cpus`` cores of the cluster), each of which has
    ``cpus`` cores for itself. ``concurrency``: items at once over all of them. ``retries``: how
    often an item is run again because its process died. ``start_seconds``: how long to wait for the
    first process to answer. ``runtime_env`` is Ray's, for what the processes are to find on their
    machines.
    """

    address: str = ""
    actors: NonNegativeInt = 0
    cpus: PositiveFloat = 1.0
    concurrency: PositiveInt = 64
    retries: NonNegativeInt = 3
    start_seconds: PositiveFloat = 300.0
    runtime_env: dict[str, Json] = field(default_factory=dict)
