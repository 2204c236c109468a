"""The kit by name: verdicts on what a plugin offers, and pytest items."""

import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from harness.errors import UnknownName
from harness.llm.roles import open_registry
from harness.testing.kit import _RUNNERS, Kit

pytest_plugins = ["pytester"]

PLUGIN = """
    from harness.hookspecs import hookimpl
    from harness.types import TermScore

    def shouting(settings):
        return lambda trajectory, grade, task: TermScore(name="shouting", value={value})

    @hookimpl
    def harness_reward_terms():
        return {{"shouting": shouting, "absent": lambda settings: None}}
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(value: str) -> None:
        (tmp_path / "harness_shout.py").write_text(dedent(PLUGIN.format(value=value)))
        info = tmp_path / "harness_shout-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: harness-shout\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[harness]\nshout = harness_shout\n")
        monkeypatch.delitem(sys.modules, "harness_shout", raising=False)

    return install


def test_there_is_a_runner_for_every_kind() -> None:
    assert {*_RUNNERS} == {*open_registry().offers}


def test_a_product_is_named_by_its_name_its_plugin_or_its_distribution(
    install: Callable[[str], None],
) -> None:
    install("0.5")
    kit = Kit(open_registry(), domain="tau2-retail")
    assert [v.state for v in kit.named("shouting")] == ["passes"]
    for name in ("shout", "harness-shout", "harness-shout:shout"):
        found = {v.name: v for v in kit.named(name)}
        assert (found["shouting"].state, found["absent"].state) == ("passes", "broken")
    assert "its factory returned None" in found["absent"].findings[0].what


def test_a_name_that_nothing_has_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownName) as error:
        list(Kit(open_registry()).named("rulez"))
    assert error.value.hint == "Did you mean 'rules'?"


def test_pytest_has_an_item_for_each_product(
    install: Callable[[str], None], pytester: pytest.Pytester
) -> None:
    install("0.5")
    pytester.makeini("[pytest]\nharness_check = noop")
    result = pytester.runpytest_inprocess("--harness-check", "shout")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*its factory returned None*", "*where:*", "*mend:*"])
