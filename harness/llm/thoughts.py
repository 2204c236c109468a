"""Turn the text of a model that thinks aloud into what it says."""

from __future__ import annotations

OPENS, CLOSES = "<think>", "</think>"


def said_aloud(text: str, *, is_open: bool = False) -> str | None:
    """What comes after the thought at the beginning; None if the thought has no end, so that
    nothing was said.

    ``is_open``: the prompt has opened the thought already. Where a thought ends that nobody opened,
    the prompt has, too.
    """
    begins = is_open or text.lstrip().startswith(OPENS)
    _, closed, rest = text.partition(CLOSES)
    if closed:
        return said_aloud(rest.lstrip()) if rest.lstrip().startswith(OPENS) else rest.lstrip()
    return None if begins else text
