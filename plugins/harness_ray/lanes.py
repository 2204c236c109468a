"""Keep one actor busy with the items of a map, and take up another when it dies."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Mapping, Sequence
from typing import Any

from ray.exceptions import RayError, RayTaskError

from harness.elsewhere.parcels import unpack
from harness.errors import RunError
from harness_ray.calls import Answering
from harness_ray.pool import Pool
from harness_ray.work import LONGEST, Work
from harness_ray.worker import Given, Meeting, versions_here

STARTS = 3
"""So many processes in a row may die before they answer."""


class Lane:
    """One place of the pool, for one map: only an actor that has answered gets items.

    ``order`` is a Ray reference to an ``Order``; ``share`` how many items run at once here.
    """

    def __init__(
        self,
        place: int,
        *,
        pool: Pool,
        channel: str,
        order: Any,
        items: Sequence[object],
        work: Work,
        share: int,
        answering: Answering,
        distributions: Sequence[str],
    ) -> None:
        self._place = place
        self._pool = pool
        self._channel = channel
        self._order = order
        self._items = items
        self._work = work
        self._share = share
        self._answering = answering
        self._distributions = distributions
        self._worker: Any = None
        self._is_serving = False
        self._running: set[int] = set()
        self._is_alone = False
        self._answers: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve until cancelled. An error that no other actor would be spared ends the map."""
        failed_starts = 0
        try:
            while True:
                try:
                    await self._serve()
                except RayTaskError:
                    raise
                except RayError as error:
                    failed_starts = 0 if self._is_serving else failed_starts + 1
                    self._give_up(str(error))
                    if failed_starts >= STARTS:
                        raise _no_start(str(error)) from error
        except Exception as error:  # whoever iterates over the results raises it
            self._work.fail(error)
        finally:
            self.close()

    def feed(self) -> None:
        """Give the actor as many items as it has room for."""
        given: list[Given] = []
        while self._is_serving and not self._is_alone and len(self._running) < self._share:
            found = self._work.next_item(is_idle=not self._running)
            if found is None:
                break
            index, self._is_alone = found
            self._running.add(index)
            given.append(("item", index, pickle.dumps(self._items[index])))
        if given:
            self._worker.put.remote(self._channel, given)

    def close(self) -> None:
        """Have the actor stop what it does for this map."""
        for task in self._answers:
            task.cancel()
        if self._worker:
            self._worker.close.remote(self._channel)
        self._leave()

    async def _serve(self) -> None:
        self._worker = worker = self._pool.worker(self._place)
        meeting: Meeting = await worker.meet.remote(self._distributions)
        _check_versions(meeting, versions_here(self._distributions))
        if failure := await worker.open.remote(self._channel, self._order):
            unpack(failure)
        self._is_serving = True
        self._work.serving += 1
        while True:
            self.feed()
            for kind, number, parcel in await worker.take.remote(self._channel):
                if kind == "ask":
                    self._answer(worker, number, parcel)
                    continue
                self._running.discard(number)
                self._is_alone = False
                self._work.deliver(number, parcel)

    def _answer(self, worker: Any, number: int, question: bytes) -> None:
        async def answer() -> None:
            parcel = await self._answering.answer(number, question)
            worker.put.remote(self._channel, [("answer", number, parcel)])

        task = asyncio.create_task(answer())
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)

    def _give_up(self, reason: str) -> None:
        """The actor died, or cannot be reached: others run what it was given."""
        self._pool.drop(self._place, self._worker)
        self._leave()
        lost, self._running = self._running, set()
        self._work.lost(lost, " ".join(reason.split()))

    def _leave(self) -> None:
        self._work.serving -= self._is_serving
        self._worker, self._is_serving, self._is_alone = None, False, False


def _check_versions(meeting: Meeting, here: Mapping[str, str]) -> None:
    for name, wanted in here.items():
        found = meeting.versions.get(name, "")
        if found != wanted:
            raise RunError(
                f"{meeting.host} has {name} {found or '(not installed)'}, and this run {wanted}",
                hint="Results of different versions must not be mixed: install the same one on "
                "every node, as in: pip install 'errata-harness[ray]==VERSION'.",
            )


def _no_start(reason: str) -> RunError:
    return RunError(
        f"{STARTS} processes in a row died before they answered: "
        f"{' '.join(reason.split())[:LONGEST]}",
        hint="Every node needs the same packages, pip install 'errata-harness[ray]', and memory "
        "for its share of the actors: how many there are says actors in [options.ray].",
    )
