"""Tell from a server's words whether a request is too long, and how long an answer may be."""

from __future__ import annotations

import re
from collections.abc import Mapping

LEAST_ROOM = 64
"""Tokens of an answer; with room for fewer, the conversation counts as too long."""

OVERFLOWS: Mapping[str, str] = {
    "OpenAI, Azure, Groq, DeepSeek, vLLM": r"context[_ ]length[_ ]exceeded|maximum context length",
    "Anthropic, Fireworks": r"prompt is too long|exceed context limit",
    "Gemini, Vertex": r"input token count.{0,30}exceeds|input token count is \d+ but",
    "llama.cpp": r"exceed_context_size_error|exceeds the available context size",
    "TGI": r"`inputs` (tokens \+|must have less than)|inputs tokens \+ max_new_tokens",
    "Bedrock": r"input is too long for requested model|too many input tokens",
    "xAI, Together": r"maximum prompt length is|input_tokens.{0,20}exceeds",
    "Mistral": r"too large for model with \d+ maximum context|prompt contains \d+ tokens",
    "Ollama": r"input length exceeds.{0,20}context length|exceeds maximum context",
    "LM Studio": r"when context the overflows|greater than the context length",
    "SGLang": r"longer than the model's context length|exceeds the model's maximum context",
    "TensorRT-LLM": r"exceeds? max_?(num|input|seq)\w*|max_input_len",
    "TabbyAPI, ExLlama": r"greater than max_seq_len|prompt length \d+ is greater",
    "Cerebras": r"reduce the length of the messages",
    "Cohere": r"too many tokens:|size limit exceeded by \d+ tokens",
    "Moonshot": r"exceeded model token limit",
    "Zhipu": r"prompt exceeds max length",
    "Qwen (DashScope)": r"range of input length should be",
    "MiniMax": r"context window exceeds limit",
    "GitHub": r"prompt token count of \d+ exceeds",
    "others": r"context.?(length|limit|window|size)|too many (input )?tokens",
}
"""How servers word it that a conversation does not fit, by the server that was seen to."""

_OVERFLOW = re.compile("|".join(OVERFLOWS.values()), re.IGNORECASE)

_MOST = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"at most (?P<most>\d+) (completion|output) tokens",
        r"max_tokens: \d+ > (?P<most>\d+)",
        r"range of max_\w*tokens (should be|is) \[\d+, (?P<most>\d+)\]",
        r"maximum tokens you requested exceeds the model limit of (?P<most>\d+)",
        r"max_\w*tokens`? must be less than or equal to `?(?P<most>\d+)",
        r"supported range is from 1 \(inclusive\) to (?P<above>\d+) \(exclusive\)",
    )
]
# Where only the total that was asked for is told, what of it was for the answer is the output.
_LIMIT = [
    re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for pattern in (
        r"exceed context limit: (?P<input>\d+) \+ \d+ > (?P<limit>\d+)",
        r"must be <= (?P<limit>\d+)\. Given: (?P<input>\d+)",
        r"context length (is|of) (?P<limit>\d+) tokens and your request has (?P<input>\d+)",
        r"passed (?P<input>\d+) input tokens.*context length is (only )?(?P<limit>\d+)",
        r"context length (is|of) (?P<limit>\d+).*\((?P<input>\d+) in the messages",
        r"context length (is|of) (?P<limit>\d+).*: (?P<input>\d+) tokens from the input",
        r"context length (is|of) (?P<limit>\d+).*requested about (?P<total>\d+) tokens"
        r".* (?P<output>\d+) in the output",
    )
]


def is_overflow(said: str) -> bool:
    """Whether a server says that the conversation, or it and the answer, are too long."""
    return most(said) is None and _OVERFLOW.search(said) is not None


def most(said: str) -> int | None:
    """The tokens that any answer of the model may have, where a server says that more were asked
    for; None: it does not.
    """
    told = _numbers(_MOST, said)
    return told.get("most", told["above"] - 1 if "above" in told else None)


def room(said: str) -> int | None:
    """The tokens that are left for an answer, where a server says that the conversation fits and
    the answer was asked for too long; None: it does not, or there are fewer than ``LEAST_ROOM``.
    """
    told = _numbers(_LIMIT, said)
    if not told:
        return None
    free = told["limit"] - told.get("input", told.get("total", 0) - told.get("output", 0))
    return free if free >= LEAST_ROOM else None


def _numbers(patterns: list[re.Pattern[str]], said: str) -> dict[str, int]:
    """What the first pattern that is found tells, by the names of its groups."""
    found = next((match for pattern in patterns if (match := pattern.search(said))), None)
    return {name: int(digits[:12]) for name, digits in found.groupdict().items()} if found else {}
