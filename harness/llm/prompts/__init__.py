"""Turn the Markdown files of this package into prompts: a text with gaps, and its version."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_GAP = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A text with gaps written as ``{name}``. ``version`` changes with every change of the text.

    The version is part of the cache key of each call made with the prompt.
    """

    name: str
    text: str
    version: str

    def fill(self, **values: str) -> str:
        """The text with each gap filled. Values are put in as they are: their braces mean nothing.

        Raises ``KeyError`` for a gap without a value, and ``ValueError`` for a value without a gap.
        """
        pieces = _pieces(self.text)
        if surplus := values.keys() - pieces[1::2]:
            raise ValueError(f"the prompt {self.name!r} has no gap for {sorted(surplus)}")
        return "".join(values[piece] if at % 2 else piece for at, piece in enumerate(pieces))


@cache
def _pieces(text: str) -> Sequence[str]:
    """What stands between the gaps, and every second piece the name of a gap."""
    return _GAP.split(text)


@cache
def prompt(name: str) -> Prompt:
    """The prompt in ``name.md``. Raises ``FileNotFoundError`` if there is none."""
    text = (files(__name__) / f"{name}.md").read_text(encoding="utf-8").strip()
    version = hashlib.sha256(text.encode()).hexdigest()[:12]
    return Prompt(name=name, text=text, version=version)
