"""Turn the figures of a benchmark on several seeds into their mean and the worst of them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from harness.types import Json

Worst = Literal["least", "most"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A figure over seeds. ``worst_seed``: the first of those with the worst value."""

    mean: float
    worst: float
    worst_seed: int
    by_seed: Mapping[int, float]


def spread(by_seed: Mapping[int, float], worst: Worst = "least") -> Spread:
    """Mean and worst of one figure by seed; at least one seed. Whether little or much is bad is
    ``worst``.
    """
    choose = min if worst == "least" else max
    seed = choose(by_seed, key=lambda seed: by_seed[seed])
    return Spread(
        mean=round(fmean(by_seed.values()), 4),
        worst=by_seed[seed],
        worst_seed=seed,
        by_seed=dict(by_seed),
    )


def add_seed_options(parser: argparse.ArgumentParser, default: int | None = None) -> None:
    """``--seed N`` or ``--seeds N N ...``; without a default one of them is needed."""
    either = parser.add_mutually_exclusive_group(required=default is None)
    either.add_argument("--seed", type=int, default=default, help="the only seed")
    either.add_argument("--seeds", type=int, nargs="+", help="several: mean and worst are told")


def seeds_of(options: argparse.Namespace) -> Sequence[int]:
    """The seeds that were asked for, each once."""
    return list(dict.fromkeys(options.seeds or [options.seed]))


def as_json(value: Json) -> str:
    """JSON for a reader of any language. Raises ``ValueError`` for what JSON has no number for."""
    return json.dumps(value, indent=2, allow_nan=False)
