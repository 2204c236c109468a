"""Turn installed plugins into verdicts: what `harness check` and the pytest plugin run."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, get_args

from harness import testing
from harness.assembly.config import nearest
from harness.assembly.entry_points import LEFT_OUT
from harness.assembly.registry import KINDS, PATH, Offer, Registry
from harness.errors import ConfigError, FormatError, HarnessError, MissingExtra, UnknownName
from harness.protocols import Domain, Settings
from harness.testing.checks.formats import sample_recording
from harness.testing.findings import ContractBroken, Finding, raised_at
from harness.testing.servers import ChatServer
from harness.testing.wires import Reply, Wire
from harness.types import Json

State = Literal["passes", "broken", "not checked"]

USUAL_DOMAIN = "retail"
"""What a product that needs a domain is tried on, unless its own distribution offers one."""

WELL_BEHAVED = {("user simulator", "faulty"): "0"}
"""The argument with which a product that breaks its contract on purpose does not."""

APART = {
    "recorded": "it has what a file of conversations holds, and nothing without one",
    "tinker-sft": "it trains on a server, and the check looks at weights in this process",
    "tinker-grpo": "it trains on a server, and the check looks at weights in this process",
    "ray": "it starts a cluster; name it to have it checked",
    PATH: "it opens model folders; check one as a policy by its path",
}
"""What is checked only when it is named, and why."""

KEY = "canary-key-5f2c9a71d0"

BRIEF: tuple[Mapping[str, Json], ...] = (
    {"max_steps": 2, "tasks_per_step": 1, "num_generations": 2},
    {"max_steps": 2, "batch_size": 2},
    {"max_steps": 2},
    {},
)
"""Options by which trainers take few steps; the first that a trainer knows are used."""

SMALL: Mapping[str, Json] = {
    "base": "untrained", "hidden": 32, "feedforward": 32, "layers": 2, "heads": 2,
    "max_new_tokens": 8, "tasks": 5,
}  # fmt: skip
"""Of the policy that trainers train: small, and short of words."""

PUPIL = "tiny"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the kit says of one product; ``reason`` is why it could not be checked."""

    kind: str
    name: str
    plugin: str
    state: State
    findings: tuple[Finding, ...] = ()
    reason: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Kit:
    """Checks products of a registry. ``domain``: on which those that need one are tried ("": one of
    their own distribution, or retail); ``options``: tables by plugin name.
    """

    registry: Registry
    domain: str = ""
    options: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)

    def named(self, name: str, kind: str = "") -> Iterator[Verdict]:
        """The verdicts on a product ("NAME" or "NAME:ARGUMENT"), or on all that a plugin or a
        distribution offers. Raises ``UnknownName`` if it is none of these.
        """
        base, _, argument = name.partition(":")
        offers = [o for o in self._offers(kind) if base in (o.name, *_names(o.plugin))]
        whole = [o for o in self._offers(kind) if name == o.plugin]
        broken = [
            row
            for row in self.registry.plugins
            if row.error and row.error != LEFT_OUT and name in (row.name, row.distribution, row.key)
        ]
        if not offers and not whole and not broken:
            known = sorted({offer.name for offer in self._offers(kind)})
            raise UnknownName(
                f"nothing that is installed is called {name!r}",
                hint=nearest(base, known) or "Run `harness plugins` to see what is installed.",
            )
        for row in broken:
            yield Verdict(kind="plugin", name=row.name, plugin=row.key, state="broken",
                          findings=(_unloaded(row.module, row.error),))  # fmt: skip
        for offer in whole or offers:
            yield self.verdict(offer, argument if not whole else "")

    def all(self, kind: str = "") -> Iterator[Verdict]:
        """The verdicts on everything on offer."""
        for offer in self._offers(kind):
            if offer.name in APART:
                reason = APART[offer.name]
                yield Verdict(kind=offer.kind, name=offer.name, plugin=offer.plugin,
                              state="not checked", reason=reason)  # fmt: skip
            else:
                yield self.verdict(offer)

    def verdict(self, offer: Offer, argument: str = "") -> Verdict:
        """What the kit says of one product."""
        argument = argument or WELL_BEHAVED.get((offer.kind, offer.name), "")
        about = Verdict(kind=offer.kind, name=offer.name, plugin=offer.plugin, state="passes")
        spec = f"{offer.name}:{argument}" if argument else offer.name
        started = time.process_time()
        try:
            with TemporaryDirectory() as folder:
                _RUNNERS[offer.kind](self, offer, spec, Path(folder))
        except ContractBroken as broken:
            about = replace(about, state="broken", findings=broken.findings)
        except (_NotChecked, ConfigError, MissingExtra) as error:
            about = replace(about, state="not checked", reason=_told(error))
        except HarnessError as error:
            found = Finding(
                what=str(error),
                where=raised_at(error.__cause__ or error),
                why="The core refuses such a product as soon as it is chosen.",
                mend=f"Compare it with `harness hooks {KINDS[offer.kind]}`.",
            )
            about = replace(about, state="broken", findings=(found,))
        return replace(about, seconds=round(time.process_time() - started, 2))

    def domain_for(self, offer: Offer) -> Domain:
        """The domain on which a product is tried."""
        if self.domain:
            return self._made_domain(self.domain)
        own = offer.plugin.partition(":")[0]
        offered = self.registry.offers["domain"].values()
        beside = [o.name for o in offered if o.plugin.partition(":")[0] == own]
        return self._made_domain(
            USUAL_DOMAIN if USUAL_DOMAIN in beside or not beside else beside[0]
        )

    def settings(self, offer: Offer, **more: Any) -> Settings:
        options = {**self.options.get(offer.name, {}), **more.pop("options", {})}
        return Settings(options=options, **more)

    def _offers(self, kind: str) -> list[Offer]:
        kinds = [kind] if kind else [*KINDS]
        return [offer for one in kinds for offer in self.registry.offers[one].values()]

    def _made_domain(self, name: str) -> Domain:
        if name not in self._domains:
            own = Settings(options=self.options.get(name.partition(":")[0], {}))
            self._domains[name] = self.registry.make("domain", name, own)
        return self._domains[name]

    @cached_property
    def _domains(self) -> dict[str, Domain]:
        return {}


class _NotChecked(HarnessError):
    """The kit cannot try the product here."""


def _told(error: HarnessError) -> str:
    return f"{error}. {error.hint}" if error.hint else str(error)


def _names(plugin: str) -> tuple[str, str]:
    distribution, _, name = plugin.partition(":")
    return distribution, name


def _unloaded(module: str, error: str) -> Finding:
    return Finding(
        what=f"the plugin loads, found {error}",
        where=f"module {module}",
        why="Nothing of a plugin that does not load is on offer.",
        mend="Correct the module; `harness plugins` shows whether it loads.",
    )


# --- how each kind is tried -----------------------------------------------------------------------


def _domain(kit: Kit, offer: Offer, spec: str, folder: Path) -> None:
    testing.check_domain(kit.registry.make("domain", spec, kit.settings(offer, folder=folder)))


def _on_domain(
    check: Callable[[Any, Domain], None], kit: Kit, offer: Offer, spec: str, folder: Path
) -> None:
    domain = kit.domain_for(offer)
    settings = kit.settings(offer, domain=domain, folder=folder)
    check(kit.registry.make(offer.kind, spec, settings), domain)  # type: ignore[call-overload]


def _alone(check: Callable[[Any], None], kit: Kit, offer: Offer, spec: str, folder: Path) -> None:
    settings = kit.settings(offer, folder=folder)
    check(kit.registry.make(offer.kind, spec, settings))  # type: ignore[call-overload]


def _trainer(kit: Kit, offer: Offer, spec: str, folder: Path) -> None:
    domain = kit.domain_for(offer)
    pupil = Settings(domain=domain, options=SMALL, folder=folder / "policy")
    kit.registry.find("policy", PUPIL)
    trainer = _brief(kit, offer, spec, domain)

    def opened() -> Any:
        return kit.registry.make("policy", PUPIL, pupil)

    testing.check_trainer(trainer, opened, domain, folder / "training")


def _brief(kit: Kit, offer: Offer, spec: str, domain: Domain) -> Any:
    *more, last = BRIEF
    for options in more:
        settings = kit.settings(offer, domain=domain, options=options)
        with suppress(ConfigError):
            return kit.registry.make("trainer", spec, settings)
    return kit.registry.make("trainer", spec, kit.settings(offer, domain=domain, options=last))


def _chat_model(kit: Kit, offer: Offer, spec: str, folder: Path) -> None:
    """Asks servers of the wires that are known here; a model of another wire needs its own."""
    for wire in sorted(get_args(Wire), key=lambda wire: wire != offer.name):
        with ChatServer(wire, lambda asked: Reply()) as server, _environment(server):
            options = {} if offer.name == wire else {"base_url": server.url}
            try:
                model = kit.registry.make("chat model", spec, kit.settings(offer, options=options))
                testing.check_chat_model(model, server, key=KEY)
            except (ContractBroken, ConfigError):
                if offer.name == wire:
                    raise
                continue
            return
    raise _NotChecked(
        "it speaks to no server that is known here",
        hint="Call harness.testing.check_chat_model with a provider of your own in a test.",
    )


@contextmanager
def _environment(server: ChatServer) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(server.environment(KEY))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _format(kit: Kit, offer: Offer, spec: str, folder: Path) -> None:
    format = kit.registry.make("format", spec, kit.settings(offer))
    domain = kit.domain_for(offer)
    try:
        format.write(sample_recording(domain), folder / "first.json")
    except FormatError as error:
        raise _NotChecked(
            f"it holds no conversations of {domain.name!r}: {error}",
            hint="Name another domain with --domain.",
        ) from None
    try:
        testing.check_format(format, domain, folder / "recording.json", reads=True)
    except ContractBroken:
        if not _only_writes(format, folder):
            raise
        (folder / "again").mkdir()
        testing.check_format(format, domain, folder / "again" / "recording.json", reads=False)


def _only_writes(format: Any, folder: Path) -> bool:
    """Whether it recognises nothing and refuses to read what it wrote."""
    path = folder / "recording.json"
    try:
        return path.exists() and not format.recognises(path) and format.read(path) is None
    except FormatError:
        return True


_RUNNERS: Mapping[str, Callable[[Kit, Offer, str, Path], None]] = {
    "domain": _domain,
    "policy": partial(_on_domain, testing.check_policy),
    "user simulator": partial(_on_domain, testing.check_user_simulator),
    "judge": partial(_on_domain, testing.check_judge),
    "clusterer": partial(_alone, testing.check_clusterer),
    "task injector": partial(_on_domain, testing.check_task_injector),
    "reward term": partial(_on_domain, testing.check_reward_term),
    "probe": partial(_on_domain, testing.check_probe),
    "trainer": _trainer,
    "chat model": _chat_model,
    "format": _format,
    "executor": partial(_alone, testing.check_executor),
    "observer": partial(_alone, testing.check_observer),
}
