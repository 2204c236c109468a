"""Tell tool calls that a server left standing in the text of an answer, and what to change there.

A server without a parser for the model's way to write calls hands them over as text: nothing is
called, nothing fails, and no task is done.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from harness.types import Message, Tool

PARSER = "start the server with a parser for them"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One way to write calls: ``mark`` finds it; ``{tool}`` in it stands for the names of the
    tools on offer. ``remedy`` is what to change.
    """

    name: str
    mark: str
    remedy: str

    @property
    def said_by(self) -> str:
        return f"writes tool calls ({self.name})"


def _vllm(*parsers: str) -> str:
    choice = " or ".join(parsers)
    return (
        f"{PARSER}, as vLLM with --enable-auto-tool-choice --tool-call-parser {choice}, "
        f"SGLang with --tool-call-parser, llama.cpp with --jinja"
    )


DIALECTS: Sequence[Dialect] = (
    Dialect(
        name="Qwen coder",
        mark=r"<function=\s*{tool}\s*>",
        remedy=_vllm("qwen3_coder", "llama3_json"),
    ),
    Dialect(
        name="GLM",
        mark=r"<tool_call>\s*{tool}\s*(<arg_key>|</tool_call>|\n)",
        remedy=_vllm("glm45"),
    ),
    Dialect(name="Hermes", mark=r"<tool_call>", remedy=_vllm("hermes")),
    Dialect(name="Mistral", mark=r"\[TOOL_CALLS\]", remedy=_vllm("mistral")),
    Dialect(name="Kimi", mark=r"<\|tool_calls?(_section)?_begin\|>", remedy=_vllm("kimi_k2")),
    Dialect(
        name="DeepSeek",
        mark="<[|｜]tool[_▁]calls?[_▁](begin|section)",
        remedy=_vllm("deepseek_v3"),
    ),
    Dialect(
        name="gpt-oss", mark=r"(to=functions\.|<\|channel\|>\s*commentary)", remedy=_vllm("openai")
    ),
    Dialect(
        name="Granite, Phi", mark=r"<\|tool_call\|>", remedy=_vllm("granite", "phi4_mini_json")
    ),
    Dialect(name="Llama", mark=r"<\|python_tag\|>", remedy=_vllm("llama3_json")),
    Dialect(name="tags", mark=r"<invoke name=[\"']?{tool}", remedy=_vllm("minimax", "hermes")),
    Dialect(
        name="code block",
        mark=r"```(tool_code|tool_call|python)\s+.*\b{tool}\(",
        remedy=_vllm("pythonic"),
    ),
    Dialect(
        name="Python", mark=r"^\s*\[?\s*{tool}\([^\n]*\)\s*[\],]?\s*$", remedy=_vllm("pythonic")
    ),
    Dialect(
        name="JSON",
        mark=r"[\"'](name|function|tool|action)[\"']\s*:\s*[\"']{tool}[\"']",
        remedy=_vllm("llama3_json", "hermes"),
    ),
    Dialect(name="ReAct", mark=r"^\s*Action:\s*{tool}\b", remedy="choose a model that calls tools"),
)


_SIGNS = ("<", "[TOOL", "to=functions.")
"""One of these is in each mark that needs no tool's name: most texts have neither."""


def dialect_of(message: Message, tools: Sequence[Tool]) -> Dialect | None:
    """The dialect of calls that stand in the text of a message without calls; None: there are
    none.
    """
    text = message.content
    if message.calls:
        return None
    named = [re.escape(tool.name) for tool in tools if tool.name in text]
    if not named and not any(sign in text for sign in _SIGNS):
        return None
    names = f"({'|'.join(named)})"
    for dialect in DIALECTS:
        if "{tool}" in dialect.mark and not named:
            continue
        mark = dialect.mark.replace("{tool}", names)
        if re.search(mark, text, re.IGNORECASE | re.MULTILINE | re.DOTALL):
            return dialect
    return None
