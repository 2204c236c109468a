"""Turn a run's configuration into the names of its products and the ``Settings`` of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from harness.assembly.config import LoopConfig
from harness.assembly.registry import PATH, SPEAKING, Registry
from harness.protocols import Domain, Products, Settings
from harness.run_folder import PLUGINS
from harness.types import Checkpoint, Json

OF_THE_JUDGE, BY_TERMS = "judge", "terms"
"""Settings of ``namer`` that are no chat model's name."""

ON_DOMAIN = frozenset(
    {"user simulator", "policy", "judge", "clusterer", "task injector", "reward term", "probe",
     "trainer"}
)  # fmt: skip
"""The kinds whose products are made for a domain."""

MADE_FROM = {
    "calls": {"cache", "budget_usd", "budget_tokens", "seed", "options"},
    "observers": {"observers", "seed", "options"},
    "domain": {"domain", "seed", "options"},
}
"""The settings from which the products that a whole run shares are made."""

LIMITS = frozenset({"max_steps", "num_train_epochs", "seconds", "cpu_seconds"})
"""How long a training may be; not every trainer has all of them."""

STATIONS_CHOOSE = {
    "judge": "judge", "clusterer": "clusterer", "injector": "task injector", "trainer": "trainer",
}  # fmt: skip
"""The settings whose product a station can be given for a run there is, with their kinds."""


def product_names(config: LoopConfig) -> list[tuple[str, str]]:
    """(kind, name) of each product, in the order in which the loop meets them."""
    return [
        ("domain", config.domain),
        *(("domain", name) for name in config.other_domains),
        ("policy", config.policy),
        ("policy", config.teacher),
        *(("policy", name) for name in (config.baseline_policy,) if name),
        ("user simulator", config.simulator),
        ("judge", config.judge),
        ("clusterer", config.clusterer),
        *([] if config.namer in (OF_THE_JUDGE, BY_TERMS) else [("chat model", config.namer)]),
        ("task injector", config.injector),
        ("trainer", config.sft_trainer),
        ("trainer", config.trainer),
        ("executor", config.executor),
        *(("observer", name) for name in config.observers),
        *(("reward term", name) for name in config.rewards),
    ]


class RunProducts(Products, Protocol):
    """What of ``harness.assembly.components.Components`` a product's settings are made from."""

    config: LoopConfig
    registry: Registry
    folder: Path | None

    @property
    def domain(self) -> Domain: ...

    @property
    def other_domains(self) -> tuple[Domain, ...]: ...

    def notify(self, event: str, **data: Any) -> None: ...


def product_settings(
    parts: RunProducts,
    kind: str,
    name: str,
    domain: bool,
    checkpoint: Checkpoint | None,
    folder: Path | None,
) -> Settings:
    """The settings of a product; ``domain``: with the run's. ``folder``: for its files, if not the
    place that each product has in the run folder.
    """
    return Settings(
        options=parts.config.options.get(option_table(parts, kind, name), {}),
        seed=parts.config.seed,
        domain=parts.domain if domain else None,
        other_domains=parts.other_domains if domain else (),
        checkpoint=checkpoint,
        folder=folder or (None if checkpoint else _place(parts, kind, name)),
        calls=parts.calls,
        progress=lambda done, total: parts.notify(
            "part_progress", part=kind, done=done, total=total
        ),
        products=parts,
        inner=partial(_inner, parts, kind),
    )


def option_table(parts: RunProducts, kind: str, name: str) -> str:
    """The name of a product's option table."""
    offered = name.partition(":")[0]
    if parts.registry.speaks(kind, name):
        return SPEAKING[kind]
    is_path = kind == "policy" and offered not in parts.registry.offers["policy"]
    return PATH if is_path and offered not in parts.config.options else offered


def _inner(
    parts: RunProducts,
    outer: str,
    kind: Any,
    name: str,
    options: Mapping[str, Json] | None = None,
) -> Any:
    """See ``harness.protocols.Inner``; ``outer`` is the kind of the product that wraps it."""
    on_domain = kind in ON_DOMAIN and outer != "domain"
    settings = product_settings(parts, kind, name, on_domain, None, None)
    if options is not None:
        settings = replace(settings, options=options)
    return parts.registry.make(kind, name, settings)


def _place(parts: RunProducts, kind: str, name: str) -> Path | None:
    """Where the product may keep files."""
    if parts.folder is None:
        return None
    offer, _ = parts.registry.find(kind, name)
    return parts.folder / PLUGINS / kind.replace(" ", "-") / offer.name


def warm_options(sft: Mapping[str, Json], own: Mapping[str, Json]) -> dict[str, Json]:
    """The options of SFT with those that a warm start has instead. A limit that it lifts need not
    be one that the trainer knows.
    """
    lifted = {key for key in LIMITS - sft.keys() if own.get(key) == "none"}
    return {**sft, **{key: value for key, value in own.items() if key not in lifted}}
