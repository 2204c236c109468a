"""Turn calls of named functions into the seconds that were spent in them."""

from __future__ import annotations

import functools
import inspect
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from time import process_time
from typing import Any

Seconds = defaultdict[str, float]
"""Seconds by name; time in a function that another one on the watch calls counts once."""


class Stopwatch:
    """Counts seconds in ``seconds`` while functions are on the watch.

    ``clock``: None for CPU seconds of this process.
    """

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self._clock = clock or process_time
        self.seconds: Seconds = defaultdict(float)
        self._running = ""

    @contextmanager
    def watching(self, *functions: tuple[str, object, str]) -> Iterator[None]:
        """Watch (name, owner, attribute): functions, methods of classes, coroutine functions.

        A coroutine counts from its start to its end: watch only those that wait for nobody.
        """
        with ExitStack() as stack:
            for name, owner, attribute in functions:
                stack.enter_context(replaced(owner, attribute, self._timed(name, owner, attribute)))
            yield

    @contextmanager
    def counting(self, name: str) -> Iterator[None]:
        """Count the block under the name, unless something is being counted already."""
        if self._running:
            yield
            return
        self._running, started = name, self._clock()
        try:
            yield
        finally:
            self.seconds[name] += self._clock() - started
            self._running = ""

    def _timed(self, name: str, owner: object, attribute: str) -> Any:
        function = getattr(owner, attribute)
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def timed_coroutine(*given: Any, **named: Any) -> Any:
                with self.counting(name):
                    return await function(*given, **named)

            return timed_coroutine

        @functools.wraps(function)
        def timed(*given: Any, **named: Any) -> Any:
            with self.counting(name):
                return function(*given, **named)

        return timed


@contextmanager
def replaced(owner: object, attribute: str, value: object) -> Iterator[None]:
    """Let the attribute have that value meanwhile."""
    own = vars(owner).get(attribute)
    setattr(owner, attribute, value)
    try:
        yield
    finally:
        if own is None:
            delattr(owner, attribute)
        else:
            setattr(owner, attribute, own)
