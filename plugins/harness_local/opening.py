"""Turn settings into a policy: open a folder or hub model, or build the tiny one and open that."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging

from harness.config import read_options
from harness.errors import ConfigError, ModelError
from harness.protocols import Policy, Settings
from harness.types import Checkpoint, stable_id
from harness_local.codec import ChatCodec, Codec
from harness_local.compact import CompactCodec
from harness_local.policy import CODEC_FILE, LocalPolicy
from harness_local.sampler import Limits, Sampler
from harness_local.tiny import Shape, build_tiny

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_WEIGHTS = ("*.safetensors", "*.bin", "*.gguf")
_TOKENIZERS = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "vocab.json")


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to sample, and where.

    ``temperature`` 0 is greedy; ``top_p`` in (0, 1]. Token counts: ``max_new_tokens`` a turn,
    ``max_context`` a conversation (0: what the model can read). ``slots``: conversations that keep
    their keys and values between turns. ``device`` and ``dtype`` "auto": a GPU in bfloat16 if there
    is one, else float32. ``threads`` 0: as torch is set.
    """

    temperature: float = 0.7
    top_p: float = 1.0
    max_new_tokens: int = 512
    max_context: int = 0
    slots: int = 64
    device: str = "auto"
    dtype: str = "auto"
    threads: int = 0


@dataclass(frozen=True, kw_only=True)
class TinyOptions(Options):
    """The same, and the shape of the model when it is built."""

    max_new_tokens: int = 96
    hidden: int = Shape.hidden
    feedforward: int = Shape.feedforward
    layers: int = Shape.layers
    heads: int = Shape.heads
    vocabulary: int = Shape.vocabulary
    aliases: int = Shape.aliases
    positions: int = Shape.positions
    tasks: int = Shape.tasks


def path_policy(settings: Settings) -> Policy:
    """The model of a folder or hub id: the argument, or the checkpoint's. Raises ``ModelError``."""
    options = read_options(Options, settings, name="path")
    path = settings.checkpoint.path if settings.checkpoint else settings.argument
    return open_model(path, options, name="path", checkpoint=settings.checkpoint)


def tiny_policy(settings: Settings) -> Policy:
    """The tiny model of the checkpoint, or a new one made for the domain."""
    options = read_options(TinyOptions, settings, name="tiny")
    if settings.checkpoint is not None:
        path = settings.checkpoint.path
        return open_model(path, options, name="tiny", checkpoint=settings.checkpoint)
    if settings.domain is None:
        raise ConfigError(
            "the policy 'tiny' is made for a domain, and none was given",
            hint="Name one with --domain; `harness plugins` lists them.",
        )
    shape = Shape(**{field.name: getattr(options, field.name) for field in fields(Shape)})
    folder = settings.folder or Path(tempfile.mkdtemp(prefix="harness-tiny-"))
    built = build_tiny(folder / "tiny", settings.domain, shape, seed=settings.seed)
    return open_model(str(built), options, name="tiny")


def open_model(
    path: str, options: Options, *, name: str, checkpoint: Checkpoint | None = None
) -> LocalPolicy:
    """The policy called ``name`` that samples the model at ``path``.

    Without a ``checkpoint`` it gets one whose id depends on the folder's content alone. Raises
    ``ModelError`` if something is missing and ``ConfigError`` for a setting out of range.
    """
    _check_options(options, name)
    _check_folder(path)
    if options.threads:
        torch.set_num_threads(options.threads)
    tokenizer, model = _load(path, options)
    ends = _ends(model, tokenizer, path)
    codec = _codec(path, tokenizer, ends)
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
    )
    return LocalPolicy(
        model=model,
        tokenizer=tokenizer,
        codec=codec,
        sampler=sampler,
        checkpoint=checkpoint or Checkpoint(id=content_id(path), policy=name, path=path),
    )


def content_id(path: str) -> str:
    """An id that equal folders share, whatever their place; for a hub id, of its name."""
    folder = Path(path)
    if not folder.is_dir():
        return stable_id(path)
    digests: dict[str, str] = {}
    for file in sorted(folder.iterdir()):
        if file.suffix in {".safetensors", ".bin", ".json", ".jinja", ".model", ".gguf"}:
            with file.open("rb") as stream:
                digests[file.name] = hashlib.file_digest(stream, "sha256").hexdigest()
    return stable_id(digests)


def _check_options(options: Options, name: str) -> None:
    bounds = {
        "temperature": options.temperature >= 0,
        "top_p": 0 < options.top_p <= 1,
        "max_new_tokens": options.max_new_tokens >= 1,
        "slots": options.slots >= 1,
        "dtype": options.dtype == "auto"
        or isinstance(getattr(torch, options.dtype, 0), torch.dtype),
    }
    for option, holds in bounds.items():
        if not holds:
            raise ConfigError(
                f"option {option} of {name} cannot be {getattr(options, option)!r}",
                hint=f"See [options.{name}] in your config file.",
            )


def _check_folder(path: str) -> None:
    folder = Path(path)
    if not folder.is_dir():
        if not _HUB_ID.fullmatch(path):
            raise ModelError(
                f"there is no model folder {path!r}",
                hint="Give a folder, or a hub id: owner/model.",
            )
        return
    if not (folder / "config.json").is_file():
        raise ModelError(
            f"{path} has no config.json",
            hint="Give a folder written by save_pretrained; a PEFT adapter must be merged first.",
        )
    if not any((folder / file).is_file() for file in _TOKENIZERS):
        raise ModelError(
            f"{path} has no tokenizer", hint="Save it beside the model: tokenizer.save_pretrained."
        )
    if not any(file for pattern in _WEIGHTS for file in folder.glob(pattern)):
        raise ModelError(f"{path} has no weights", hint="Save them with model.save_pretrained.")


def _load(path: str, options: Options) -> tuple[PreTrainedTokenizerBase, PreTrainedModel]:
    device, dtype = options.device, options.dtype
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if dtype == "auto":
        dtype = "float32" if device == "cpu" else "bfloat16"
    try:
        with _quiet():
            tokenizer = AutoTokenizer.from_pretrained(path)
            model, found = AutoModelForCausalLM.from_pretrained(
                path, dtype=getattr(torch, dtype), output_loading_info=True
            )
            model.to(device)
    except (OSError, ValueError, RuntimeError, KeyError, AssertionError) as error:
        first = str(error).strip().splitlines()[:1]
        raise ModelError(
            f"cannot open the model {path}: {''.join(first) or type(error).__name__}",
            hint="Is it a causal language model in Hugging Face format, complete and reachable?",
        ) from error
    if missing := sorted(found["missing_keys"]):
        raise ModelError(
            f"the weights of {path} lack {len(missing)} tensors, among them {missing[0]}",
            hint="Its config.json and its weights seem to be of different models.",
        )
    return tokenizer, model


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the bars and warnings of transformers: what matters is said as ``ModelError``."""
    level = logging.get_verbosity()
    bars = logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _ends(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, path: str) -> frozenset[int]:
    generation = getattr(model.generation_config, "eos_token_id", None)
    listed = generation if isinstance(generation, list) else [generation]
    ends = frozenset(token for token in (*listed, tokenizer.eos_token_id) if token is not None)
    if not ends:
        raise ModelError(
            f"neither tokenizer nor generation config of {path} names an end-of-turn token",
            hint="Set eos_token in tokenizer_config.json.",
        )
    return ends


def _codec(path: str, tokenizer: PreTrainedTokenizerBase, ends: frozenset[int]) -> Codec:
    file = Path(path) / CODEC_FILE
    name = "chat"
    if file.is_file():
        try:
            name = json.loads(file.read_text())["codec"]
        except (ValueError, KeyError, TypeError):
            name = "?"
    if name == "compact":
        return CompactCodec(tokenizer)
    if name != "chat":
        raise ModelError(f"{file} names no codec that is known", hint="Known are: chat, compact.")
    if not tokenizer.chat_template:
        raise ModelError(
            f"{path} has no chat template",
            hint="Base models have none: use an instruction-tuned one, or add chat_template.jinja.",
        )
    return ChatCodec(tokenizer, ends)


def _max_context(model: PreTrainedModel, options: Options) -> int:
    """What the model can read, but no more than the options allow or a sliding window shows."""
    config = model.config.get_text_config(decoder=True)
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    if unknown := kinds - {"full_attention", "sliding_attention"}:
        raise ModelError(
            f"models with {', '.join(sorted(unknown))} layers cannot be sampled in this process",
            hint="Only attention over all earlier tokens is supported here.",
        )
    window = config.sliding_window if "sliding_attention" in kinds else None
    limits = (getattr(config, "max_position_embeddings", None), window, options.max_context)
    return min(limit for limit in limits if limit)
