"""Load a folder or hub id as tokenizer and model, or name in one line what is missing."""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import model_info, try_to_load_from_cache
from huggingface_hub.errors import RepositoryNotFoundError
from safetensors import SafetensorError
from transformers import (
    CONFIG_MAPPING,
    MODEL_FOR_CAUSAL_LM_MAPPING,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    __version__,
)
from transformers.utils import logging

from harness.errors import ModelError
from harness.run_folder import disk_errors
from harness.run_folder.weights import digest_of
from harness.types import Checkpoint, stable_id

_HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*")
_WEIGHTS = ("*.safetensors", "*.bin", "*.gguf")
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model")
_ADAPTER = "adapter_config.json"
_KERNEL = re.compile(r"_?\w+_implementation(_internal)?")
"""Settings of a model by which transformers would load code from the hub."""
_CONTENT = (".safetensors", ".bin", ".gguf", ".json", ".jinja", ".model")


def load(path: str, *, device: str, dtype: str) -> tuple[PreTrainedTokenizerBase, PreTrainedModel]:
    """Tokenizer and model, on the device; "auto" is a GPU in bfloat16 if there is one.

    Raises ``ModelError`` if the folder lacks a part, or the parts do not fit.
    """
    _check(path)
    is_folder = Path(path).is_dir()
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if dtype == "auto":
        dtype = "float32" if device == "cpu" else "bfloat16"
    models: Any = AutoModelForCausalLM
    try:
        with quiet():
            tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
                path, trust_remote_code=False, local_files_only=is_folder
            )
            model: PreTrainedModel
            model, found = models.from_pretrained(
                path,
                dtype=getattr(torch, dtype),
                ignore_mismatched_sizes=True,  # reported below, by name
                trust_remote_code=False,
                local_files_only=is_folder,
                output_loading_info=True,
            )
            move: Any = model.to
            move(device)
    except SafetensorError as error:
        raise ModelError(
            f"the weights of {path} are damaged or cut short: {error}",
            hint="Copy, download or save the model again.",
        ) from error
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        first = str(error).strip().splitlines()[:1]
        raise ModelError(
            f"cannot open the model {path}: {''.join(first) or type(error).__name__}",
            hint="Is it a causal language model in Hugging Face format, complete and reachable?",
        ) from error
    _check_weights(found, path)
    _check_finite(model, path)
    _check_vocabulary(tokenizer, model, path)
    return tokenizer, model


def content_id(path: str) -> str:
    """An id that equal folders share, whatever their place; for a hub id, of its name."""
    return stable_id(content_digests(path) or path)


def content_digests(path: str) -> dict[str, str]:
    """The SHA-256 of each file that makes the model of a folder what it is, by name; {} for a hub
    id.
    """
    folder = Path(path)
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return {file.name: digest_of(file) for file in found if file.suffix in _CONTENT}


def checkpoint_of(path: str, policy: str) -> Checkpoint:
    """The checkpoint of a model that no run has trained, its files read once for id and digests."""
    digests = content_digests(path)
    return Checkpoint(id=stable_id(digests or path), policy=policy, path=path, digests=digests)


@contextmanager
def quiet() -> Iterator[None]:
    """Without progress bars and warnings of transformers: what matters is a ``ModelError``."""
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


@contextmanager
def saving(folder: Path) -> Iterator[None]:
    """Make the folder and save a model there. Raises ``RunError`` for an error of the disk."""
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with quiet():
                yield
        except SafetensorError as error:  # it keeps the system's own error as words alone
            number = re.search(r"os error (\d+)", str(error))
            raise OSError(int(number[1]) if number else errno.EIO, str(error)) from error


def _check_weights(found: Mapping[str, Any], path: str) -> None:
    hint = "config.json and weights seem to belong to different models."
    if missing := sorted(found["missing_keys"]):
        raise ModelError(
            f"the weights of {path} lack {len(missing)} tensors, among them {missing[0]}", hint=hint
        )
    if mismatched := sorted(found["mismatched_keys"]):
        name, had, wanted = mismatched[0]
        raise ModelError(
            f"{name} in the weights of {path} has the shape {tuple(had)}, "
            f"but its config.json expects {tuple(wanted)}",
            hint=hint,
        )


def _check_finite(model: PreTrainedModel, path: str) -> None:
    """Weights that are no numbers would speak nonsense without an error."""
    for name, weight in model.named_parameters():
        if not torch.isfinite(weight).all():
            raise ModelError(
                f"{name} in the weights of {path} has values that are not finite numbers",
                hint="The weights are damaged, or their training diverged: use others.",
            )


def _check_vocabulary(
    tokenizer: PreTrainedTokenizerBase, model: PreTrainedModel, path: str
) -> None:
    """Models often have some unused tokens, but not a tenth of all."""
    known = max(tokenizer.get_vocab().values(), default=-1) + 1
    embeddings: Any = model.get_input_embeddings()
    embedded: int = embeddings.num_embeddings
    if not 0.9 * embedded <= known <= embedded:
        raise ModelError(
            f"the tokenizer of {path} has {known} tokens, but the model has {embedded}",
            hint="They belong to different models: save the right tokenizer with the model.",
        )


def _check(path: str) -> None:
    folder = Path(path)
    if folder.is_dir():
        _check_folder(folder)
    elif folder.exists() or not _HUB_ID.fullmatch(path):
        raise ModelError(
            f"there is no model folder {path!r}",
            hint="Name the folder, not a file in it, or a hub id: owner/model.",
        )
    else:
        _check_hub(path)


def _check_hub(path: str) -> None:
    """Check once whether a model that is not in the hub cache exists: loading retries for long."""
    if isinstance(try_to_load_from_cache(path, "config.json"), str):
        return
    try:
        model_info(path, timeout=10)
    except RepositoryNotFoundError as error:
        raise ModelError(
            f"there is no folder {path}, and no model of that name on the hub that you can access",
            hint="Check the name; a private or gated model needs a token: `hf auth login`.",
        ) from error
    except Exception as error:  # the errors of its HTTP client share no base class
        raise ModelError(
            f"there is no folder {path}, and the hub cannot be reached to look for the model",
            hint="Name a folder, or go online with HF_HUB_OFFLINE unset to download it once.",
        ) from error


def _check_folder(folder: Path) -> None:
    if not (folder / "config.json").is_file():
        raise ModelError(
            f"{folder} has no config.json",
            hint="Name a folder written by save_pretrained; a PEFT adapter must be merged first.",
        )
    if (folder / _ADAPTER).exists():
        raise ModelError(
            f"{folder} is a PEFT adapter for a model that is elsewhere ({_ADAPTER})",
            hint="Merge it with its model first, and save that.",
        )
    _check_kind(folder)
    if not any((folder / file).is_file() for file in _TOKENIZERS):
        raise ModelError(
            f"{folder} has no tokenizer",
            hint="Save it with the model: tokenizer.save_pretrained.",
        )
    if not any(file for pattern in _WEIGHTS for file in folder.glob(pattern)):
        raise ModelError(f"{folder} has no weights", hint="Save them with model.save_pretrained.")


def _check_kind(folder: Path) -> None:
    try:
        config = json.loads((folder / "config.json").read_text())
        kind = config["model_type"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{folder / 'config.json'} does not describe a model",
            hint="It must be a JSON object with a model_type, as written by save_pretrained.",
        ) from error
    for name, value in _named_code(config):
        raise ModelError(
            f"{folder / 'config.json'} asks for code: {name} = {value!r}",
            hint="Remove that line. Code that comes with a model is never run.",
        )
    if kind not in CONFIG_MAPPING:
        raise ModelError(
            f"{folder} is a model of type {kind!r}, which transformers {__version__} does not know",
            hint="Try a newer transformers. Code that comes with a model is never run.",
        )
    if CONFIG_MAPPING[kind] not in MODEL_FOR_CAUSAL_LM_MAPPING:
        raise ModelError(
            f"{folder} is a model of type {kind!r}, which is not a causal language model",
            hint="Use a causal language model, such as Qwen or Llama.",
        )


def _named_code(config: Any) -> Iterator[tuple[str, str]]:
    """The settings, at any depth, whose value names code that is not part of transformers."""
    for key, value in config.items() if isinstance(config, dict) else ():
        if _KERNEL.fullmatch(key):
            yield from ((key, text) for text in _texts(value) if "/" in text)
        yield from _named_code(value)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for part in value.values() if isinstance(value, dict) else ():
        yield from _texts(part)
