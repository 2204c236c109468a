"""Offer the weather-alert domain, and an observer that counts events."""

from collections import Counter
from collections.abc import Mapping

from harness.hookspecs import Factory, hookimpl
from harness.protocols import Domain, Event, Observer


@hookimpl
def harness_domains() -> Mapping[str, Factory[Domain]]:
    from harness_weather.domain import Weather

    return {"weather": lambda settings: Weather()}


@hookimpl
def harness_observers() -> Mapping[str, Factory[Observer]]:
    return {"tally": lambda settings: Tally()}


class Tally:
    """Counts events by name."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def notify(self, event: Event) -> None:
        self.counts[event.name] += 1
