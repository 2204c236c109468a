"""A new package of each kind loads, keeps its contract and tests itself."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from harness.assembly.components import Components
from harness.assembly.config import load_config
from harness.assembly.registry import KINDS
from harness.errors import ConfigError, RunError
from harness.injection.pool import tasks_of_round
from harness.llm.roles import open_registry
from harness.loop import discover, evaluate_once, inject
from harness.run_folder import RunFolder
from harness.scaffold.packages import write_package
from harness.testing.kit import Kit

ROOT = Path(__file__).parents[2]
MOST_LINES = 80
SLOW = {"trainer", "chat model"}


def installed(kind: str, folder: Path) -> str:
    """Make a package and put it where pip would; the name of its product."""
    name = f"my_{kind.replace(' ', '_')}"
    made = write_package(kind, name, folder / name)
    info = made / f"harness_{name}-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: harness-{name}\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text(f"[harness]\n{name} = harness_{name}\n")
    return name


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[pytest.mark.slow] if kind in SLOW else []) for kind in KINDS]
)
def test_a_new_package_keeps_the_contract_of_its_kind(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = installed(kind, tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path / name))
    (verdict,) = Kit(open_registry()).named(name, kind)
    assert verdict.state == "passes", verdict


@pytest.mark.parametrize("kind", [*KINDS])
def test_what_it_does_is_short_and_compiles(kind: str, tmp_path: Path) -> None:
    made = write_package(kind, "mine", tmp_path / "mine")
    module = made / "harness_mine" / f"{kind.replace(' ', '_')}.py"
    lines = [line for line in module.read_text().splitlines() if line.strip()]
    assert len(lines) <= MOST_LINES
    for path in made.rglob("*.py"):
        compile(path.read_text(), str(path), "exec")
        assert not re.search(r"\b(sample|SAMPLE_\w+|Sample\w*)\b", path.read_text())


def test_its_own_tests_pass_at_once(tmp_path: Path) -> None:
    name = installed("reward term", tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=tmp_path / name,
        env={**os.environ, "PYTHONPATH": str(tmp_path / name)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_new_packages_of_all_kinds_have_strict_types(tmp_path: Path) -> None:
    made = [write_package(kind, f"my_{kind.replace(' ', '_')}", tmp_path / kind) for kind in KINDS]
    paths = [*made, ROOT, ROOT / "plugins", ROOT / "domains"]
    modules = [word for kind in KINDS for word in ("-p", f"harness_my_{kind.replace(' ', '_')}")]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", *modules],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": os.pathsep.join(map(str, paths))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_type_checkers_follow_an_editable_install_into_typed_packages() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    built = project["tool"]["hatch"]["build"]
    assert "dev-mode-exact" not in built, "an import hook, which mypy does not follow"
    packages = [ROOT / path for path in built["targets"]["wheel"]["packages"]]
    assert {path.parent for path in packages} <= {ROOT / path for path in built["dev-mode-dirs"]}
    assert not [path.name for path in packages if not (path / "py.typed").exists()]


def test_targeted_tasks_of_a_new_domain_pass_the_gates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = installed("domain", tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path / name))
    sizes = {"domain": name, "policy": "noisy:0.8", "validation_tasks": 20, "targeted_tasks": 5}
    more = {"executor": "asyncio", "options": {"admission": {"off": ["targeted"]}}}
    config = load_config(preset="quick", flags={**sizes, **more})
    parts = Components(config, open_registry())
    store = RunFolder.create(tmp_path / "run", config.plain())
    evaluate_once(parts, store, "validation")
    discover(parts, store, 1, "policy-validation")
    inject(parts, store, 1)
    refused = store.read_table("rounds/1/refused.json")
    assert len(tasks_of_round(store, 1)) == 5, refused


def test_nothing_is_overwritten_and_bad_words_are_refused(tmp_path: Path) -> None:
    write_package("judge", "mine", tmp_path / "mine")
    with pytest.raises(RunError):
        write_package("judge", "mine", tmp_path / "mine")
    with pytest.raises(ConfigError) as error:
        write_package("jugde", "mine", tmp_path / "other")
    assert error.value.hint == "Did you mean 'judge'?"
    for name in ("My Judge", "", "../x", "sample", "a__b"):
        with pytest.raises(ConfigError):
            write_package("judge", name, tmp_path / "other")
