"""What the shop sells: kinds of products, turned into products with variants and prices."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping
from dataclasses import dataclass

from harness_retail.records import Product, Variant
from harness_taskkit.numbers import Numbers

_COLOR = "black/white/blue/red/green"
_SIZE = "small/medium/large"

OPTION_PHRASES: Mapping[str, str] = {
    "color": "in {}",
    "size": "in size {}",
    "material": "made of {}",
    "capacity": "with a capacity of {}",
    "brightness": "with {} brightness",
    "power": "running on {}",
    "type": "of the {} type",
    "layout": "with the {} layout",
    "connection": "with a {} connection",
    "screen": "with a screen of {}",
    "storage": "with {} of storage",
    "memory": "with {} of memory",
    "zoom": "with {} zoom",
    "pieces": "with {} pieces",
    "theme": "with the {} theme",
    "length": "with a length of {}",
    "height": "with a height of {}",
    "thickness": "with a thickness of {}",
    "diameter": "with a diameter of {}",
    "scent": "with the scent of {}",
    "hand": "for the {} hand",
}
"""How a customer speaks of the value of an option, as in "the one in blue"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of product; ``price`` is what its variants cost on average, in US dollars."""

    name: str
    price: float
    options: Mapping[str, tuple[str, ...]]


def _kind(name: str, price: float, **options: str) -> Kind:
    values = {option: tuple(text.split("/")) for option, text in options.items()}
    return Kind(name=name, price=price, options=values)


KINDS: tuple[Kind, ...] = (
    _kind("Backpack", 80, color=_COLOR, size=_SIZE, material="nylon/canvas/leather"),
    _kind("T-Shirt", 30, color=_COLOR, size=_SIZE, material="cotton/linen/polyester"),
    _kind("Desk Lamp", 60, color=_COLOR, brightness="low/medium/high", power="battery/USB/mains"),
    _kind(
        "Espresso Machine",
        250,
        color=_COLOR,
        capacity="1L/1.5L/2L",
        type="manual/automatic/capsule",
    ),
    _kind(
        "Water Bottle", 25, color=_COLOR, capacity="500ml/750ml/1L", material="steel/glass/plastic"
    ),
    _kind("Keyboard", 110, color=_COLOR, layout="full/compact", connection="wired/wireless"),
    _kind("Headset", 140, color=_COLOR, type="in-ear/on-ear/over-ear", connection="wired/wireless"),
    _kind("Wristwatch", 210, color=_COLOR, size=_SIZE, material="leather/steel/rubber"),
    _kind("Office Chair", 230, color=_COLOR, size=_SIZE, material="leather/mesh/fabric"),
    _kind(
        "Tablet",
        420,
        color=_COLOR,
        screen="8 inches/10 inches/12 inches",
        storage="64GB/128GB/256GB",
    ),
    _kind(
        "Laptop",
        900,
        screen="13 inches/15 inches/17 inches",
        storage="256GB/512GB/1TB",
        memory="8GB/16GB/32GB",
    ),
    _kind("Speaker", 120, color=_COLOR, size=_SIZE, power="battery/mains"),
    _kind("Camera", 460, color=_COLOR, zoom="3x/5x/10x", storage="64GB/128GB/256GB"),
    _kind("Suitcase", 150, color=_COLOR, size=_SIZE, material="nylon/plastic/aluminum"),
    _kind("Jigsaw Puzzle", 28, pieces="500/1000/2000", theme="animals/cities/flowers"),
    _kind("Garden Hose", 45, color=_COLOR, length="10m/20m/30m", material="rubber/vinyl"),
    _kind(
        "Electric Kettle", 50, color=_COLOR, capacity="1L/1.5L/2L", material="steel/glass/plastic"
    ),
    _kind(
        "Vacuum Cleaner", 190, color=_COLOR, type="upright/handheld/robot", power="battery/mains"
    ),
    _kind("Bookshelf", 130, color=_COLOR, height="1m/1.5m/2m", material="oak/pine/steel"),
    _kind("Yoga Mat", 35, color=_COLOR, thickness="4mm/6mm/8mm", material="rubber/cork/foam"),
    _kind("Wall Clock", 55, color=_COLOR, diameter="20cm/30cm/40cm", material="oak/steel/plastic"),
    _kind("Bike Helmet", 75, color=_COLOR, size=_SIZE, type="road/mountain/city"),
    _kind("Blanket", 40, color=_COLOR, size=_SIZE, material="wool/cotton/fleece"),
    _kind("Perfume", 70, capacity="30ml/50ml/100ml", scent="rose/citrus/cedar"),
    _kind("Computer Mouse", 45, color=_COLOR, connection="wired/wireless", hand="left/right"),
)
"""Singular names, none part of another; the values of one product's options all differ."""


def make_product(kind: Kind, numbers: Numbers, rng: random.Random) -> Product:
    """A product with up to eight variants close to each other, at least half of them available."""
    options = {name: _some(values, rng) for name, values in kind.options.items()}
    combinations = [
        dict(zip(options, values, strict=True)) for values in itertools.product(*options.values())
    ]
    chosen = rng.sample(combinations, min(len(combinations), rng.randint(5, 8)))
    missing = set(rng.sample(range(len(chosen)), rng.randint(1, len(chosen) // 2)))
    variants = [
        Variant(
            item_id=str(numbers.fresh(10)),
            options=values,
            available=index not in missing,
            price=round(kind.price * rng.uniform(0.85, 1.15), 2),
        )
        for index, values in enumerate(chosen)
    ]
    return Product(
        name=kind.name,
        product_id=str(numbers.fresh(10)),
        variants={variant["item_id"]: variant for variant in variants},
    )


def _some(values: tuple[str, ...], rng: random.Random) -> list[str]:
    """Few values of each option, so that many variants differ in one option only."""
    most = min(len(values), 3)
    return rng.sample(values, rng.randint(2, most))
