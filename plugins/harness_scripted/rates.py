"""Read the rate in a name such as ``noisy:0.5``."""

from __future__ import annotations

from harness.errors import ConfigError
from harness.protocols import Settings


def read_rate(settings: Settings, *, name: str, event: str) -> float:
    """The argument as a share of conversations, 1 if there is none.

    Raises ``ConfigError`` if it is not a number in [0, 1]; ``event`` is what happens at that rate.
    """
    try:
        rate = float(settings.argument or 1)
    except ValueError:
        rate = -1.0
    if not 0 <= rate <= 1:
        raise ConfigError(
            f"{name} needs a rate in [0, 1], not {settings.argument!r}",
            hint=f"Write {name}:0.5 for a {event} in every second conversation.",
        )
    return rate
