"""What an error advises can be done: flags exist, in the command that is named with them."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer import Context
from typer.main import get_command

from harness.cli import app

ROOT = Path(__file__).parents[2]
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
SPAN = re.compile(r"`harness ([^`]*)`")

OF_OTHERS = {
    "--no-deps": "pip", "--force-reinstall": "pip", "--no-log-samples": "inspect",
    "--to": "inspect", "--head": "ray",
    "--audio-native": "tau2", "--logprobs-mode": "vLLM", "--max-logprobs": "vLLM",
    "--dtype": "vLLM", "--enable-lora": "vLLM", "--enable-auto-tool-choice": "vLLM",
    "--tool-call-parser": "vLLM", "--jinja": "llama.cpp", "--query-gpu": "nvidia-smi",
}  # fmt: skip
"""Flags of other programs that hints name."""

OF_FEW = {"--resume", "--tasks", "--trials", "--control", "--baseline-policy", "--budget-tokens"}
"""Flags that few commands have: a hint that names one says of which, as who reads it may have
called another one."""


def commands() -> dict[str, set[str]]:
    """The flags of each command, those in groups by both words."""
    group: Any = get_command(app)
    ctx = Context(group)
    own = {flag for param in group.params for flag in param.opts} | {"--help"}
    found = {"": own}
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        inner = getattr(command, "commands", {})
        for word, one in {"": command, **inner}.items():
            flags = {flag for param in one.params for flag in (*param.opts, *param.secondary_opts)}
            found[f"{name} {word}".strip()] = flags | own
    return found


COMMANDS = commands()


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
    """Each hint in the code and where it is."""
    for top in ("harness", "plugins", "domains"):
        for path in sorted((ROOT / top).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.keyword) and node.arg == "hint":
                    yield f"{path.relative_to(ROOT)}:{node.value.lineno}", text_of(node.value)


HINTS = [*hints()]
WITH_FLAGS = [hint for hint in HINTS if FLAG.search(hint[1]) or SPAN.search(hint[1])]


def named(span: str) -> str:
    """The command that a span names."""
    words = re.sub(r"^-p \S+ ", "", span).split()
    two = " ".join(words[:2])
    return two if two in COMMANDS else words[0] if words else ""


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
