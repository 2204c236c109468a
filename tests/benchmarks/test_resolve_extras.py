"""What extras ask for, where they name one another."""

from __future__ import annotations

import runpy
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RESOLVE = ROOT / "benchmarks" / "resolve_extras.py"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.mark.parametrize("extra", PROJECT["optional-dependencies"])
def test_an_extra_is_taken_apart_into_requirements_of_others(extra: str) -> None:
    requirements = runpy.run_path(str(RESOLVE))["requirements"]
    found = list(requirements(PROJECT, extra))
    assert set(PROJECT["dependencies"]) < set(found)
    assert not [line for line in found if line.startswith("errata-harness")]


def test_extras_within_extras_are_followed() -> None:
    requirements = runpy.run_path(str(RESOLVE))["requirements"]
    named = {
        "dependencies": ["numpy"],
        "optional-dependencies": {
            "all": ["errata-harness[one,two]"],
            "one": ["torch>=2"],
            "two": ["errata-harness[one]", "ray"],
        },
    }
    assert set(requirements(named, "all")) == {"numpy", "torch>=2", "ray"}
