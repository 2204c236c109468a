"""Turn the result or error of an item into bytes in one process, and back in another."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Iterator
from dataclasses import dataclass

from harness.errors import PluginFailed, RunError

END = b""
"""The parcel after the last one. No other is empty."""

_STAY = 'Use the executor "asyncio", which runs everything in one process.'
_LOOK = "Run with HARNESS_TRACEBACK=1 to see where."


class ChildTraceback(Exception):
    """The traceback of an error as it was in the process that raised it."""

    def __str__(self) -> str:
        return f"in another process\n{self.args[0]}"


@dataclass(frozen=True, slots=True)
class _Raised:
    """An error and its causes: each pickled with its attributes (empty if it cannot be) and as
    text.
    """

    links: tuple[tuple[bytes, str], ...]
    traceback: str


def packed_result(index: int, result: object) -> bytes:
    """The result of that item. Raises ``RunError`` if it cannot be pickled."""
    try:
        return pickle.dumps((index, result), pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # whatever a stranger's __reduce__ raises
        raise RunError(
            f"a result of type {type(result).__name__} cannot be pickled: {_words(error)}",
            hint=_STAY,
        ) from error


def packed_error(error: BaseException) -> bytes:
    """The error with its causes and its traceback. Any error can be packed."""
    links = tuple((_pickled(link), _words(link)) for link in _causes(error))
    text = "".join(traceback.format_exception(error))
    return pickle.dumps(_Raised(links, text), pickle.HIGHEST_PROTOCOL)


def unpack(parcel: bytes) -> tuple[int, object]:
    """The index of an item and its result.

    Raises the error that was packed, its last cause a ``ChildTraceback``. An error that cannot be
    rebuilt becomes a ``PluginFailed`` that names it. Raises ``RunError`` for a result that cannot
    be unpickled.
    """
    try:
        found = pickle.loads(parcel)
    except Exception as error:  # whatever a stranger's class raises
        raise RunError(f"a result cannot be unpickled: {_words(error)}", hint=_STAY) from error
    if isinstance(found, _Raised):
        raise _rebuilt(found)
    index, result = found
    return index, result


def _rebuilt(raised: _Raised) -> BaseException:
    cause: BaseException = ChildTraceback(raised.traceback)
    for pickled, words in reversed(raised.links):
        error = _unpickled(pickled)
        if error is None or _words(error) != words:
            error = PluginFailed(words, hint=_LOOK)
        error.__cause__ = cause
        cause = error
    return cause


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error, its cause, the cause of that, and so on; each once."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__


def _pickled(error: BaseException) -> bytes:
    """With its attributes, notes among them, since many a ``__reduce__`` leaves them out."""
    try:
        return pickle.dumps((error, vars(error)), pickle.HIGHEST_PROTOCOL)
    except Exception:  # whatever a stranger's __reduce__ raises
        return b""


def _unpickled(pickled: bytes) -> BaseException | None:
    try:
        error, attributes = pickle.loads(pickled)
        vars(error).update(attributes)
    except Exception:  # whatever a stranger's __init__ raises
        return None
    return error if isinstance(error, BaseException) else None


def _words(error: BaseException) -> str:
    """Type and message, without notes; whatever the error's own ``__str__`` does, this does not
    raise.
    """
    name = type(error).__name__
    try:
        said = str(error)
    except Exception:
        return f"{name}, whose message cannot be shown"
    return f"{name}: {said}" if said else name
