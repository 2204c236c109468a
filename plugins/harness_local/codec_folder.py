"""Turn a model folder into the codec of its conversations. Nothing here needs torch."""

from __future__ import annotations

import json
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from harness.errors import ModelError
from harness_local.codec import ChatCodec, Codec
from harness_local.compact import CompactCodec

CODEC_FILE = "codec.json"
"""The file next to the weights that says how conversations are written as tokens."""


def open_codec(path: str) -> tuple[PreTrainedTokenizerBase, Codec]:
    """Tokenizer and codec of a model folder, for a policy that is sampled elsewhere.

    Raises ``ModelError`` if the folder lacks a part of them.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            path, trust_remote_code=False, local_files_only=True
        )
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(
            f"{path} has no tokenizer that can be opened: {error}",
            hint="Name a folder that tokenizer.save_pretrained has written to.",
        ) from error
    return tokenizer, codec_of(path, tokenizer, end_tokens(_named_ends(path), tokenizer, path))


def codec_of(path: str, tokenizer: PreTrainedTokenizerBase, ends: frozenset[int]) -> Codec:
    """The codec that the folder names, or else that of the chat template. Raises ``ModelError``."""
    file = Path(path) / CODEC_FILE
    name = "chat"
    if file.is_file():
        try:
            name = json.loads(file.read_text())["codec"]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            name = "?"
    if name == "compact":
        return CompactCodec(tokenizer)
    if name != "chat":
        raise ModelError(f"{file} names no known codec", hint="Known: chat, compact.")
    if not tokenizer.chat_template:
        raise ModelError(
            f"{path} has no chat template",
            hint="Base models have none: use an instruction-tuned one, or add chat_template.jinja.",
        )
    return ChatCodec(tokenizer, ends)


def write_codec(folder: Path, codec: Codec) -> None:
    """Note beside the weights how conversations are written."""
    (folder / CODEC_FILE).write_text(json.dumps({"codec": codec.name}) + "\n")


def end_tokens(named: object, tokenizer: PreTrainedTokenizerBase, path: str) -> frozenset[int]:
    """The ids that end a turn: ``named`` by the model (an id, several, or None), and the
    tokenizer's. Raises ``ModelError`` if there are none.
    """
    listed = named if isinstance(named, list) else [named]
    ends = frozenset(token for token in (*listed, tokenizer.eos_token_id) if token is not None)
    if not ends:
        raise ModelError(
            f"neither tokenizer nor generation config of {path} names an end-of-turn token",
            hint="Set eos_token in tokenizer_config.json.",
        )
    return ends


def _named_ends(path: str) -> object:
    """What the folder's generation config, or else its model config, names as end tokens."""
    for name in ("generation_config.json", "config.json"):
        try:
            config = json.loads((Path(path) / name).read_text())
        except FileNotFoundError:
            continue
        except ValueError as error:
            raise ModelError(
                f"{Path(path) / name} is no JSON: {error}",
                hint="Save or copy the model folder again.",
            ) from error
        return config.get("eos_token_id") if isinstance(config, dict) else None
    return None
