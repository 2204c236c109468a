"""Every option table that something installed reads refuses numbers that make no sense."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import pytest

from harness.assembly import config
from harness.assembly.components import WARM_START
from harness.assembly.config import OWN_TABLES, LoopConfig, read_options
from harness.assembly.registry import SPEAKING
from harness.errors import ConfigError, HarnessError
from harness.injection.admission import admission_options
from harness.llm.roles import open_registry
from harness.protocols import Settings
from harness.testing import FakeChatModel
from harness.types import Checkpoint

REGISTRY = open_registry()
DOMAIN = REGISTRY.make("domain", REGISTRY.names("domain")[0], Settings())


class Read(Exception):
    """An option table was read: the factory need not go on."""


def read_by_factories(monkeypatch: pytest.MonkeyPatch) -> dict[str, type]:
    """The shapes of the option tables, by whose they are."""
    found: dict[str, type] = {}

    def note(shape: type, table: object, *, where: str) -> object:
        found[where.removeprefix("option of ")] = shape
        raise Read

    monkeypatch.setattr(config, "validated", note)
    for reader in readers():
        try:
            reader()
        except (Read, HarnessError):
            continue
    return found


def readers() -> Iterator[Any]:
    checkpoint = Checkpoint(id="one", policy="one", path="nowhere")  # so that none is made
    settings = Settings(domain=DOMAIN, argument="0.5", checkpoint=checkpoint)
    for offers in REGISTRY.offers.values():
        for offer in offers.values():
            yield lambda offer=offer: offer.factory(settings)
    roles = REGISTRY.chat_roles
    assert roles is not None
    for kind in SPEAKING:
        yield lambda kind=kind: roles.product(kind, None, settings)  # type: ignore[arg-type]
    gateway = roles.gateway(lambda spec: FakeChatModel(), LoopConfig(), lambda spec: spec)
    yield lambda: gateway.chat("judge", "fake")
    yield lambda: admission_options({})


def numbers(shape: type) -> Iterator[tuple[str, bool]]:
    """The fields that can be numbers, and whether they need not be whole."""
    hints = get_type_hints(shape, include_extras=True)
    for field in fields(shape):
        kinds = set(plain(hints[field.name]))
        if kinds & {int, float}:
            yield field.name, float in kinds


def plain(kind: Any) -> Iterator[Any]:
    if get_origin(kind) is Annotated:
        yield from plain(get_args(kind)[0])
    elif get_origin(kind) in (Union, UnionType):
        for one in get_args(kind):
            yield from plain(one)
    else:
        yield kind


def test_no_option_takes_a_negative_or_endless_number(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = read_by_factories(monkeypatch)
    monkeypatch.undo()
    assert tables.keys() >= OWN_TABLES - {WARM_START} | {
        "asyncio",
        "faiss",
        "grpo",
        "scripted",
        "sft",
        "tiny",
    }
    accepted = [
        f"{name}.{field} = {value}"
        for name, shape in tables.items()
        for field, is_float in numbers(shape)
        for value in ([-1.0, float("inf"), float("nan")] if is_float else [-1])
        if takes(shape, field, value)
    ]
    assert not accepted


def takes(shape: type, field: str, value: float) -> bool:
    try:
        read_options(shape, Settings(options={field: value}), name="it")
    except ConfigError:
        return False
    return True


@pytest.mark.parametrize(
    ("kind", "name", "options"),
    [
        ("task injector", "template", {"dominant": 9.0}),
        ("policy", "expert", {"slips": 1.5}),
        ("clusterer", "faiss", {"min_share": 1.0}),
        ("policy", "tiny", {"top_p": 2.0}),
        ("executor", "asyncio", {"concurrency": 0}),
    ],
)
def test_a_share_above_one_and_a_count_of_none_are_refused(
    kind: str, name: str, options: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError, match=f"option of {name} '{next(iter(options))}'"):
        REGISTRY.offers[kind][name].factory(Settings(domain=DOMAIN, options=options))
