"""What a user will do wrong in a conversation."""

from __future__ import annotations

from dataclasses import dataclass

from harness.types import Fact, ToolCall


@dataclass(frozen=True, slots=True, kw_only=True)
class UserFault:
    """What the user will do wrong.

    ``request`` is the index of the request it happens in; ``value`` what is said instead of the
    truth, or on top of it; ``fact`` the one concerned. ``told``: what it is told to do on its own
    device when it happens, and ``other`` what it does.
    """

    kind: str
    request: int = 0
    value: str = ""
    fact: Fact | None = None
    told: ToolCall | None = None
    other: ToolCall | None = None
