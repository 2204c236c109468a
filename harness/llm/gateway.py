"""Turn the name of a chat model and a role into the role's way to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from harness.assembly.config import LoopConfig, read_options
from harness.errors import ConfigError
from harness.protocols import Settings
from harness.protocols.chat_model import ChatModel, ChatRole
from harness.types import Json

if TYPE_CHECKING:
    from harness.llm.ledger import Ledger
    from harness.llm.role_client import RoleClient
    from harness.llm.shared import Shared

SECONDS_PER_NOTE = 1.0
"""How often the counts are written down while calls are made."""


class Gateway:
    """The way to chat models for everything in a run. ``make`` turns "NAME[:MODEL]" into one,
    ``plugin_of`` into the entry point that offers it; nothing is opened before the first is asked
    for.
    """

    def __init__(
        self,
        make: Callable[[str], ChatModel],
        config: LoopConfig,
        plugin_of: Callable[[str], str],
    ) -> None:
        self._make = make
        self._plugin_of = plugin_of
        self._config = config
        self._models: dict[str, ChatModel] = {}
        self._earlier: Mapping[str, Json] = {}
        self._keep: Callable[[Mapping[str, Json]], None] = lambda counts: None
        self._kept = time.monotonic()

    @property
    def used(self) -> bool:
        """Whether any chat model was asked for."""
        return bool(self._models)

    @cached_property
    def shared(self) -> Shared:
        """What all calls of the run share."""
        from harness.llm.cache import Cache, default_file
        from harness.llm.prices import Prices
        from harness.llm.shared import CallOptions, Shared

        config = self._config
        settings = Settings(options=config.options.get("calls", {}))
        options = read_options(CallOptions, settings, name="calls")
        return Shared(
            options=options,
            cache=None if config.cache == "off" else Cache(default_file(), config.cache),
            ledger=self._ledger(),
            prices=Prices.load(options.prices),
        )

    def chat(self, role: ChatRole, spec: str) -> RoleClient:
        """A role's way to the chat model "NAME" or "NAME:MODEL".

        Raises ``ConfigError`` if there is a budget in US dollars and no price for the model.
        """
        from harness.llm.role_client import RoleClient

        shared = self.shared
        if spec not in self._models:
            self._models[spec] = self._make(spec)
        provider, _, model = spec.partition(":")
        chat = RoleClient(
            self._models[spec],
            provider=provider,
            model=model,
            role=role,
            shared=shared,
            plugin=self._plugin_of(spec),
        )
        if shared.ledger.budget.usd is not None and not shared.prices.knows(chat.model):
            raise ConfigError(
                f"no price is known for {chat.model!r}: a budget in US dollars cannot be enforced",
                hint='Give its price with [options.calls] prices = "FILE", or limit '
                "the tokens: `harness loop --budget-tokens N`.",
            )
        return chat

    def models(self) -> Mapping[str, str]:
        """The model behind each spec that was asked for so far."""
        found = {spec: spec.partition(":")[2] for spec in self._models}
        return {spec: model or self._models[spec].model for spec, model in found.items()}

    def go_on(
        self, earlier: Mapping[str, Json], keep: Callable[[Mapping[str, Json]], None]
    ) -> None:
        """Count from ``earlier`` counts on, so that a budget is the whole run's, and have ``keep``
        write the counts down now and then. To be called before the first chat model is asked for.
        """
        self._earlier, self._keep = earlier, keep

    def counts(self) -> Mapping[str, Json]:
        """The counts by role, written down too; {} if no chat model was asked anything."""
        if not self.used or not self.shared.ledger.roles:
            return {}
        counts = self.shared.ledger.plain()
        self._keep(counts)
        self._kept = time.monotonic()
        return counts

    def summary(self) -> str:
        """The counts in one line, for people."""
        return self.shared.ledger.summary()

    def _ledger(self) -> Ledger:
        from harness.llm.ledger import Budget, Ledger

        config = self._config
        ledger = Ledger(Budget(usd=config.budget_usd, tokens=config.budget_tokens))
        ledger.recall(self._earlier)
        ledger.changed = self._changed
        return ledger

    def _changed(self) -> None:
        if time.monotonic() - self._kept >= SECONDS_PER_NOTE:
            self.counts()
