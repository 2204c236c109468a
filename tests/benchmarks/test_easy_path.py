"""What a policy does on the easy path, by kind of request."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def easy_path(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    before = set(sys.modules)
    yield import_module("easy_path")
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_an_expert_does_all_and_who_does_nothing_only_what_must_be_refused(
    easy_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    found = {}
    for policy in ("expert", "noop"):
        easy_path.main([policy, "--domain", "airline", "--tasks", "30", "--seed", "4", "--json"])
        found[policy] = json.loads(capsys.readouterr().out)
    assert all(done == count for done, count in found["expert"].values())
    assert {kind for kind, (done, _) in found["noop"].items() if done and kind != "all"} == {
        kind for kind in found["expert"] if kind.endswith(", refused")
    }
    done, count = found["expert"].pop("all")
    assert (done, count) == (30, sum(count for _, count in found["expert"].values()))
