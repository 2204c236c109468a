"""What the shop sells: kinds of products, turned into products with variants and prices."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping
from dataclasses import dataclass

from harness_retail.records import Product, Variant
from harness_taskkit.numbers import Numbers

COLOR = ("black", "white", "blue", "red", "green")
SIZE = ("small", "medium", "large")

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


KINDS: tuple[Kind, ...] = (
    Kind(
        name="Backpack",
        price=80,
        options={"color": COLOR, "size": SIZE, "material": ("nylon", "canvas", "leather")},
    ),
    Kind(
        name="T-Shirt",
        price=30,
        options={"color": COLOR, "size": SIZE, "material": ("cotton", "linen", "polyester")},
    ),
    Kind(
        name="Desk Lamp",
        price=60,
        options={
            "color": COLOR,
            "brightness": ("low", "medium", "high"),
            "power": ("battery", "USB", "mains"),
        },
    ),
    Kind(
        name="Espresso Machine",
        price=250,
        options={
            "color": COLOR,
            "capacity": ("1L", "1.5L", "2L"),
            "type": ("manual", "automatic", "capsule"),
        },
    ),
    Kind(
        name="Water Bottle",
        price=25,
        options={
            "color": COLOR,
            "capacity": ("500ml", "750ml", "1L"),
            "material": ("steel", "glass", "plastic"),
        },
    ),
    Kind(
        name="Keyboard",
        price=110,
        options={
            "color": COLOR,
            "layout": ("full", "compact"),
            "connection": ("wired", "wireless"),
        },
    ),
    Kind(
        name="Headset",
        price=140,
        options={
            "color": COLOR,
            "type": ("in-ear", "on-ear", "over-ear"),
            "connection": ("wired", "wireless"),
        },
    ),
    Kind(
        name="Wristwatch",
        price=210,
        options={"color": COLOR, "size": SIZE, "material": ("leather", "steel", "rubber")},
    ),
    Kind(
        name="Office Chair",
        price=230,
        options={"color": COLOR, "size": SIZE, "material": ("leather", "mesh", "fabric")},
    ),
    Kind(
        name="Tablet",
        price=420,
        options={
            "color": COLOR,
            "screen": ("8 inches", "10 inches", "12 inches"),
            "storage": ("64GB", "128GB", "256GB"),
        },
    ),
    Kind(
        name="Laptop",
        price=900,
        options={
            "screen": ("13 inches", "15 inches", "17 inches"),
            "storage": ("256GB", "512GB", "1TB"),
            "memory": ("8GB", "16GB", "32GB"),
        },
    ),
    Kind(
        name="Speaker",
        price=120,
        options={"color": COLOR, "size": SIZE, "power": ("battery", "mains")},
    ),
    Kind(
        name="Camera",
        price=460,
        options={
            "color": COLOR,
            "zoom": ("3x", "5x", "10x"),
            "storage": ("64GB", "128GB", "256GB"),
        },
    ),
    Kind(
        name="Suitcase",
        price=150,
        options={"color": COLOR, "size": SIZE, "material": ("nylon", "plastic", "aluminum")},
    ),
    Kind(
        name="Jigsaw Puzzle",
        price=28,
        options={"pieces": ("500", "1000", "2000"), "theme": ("animals", "cities", "flowers")},
    ),
    Kind(
        name="Garden Hose",
        price=45,
        options={
            "color": COLOR,
            "length": ("10m", "20m", "30m"),
            "material": ("rubber", "vinyl"),
        },
    ),
    Kind(
        name="Electric Kettle",
        price=50,
        options={
            "color": COLOR,
            "capacity": ("1L", "1.5L", "2L"),
            "material": ("steel", "glass", "plastic"),
        },
    ),
    Kind(
        name="Vacuum Cleaner",
        price=190,
        options={
            "color": COLOR,
            "type": ("upright", "handheld", "robot"),
            "power": ("battery", "mains"),
        },
    ),
    Kind(
        name="Bookshelf",
        price=130,
        options={
            "color": COLOR,
            "height": ("1m", "1.5m", "2m"),
            "material": ("oak", "pine", "steel"),
        },
    ),
    Kind(
        name="Yoga Mat",
        price=35,
        options={
            "color": COLOR,
            "thickness": ("4mm", "6mm", "8mm"),
            "material": ("rubber", "cork", "foam"),
        },
    ),
    Kind(
        name="Wall Clock",
        price=55,
        options={
            "color": COLOR,
            "diameter": ("20cm", "30cm", "40cm"),
            "material": ("oak", "steel", "plastic"),
        },
    ),
    Kind(
        name="Bike Helmet",
        price=75,
        options={"color": COLOR, "size": SIZE, "type": ("road", "mountain", "city")},
    ),
    Kind(
        name="Blanket",
        price=40,
        options={"color": COLOR, "size": SIZE, "material": ("wool", "cotton", "fleece")},
    ),
    Kind(
        name="Perfume",
        price=70,
        options={
            "capacity": ("30ml", "50ml", "100ml"),
            "scent": ("rose", "citrus", "cedar"),
        },
    ),
    Kind(
        name="Computer Mouse",
        price=45,
        options={
            "color": COLOR,
            "connection": ("wired", "wireless"),
            "hand": ("left", "right"),
        },
    ),
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
