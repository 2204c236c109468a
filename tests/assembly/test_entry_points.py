import sys
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path
from textwrap import dedent

import pytest

from harness.assembly.entry_points import PluginInfo, discover
from harness.llm.roles import open_registry

GOOD = """
    from harness.hookspecs import hookimpl

    @hookimpl
    def harness_observers():
        return {"moon": lambda settings: None}
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Puts a distribution with one module and one entry point on the path, as pip would."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(name: str, source: str) -> str:
        module = f"{name}_module"
        (tmp_path / f"{module}.py").write_text(dedent(source))
        info = tmp_path / f"{name}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[harness]\n{name} = {module}\n")
        monkeypatch.delitem(sys.modules, module, raising=False)
        return module

    yield install
    for module in [m for m in sys.modules if m.endswith("_module")]:
        del sys.modules[module]


def row(name: str) -> PluginInfo:
    return next(row for row in discover().rows if row.name == name)


def test_a_strangers_plugin_is_found_with_its_distribution_and_version(install) -> None:
    module = install("stranger", GOOD)
    assert row("stranger") == PluginInfo(
        name="stranger", module=module, distribution="stranger", version="1.2"
    )
    assert "moon" in open_registry().names("observer")


def test_a_plugin_that_raises_on_import_is_a_row_and_the_rest_load(install) -> None:
    install("broken", "raise RuntimeError('no moon today')")
    install("stranger", GOOD)
    assert row("broken").error == "RuntimeError: no moon today"
    assert row("stranger").error == ""
    assert "moon" in open_registry().names("observer")


def test_a_plugin_with_a_syntax_error_is_a_row(install) -> None:
    install("broken", "def")
    assert row("broken").error.startswith("SyntaxError")


def test_a_module_that_is_not_there_is_a_row() -> None:
    point = EntryPoint(name="ghost", value="no_such_module_anywhere", group="harness")
    (found,) = discover([point]).rows
    assert found.error.startswith("ModuleNotFoundError")
    assert found.distribution == "unknown"


def test_a_hook_without_its_decorator_is_an_error(install) -> None:
    install("forgetful", "def harness_observers():\n    return {}\n")
    assert "@hookimpl" in row("forgetful").error


def test_a_misspelt_hook_is_named_and_nothing_of_its_plugin_is_offered(install) -> None:
    misspelt = "\n    @hookimpl\n    def harness_observer():\n        return {}\n"
    install("speller", GOOD + misspelt)
    wanted = (
        "implements hooks that do not exist: harness_observer (did you mean harness_observers?)"
    )
    assert row("speller").error == f"TypeError: {wanted}"
    assert "moon" not in open_registry().names("observer")


def test_only_a_misspelt_hook_is_named_too(install) -> None:
    install("speller", GOOD.replace("harness_observers", "harness_observer"))
    assert "harness_observer" in row("speller").error


def test_one_of_two_hooks_without_the_mark_is_named(install) -> None:
    install("half", GOOD + "\n    def harness_domains():\n        return {}\n")
    assert row("half").error == "TypeError: @hookimpl is missing on harness_domains"


def test_a_helper_with_a_name_of_its_own_needs_no_mark(install) -> None:
    install("helped", GOOD + "\n    def harness_moon_phases():\n        return {}\n")
    assert row("helped").error == ""


def test_a_module_that_ends_the_program_is_a_row_and_the_rest_load(install) -> None:
    install("quitter", "import sys\nsys.exit(0)")
    install("stranger", GOOD)
    assert row("quitter").error == "SystemExit: 0"
    assert row("stranger").error == ""


def test_entry_points_can_be_given_and_come_in_the_order_of_their_names(install) -> None:
    points = [
        EntryPoint(name=name, value="no_such_module_anywhere", group="harness")
        for name in ("zebra", "ape")
    ]
    assert [row.name for row in discover(points).rows] == ["ape", "zebra"]


def test_two_distributions_may_use_one_entry_point_name(install, tmp_path: Path) -> None:
    install("first", GOOD)
    install("second", GOOD.replace("moon", "sun"))
    points = [
        next(iter(Distribution.at(tmp_path / f"{name}-1.2.dist-info").entry_points))
        for name in ("first", "second")
    ]
    same_name = [
        EntryPoint(name="sky", value=point.value, group="harness")._for(
            Distribution.at(tmp_path / f"{name}-1.2.dist-info")
        )
        for name, point in zip(("first", "second"), points, strict=True)
    ]
    assert [row.error for row in discover(same_name).rows] == ["", ""]
