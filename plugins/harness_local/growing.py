"""Teach a small model a domain's words: new tokens that start as the mean of their old pieces."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

import torch
from tokenizers import AddedToken
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from harness.protocols import Domain
from harness_local.corpus import corpus
from harness_local.lexicon import spelled
from harness_local.shapes import argument_names
from harness_local.tokenizer import ARGUMENT, IS, argument_token, tool_token

Pieces = dict[str, list[int]]
"""For each new token the old tokens that it stands for."""

_WORD = re.compile(r" [A-Za-z]+(?![\w-])")
_RARE = 0.05
"""Words that occur less often than this per task stay in pieces."""


def grow(
    tokenizer: PreTrainedTokenizerBase,
    model: PreTrainedModel,
    domain: Domain,
    *,
    tasks: int,
    words: int,
    seed: int,
) -> None:
    """Add to both, in place, tokens for the domain's tools, arguments and at most ``words`` of the
    frequent words in so many ``tasks``.

    A new embedding is the mean of those of its pieces, at their mean norm.
    """
    texts = corpus(domain, seed=seed, tasks=tasks)
    frequent = _frequent_words(tokenizer, texts, least=tasks * _RARE)[:words]
    named = _names(tokenizer, domain)
    pieces = {word: _ids(tokenizer, word) for word in frequent} | named
    tokenizer.add_tokens([AddedToken(word, normalized=False) for word in frequent])
    tokenizer.add_tokens([AddedToken(name, special=True) for name in named], special_tokens=True)
    _embed(model, pieces, tokenizer)


def _frequent_words(
    tokenizer: PreTrainedTokenizerBase, texts: Iterable[str], *, least: float
) -> list[str]:
    """Words after a space that have several tokens now, the frequent ones first."""
    known = tokenizer.get_vocab()
    counts = Counter(word for text in texts for word in _WORD.findall(text))
    return [
        word
        for word, times in counts.most_common()
        if times >= least and word.replace(" ", "Ġ") not in known
    ]


def _names(tokenizer: PreTrainedTokenizerBase, domain: Domain) -> Pieces:
    """The tokens of tools and arguments with the pieces that spell them."""
    found: Pieces = {}
    for tool in domain.tools:
        found[tool_token(tool.name)] = _ids(tokenizer, f" {spelled(tool.name)}")
    known = tokenizer.get_vocab()
    frame = [known[token] for token in (ARGUMENT, IS)]
    for tool in domain.tools:
        for name in argument_names(tool):
            found[argument_token(name)] = [*frame, *_ids(tokenizer, f" {spelled(name)}")]
    return {token: pieces for token, pieces in found.items() if token not in known}


def _ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    return list(tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids)


@torch.no_grad()
def _embed(model: PreTrainedModel, pieces: Pieces, tokenizer: PreTrainedTokenizerBase) -> None:
    model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    embeddings: Any = model.get_input_embeddings()
    weight: torch.Tensor = embeddings.weight
    known = tokenizer.get_vocab()
    for token, parts in pieces.items():
        rows = weight[parts]
        mean = rows.mean(0)
        loudness = rows.norm(dim=-1).mean() / mean.norm().clamp_min(1e-9)
        weight[known[token]] = mean * loudness
