"""Turn settings into a policy: open a folder or hub model, or make the tiny one and open that."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from importlib.resources import files
from pathlib import Path
from typing import Literal

import torch
from transformers import PreTrainedModel

from harness.assembly.config import (
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    PositiveShare,
    read_options,
)
from harness.errors import ConfigError, ModelError
from harness.protocols import Domain, Policy, Settings
from harness.types import Checkpoint
from harness_local.codec_folder import CODEC_FILE, codec_of, end_tokens
from harness_local.folders import checkpoint_of, load
from harness_local.policy import LocalPolicy
from harness_local.sampler import Limits, Sampler
from harness_local.tiny import Shape, build_tiny, grow_tiny

BUNDLED, UNTRAINED = "bundled", "untrained"


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to sample, and where.

    ``temperature`` 0 is greedy; ``top_p`` in (0, 1]. Token counts: ``max_new_tokens`` per turn,
    ``max_context`` per conversation (0: the model's limit). ``slots``: conversations that keep
    their keys and values between turns. ``device`` and ``dtype`` "auto": a GPU in bfloat16 if there
    is one, else float32. ``threads`` 0: torch's own setting. ``exact``: compute turns in float64,
    so that a conversation is the same whoever shares its batch.
    """

    temperature: NonNegativeFloat = 0.7
    top_p: PositiveShare = 1.0
    max_new_tokens: PositiveInt = 512
    max_context: NonNegativeInt = 0
    slots: PositiveInt = 64
    device: str = "auto"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    threads: NonNegativeInt = 0
    exact: bool = False


@dataclass(frozen=True, kw_only=True)
class TinyOptions(Options):
    """The same on the CPU, which is enough for a model of this size, and the base to start from.

    ``base``: "bundled", "untrained", or the folder of a base that ``make base-model`` wrote. A base
    gets tokens for at most ``words`` words from so many ``tasks`` of the domain; the other settings
    are the shape of an untrained model.
    """

    max_new_tokens: PositiveInt = 256
    device: str = "cpu"
    base: str = BUNDLED
    words: NonNegativeInt = 640
    tasks: PositiveInt = Shape.tasks
    hidden: PositiveInt = Shape.hidden
    feedforward: PositiveInt = Shape.feedforward
    layers: PositiveInt = Shape.layers
    heads: PositiveInt = Shape.heads
    vocabulary: PositiveInt = Shape.vocabulary
    aliases: NonNegativeInt = Shape.aliases
    positions: PositiveInt = Shape.positions


def path_policy(settings: Settings) -> Policy:
    """The model of a folder or hub id: the argument, or the checkpoint's. Raises ``ModelError``."""
    options = read_options(Options, settings, name="path")
    path = settings.checkpoint.path if settings.checkpoint else settings.argument
    return open_model(path, options, name="path", checkpoint=settings.checkpoint)


def tiny_policy(settings: Settings) -> Policy:
    """The tiny model of the checkpoint, or the base with the words of the domain."""
    options = read_options(TinyOptions, settings, name="tiny")
    if settings.checkpoint is not None:
        path = settings.checkpoint.path
        if Path(path).is_dir() and not (Path(path) / CODEC_FILE).is_file():
            raise ModelError(
                f"{path} has no {CODEC_FILE}, which says how the policy 'tiny' reads and writes",
                hint="Bring it back from a copy, or train the checkpoint again.",
            )
        return open_model(path, options, name="tiny", checkpoint=settings.checkpoint)
    if settings.domain is None:
        raise ConfigError(
            "the policy 'tiny' needs a domain, and none was given",
            hint="Name one with --domain; `harness plugins` lists them.",
        )
    folder = (settings.folder or Path(tempfile.mkdtemp(prefix="harness-tiny-"))) / "tiny"
    built = _build(folder, settings.domain, settings.other_domains, options, settings.seed)
    return open_model(str(built), options, name="tiny")


def _build(
    folder: Path, domain: Domain, others: Sequence[Domain], options: TinyOptions, seed: int
) -> Path:
    shape = Shape(**{field.name: getattr(options, field.name) for field in fields(Shape)})
    if options.base == UNTRAINED:
        return build_tiny(folder, domain, shape, seed=seed, others=others)
    if replace(shape, tasks=Shape.tasks) != Shape():
        raise ConfigError(
            "the base of the policy 'tiny' has a fixed shape, and another was asked for",
            hint='For an untrained model of that shape, also set base = "untrained".',
        )
    base = str(files("harness_local") / "base") if options.base == BUNDLED else options.base
    words, tasks = options.words, options.tasks
    return grow_tiny(folder, domain, base, tasks=tasks, words=words, seed=seed, others=others)


def open_model(
    path: str,
    options: Options,
    *,
    name: str,
    checkpoint: Checkpoint | None = None,
    kind: type[LocalPolicy] = LocalPolicy,
    changes: int = 0,
) -> LocalPolicy:
    """The policy called ``name``, of the ``kind`` given, that samples the model at ``path``.

    Without a ``checkpoint`` it gets one whose id depends on the folder's content alone.
    ``changes``: how often the weights have changed before, see ``Sampler``. Raises
    ``ModelError`` if something is missing and ``ConfigError`` for a setting out of range.
    """
    _check_options(options, name)
    if options.threads:
        torch.set_num_threads(options.threads)
    tokenizer, model = load(path, device=options.device, dtype=options.dtype)
    named = getattr(model.generation_config, "eos_token_id", None)
    codec = codec_of(path, tokenizer, end_tokens(named, tokenizer, path))
    sampler = Sampler(
        model,
        ends=codec.ends,
        limits=Limits(
            max_new_tokens=options.max_new_tokens,
            max_context=_max_context(model, options),
            slots=options.slots,
        ),
        temperature=options.temperature,
        top_p=options.top_p,
        changes=changes,
        exact=options.exact,
    )
    return kind(
        model=model,
        tokenizer=tokenizer,
        codec=codec,
        sampler=sampler,
        checkpoint=checkpoint or checkpoint_of(path, name),
    )


def _check_options(options: Options, name: str) -> None:
    bounds = {
        "temperature": options.temperature >= 0,
        "top_p": 0 < options.top_p <= 1,
        "max_new_tokens": options.max_new_tokens >= 1,
        "slots": options.slots >= 1,
    }
    for option, holds in bounds.items():
        if not holds:
            raise ConfigError(
                f"option {option} of {name} cannot be {getattr(options, option)!r}",
                hint=f"See [options.{name}] in your config file.",
            )


def _max_context(model: PreTrainedModel, options: Options) -> int:
    """The model's context limit, but at most what the options allow or a sliding window spans."""
    config = model.config.get_text_config(decoder=True)
    if config._attn_implementation != "sdpa" or not model._supports_attention_backend:
        raise ModelError(
            f"the attention of {type(model).__name__} cannot be replaced",
            hint="Use a model whose attention implementation can be set in transformers.",
        )
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    if unknown := kinds - {"full_attention", "sliding_attention"}:
        raise ModelError(
            f"models with {', '.join(sorted(unknown))} layers cannot be sampled in this process",
            hint="Only attention over all earlier tokens is supported here.",
        )
    window = config.sliding_window if "sliding_attention" in kinds else None
    limits = (getattr(config, "max_position_embeddings", None), window, options.max_context)
    return min(limit for limit in limits if limit)
