"""Load a folder or hub id as tokenizer and model, or say in one line what it lacks."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging

from harness.errors import ModelError
from harness.types import stable_id

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_WEIGHTS = ("*.safetensors", "*.bin", "*.gguf")
_TOKENIZERS = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "vocab.json")
_CONTENT = (".safetensors", ".bin", ".gguf", ".json", ".jinja", ".model")


def load(path: str, *, device: str, dtype: str) -> tuple[PreTrainedTokenizerBase, PreTrainedModel]:
    """Tokenizer and model, on the device; "auto" is a GPU in bfloat16 if there is one.

    Raises ``ModelError`` if the folder lacks a part, or the parts do not fit.
    """
    _check(path)
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if dtype == "auto":
        dtype = "float32" if device == "cpu" else "bfloat16"
    models: Any = AutoModelForCausalLM
    try:
        with quiet():
            tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(path)
            model: PreTrainedModel
            model, found = models.from_pretrained(
                path, dtype=getattr(torch, dtype), output_loading_info=True
            )
            move: Any = model.to
            move(device)
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
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


def end_tokens(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, path: str
) -> frozenset[int]:
    """The ids that end a turn. Raises ``ModelError`` if the folder names none."""
    generation = getattr(model.generation_config, "eos_token_id", None)
    listed = generation if isinstance(generation, list) else [generation]
    ends = frozenset(token for token in (*listed, tokenizer.eos_token_id) if token is not None)
    if not ends:
        raise ModelError(
            f"neither tokenizer nor generation config of {path} names an end-of-turn token",
            hint="Set eos_token in tokenizer_config.json.",
        )
    return ends


def content_id(path: str) -> str:
    """An id that equal folders share, whatever their place; for a hub id, of its name."""
    folder = Path(path)
    if not folder.is_dir():
        return stable_id(path)
    digests: dict[str, str] = {}
    for file in sorted(folder.iterdir()):
        if file.suffix in _CONTENT:
            with file.open("rb") as stream:
                digests[file.name] = hashlib.file_digest(stream, "sha256").hexdigest()
    return stable_id(digests)


@contextmanager
def quiet() -> Iterator[None]:
    """Without the bars and warnings of transformers: what matters is said as ``ModelError``."""
    log: Any = logging
    level, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(level)
        if bars:
            log.enable_progress_bar()


def _check(path: str) -> None:
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
