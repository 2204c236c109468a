"""Turn the text of a model that thinks aloud into what it says."""

from __future__ import annotations

import re

OPENS, CLOSES = "<think>", "</think>"

_THOUGHT = re.compile(r"<think>.*?</think>", re.DOTALL)


def said_aloud(text: str, *, is_open: bool = False) -> str | None:
    """The text without its thoughts; None if the last of them has no end: then nothing was said.

    ``is_open``: the prompt has opened a thought already. So it has where a thought ends that nobody
    opened.
    """
    if OPENS not in text and CLOSES not in text:
        return None if is_open else text
    if is_open and not text.lstrip().startswith(OPENS):
        text = OPENS + text
    said = _THOUGHT.sub("", text).rpartition(CLOSES)[2]
    return None if OPENS in said else said.lstrip()


def opens_thought(prompt: str) -> bool:
    """Whether the prompt ends inside a thought, which the model is to go on with."""
    return prompt.rstrip().endswith(OPENS)
