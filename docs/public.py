"""Write down the signatures of all that is public: docs/public.txt, against which a test compares.

    make public-signatures

It refuses to write a change that CHANGELOG.md does not tell: under "Unreleased", a line that begins
with "- API:" has to be new, and such lines have to name each name that was added, changed or taken
away. Signatures are read from the source, nothing is imported.
"""

import ast
import hashlib
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
SNAPSHOT = ROOT / "docs" / "public.txt"
FOLDERS = (ROOT, ROOT / "plugins", ROOT / "domains")

PUBLIC: Mapping[str, tuple[str, ...]] = {
    "harness.hookspecs": (),
    "harness.protocols": (),
    "harness.types": (),
    "harness.testing": (),
    "harness.testing.kit": ("Kit", "Verdict"),
    "harness.testing.servers": ("ChatServer",),
    "harness.errors": (),
    "harness.deprecation": (),
    "harness.evaluation.domain_defaults": (),
    "harness.evaluation.typed_tools": (),
    "harness.assembly.config": ("read_options",),
    "harness.llm.providers": ("Provider",),
    "harness.llm.roles": ("open_registry",),
    **{
        f"harness_taskkit.{path.stem}": ()
        for path in sorted((ROOT / "domains" / "harness_taskkit").glob("[!_]*.py"))
    },
}
"""Public modules, with the names in them that are public ((): all without "_")."""

Snapshot = Mapping[str, str]
"""What a public name looks like, by its dotted name."""


def snapshot() -> Snapshot:
    """Every public name as it is now."""
    found = {}
    for module, names in PUBLIC.items():
        tree = _tree(module)
        for name in names or _names(tree):
            found[f"{module}.{name}"] = "\n".join(_shown(*_defined(module, name)))
    return found


def text(found: Snapshot, changelog: str) -> str:
    """The file that holds the snapshot and the digest of the lines that tell of it."""
    blocks = [f"{name}\n{re.sub('^', '    ', shown, flags=re.M)}" for name, shown in found.items()]
    return "\n\n".join([f"# changelog {_digest(changelog)}", *blocks]) + "\n"


def read(kept: str) -> Snapshot:
    """The snapshot in such a file."""
    blocks = (block.partition("\n") for block in kept.rstrip().split("\n\n")[1:])
    return {name: re.sub("^    ", "", shown, flags=re.M) for name, _, shown in blocks}


def changed(before: Snapshot, now: Snapshot) -> list[str]:
    """The names that were added, changed or taken away."""
    return sorted(n for n in {*before, *now} if before.get(n) != now.get(n))


def untold(before: str, now: Snapshot, changelog: str) -> list[str]:
    """Of the names that changed since the file ``before`` those the changelog does not tell."""
    names = changed(read(before), now)
    if before.startswith(f"# changelog {_digest(changelog)}\n"):
        return names
    told = {word for line in _told(changelog) for word in re.findall(r"[\w.]+", line)}
    return [name for name in names if not {name, name.rpartition(".")[2]} & told]


def _told(changelog: str) -> list[str]:
    unreleased = changelog.partition("## Unreleased")[2].partition("\n## ")[0]
    return re.findall(r"^- API:.*(?:\n  .*)*", unreleased, flags=re.MULTILINE)


def _digest(changelog: str) -> str:
    return hashlib.sha256("\n".join(_told(changelog)).encode()).hexdigest()[:12]


@cache
def _tree(module: str) -> ast.Module:
    path = module.replace(".", "/")
    places = (folder / end for folder in FOLDERS for end in (f"{path}.py", f"{path}/__init__.py"))
    return ast.parse(next(p for p in places if p.exists()).read_text("utf-8"))


def _names(tree: ast.Module) -> list[str]:
    """What ``__all__`` lists, else all that is defined here without "_"."""
    own = [name for node in tree.body for name in _bound(node)]
    for node in tree.body:
        if isinstance(node, ast.Assign) and _bound(node) == ["__all__"]:
            return sorted(ast.literal_eval(node.value))
    return sorted({name for name in own if not name.startswith("_")})


def _bound(node: ast.stmt) -> list[str]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return [node.name]
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
    return []


def _defined(module: str, name: str) -> tuple[str, ast.stmt]:
    """Where a name is defined: in the module, or in one that it is imported from."""
    for node in _tree(module).body:
        if name in _bound(node):
            return name, node
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return _defined(node.module, alias.name)
    raise SystemExit(f"{module} has no {name!r}: correct PUBLIC in {Path(__file__).name}")


def _shown(name: str, node: ast.stmt) -> Iterator[str]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            yield _signature(node)
        case ast.ClassDef():
            yield f"class {name}({', '.join(map(ast.unparse, node.bases))})"
            yield from sorted(f"    {line}" for part in node.body for line in _member(part))
        case _:
            yield ast.unparse(node)


def _member(node: ast.stmt) -> Iterator[str]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            if not node.name.startswith("_") or node.name == "__init__":
                marks = [ast.unparse(mark) for mark in node.decorator_list]
                yield " ".join([*(f"@{mark}" for mark in marks), _signature(node)])
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
            if not name.startswith("_"):
                yield ast.unparse(node)


def _signature(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    word = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"{word} {node.name}({ast.unparse(node.args)}){returns}"


def main() -> None:
    now, changelog = snapshot(), (ROOT / "CHANGELOG.md").read_text("utf-8")
    kept = SNAPSHOT.read_text("utf-8") if SNAPSHOT.exists() else ""
    if kept and (names := untold(kept, now, changelog)):
        sys.exit(
            "CHANGELOG.md does not tell of these changes; add a line to Unreleased that begins "
            f"with '- API:' and names them: {', '.join(names)}"
        )
    SNAPSHOT.write_text(text(now, changelog), encoding="utf-8")


if __name__ == "__main__":
    main()
