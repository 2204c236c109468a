"""Check what a recipe asks for, and draw by weights."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Mapping
from typing import TypeVar

from harness.errors import ConfigError

T = TypeVar("T")


def drawn(weights: Mapping[T, float], rng: random.Random) -> T:
    """One of the keys, each as often as its weight says."""
    return rng.choices(list(weights), weights=list(weights.values()))[0]


def check_names(domain: str, asked: Iterable[str], known: Collection[str]) -> None:
    """Raise ``ConfigError`` for a feature that the domain does not have."""
    for name in asked:
        if name not in known:
            raise ConfigError(
                f"{domain} has no feature {name!r}", hint=f"Known: {', '.join(sorted(known))}."
            )


def impossible(domain: str, features: Collection[str], *, hint: str = "") -> ConfigError:
    """The error for features that no task of the domain can have all together."""
    return ConfigError(
        f"no task of {domain} can have all of these features: {', '.join(sorted(features))}",
        hint=hint or "Ask for fewer of them at once.",
    )
