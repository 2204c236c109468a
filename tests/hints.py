"""What errors advise: the commands and the flags that they name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from typer import Context
from typer.main import get_command

from harness.cli import app

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


@cache
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


def command_of(words: Sequence[str]) -> str:
    """The command that the words of a command line begin with."""
    two = " ".join(words[:2])
    return two if two in commands() else words[0] if words else ""


def misleading(words: Sequence[object], said: str) -> set[str]:
    """The flags that the hint of an error names and that neither the called command has, nor the
    command that is named with them.
    """
    hint = said.partition("error: ")[2].partition("\n")[2]
    own = commands().get(command_of([*map(str, words)]), set())
    wrong = {*FLAG.findall(SPAN.sub("", hint))} - own - OF_OTHERS.keys()
    for span in SPAN.findall(hint):
        wrong |= {*FLAG.findall(span)} - commands().get(command_of(span.split()), own)
    return wrong
