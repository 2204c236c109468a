"""How much a command says: the flags -q, -v and --no-color, anywhere in the command line."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Annotated, Literal

import typer

Loudness = Literal["quiet", "usual", "verbose"]

NO_COLOR = "NO_COLOR"
"""The environment variable by which programs are asked for no colours."""

_LOUDNESS: ContextVar[Loudness] = ContextVar("loudness", default="usual")
_ANYWHERE = frozenset({"-q", "--quiet", "-v", "--verbose", "--no-color"})


def loudness() -> Loudness:
    """How much the command that runs is to say on stderr."""
    return _LOUDNESS.get()


@contextmanager
def own_loudness() -> Iterator[None]:
    """What the flags change within the block is as before when it ends."""
    before, token = os.environ.get(NO_COLOR), _LOUDNESS.set("usual")
    try:
        yield
    finally:
        _LOUDNESS.reset(token)
        if before is None:
            os.environ.pop(NO_COLOR, None)


def to_the_front(words: Sequence[str]) -> list[str]:
    """The words of a command line with the flags of this module first; what follows "--" stays."""
    end = words.index("--") if "--" in words else len(words)
    before, after = words[:end], words[end:]
    flags = [word for word in before if word in _ANYWHERE]
    return [*flags, *(word for word in before if word not in _ANYWHERE), *after]


def _be(wanted: Loudness) -> Callable[[bool], None]:
    """What a flag does that asks for a loudness."""

    def be(given: bool) -> None:
        if given and loudness() not in ("usual", wanted):
            raise typer.BadParameter("give --quiet or --verbose, not both")
        if given:
            _LOUDNESS.set(wanted)

    return be


def _leave_colors_out(wanted: bool) -> None:
    if wanted:
        os.environ[NO_COLOR] = "1"


Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        callback=_be("quiet"),
        is_eager=True,
        help="Only results, warnings and errors.",
    ),
]
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose",
        "-v",
        callback=_be("verbose"),
        is_eager=True,
        help="Every event of a run, and where an error was raised.",
    ),
]
NoColor = Annotated[
    bool,
    typer.Option("--no-color", callback=_leave_colors_out, is_eager=True, help="No colours."),
]
