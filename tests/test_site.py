"""The tour's commands print what the page shows; the reference pages are made from the code."""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from harness.assembly.registry import KINDS
from harness.llm.roles import open_registry
from harness.protocols import Settings
from tests.cli.test_commands import COMMANDS
from tests.test_docs import MADE

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def words(output: str) -> list[str]:
    """What is printed but for figures and bars: seconds differ, and so may the last digit."""
    return re.sub(r"[\d.,−+%×█▏▎▍▌▋▊▉]+", " ", output).split()


def test_the_tour_shows_what_its_commands_print(tmp_path: Path) -> None:
    tour = script("tour")
    page = (DOCS / "tour.md").read_text(encoding="utf-8")
    printed = tour.outputs(page, tmp_path)
    shown = [(found["command"], found["output"]) for found in tour.BLOCK.finditer(page)]
    assert len(shown) >= 8
    assert [command for command, _ in printed] == [command for command, _ in shown]
    for (command, now), (_, then) in zip(printed, shown, strict=True):
        assert words(now) == words(then), f"{command}: `make tour` writes it anew"


def test_the_reference_names_every_command_hook_setting_and_event() -> None:
    reference = script("reference")
    made = {path: make() for path, make in reference.PAGES.items()}
    assert set(made) == MADE
    assert not [c for c in COMMANDS if f"`harness {c}" not in made["reference/commands.md"]]
    assert not [h for h in KINDS.values() if f"## `{h}`" not in made["reference/hooks.md"]]
    assert "| `validation_tasks` | `int` | `60` |" in made["reference/settings.md"]
    assert "| `run_opened` |" in made["reference/events.md"]
    assert "## `Trajectory`" in made["reference/run-folder.md"]
    for value in ("Task", "Request", "Fact", "Feature"):
        assert f"## `{value}`" in made["reference/values.md"]
    assert "| `volunteered` | `bool` | `False` |" in made["reference/values.md"]
    assert "## `grpo` (trainer)" in made["reference/options.md"]
    assert "| `eval_steps` | `int` | `50` |" in made["reference/options.md"]
    assert "``" not in re.sub(r"```", "", "".join(made.values()))


def test_the_reference_has_every_kind_of_mistake_that_domains_and_judges_speak_of() -> None:
    page = script("reference").mistakes()
    assert "| `missing_step` | Execution control | retail: " in page
    folder = ROOT / "plugins" / "harness_scripted"
    rules = [(folder / f"{name}.py").read_text() for name in ("mistakes", "omissions", "slips")]
    said = {kind for rule in rules for kind in re.findall(r'(?:kind=|Mistake\()"(\w+)"', rule)}
    assert len(said) >= 4
    assert not [kind for kind in said if f"| `{kind}` |" not in page]
    for name in ("retail", "airline", "telecom"):
        domain = open_registry().make("domain", name, Settings())
        provoked = {kind for feature in domain.features for kind in feature.provokes}
        assert not [kind for kind in provoked if f"| `{kind}` |" not in page]


@pytest.mark.parametrize("link", ["../benchmarks/README.md", "../studies/retail.toml"])
def test_links_out_of_the_docs_lead_to_the_copies_in_the_site(link: str) -> None:
    reference = script("reference")
    led = reference.into_site(f"see [it]({link}#part)")
    assert led == f"see [it]({reference.OUTSIDE[link[3:]]}#part)"


def test_the_site_is_built_and_a_broken_link_ends_that(tmp_path: Path) -> None:
    pytest.importorskip("material")
    root = DOCS.parent
    for name in ("docs", "studies"):
        shutil.copytree(root / name, tmp_path / name)
    (tmp_path / "benchmarks").mkdir()
    for name in ("mkdocs.yml", "CHANGELOG.md", "benchmarks/README.md"):
        shutil.copy(root / name, tmp_path / name)
    [recipe] = re.findall(r"python -m (mkdocs build .*)", (root / "Makefile").read_text())

    def build() -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-m", *recipe.split()]
        return subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=300)

    built = build()
    assert built.returncode == 0, built.stderr
    assert (tmp_path / "site" / "reference" / "commands" / "index.html").exists()
    with (tmp_path / "docs" / "faq.md").open("a") as page:
        page.write("\n[one](guide.md#nowhere) [other](none.md)\n")
    broken = build()
    assert broken.returncode != 0
    assert "#nowhere" in broken.stderr
    assert "none.md" in broken.stderr
