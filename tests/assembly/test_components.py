"""A run's products know whose they are, so that an error can name the plugin."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from harness import hookspecs
from harness.assembly import registry
from harness.assembly.components import Components
from harness.assembly.config import LoopConfig
from harness.assembly.entry_points import Plugins, discover
from harness.assembly.opening import held_out_tasks
from harness.assembly.registry import KINDS, Registry
from harness.errors import PluginFailed
from harness.evaluation.domain_defaults import DomainDefaults
from harness.protocols import Event, PluginNames, World
from harness.types import Split, Task


class Product:
    """Stands for a product of any kind: it raises at whatever the core asks of it here."""

    def notify(self, event: Event) -> None:
        raise OSError("no tracker")

    def set_temperature(self, temperature: float) -> None:
        raise ValueError("too hot")

    def __call__(self, *_: object) -> None:
        raise AssertionError("nothing is scored")

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *_, **__: None

    id = "product"


class Place(DomainDefaults):
    """Stands for a domain whose tasks cannot be had."""

    name = "it"
    policy = ""
    tools = ()

    def tasks(self, split: Split) -> Sequence[Task]:
        raise TimeoutError("no database")

    def open(self, task: Task) -> World:
        raise AssertionError("no task, no world")


CONFIG = LoopConfig(
    domain="it", policy="it", simulator="it", teacher="it", judge="it", clusterer="it",
    injector="it", sft_trainer="it", trainer="it", executor="it", observers=("it",),
    rewards={"it": 1.0}, namer="terms",
)  # fmt: skip


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> Components:
    """A run in which each kind of product is of a plugin called after it."""
    found = discover([])
    for kind, hook in KINDS.items():
        product = Place if kind == "domain" else Product
        offer: Any = hookspecs.hookimpl(lambda made=product: {"it": lambda settings: made()})
        plugin = type("Plugin", (), {hook: staticmethod(offer)})
        found.manager.register(plugin(), name=f"d:{kind}")
    both = Plugins(manager=found.manager, rows=())
    monkeypatch.setattr(registry, "discover", lambda: both)
    offers = Registry()
    monkeypatch.setattr(Components, "calls", None)
    return Components(CONFIG, offers)


def test_each_product_is_named_after_the_plugin_that_offers_it(parts: Components) -> None:
    assert parts.plugins == PluginNames(
        domain="d:domain",
        policy="d:policy",
        user="d:user simulator",
        judge="d:judge",
        clusterer="d:clusterer",
        injector="d:task injector",
        executor="d:executor",
    )
    assert parts.setup.plugins == parts.plugins
    assert [term.plugin for term in parts.terms] == ["d:reward term"]


def test_a_probe_that_plays_the_agent_goes_by_its_own_plugin(parts: Components) -> None:
    assert parts.setup_with("probe", "it").plugins.policy == "d:probe"
    assert parts.setup_with("probe", "it").plugins.domain == "d:domain"


def test_an_observer_that_raises_ends_the_run_and_is_named(parts: Components) -> None:
    with pytest.raises(PluginFailed, match="plugin d:observer failed in its handling of 'started'"):
        parts.notify("started")


def test_an_observer_of_the_programs_own_is_no_plugin(parts: Components) -> None:
    own = Components(parts.changed(observers=()).config, parts.registry, (Product(),))
    with pytest.raises(OSError, match="no tracker"):
        own.notify("started")


def test_a_policy_that_takes_no_temperature_is_named(parts: Components) -> None:
    with pytest.raises(PluginFailed, match="plugin d:policy failed in its temperature: Value"):
        parts.policy()


def test_a_domain_that_has_no_tasks_to_give_is_named(parts: Components) -> None:
    with pytest.raises(
        PluginFailed, match=r"plugin d:domain failed in its tasks\('test'\): Timeout"
    ):
        held_out_tasks(parts, "test", 1)
