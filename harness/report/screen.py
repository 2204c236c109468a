"""The way to the terminal: what is drawn there holds no control character of others, and no markup
but our own styles.
"""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.style import Style

from harness.runtime.foreign_text import visible


class Cleaned:
    """The same picture, in which all text is visible and none is a link."""

    def __init__(self, picture: RenderableType) -> None:
        self._picture = picture

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from _cleaned(console.render(self._picture, options))


def screen(*, stderr: bool = False) -> Console:
    """A console that takes no text for markup."""
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False)


def _cleaned(segments: Iterable[Segment]) -> Iterable[Segment]:
    for text, style, control in segments:
        if control:
            yield Segment(text, style, control)
        else:
            yield Segment(visible(text), _unlinked(style))


def _unlinked(style: Style | None) -> Style | None:
    return style.update_link(None) if style is not None and style.link else style
