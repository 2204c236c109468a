"""Turn sample text into a small tokenizer with special tokens for turns, calls and aliases."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from tokenizers import AddedToken, pre_tokenizers, trainers

if TYPE_CHECKING:
    from transformers import Qwen2Tokenizer

PAD, END = "<|pad|>", "<|end|>"
SYSTEM, USER, TOOL, AGENT = "<|system|>", "<|user|>", "<|tool|>", "<|agent|>"
CALL, ARGUMENT, IS = "<|call|>", "<|arg|>", "<|is|>"
JSON, GLUE, CAPITAL = "<|json|>", "<|glue|>", "<|capital|>"
CITE, SAY, SAID = "<|cite|>", "<|say|>", "<|said|>"
CENTS = tuple(f"<|.{cents:02}|>" for cents in range(100))
FRAME = (
    *(PAD, END, SYSTEM, USER, TOOL, AGENT, CALL, ARGUMENT, IS, JSON, GLUE, CAPITAL),
    *(CITE, SAY, SAID),
    *CENTS,
)
"""Padding, end of turn; the roles; a call, the name of an argument and its value; a value in JSON,
no space before an alias, a capital letter after a space; a row that the agent cites, the end of
what it cites, words in a row that the user has said; cents.
"""

_TEMPLATE = """\
{%- if messages and messages[0]['role'] == 'system' or tools %}{{ '<|system|>' }}
{%- if messages[0]['role'] == 'system' %} {{ messages[0]['content'] }}{% endif %}
{%- for tool in tools or [] %}{{ '\\n' + (tool | tojson) }}{% endfor %}
{%- endif %}
{%- for message in messages %}
{%- if message['role'] == 'user' %}{{ '<|user|> ' + message['content'] }}
{%- elif message['role'] == 'tool' %}{{ '<|tool|> ' + message['content'] }}
{%- elif message['role'] == 'assistant' %}{{ '<|agent|>' }}
{%- generation %}
{%- if message['content'] %}{{ ' ' + message['content'] }}{% endif %}
{%- for call in message['tool_calls'] or [] %}
{%- set function = call['function'] or call %}
{{- '<tool_call>' + ({'name': function['name'], 'arguments': function['arguments']} | tojson) }}
{{- '</tool_call>' }}
{%- endfor %}{{ '<|end|>' }}
{%- endgeneration %}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|agent|>' }}{% endif %}"""


def alias_token(number: int) -> str:
    """The token that stands for the ``number``-th handle of a conversation."""
    return f"<|@{number}|>"


def tool_token(name: str) -> str:
    """The token that names a tool."""
    return f"<|tool:{name}|>"


def argument_token(name: str) -> str:
    """The token that opens an argument."""
    return f"<|arg:{name}|>"


def train_tokenizer(
    texts: Iterable[str],
    *,
    size: int,
    aliases: int,
    tools: Sequence[str],
    arguments: Sequence[str],
    longest: int,
) -> Qwen2Tokenizer:
    """A byte-level BPE tokenizer of at most ``size`` tokens and ten more; digits stay single.

    The ten are digits after a space, which would cost two tokens each.

    ``longest`` is the context length in tokens that it declares. It splits words as Qwen2 does,
    because ``AutoTokenizer`` does that to any tokenizer of a Qwen2 model. Its chat template
    supports tools, so that servers treat the model like any other.
    """
    from transformers import Qwen2Tokenizer  # it imports torch, which readers of tokens need not

    specials = [
        *FRAME,
        *map(alias_token, range(aliases)),
        *map(tool_token, tools),
        *map(argument_token, arguments),
    ]
    tokens = [AddedToken(special, special=True) for special in specials]
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=2,
        special_tokens=tokens,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    names: dict[str, Any] = {"unk_token": None, "eos_token": END, "pad_token": PAD}
    backend = Qwen2Tokenizer(**names).backend_tokenizer
    backend.train_from_iterator(texts, trainer)
    tokenizer = Qwen2Tokenizer(
        tokenizer_object=backend,
        **names,
        model_max_length=longest,
        padding_side="left",
    )
    tokenizer.add_tokens([AddedToken(f" {digit}", normalized=False) for digit in range(10)])
    tokenizer.chat_template = _TEMPLATE
    return tokenizer
