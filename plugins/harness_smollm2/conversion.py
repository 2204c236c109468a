"""Turn a GGUF file of a Llama model into an ordinary Hugging Face folder."""

from __future__ import annotations

import io
import tempfile
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

END, PAD = "<|im_end|>", "<|endoftext|>"


def convert(weights: Path, folder: Path, template: str) -> None:
    """Write model (bfloat16), tokenizer and chat template to the folder: whole, or not at all.

    The file has 4 bits a weight, so bfloat16 loses nothing. Padding gets a token of its own: a mask
    of padding must not hide the ends of turns. Raises ``OSError``.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent)
    # Its progress bars would tear a live display.
    with temporary as place, redirect_stderr(io.StringIO()):
        made = Path(place) / "model"
        tokenizer = _tokenizer(weights, template)
        model = _model(weights)
        for config in (model.config, model.generation_config):
            config.bos_token_id = None
            config.eos_token_id = tokenizer.convert_tokens_to_ids(END)
            config.pad_token_id = tokenizer.convert_tokens_to_ids(PAD)
        model.save_pretrained(made)
        tokenizer.save_pretrained(made)
        if not folder.exists():
            made.rename(folder)


def _tokenizer(weights: Path, template: str) -> Any:
    tokenizer: Any = AutoTokenizer.from_pretrained(str(weights.parent), gguf_file=weights.name)
    tokenizer.eos_token, tokenizer.pad_token = END, PAD
    tokenizer.padding_side = "left"
    tokenizer.clean_up_tokenization_spaces = False
    tokenizer.chat_template = template
    return tokenizer


def _model(weights: Path) -> Any:
    """As a plain model: transformers refuses to save one marked as quantised."""
    models: Any = AutoModelForCausalLM
    opened = models.from_pretrained(
        str(weights.parent), gguf_file=weights.name, dtype=torch.float32
    )
    del opened.config.quantization_config
    make: Any = LlamaForCausalLM
    plain = make(opened.config)
    plain.load_state_dict(opened.state_dict())
    plain.tie_weights()
    return plain.to(torch.bfloat16)
