"""What an error advises can be done: flags exist, in the command that is named with them."""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.hints import FLAG, OF_OTHERS, SPAN, command_of, commands, misleading

ROOT = Path(__file__).parents[2]
COMMANDS = commands()

OF_FEW = {"--resume", "--tasks", "--trials", "--control", "--baseline-policy", "--budget-tokens"}
"""Flags that few commands have: a hint that names one says of which, as who reads it may have
called another one."""


def text_of(node: ast.expr) -> str:
    """All literal text in an expression; what is filled in is X."""
    pieces = []
    for inner in ast.walk(node):
        if isinstance(inner, ast.JoinedStr):
            parts = (v.value if isinstance(v, ast.Constant) else "X" for v in inner.values)
            pieces.append("".join(map(str, parts)))
    inside = {id(v) for n in ast.walk(node) if isinstance(n, ast.JoinedStr) for v in n.values}
    pieces += [
        str(n.value)
        for n in ast.walk(node)
        if isinstance(n, ast.Constant) and isinstance(n.value, str) and id(n) not in inside
    ]
    return " ".join(pieces)


def hints() -> Iterator[tuple[str, str]]:
    """Each hint in the code and where it is; those that a module names or lists, too."""
    for top in ("harness", "plugins", "domains"):
        for path in sorted((ROOT / top).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            named = constants(tree)
            for node in ast.walk(tree):
                if isinstance(node, ast.keyword) and node.arg == "hint":
                    said = [named[n.id] for n in ast.walk(node.value)
                            if isinstance(n, ast.Name) and n.id in named]  # fmt: skip
                    text = " ".join([text_of(node.value), *said])
                    yield f"{path.relative_to(ROOT)}:{node.value.lineno}", text


def constants(tree: ast.Module) -> Mapping[str, str]:
    """The text in each value that the module gives a name."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = text_of(node.value)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            found[node.target.id] = text_of(node.value)
    return found


HINTS = [*hints()]
WITH_FLAGS = [hint for hint in HINTS if FLAG.search(hint[1]) or SPAN.search(hint[1])]


def named(span: str) -> str:
    """The command that a span names."""
    return command_of(re.sub(r"^-p \S+ ", "", span).split())


def test_there_are_hints() -> None:
    assert len(HINTS) > 200
    assert len(WITH_FLAGS) > 60


@pytest.mark.parametrize(("where", "text"), WITH_FLAGS, ids=[where for where, _ in WITH_FLAGS])
def test_a_hint_names_commands_and_flags_that_exist(where: str, text: str) -> None:
    every = set().union(*COMMANDS.values())
    for span in SPAN.findall(text):
        name = named(span)
        assert name in COMMANDS or name in ("...", "X"), span
        assert not {*FLAG.findall(span)} - COMMANDS.get(name, every), f"harness {span}"
    assert not {*FLAG.findall(text)} - every - OF_OTHERS.keys()
    assert not OF_FEW & {*FLAG.findall(SPAN.sub("", text))}


SAYS = [
    ("tasks", "Repeat it with --resume.", {"--resume"}),
    ("tasks", "Go on with `harness loop --resume RUN`.", set()),
    ("tasks", "Choose another --out.", set()),
    ("report", "Choose another --out.", {"--out"}),
    ("study run", "Go on with `harness report RUN --resume`.", {"--resume"}),
    ("eval", "Start it with `ray start --head`, or --resume.", set()),
]


@pytest.mark.parametrize(("command", "hint", "wrong"), SAYS)
def test_a_flag_that_the_command_lacks_misleads(command: str, hint: str, wrong: set[str]) -> None:
    said = f"warning: --before\nerror: it has no --flag\n{hint}\n"
    assert misleading([*command.split(), "RUN"], said) == wrong


@pytest.mark.parametrize("words", [
    ("tasks", "file/run"),
    ("report", "file/run"),
    ("discover", "file/run"),
    ("import", "tau2", "file/recording.json", "--out", "new"),
    ("new", "domain", "mine", "--out", "file"),
])  # fmt: skip
def test_an_error_names_no_flag_that_the_command_lacks(cli: Cli, words: tuple[str, ...]) -> None:
    Path("file").write_text("a file where a folder should be")
    assert cli(*words).status == 1  # it looks for misleading flags in every error
