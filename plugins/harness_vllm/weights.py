"""Turn a model or a folder into weights that a server can load by path."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from harness.errors import ModelError
from harness.run_folder import disk_errors
from harness.types import stable_id
from harness_vllm.probe import Probe

ADAPTER_FILE = "adapter_config.json"
_EMBEDDINGS, _HEAD = "embed_tokens.weight", "lm_head.weight"
_TIES = "tie_word_embeddings"
_HEAD_FILE = "model-head.safetensors"
_INDEX = "model.safetensors.index.json"


@dataclass(frozen=True, kw_only=True)
class Weights:
    """What is in ``folder``, called ``version``; ``probe`` tells whether a server has them.

    ``is_adapter``: they are an adapter in the layout of PEFT, of the model that is served.
    ``is_changed``: a trainer made them in this process. ``model`` has them, where they are to be
    sent from it; the folder then has those of the start.
    """

    folder: Path
    version: str
    probe: Probe
    is_adapter: bool = False
    is_changed: bool = False
    model: Any = field(default=None, repr=False, compare=False)


def named_version(checkpoint: str, changes: int, probe: Probe) -> str:
    """The version of weights that have changed so often since the checkpoint: equal for none that
    differ.
    """
    return f"{checkpoint}.{changes}-{stable_id(list(probe.logprobs))[:8]}"


def is_adapter(folder: Path) -> bool:
    return (folder / ADAPTER_FILE).is_file()


def config_of(folder: Path) -> dict[str, Any]:
    """The model's configuration. Raises ``ModelError``."""
    try:
        config = json.loads((folder / "config.json").read_text())
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{folder / 'config.json'} does not describe a model: {error}",
            hint="Name a folder written by save_pretrained.",
        ) from error
    return config if isinstance(config, dict) else {}


def is_tied(folder: Path) -> bool:
    """Whether the output layer has the weights of the embeddings."""
    config = config_of(folder)
    tied = config.get(_TIES, config.get("text_config", {}).get(_TIES))
    return bool(tied)


def untied_copy(folder: Path, staging: str) -> TemporaryDirectory[str]:
    """A folder with the same files, as links where the disk is the same, and ``untie`` done."""
    made = TemporaryDirectory(prefix="harness-vllm-", dir=staging or None)
    into = Path(made.name)
    with disk_errors(into):
        for file in sorted(folder.iterdir()):
            if file.is_file():
                _copy(file, into / file.name)
    untie(into)
    return made


def _copy(file: Path, target: Path) -> None:
    if file.suffix == ".safetensors":  # others are changed here, and must not change there
        with suppress(OSError):
            os.link(file.resolve(), target)
            return
    shutil.copyfile(file, target)


def untie(folder: Path) -> None:
    """Give the output layer weights of its own, equal to the embeddings.

    vLLM on a CPU packs the output layer when it starts; where it is tied, loading other weights
    leaves the packed one as it was, without an error.
    """
    from safetensors import safe_open
    from safetensors.torch import save_file

    config = config_of(folder)
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, "pt") as opened:
            names = [name for name in opened.keys() if name.endswith(_EMBEDDINGS)]  # noqa: SIM118
            if names:
                head = opened.get_tensor(names[0]).clone()
                break
    else:
        return
    save_file({_HEAD: head}, folder / _HEAD_FILE, metadata={"format": "pt"})
    if (index := folder / _INDEX).is_file():
        listed = json.loads(index.read_text())
        listed["weight_map"][_HEAD] = _HEAD_FILE
        index.write_text(json.dumps(listed))
    for part in (config, config.get("text_config", {})):
        if _TIES in part:
            part[_TIES] = False
    config[_TIES] = False
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
