"""Hold the walls of the design: who may import whom, and what a hook file may cost."""

import ast
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pluggy
import pytest

from harness import hookspecs
from harness.assembly.registry import KINDS

ROOT = Path(__file__).parents[1]
CORE = sorted((ROOT / "harness").rglob("*.py"))
PACKAGES = sorted(
    folder for kind in ("plugins", "domains") for folder in (ROOT / kind).glob("harness_*")
)
HOOK_FILES = [folder / "__init__.py" for folder in PACKAGES]
SOURCES = CORE + [file for folder in PACKAGES for file in sorted(folder.rglob("*.py"))]

HEAVY = (
    "accelerate", "anthropic", "datasets", "faiss", "google.genai", "openai", "peft", "pyarrow",
    "ray", "sentence_transformers", "tinker", "tokenizers", "torch", "transformers", "trl", "vllm",
)  # fmt: skip

ORDER = (
    {"errors", "runtime", "types"},
    {"protocols", "run_folder"},
    {"hookspecs"},
    {"assembly"},
    {"evaluation", "llm"},
    {"discovery", "elsewhere", "injection"},
    {"training"},
    {"results"},
    {"interchange", "loop"},
    {"planning", "scaffold", "study"},
    {"report"},
    {"testing"},
    {"cli"},
    {"__main__", "pytest_plugin"},
)
"""From the ground up: whoever stands higher may import from below, nobody from beside or above."""

MAX_LINES = 400

TURN_WRITERS = ("harness_local.codec", "harness_local.codec_folder", "harness_local.turns")
"""How conversations are written as tokens: what samples them elsewhere shares it. Without torch."""

MODEL_FOLDERS = "harness_local.folders"
"""How a model folder is opened, with all that is refused in one: what trains here shares it."""

LIBRARIES = {"harness_taskkit", "harness_tau2"}
"""What domains may build on, and no plugin: neither imports a domain."""


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imports(tree: ast.AST) -> Iterator[str]:
    """The full names of all modules imported anywhere below, at whatever time."""
    for node in ast.walk(tree):
        yield from imported_by(node)


def imports_at_module_level(tree: ast.AST) -> Iterator[str]:
    """Those that happen when the module is imported."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield from imported_by(node)
        yield from imports_at_module_level(node)


def imported_by(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        assert node.level == 0, "imports are absolute"
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def room(module: str) -> str:
    """The part of ``harness`` that a module belongs to; "" for the package itself."""
    return module.partition(".")[2].partition(".")[0]


def height(module: str) -> int:
    """How high the module's room stands. An unnamed one has no place in the order."""
    named = [level for level, rooms in enumerate(ORDER) if room(module) in rooms]
    assert len(named) == 1, f"{module} has no place in ORDER"
    return named[0]


@pytest.mark.parametrize("path", CORE, ids=name)
def test_the_core_imports_no_plugin_and_no_domain(path: Path) -> None:
    assert not [m for m in imports(parse(path)) if m.startswith("harness_")]


@pytest.mark.parametrize("package", PACKAGES, ids=name)
def test_a_package_imports_no_other_plugin_or_domain(package: Path) -> None:
    strangers = {
        module.split(".")[0]
        for file in package.rglob("*.py")
        for module in imports(parse(file))
        if module.startswith("harness_") and not module.startswith((*TURN_WRITERS, MODEL_FOLDERS))
    }
    is_domain = package.parent.name == "domains" and package.name not in LIBRARIES
    assert strangers <= {package.name, *(LIBRARIES if is_domain else ())}


@pytest.mark.parametrize("path", HOOK_FILES, ids=name)
def test_a_hook_file_imports_only_the_core_and_the_standard_library(path: Path) -> None:
    light = {"harness", *sys.stdlib_module_names}
    assert not [m for m in imports_at_module_level(parse(path)) if m.split(".")[0] not in light]


def test_asking_what_is_on_offer_imports_nothing_heavy() -> None:
    script = (
        "import sys; from harness.assembly.registry import Registry; Registry();"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    asked = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert asked.stdout.strip() == "[]"


def test_conversations_are_written_as_tokens_without_torch() -> None:
    imported = ", ".join(TURN_WRITERS)
    script = f"import sys, {imported}; print('torch' in sys.modules)"
    asked = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert asked.stdout.strip() == "False"


@cache
def core_imports() -> dict[str, set[str]]:
    """The modules of the core that each of them imports, whenever and for whatever purpose.

    ``from room import module`` is an import of the module, ``from room import name`` of its index.
    """
    modules = {module_of(path): path for path in CORE}
    return {
        module: {other for other in targets(parse(path)) if other in modules} - {module}
        for module, path in modules.items()
    }


def targets(tree: ast.AST) -> Iterator[str]:
    known = {module_of(path) for path in CORE}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            full = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in known else node.module for name in full)


@pytest.mark.parametrize("path", CORE, ids=name)
def test_core_modules_import_downwards_only(path: Path) -> None:
    module = module_of(path)
    if module == "harness":
        return
    wrong = {
        other
        for other in core_imports()[module] - {"harness"}
        if room(other) != room(module) and height(other) >= height(module)
    }
    assert not wrong, f"{module} stands below or beside these"


def test_the_core_has_no_import_cycle() -> None:
    graph = core_imports()
    assert sum(map(len, graph.values())) > len(graph), "there are imports to look at"
    assert len(list(TopologicalSorter(graph).static_order())) == len(graph)


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_modules_are_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_LINES


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_modules_open_with_what_they_do(path: Path) -> None:
    tree = parse(path)
    assert not tree.body or ast.get_docstring(tree)


def test_every_hook_is_documented_and_belongs_to_a_kind() -> None:
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    hooks = {name for name in vars(hookspecs) if name.startswith("harness_")}
    assert hooks == set(KINDS.values())
    assert all(hasattr(manager.hook, hook) for hook in hooks)
    assert all(getattr(hookspecs, hook).__doc__ for hook in hooks)


def test_every_hook_is_listed_in_the_order_it_is_written() -> None:
    tree = parse(ROOT / "harness" / "hookspecs.py")
    written = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert list(KINDS.values()) == written


def error_names(files: Sequence[Path]) -> set[str]:
    """The classes of errors that the user can fix, wherever they are defined."""
    known, found = {"HarnessError"}, {"HarnessError"}
    while found:
        classes = [n for f in files for n in ast.walk(parse(f)) if isinstance(n, ast.ClassDef)]
        found = {c.name for c in classes for b in c.bases if ast.unparse(b) in known} - known
        known |= found
    return known


def test_every_error_that_the_user_can_fix_says_what_to_do() -> None:
    names = error_names(SOURCES)
    raised = [
        (path, node)
        for path in SOURCES
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in names
    ]
    assert len(raised) > 100
    silent = [
        f"{name(path)}:{node.lineno}"
        for path, node in raised
        if "hint" not in {keyword.arg for keyword in node.keywords}
    ]
    assert not silent
