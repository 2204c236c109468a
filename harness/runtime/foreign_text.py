"""Turn text that came from outside into text that is safe to show.

Outside is whatever no line of this project wrote: models and their providers, run folders, files of
other tools, plugins. ``visible`` takes out what no reader can see; it is the one function that all
ways out apply: the terminal (``harness.report.screen``), JSON on stdout (``json_text``), HTML and
SVG (``harness.report.markup``) and Markdown (``harness.report.markdown``). No CSV is written.
"""

from __future__ import annotations

import json
import re
import unicodedata

_ESCAPE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x80-\x9f]")
_BREAK = re.compile("\r\n|[\u2028\u2029]")
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


def visible(text: str) -> str:
    """The text without escape sequences, control characters and invisible ones.

    Line breaks and tabs stay; bidirectional marks and joiners go, and so do halves of surrogate
    pairs, which no file can hold.
    """
    if text.replace("\n", "").replace("\t", "").isprintable():
        return text
    text = _ESCAPE.sub("", _BREAK.sub("\n", text))
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in _INVISIBLE)


def clean(value: object, limit: int = 400) -> str:
    """The value as one line of visible text, ``limit`` characters long at most."""
    text = " ".join(visible(str(value)[: 4 * limit]).split())
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def json_text(value: object, *, indent: int | None = None) -> str:
    """The value as JSON for people and programs: what no reader can see is escaped in it."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    if text.replace("\n", "").isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)
