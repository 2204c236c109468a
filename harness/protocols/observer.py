"""What happens in a run, and who receives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from harness.types.messages import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened: ``name`` such as "station_started", ``data`` plain JSON values."""

    name: str
    data: Mapping[str, Json] = field(default_factory=dict)


class Observer(Protocol):
    """Receives each event, in order, in the loop's own thread: return quickly."""

    def notify(self, event: Event) -> None: ...
