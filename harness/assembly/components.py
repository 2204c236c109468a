"""Turn a configuration into the plugin products a run works with, each made when first needed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from harness.assembly.config import LoopConfig
from harness.assembly.extras import DISTRIBUTION
from harness.assembly.product_settings import (
    BY_TERMS,
    MADE_FROM,
    OF_THE_JUDGE,
    STATIONS_CHOOSE,
    option_table,
    product_names,
    product_settings,
    warm_options,
)
from harness.assembly.registry import SPEAKING, Registry
from harness.errors import ConfigError, plugin_boundary
from harness.protocols import (
    NO_PLUGINS,
    AssertionJudge,
    ChatGateway,
    ChatModel,
    Clusterer,
    Domain,
    Event,
    Executor,
    Judge,
    Observer,
    PatternNamer,
    PluginNames,
    Policy,
    Probe,
    RewardTerm,
    RolloutLimits,
    RolloutSetup,
    SamplingPolicy,
    Settings,
    TaskInjector,
    TrainablePolicy,
    Trainer,
    UserSimulator,
    WeightedTerm,
)
from harness.run_folder.weights import refuse_damaged
from harness.types import Checkpoint

WARM_START = "warm_start"
"""The table of options that the trainer of SFT has in a warm start."""

SHARED = {
    "domain": "domain",
    "user simulator": "user",
    "judge": "judge",
    "clusterer": "clusterer",
    "task injector": "injector",
    "executor": "executor",
}
"""The attribute that holds the only product of a kind."""

_ALL = "products"

PLACES = ("domain", "user", "judge", "terms", "setup", "calls")
"""The products that the parts of a run share, by the name of their attribute."""


class Components:
    """The products named by a configuration.

    Every name is looked up at once, so that a misspelt one is an error before anything runs;
    products are made when first used, since some import heavy libraries. ``folder`` is the run's,
    in which each product has a place.
    """

    def __init__(
        self,
        config: LoopConfig,
        registry: Registry,
        observers: tuple[Observer, ...] = (),
        folder: Path | None = None,
    ) -> None:
        self.config = config
        self.folder = folder
        self.registry = registry
        self._extra_observers = observers
        for kind, name in self.names():
            registry.find(kind, name)

    def changed(self, **settings: Any) -> Components:
        """The products of a configuration with other settings.

        Calls (and with them the budget), observers and domain are the same, unless they are made
        from one of these settings.
        """
        config = replace(self.config, **settings)
        other = Components(config, self.registry, self._extra_observers, self.folder)
        for product, made_from in MADE_FROM.items():
            if not settings.keys() & made_from:
                setattr(other, product, getattr(self, product))
        return other

    def names(self) -> list[tuple[str, str]]:
        return product_names(self.config)

    def check_chat(self, given: Collection[str]) -> None:
        """Open the way to the chat models that these settings decide on, so that one without a key,
        or without a known price under a budget in US dollars, is an error before they are saved.
        """
        if "namer" in given or "budget_usd" in given:
            self.namer  # noqa: B018 (made when first looked at)
        if "budget_usd" in given:
            for kind, name in self.names():
                if self.registry.speaks(kind, name):
                    self.calls.chat(SPEAKING[kind], name)

    def check_given(self, given: Mapping[str, object]) -> None:
        """Make the products of stations that these settings name or have options for, so that what
        cannot be made is not saved.
        """
        found = given.get("options")
        tables = {*found} if isinstance(found, Mapping) else set()
        named = {kind for setting, kind in STATIONS_CHOOSE.items() if setting in given}
        for kind, name in self.names():
            if kind in named or option_table(self, kind, name) in tables:
                self._make(kind, name)
        if WARM_START in tables:
            self.warm_trainer()

    def _make(self, kind: str, name: str) -> None:
        """Make a product of the run; policies and observers are made where they are used."""
        if kind in SHARED:
            getattr(self, SHARED[kind])
        elif kind == "trainer":
            self.trainer(name)
        elif kind == "reward term":
            self.reward_term(name)

    def check_practice(self) -> None:
        """Raises ``ConfigError`` if rounds are to read rollouts of a trainer that makes none."""
        config = self.config
        if config.rounds == 1 or config.discover_from != "rollouts":
            return
        if self.trainer(config.trainer).needs == "demonstrations":
            raise ConfigError(
                f'discover_from = "rollouts": the trainer {config.trainer!r} makes no rollouts '
                "that rounds after the first could read",
                hint='Set discover_from = "validation", or a trainer that makes rollouts, such as '
                "`--trainer grpo`.",
            )

    def check(self, *, training: bool) -> None:
        """Make every product but the policies, so that bad options are errors before anything runs.

        training: whether the stations after evaluation are needed too.
        """
        self.executor, self.user, self.terms  # noqa: B018 (made when first looked at)
        for kind, name in self.names():
            if kind == "policy" and self.registry.speaks(kind, name):
                self.calls.chat("agent", name)
        if training:
            self.judge, self.clusterer, self.namer, self.injector  # noqa: B018
            self.trainer(self.config.sft_trainer)
            self.trainer(self.config.trainer)
            self.check_practice()
            if self.config.warm_start:
                self.warm_trainer()

    @cached_property
    def domain(self) -> Domain:
        return self.registry.make(
            "domain", self.config.domain, self._settings("domain", self.config.domain)
        )

    @cached_property
    def elsewhere(self) -> Mapping[str, Components]:
        """The products on each of the other domains in which the policy is to work, by name."""
        names = self.config.other_domains
        return {name: self.changed(domain=name, sft_domains=()) for name in names}

    @property
    def other_domains(self) -> tuple[Domain, ...]:
        return tuple(parts.domain for parts in self.elsewhere.values())

    @cached_property
    def user(self) -> UserSimulator:
        name = self.config.simulator
        return self.registry.make(
            "user simulator", name, self._settings("user simulator", name, domain=True)
        )

    @cached_property
    def judge(self) -> Judge:
        name = self.config.judge
        return self.registry.make("judge", name, self._settings("judge", name, domain=True))

    @cached_property
    def clusterer(self) -> Clusterer:
        name = self.config.clusterer
        return self.registry.make("clusterer", name, self._settings("clusterer", name, domain=True))

    @cached_property
    def namer(self) -> PatternNamer | None:
        """The chat model that names patterns; None where none is configured."""
        name = self._naming_model
        return self.registry.roles.namer(self.calls.chat("namer", name)) if name else None

    @property
    def _naming_model(self) -> str:
        name = self.config.namer
        if name == OF_THE_JUDGE:
            return self.config.judge if self.registry.speaks("judge", self.config.judge) else ""
        return "" if name == BY_TERMS else name

    @cached_property
    def injector(self) -> TaskInjector:
        name = self.config.injector
        return self.registry.make(
            "task injector", name, self._settings("task injector", name, domain=True)
        )

    @cached_property
    def executor(self) -> Executor:
        name = self.config.executor
        return self.registry.make("executor", name, self._settings("executor", name))

    @cached_property
    def terms(self) -> tuple[WeightedTerm, ...]:
        """The reward terms with a weight other than 0."""
        return tuple(
            WeightedTerm(
                name=name,
                weight=weight,
                plugin=self.registry.plugin_of("reward term", name),
                term=self.reward_term(name),
            )
            for name, weight in self.config.rewards.items()
            if weight != 0
        )

    @cached_property
    def teacher(self) -> Policy:
        return self.named_policy(self.config.teacher)

    @cached_property
    def calls(self) -> ChatGateway:
        """The run's way to chat models."""
        return self.registry.gateway(self._chat_model, self.config)

    @cached_property
    def observers(self) -> tuple[tuple[str, Observer], ...]:
        """The configured observers, each with the plugin that offers it."""
        return tuple(
            (
                self.registry.plugin_of("observer", name),
                self.registry.make("observer", name, self._settings("observer", name)),
            )
            for name in self.config.observers
        )

    @property
    def recipe(self) -> LoopConfig:
        """See ``harness.protocols.Products``. Observers are for the process that has the run."""
        return replace(self.config, observers=())

    @cached_property
    def versions(self) -> dict[str, str]:
        """See ``harness.protocols.Products``."""
        used = {self.registry.plugin_of(kind, name) for kind, name in self.names()}
        rows = [row for row in self.registry.plugins if row.key in used]
        return {DISTRIBUTION: version(DISTRIBUTION), **{r.distribution: r.version for r in rows}}

    def place_of(self, value: object) -> str | None:
        """See ``harness.protocols.Products``."""
        if value is self:
            return _ALL
        if value is None or (isinstance(value, tuple) and not value):
            return None  # there is but one of each in a process, product or not
        made = self.__dict__
        return next((place for place in PLACES if made.get(place) is value), None)

    def at(self, place: str) -> object:
        """See ``harness.protocols.Products``."""
        return self if place == _ALL else getattr(self, place)

    @cached_property
    def setup(self) -> RolloutSetup:
        limits = RolloutLimits(
            message_limit=self.config.message_limit,
            max_errors=self.config.max_errors,
            time_limit=self.config.time_limit,
        )
        return RolloutSetup(
            domain=self.domain,
            user=self.user,
            terms=self.terms,
            limits=limits,
            judge=self.judge if isinstance(self.judge, AssertionJudge) else None,
            plugins=self.plugins,
        )

    def setup_with(self, kind: str, name: str) -> RolloutSetup:
        """The setup of rollouts whose agent is another policy, or the policy of a probe."""
        plugins = replace(self.plugins, policy=self.registry.plugin_of(kind, name))
        return replace(self.setup, plugins=plugins)

    @cached_property
    def plugins(self) -> PluginNames:
        """The plugins of the configured products, to name in errors."""
        config, of = self.config, self.registry.plugin_of
        namer = self._naming_model
        return PluginNames(
            domain=of("domain", config.domain),
            policy=of("policy", config.policy),
            user=of("user simulator", config.simulator),
            judge=of("judge", config.judge),
            clusterer=of("clusterer", config.clusterer),
            namer=of("chat model", namer) if namer else NO_PLUGINS.namer,
            injector=of("task injector", config.injector),
            executor=of("executor", config.executor),
        )

    def trainer(self, name: str) -> Trainer:
        return self.registry.make("trainer", name, self._settings("trainer", name, domain=True))

    def warm_trainer(self) -> Trainer:
        """The trainer of SFT with the options that a warm start has instead of some of its own."""
        name = self.config.sft_trainer
        settings = self._settings("trainer", name, domain=True)
        options = warm_options(settings.options, self.config.options.get(WARM_START, {}))
        return self.registry.make("trainer", name, replace(settings, options=options))

    def policy(self, checkpoint: Checkpoint | None = None, folder: Path | None = None) -> Policy:
        """The configured policy, at a checkpoint if one is given, sampling at the configured
        temperature. Raises ``RunError`` if the checkpoint's files are not as they were saved.
        """
        name = self.config.policy
        if checkpoint is not None:
            refuse_damaged(checkpoint)
        settings = self._settings("policy", name, domain=True, checkpoint=checkpoint, folder=folder)
        policy = self.registry.make("policy", name, settings)
        if isinstance(policy, SamplingPolicy):
            with plugin_boundary(self.plugins.policy, "temperature"):
                policy.set_temperature(self.config.temperature)
        return policy

    def named_policy(self, name: str) -> Policy:
        """Another policy than the configured one, as it is offered. Raises ``UnknownName``."""
        return self.registry.make("policy", name, self._settings("policy", name, domain=True))

    def probe(self, name: str) -> Probe:
        return self.registry.make("probe", name, self._settings("probe", name, domain=True))

    def reward_term(self, name: str) -> RewardTerm:
        settings = self._settings("reward term", name, domain=True)
        return self.registry.make("reward term", name, settings)

    def trainable(
        self, checkpoint: Checkpoint | None = None, folder: Path | None = None
    ) -> TrainablePolicy:
        """As ``policy``. Raises ``ConfigError`` if it has no weights to train."""
        policy = self.policy(checkpoint, folder)
        if not isinstance(policy, TrainablePolicy):
            raise ConfigError(
                f"the policy {self.config.policy!r} cannot be trained",
                hint="Use a local model (`--policy tiny` or a model folder), or `harness eval`.",
            )
        return policy

    def notify(self, event: str, **data: Any) -> None:
        happened = Event(name=event, data=data)
        for plugin, observer in self.observers:
            with plugin_boundary(plugin, f"handling of {event!r}"):
                observer.notify(happened)
        for own in self._extra_observers:
            own.notify(happened)

    def _chat_model(self, spec: str) -> ChatModel:
        return self.registry.make("chat model", spec, self._settings("chat model", spec))

    def _settings(
        self,
        kind: str,
        name: str,
        *,
        domain: bool = False,
        checkpoint: Checkpoint | None = None,
        folder: Path | None = None,
    ) -> Settings:
        return product_settings(self, kind, name, domain, checkpoint, folder)
