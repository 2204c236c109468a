"""Turn what a step is to play into rollouts, now or while the step before it is trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextvars import copy_context
from dataclasses import dataclass
from threading import Thread
from typing import Any, TypeVar

from harness.types import Episode, Task
from harness_grpo.guided import Prefix

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """The groups of a step before they are played: those that begin with a prefix, then those of
    ``tasks``. ``first`` and ``guided_first``: how many of each kind there were before.
    """

    tasks: Sequence[Task]
    first: int
    prefixes: Sequence[Prefix] = ()
    guided_first: int = 0

    def state(self) -> dict[str, Any]:
        """What it takes to play the groups without a prefix again."""
        return {"tasks": [task.id for task in self.tasks], "first": self.first}


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """Rollouts of a draw, from the weights that step ``step`` begins with."""

    draw: Draw
    step: int
    played: Future[Sequence[Episode]]

    def wait(self) -> Sequence[Episode]:
        """The episodes, in the order of the draw. Raises what playing them raised."""
        return self.played.result()


def started(function: Callable[[], T], *, in_background: bool) -> Future[T]:
    """What the function will return: done already, or under way on a thread of its own.

    The thread ends with the process, whatever it is doing then: a run that is interrupted does not
    wait for conversations.
    """
    future: Future[T] = Future()
    if not in_background:
        future.set_result(function())
        return future
    context = copy_context()

    def work() -> None:
        try:
            future.set_result(context.run(function))
        except BaseException as error:  # raised where the result is asked for
            future.set_exception(error)

    Thread(target=work, name="rollouts", daemon=True).start()
    return future
