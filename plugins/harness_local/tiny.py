"""Turn a domain into the folder of a small model that has its words: pre-trained, or untrained."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerBase,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen2Tokenizer,
)

from harness.errors import ConfigError
from harness.protocols import Domain
from harness_local.corpus import corpus
from harness_local.folders import content_id, load, saving
from harness_local.growing import grow
from harness_local.lexicon import Lexicon
from harness_local.shapes import argument_names
from harness_local.tokenizer import train_tokenizer
from harness_local.wiring import wire_induction

_RECORD = "tiny.json"


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The model's size, and of how many generated ``tasks`` its tokenizer reads the words."""

    hidden: int = 128
    feedforward: int = 384
    layers: int = 4
    heads: int = 4
    vocabulary: int = 2048
    aliases: int = 128
    positions: int = 2048
    tasks: int = 150


def grow_tiny(
    folder: Path,
    domain: Domain,
    base: str,
    *,
    tasks: int,
    words: int,
    seed: int,
    others: Sequence[Domain] = (),
) -> Path:
    """The folder with the model of ``base`` and the domain's words added, then those of ``others``,
    built if not there.

    Raises ``ModelError`` if ``base`` is no folder of a tiny model.
    """
    record = {
        "domain": _names(domain, others),
        "seed": seed,
        "base": content_id(base),
        "tasks": tasks,
        "words": words,
    }
    if _built(folder) == record:
        return folder
    tokenizer, model = load(base, device="cpu", dtype="float32")
    Lexicon(tokenizer)
    for each in (domain, *others):
        grow(tokenizer, model, each, tasks=tasks, words=words, seed=seed)
    _write(folder, model, tokenizer)
    (folder / _RECORD).write_text(json.dumps(record, indent=2) + "\n")
    return folder


def build_tiny(
    folder: Path, domain: Domain, shape: Shape, *, seed: int, others: Sequence[Domain] = ()
) -> Path:
    """The folder with an untrained model, tokenizer and codec, built if not there.

    The same domains, shape and seed give the same weights. Raises ``ConfigError`` for a shape that
    no model can have.
    """
    record = {"domain": _names(domain, others), "seed": seed, **asdict(shape)}
    if _built(folder) == record:
        return folder
    if shape.hidden % (4 * shape.heads) or shape.heads % 2 or shape.layers < 2:
        raise ConfigError(
            f"no model has {shape.layers} layers, {shape.heads} heads and width {shape.hidden}",
            hint="Use 2 or more layers, an even number of heads, a width divisible by 4 * heads.",
        )
    build_model(folder, _tokenizer([domain, *others], shape, seed), shape, seed=seed)
    (folder / _RECORD).write_text(json.dumps(record, indent=2) + "\n")
    return folder


def build_model(folder: Path, tokenizer: Qwen2Tokenizer, shape: Shape, *, seed: int) -> None:
    """Write an untrained model for a tokenizer, and that its codec is the compact one."""
    _write(folder, _model(tokenizer, shape, seed), tokenizer)


def _write(folder: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    with saving(folder):
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        (folder / "codec.json").write_text('{"codec": "compact"}\n')


def _built(folder: Path) -> object:
    try:
        return json.loads((folder / _RECORD).read_text())
    except (OSError, ValueError):
        return None


def _names(domain: Domain, others: Sequence[Domain]) -> str:
    return ", ".join(each.name for each in (domain, *others))


def _tokenizer(domains: Sequence[Domain], shape: Shape, seed: int) -> Qwen2Tokenizer:
    tools = [tool for domain in domains for tool in domain.tools]
    arguments = dict.fromkeys(name for tool in tools for name in argument_names(tool))
    texts = (corpus(domain, seed=seed, tasks=shape.tasks) for domain in domains)
    return train_tokenizer(
        chain.from_iterable(texts),
        size=shape.vocabulary,
        aliases=shape.aliases,
        tools=list(dict.fromkeys(tool.name for tool in tools)),
        arguments=list(arguments),
        longest=shape.positions,
    )


def _model(tokenizer: Qwen2Tokenizer, shape: Shape, seed: int) -> Qwen2ForCausalLM:
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=shape.hidden,
        intermediate_size=shape.feedforward,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        max_position_embeddings=shape.positions,
        rope_parameters={"rope_type": "default", "rope_theta": 1e5},
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        use_cache=True,
    )
    make: Any = Qwen2ForCausalLM
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: Qwen2ForCausalLM = make(config)
    wire_induction(model, seed=seed)
    assert model.generation_config is not None
    model.generation_config.do_sample = True
    return model
