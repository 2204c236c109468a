"""What the calls of all roles share: options, cache, counts, prices, limits per model."""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.assembly.config import (
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
)
from harness.llm.cache import Cache
from harness.llm.ledger import Ledger
from harness.llm.limits import StartQueue, Throttle
from harness.llm.prices import Prices
from harness.llm.redaction import Redactor
from harness.llm.refusals import Manners


@dataclass(frozen=True, kw_only=True)
class CallOptions:
    """``retries`` after the first try; ``call_seconds`` for one try. The pause before try n + 1 is
    a random part of ``first_pause`` * 2^n seconds, at most ``longest_pause``, and never shorter
    than what the provider asks for; one that asks for more than ``longest_wait`` is not waited for.
    ``concurrency``: calls open at once, per model. ``prices``: a TOML table that overrides ours.
    """

    retries: NonNegativeInt = 6
    call_seconds: PositiveFloat = 120.0
    first_pause: NonNegativeFloat = 0.5
    longest_pause: NonNegativeFloat = 30.0
    longest_wait: NonNegativeFloat = 300.0
    concurrency: PositiveInt = 64
    max_tokens: PositiveInt = 4096
    prices: str = ""

    def pause(self, failed: int, retry_after: float | None, luck: float) -> float | None:
        """Seconds before the next try after ``failed`` tries; None: it is not worth waiting for.

        ``luck`` in [0, 1) spreads the tries of many conversations.
        """
        asked = retry_after or 0.0
        if asked > self.longest_wait:
            return None
        own: float = min(self.longest_pause, self.first_pause * 2.0 ** (failed - 1))
        return asked + own * luck if asked else own * (0.5 + luck / 2)


@dataclass(frozen=True, kw_only=True)
class Shared:
    """One of these serves a whole run; ``cache`` None: every question is asked."""

    options: CallOptions = field(default_factory=CallOptions)
    cache: Cache | None = None
    ledger: Ledger = field(default_factory=Ledger)
    prices: Prices = field(default_factory=Prices.load)
    redactor: Redactor = field(default_factory=Redactor)
    start_queue: StartQueue = field(default_factory=StartQueue)
    throttles: dict[tuple[str, str], Throttle] = field(default_factory=dict)
    manners: dict[tuple[str, str, str], Manners] = field(default_factory=dict)

    def throttle(self, provider: str, model: str) -> Throttle:
        """The limit that all roles asking this model share."""
        return self.throttles.setdefault(
            (provider, model), Throttle(self.options.concurrency, self.options.longest_wait)
        )

    def manners_of(self, provider: str, endpoint: str, model: str) -> Manners:
        """What is known of the server of a model."""
        return self.manners.setdefault((provider, endpoint, model), Manners())
