"""Start the run's own server again whenever it dies while other processes sample from it."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Thread

from harness.errors import HarnessError
from harness_vllm.server import OwnServer

_LOOK_SECONDS = 0.2


class Guard:
    """Has ``revive`` called when the server died; after ``tries`` failures in a row no more.

    ``error`` is then the last of them.
    """

    def __init__(self, own: OwnServer, revive: Callable[[], None], *, tries: int) -> None:
        self.error: HarnessError | None = None
        self._own = own
        self._revive = revive
        self._tries = tries
        Thread(target=self._watch, name="vllm-guard", daemon=True).start()

    def _watch(self) -> None:
        failures = 0
        while failures < self._tries:
            time.sleep(_LOOK_SECONDS)
            if not failures and not self._own.is_dead:
                continue
            try:
                self._revive()
                failures = 0
            except HarnessError as error:
                failures += 1
                failed = error
        self.error = failed
