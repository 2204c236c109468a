"""Results that nobody measured, with known success rates: for the arithmetic and the drawing."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.study.spec import read_study

STUDY = Path(__file__).parents[2] / "studies" / "test-mix.toml"
PATTERNS = {"wrong variant": 30, "missing step": 20, "repeated call": 12, "wrong order": 5}

MadeUp = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def made_up() -> MadeUp:
    """A results document of a study of retail: success rates by arm, over these seeds and tasks."""

    def make(
        rates: Mapping[str, float], *, seeds: int = 5, tasks: int = 40, **study: Any
    ) -> dict[str, Any]:
        plain = {**read_study(STUDY).plain(), **study}
        rng = np.random.default_rng(0)
        ease = rng.normal(0, 0.25, tasks)
        rows = [shared(seed) for seed in range(seeds)]
        for arm, rate in rates.items():
            rows += [row(arm, seed, np.clip(rate + ease, 0, 1), rng) for seed in range(seeds)]
        return {"study": plain, "rows": rows}

    return make


def shared(seed: int) -> dict[str, Any]:
    whole = sum(PATTERNS.values())
    patterns = [
        {"id": name, "name": name, "count": n, "share": n / whole, "tasks": n if n > 10 else 0}
        for name, n in PATTERNS.items()
    ]
    return {
        "seed": seed,
        "arm": "shared",
        "patterns": patterns,
        "training": {"steps": 900, "tokens": 3_000_000},
        "seconds": {"sft": 350.0, "inject 1": 60.0},
        "cpu": {"sft": 690.0, "inject 1": 115.0},
    }


def row(arm: str, seed: int, chances: Any, rng: np.random.Generator) -> dict[str, Any]:
    won = rng.random((len(chances), 4)) < chances[:, None]
    names = [*PATTERNS, ""]
    lost = {name: {} for name in names}  # type: dict[str, dict[str, int]]
    for place, trials in enumerate(won):
        for _ in range(int((~trials).sum())):
            counts = lost[names[int(rng.integers(len(names)))]]
            counts[str(place)] = counts.get(str(place), 0) + 1
    trained = arm not in ("base", "sft")
    curve = [
        {"step": n, "rollouts": 96 * n, "reward": 0.3 + 0.02 * n, "success": 0.4 + 0.01 * n}
        for n in range(1, 19)
    ]
    kept = arm in ("targeted", "untargeted")
    return {
        "seed": seed,
        "arm": arm,
        "checkpoint": "rl-1",
        "tasks": [f"task-{n}" for n in range(len(chances))],
        "outcomes": ["".join(str(int(one)) for one in trials) for trials in won],
        "tags": {"two_orders": list(range(0, len(chances), 2)), "question": [1], "none": []},
        "failures": lost,
        "blame": {"agent": int((~won).sum())},
        "behaviour": {
            "conversations": won.size,
            "turns": 9 * won.size,
            "tokens": 300 * won.size,
            "calls": 6 * won.size,
            "repeated": won.size // 9,
            "invalid": won.size // 7,
        },
        "training": {"steps": 18, "rollouts": 1728, "curve": curve} if trained else {},
        "practice": {"never": 100, "sometimes": 80, "always": 20, "first": 30.0, "second": 34.5}
        if trained
        else {},
        "curve": [
            {"step": step, "outcomes": ["1" if one else "0" for one in won[:, 0]]}
            for step in ((6, 12) if kept else ())
        ],
        "rounds": rounds() if arm.startswith("three") else [],
        "shifts": shifts() if arm.startswith("three") else [],
        "seconds": {f"train {arm}": 230.0, f"evaluate {arm} on test": 40.0},
        "cpu": {f"train {arm}": 450.0, f"evaluate {arm} on test": 78.0},
    }


def rounds() -> list[dict[str, Any]]:
    return [
        {
            "id": name,
            "name": name,
            "rounds": [{"round": n, "count": 5, "share": share / (1 + n)} for n in (1, 2, 3)],
        }
        for name, share in (("wrong variant", 0.8), ("missing step", 0.6), ("repeated call", 0.3))
    ]


def shifts() -> list[dict[str, Any]]:
    return [
        {"from": n, "to": n + 1, "distance": 0.2, "p": 0.03, "verdict": "shifting", "changes": []}
        for n in (1, 2)
    ]
