"""An observer for tests: what a run warns of."""

from __future__ import annotations

from harness.protocols import Event


class Ear:
    """Keeps the warnings of a run."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def notify(self, event: Event) -> None:
        if event.name == "warning":
            self.warnings.append(str(event.data["message"]))
