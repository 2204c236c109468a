"""Elements of HTML and SVG from Python values; text is escaped unless it is already markup."""

from __future__ import annotations

from html import escape

from harness.runtime.foreign_text import visible

_VOID = frozenset({"meta", "br", "hr"})


class Markup(str):
    """Text that needs no escaping any more."""

    __slots__ = ()


def tag(name: str, /, *children: str, **attributes: object) -> Markup:
    """The element. ``class_`` stands for ``class``, ``x_y`` for ``x-y``; None leaves it out."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_text(_short(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{together(*children)}</{name}>")


def together(*parts: str) -> Markup:
    """The parts one after the other, each escaped if it is plain text."""
    return Markup("".join(p if isinstance(p, Markup) else _text(p) for p in parts))


def _text(text: str) -> str:
    """Also fit for SVG, which as XML may hold no control character at all."""
    return escape(visible(text))


def _short(value: object) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
