"""Turn names into products: the only caller of hooks, and the boundary where third-party errors are
named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol, cast, overload

from harness.assembly.config import LoopConfig, nearest
from harness.assembly.entry_points import PluginInfo, discover
from harness.assembly.guarded_domain import guarded
from harness.assembly.product_checks import refuse_offer, refuse_product
from harness.errors import ConfigError, NameClash, UnknownName, plugin_boundary
from harness.hookspecs import Factory
from harness.protocols import (
    ChatClient,
    ChatGateway,
    ChatModel,
    ChatRole,
    Clusterer,
    Domain,
    Executor,
    Judge,
    Observer,
    PatternNamer,
    Policy,
    Probe,
    RewardTerm,
    Settings,
    TaskInjector,
    Trainer,
    TrajectoryFormat,
    UserSimulator,
)
from harness.protocols.settings import no_inner
from harness.types import Json

KINDS: Mapping[str, str] = {
    "domain": "harness_domains",
    "policy": "harness_policies",
    "user simulator": "harness_user_simulators",
    "judge": "harness_judges",
    "clusterer": "harness_clusterers",
    "task injector": "harness_task_injectors",
    "reward term": "harness_reward_terms",
    "probe": "harness_probes",
    "trainer": "harness_trainers",
    "chat model": "harness_chat_models",
    "format": "harness_formats",
    "executor": "harness_executors",
    "observer": "harness_observers",
}
"""Each kind of product, in the order of ``harness.hookspecs``, and the hook that offers it."""

SPEAKING: Mapping[str, ChatRole] = {
    "user simulator": "user",
    "policy": "agent",
    "judge": "judge",
    "task injector": "injector",
}
"""The kinds that the core makes of any chat model, under the chat model's name, and as whom it
speaks: the role is also the name of their option table.
"""

PATH = "path"
"""The policy name that serves folders and hub ids."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One name a plugin offers; ``plugin`` is its entry point, such as "errata-harness:retail"."""

    kind: str
    name: str
    plugin: str
    factory: Factory[object]


class ChatRoles(Protocol):
    """What a run makes of any chat model: handed to the registry by ``harness.llm``, above it."""

    def gateway(
        self,
        make: Callable[[str], ChatModel],
        config: LoopConfig,
        plugin_of: Callable[[str], str],
    ) -> ChatGateway:
        """The run's way to chat models, each made by ``make`` of "NAME" or "NAME:MODEL" and offered
        by the plugin ``plugin_of`` that.
        """
        ...

    def product(self, kind: str, client: ChatClient, settings: Settings) -> object:
        """The user simulator, policy, judge or task injector that speaks through the client."""
        ...

    def namer(self, client: ChatClient) -> PatternNamer: ...


class Registry:
    """Every name on offer, by kind; ``harness.llm.roles.open_registry`` makes the usual one.

    Without ``chat_roles`` chat models are on offer, but nothing speaks through them, and no run can
    be assembled.

    A plugin whose hook raises is a broken row of ``plugins``, like one that cannot be imported.
    A name that two plugins offer for one kind is found for neither; ``clashes`` says so in words.
    """

    def __init__(self, chat_roles: ChatRoles | None = None) -> None:
        found = discover()
        self.chat_roles = chat_roles
        self.offers: dict[str, dict[str, Offer]] = {kind: {} for kind in KINDS}
        self.clashes: dict[tuple[str, str], str] = {}
        broken: dict[str, str] = {}
        for kind, hook in KINDS.items():
            for implementation in getattr(found.manager.hook, hook).get_hookimpls():
                plugin = implementation.plugin_name
                try:
                    names = refuse_offer(implementation.function())
                except (Exception, SystemExit) as error:  # a stranger's hook may raise anything
                    broken[plugin] = f"{type(error).__name__} in {hook}: {error}"
                    continue
                for name, factory in names.items():
                    self._add(Offer(kind=kind, name=name, plugin=plugin, factory=factory))
        self.plugins: tuple[PluginInfo, ...] = tuple(
            replace(row, error=row.error or broken.get(row.key, "")) for row in found.rows
        )

    def _add(self, offer: Offer) -> None:
        other = self.offers[offer.kind].setdefault(offer.name, offer)
        if other is not offer:
            self.clashes[offer.kind, offer.name] = (
                f"the {offer.kind} {offer.name!r} is offered by two plugins: "
                f"{other.plugin} and {offer.plugin}"
            )

    def names(self, kind: str) -> list[str]:
        """The names on offer for a kind, sorted."""
        return sorted(self.offers[kind])

    def find(self, kind: str, spec: str) -> tuple[Offer, str]:
        """The offer for ``name`` or ``name:argument``, and the argument. Raises ``UnknownName``,
        and ``NameClash`` where two plugins offer it.

        The name of a chat model is also that of the user simulator, policy, judge and task injector
        that speak through it, unless a plugin offers one of that name.
        """
        name, _, argument = spec.partition(":")
        offers = self.offers[kind]
        if clash := self.clashes.get((kind, name)):
            raise NameClash(
                clash, hint="Leave one of the two out: `harness -p no:PLUGIN ...`, or uninstall it."
            )
        if name in offers:
            return offers[name], argument
        if self.speaks(kind, spec):
            return self._spoken(kind, self.offers["chat model"][name]), argument
        if kind == "policy" and PATH in offers and _looks_like_path(spec):
            return offers[PATH], spec
        raise self._unknown(kind, name)

    def plugin_of(self, kind: str, spec: str) -> str:
        """The entry point of the plugin that offers the product, as ``Offer.plugin`` has it."""
        return self.find(kind, spec)[0].plugin

    def gateway(self, make: Callable[[str], ChatModel], config: LoopConfig) -> ChatGateway:
        """A run's way to chat models, each made by ``make``. Raises ``ConfigError`` without
        ``chat_roles``.
        """
        return self.roles.gateway(make, config, lambda spec: self.plugin_of("chat model", spec))

    @property
    def roles(self) -> ChatRoles:
        """The ``chat_roles``. Raises ``ConfigError`` if there are none."""
        if self.chat_roles is None:
            raise ConfigError(
                "this registry makes nothing of chat models, so it cannot assemble a run",
                hint="Use the one that `harness.llm.roles.open_registry()` returns.",
            )
        return self.chat_roles

    def speaks(self, kind: str, spec: str) -> bool:
        """Whether the product is one that the core makes of a chat model."""
        name = spec.partition(":")[0]
        can_speak = self.chat_roles is not None and kind in SPEAKING
        is_model = can_speak and name in self.offers["chat model"]
        return is_model and name not in self.offers[kind]

    def _spoken(self, kind: str, model: Offer) -> Offer:
        def factory(settings: Settings) -> object:
            calls = settings.calls or self.gateway(self._chat_model, LoopConfig(cache="off"))
            spec = f"{model.name}:{settings.argument}" if settings.argument else model.name
            client = calls.chat(SPEAKING[kind], spec)
            return self.roles.product(kind, client, replace(settings, calls=calls))

        return replace(model, kind=kind, factory=factory)

    def _chat_model(self, spec: str) -> ChatModel:
        return self.make("chat model", spec, Settings())

    def _unknown(self, kind: str, name: str) -> UnknownName:
        spoken = self.offers["chat model"] if kind in SPEAKING else ()
        known = sorted({*self.offers[kind], *spoken})
        near = nearest(name, known)
        broken = [row.name for row in self.plugins if row.error]
        hint = near or "Run `harness plugins` to see what is installed."
        if broken and not near:
            hint += f" These plugins failed to load: {', '.join(broken)}."
        listed = ", ".join(known) or "none installed"
        return UnknownName(f"no {kind} is called {name!r} (known: {listed})", hint=hint)

    @overload
    def make(self, kind: Literal["domain"], spec: str, settings: Settings) -> Domain: ...
    @overload
    def make(self, kind: Literal["policy"], spec: str, settings: Settings) -> Policy: ...
    @overload
    def make(
        self, kind: Literal["user simulator"], spec: str, settings: Settings
    ) -> UserSimulator: ...
    @overload
    def make(self, kind: Literal["judge"], spec: str, settings: Settings) -> Judge: ...
    @overload
    def make(self, kind: Literal["clusterer"], spec: str, settings: Settings) -> Clusterer: ...
    @overload
    def make(
        self, kind: Literal["task injector"], spec: str, settings: Settings
    ) -> TaskInjector: ...
    @overload
    def make(self, kind: Literal["reward term"], spec: str, settings: Settings) -> RewardTerm: ...
    @overload
    def make(self, kind: Literal["probe"], spec: str, settings: Settings) -> Probe: ...
    @overload
    def make(self, kind: Literal["trainer"], spec: str, settings: Settings) -> Trainer: ...
    @overload
    def make(self, kind: Literal["chat model"], spec: str, settings: Settings) -> ChatModel: ...
    @overload
    def make(self, kind: Literal["format"], spec: str, settings: Settings) -> TrajectoryFormat: ...
    @overload
    def make(self, kind: Literal["executor"], spec: str, settings: Settings) -> Executor: ...
    @overload
    def make(self, kind: Literal["observer"], spec: str, settings: Settings) -> Observer: ...
    def make(self, kind: str, spec: str, settings: Settings) -> object:
        """The product for ``name`` or ``name:argument``.

        Raises ``UnknownName``, what the factory raises as a ``HarnessError``, and ``PluginFailed``
        for anything else.
        """
        offer, argument = self.find(kind, spec)
        settings = replace(settings, argument=argument)
        if settings.inner is no_inner:
            settings = replace(settings, inner=partial(self._inner, settings))
        with (
            _made_once(kind, spec, settings.options),
            plugin_boundary(offer.plugin, f"{kind} {offer.name!r} ({KINDS[kind]})"),
        ):
            product = offer.factory(settings)
            refuse_product(kind, product)
        if kind == "domain":
            return guarded(cast(Domain, product), offer.plugin)
        return product

    def _inner(
        self, outer: Settings, kind: Any, name: str, options: Mapping[str, Json] | None = None
    ) -> Any:
        """See ``harness.protocols.Inner``, for a product made with no run's settings."""
        return self.make(kind, name, replace(outer, options=options or {}, inner=no_inner))


_Making = tuple[str, str, Mapping[str, Json]]
_BEING_MADE: ContextVar[tuple[_Making, ...]] = ContextVar("being_made", default=())


@contextmanager
def _made_once(kind: str, spec: str, options: Mapping[str, Json]) -> Iterator[None]:
    """Raises ``ConfigError`` within itself for the same product: none can be part of itself."""
    outer, this = _BEING_MADE.get(), (kind, spec, dict(options))
    if this in outer:
        chain = " → ".join(f"{one} {name!r}" for one, name, _ in (*outer, this))
        raise ConfigError(
            f"the {kind} {spec!r} wraps itself: {chain}", hint="Name another one in its options."
        )
    token = _BEING_MADE.set((*outer, this))
    try:
        yield
    finally:
        _BEING_MADE.reset(token)


def _looks_like_path(spec: str) -> bool:
    return "/" in spec or Path(spec).is_dir()
