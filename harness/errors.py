"""The errors that reach a user: a message that says what was found, and a hint that says what to
do.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import ContextDecorator
from typing import TypeVar

T = TypeVar("T")


class HarnessError(Exception):
    """Something the user can fix. Shown without a traceback, by one handler, with exit status 1."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class FolderWarning(UserWarning):
    """Damage that was found in a folder, and mended or left out. Said by Python's own warnings to
    who gave no other way.
    """


class ConfigError(HarnessError):
    """A setting that is unknown, unused or of the wrong type."""


class NotAgreed(HarnessError):
    """A folder or file of others asks for what only its reader may decide, who did not."""


class UnknownName(HarnessError):
    """No installed plugin offers the name that was asked for."""


class NameClash(HarnessError):
    """Two plugins offer the same name for the same kind."""


class MissingExtra(HarnessError):
    """A plugin was chosen whose optional dependencies are not installed."""


class PluginFailed(HarnessError):
    """Third-party code raised at the plugin boundary; the original error is the ``__cause__``."""


class RunError(HarnessError):
    """A run folder that is missing, damaged, in use, made with other settings, or not writable."""


class FormatError(HarnessError):
    """A file of conversations that cannot be read or written: unknown, truncated, inconsistent."""


class NothingToLearn(HarnessError):
    """A station was given nothing to work on, such as discovery without one failure."""


class CannotInject(HarnessError):
    """No task of the domain can provoke an error pattern; the message is the reason."""


class ModelError(HarnessError):
    """A model folder that cannot be used: no tokenizer, no chat template, weights that do not
    fit.
    """


class OutOfMemory(HarnessError):
    """Memory ran out; the hint names the settings to lower."""


class ProviderError(HarnessError):
    """A provider of chat models that can answer no call at all: wrong key, no such model, no
    credit.
    """


class BudgetSpent(HarnessError):
    """The next call to a chat model would pass the budget of the run."""


class ChatFailure(Exception):
    """Raised by a chat model for a call that got no usable answer; ``cause`` is one of ``CAUSES``
    in ``harness.protocols.chat_model``.

    ``retry_after``: how many seconds the provider asks to wait; None if it did not say.
    """

    def __init__(self, cause: str, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(cause, message)  # what pickle makes it again from
        self.cause = cause
        self.retry_after = retry_after

    def __str__(self) -> str:
        return str(self.args[1])


class RolloutFault(Exception):
    """Raised by a policy or a user simulator when a conversation cannot continue, through no fault
    of the agent, and by a judge, a namer or a task injector that has no usable answer.

    The rollout catches it and ends the trajectory with ``kind``; a fault is never scored. Raised by
    any other plugin it is an error like others.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(kind, message)  # what pickle makes it again from
        self.kind = kind

    def __str__(self) -> str:
        return str(self.args[1])


_BY_CORE = "raised_by_core"


_MEMORY = ("MemoryError", "OutOfMemoryError")
"""Types of errors that are of memory; the latter is torch's, which is not imported here."""
_OF_MEMORY = ("allocate memory", "could not create a primitive", "not enough memory")
"""What torch and its kernels say of memory, in errors of no type of their own."""


def memory_complaint(error: BaseException | None) -> str | None:
    """The first line of the out-of-memory message of the error or of a cause of it; None if none of
    them is one.
    """
    while error is not None:
        said = str(error).partition("\n")[0] or type(error).__name__
        if any(kind.__name__ in _MEMORY for kind in type(error).__mro__):
            return said
        if isinstance(error, RuntimeError) and any(words in said for words in _OF_MEMORY):
            return said
        error = error.__cause__
    return None


class core_code(ContextDecorator):
    """Marks what the core raises where a plugin calls it, such as the function that an executor
    maps: boundaries around that plugin let it pass as it is, with its causes.

    The mark is an attribute of the error, so that it comes along from other processes.
    """

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        if isinstance(error, Exception):
            vars(error)[_BY_CORE] = True


def core_items(items: Iterable[T]) -> Iterator[T]:
    """The items, which the core makes and a plugin asks for: see ``core_code``."""
    with core_code():
        yield from items


class plugin_boundary:
    """Names the plugin when third-party code raises; our own errors pass through.

    ``plugin`` is the plugin's entry point, as ``harness.assembly.registry.Offer.plugin`` has it;
    ``doing`` what was asked of it. Memory that ran out is said as that. ``faults``: whether a
    ``RolloutFault`` passes, too, since the caller handles it. A class, since thousands are entered
    a second.
    """

    __slots__ = ("doing", "faults", "plugin")

    def __init__(self, plugin: str, doing: str, *, faults: bool = False) -> None:
        self.plugin = plugin
        self.doing = doing
        self.faults = faults

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        if isinstance(error, HarnessError) or not isinstance(error, Exception | SystemExit):
            return
        if _BY_CORE in vars(error) or (self.faults and isinstance(error, RolloutFault)):
            return
        if said := memory_complaint(error):
            raise OutOfMemory(
                f"memory ran out in the {self.doing} of the plugin {self.plugin}: {said}",
                hint="Free some, or have less done at once: `slots`, `max_context`, batch sizes.",
            ) from error
        raise plugin_failed(self.plugin, self.doing, f"{type(error).__name__}: {error}") from error


def plugin_failed(plugin: str, doing: str, what: str) -> PluginFailed:
    """The error that names a plugin; ``what`` is the type and message of what it raised."""
    return PluginFailed(
        f"the plugin {plugin} failed in its {doing}: {what}",
        hint="This is a fault of the plugin; run with HARNESS_TRACEBACK=1 to see where.",
    )


def plugin_items(plugin: str, doing: str, make: Callable[[], Iterable[T]]) -> Iterator[T]:
    """The items that third-party code makes; whatever it raises meanwhile names the plugin."""
    with plugin_boundary(plugin, doing):
        yield from make()


def shown(value: object) -> str:
    """A value as an error shows it: its type, and what it is if that is short and plain."""
    if value is None or isinstance(value, bool):
        return repr(value)
    name = type(value).__name__
    article = "an" if name[:1].lower() in "aeiou" else "a"
    if not isinstance(value, str | int | float):
        return f"{article} {name}"
    text = repr(value)
    return f"{article} {name} ({text if len(text) <= _SHOWN else text[:_SHOWN] + '…'})"


def expected(kind: type[T] | tuple[type[T], ...], value: object, what: str) -> T:
    """The value. Raises ``TypeError`` if it is of another type; within a ``plugin_boundary`` that
    names the plugin.
    """
    if not isinstance(value, kind):
        raise _unexpected(kind, value, what)
    return value


def listed(kind: type[T], values: object, what: str) -> Sequence[T]:
    """The values. Raises ``TypeError`` unless they are a list, tuple or the like of that type."""
    if not isinstance(values, Sequence) or isinstance(values, str | bytes):
        raise TypeError(f"{what} is {shown(values)}, expected a list or tuple")
    for value in values:
        if not isinstance(value, kind):
            raise _unexpected(kind, value, f"an item of {what}")
    return values


async def awaited(kind: type[T] | tuple[type[T], ...], answer: Awaitable[object], what: str) -> T:
    """What the coroutine returns, as ``expected``. Raises ``TypeError`` if it is none."""
    if not inspect.isawaitable(answer):
        raise TypeError(f"{what} is {shown(answer)} at once, expected a coroutine: `async def`")
    return expected(kind, await answer, what)


_SHOWN = 80
"""Characters of a plain value in an error."""


def _unexpected(
    kind: type[object] | tuple[type[object], ...], value: object, what: str
) -> TypeError:
    return TypeError(f"{what} is {shown(value)}, expected {_named(kind)}")


def _named(kind: type[object] | tuple[type[object], ...]) -> str:
    names = [one.__name__ for one in (kind if isinstance(kind, tuple) else (kind,))]
    return f"{'an' if names[0][0].lower() in 'aeiou' else 'a'} {' or '.join(names)}"
