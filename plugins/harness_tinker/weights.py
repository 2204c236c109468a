"""Turn weights on the server into files: the adapter, and a whole model if its base is here."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from pathlib import Path

from harness.errors import ModelError, ProviderError

ADAPTER = "adapter"
CONFIG, TENSORS = "adapter_config.json", "adapter_model.safetensors"
PREFIX, DOWN, UP = "base_model.model.", ".lora_A.weight", ".lora_B.weight"


def unpack(archive: bytes, folder: Path) -> Path:
    """Write the adapter of the server's tar archive into ``folder``, in the layout of PEFT.

    Only its two files are read, wherever in the archive they are. Raises ``ProviderError``.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            found = {Path(member.name).name: member for member in tar if member.isfile()}
            files = {name: tar.extractfile(found[name]) for name in (CONFIG, TENSORS)}
            contents = {name: file.read() for name, file in files.items() if file is not None}
            json.loads(contents[CONFIG])
    except (tarfile.TarError, KeyError, ValueError, EOFError) as error:
        raise ProviderError(
            f"the archive of the weights holds no adapter in the layout of PEFT: {error!r}",
            hint=f"Expected were {CONFIG} and {TENSORS}. The weights are still on the server.",
        ) from error
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return folder


def has_weights(folder: Path) -> bool:
    """Whether the folder has a model's weights, to merge an adapter into."""
    return (folder / "config.json").is_file() and any(folder.glob("*.safetensors"))


def merge(base: Path, adapter: Path, folder: Path) -> None:
    """Write the base model with the adapter's changes, W + (alpha / r) B A, as a model folder.

    Hu et al., "LoRA" (arXiv:2106.09685). Raises ``ModelError`` if the adapter changes what the base
    has not, by name and shape.
    """
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    config = json.loads((adapter / CONFIG).read_text())
    changes = load_file(adapter / TENSORS)
    left = {name.removesuffix(DOWN) for name in changes if name.endswith(DOWN)}
    folder.mkdir(parents=True, exist_ok=True)
    for file in sorted(base.glob("*.safetensors")):
        with safe_open(file, "pt") as opened:
            about = opened.metadata()
        weights = load_file(file)
        for name in [*weights]:
            changed = PREFIX + name.removesuffix(".weight")
            if changed not in left:
                continue
            down, up = changes[changed + DOWN], changes[changed + UP]
            scale = float(config["lora_alpha"]) / down.shape[0]
            change = scale * up.float() @ down.float()
            if change.shape != weights[name].shape:
                raise _unfit(base, f"{name} is {tuple(weights[name].shape)} there", adapter)
            weights[name] = (weights[name].float() + change).to(weights[name].dtype)
            left.discard(changed)
        save_file(weights, folder / file.name, metadata=about)
    if left:
        raise _unfit(base, f"it has no {sorted(left)[0].removeprefix(PREFIX)}.weight", adapter)
    for file in base.iterdir():
        if file.is_file() and file.suffix in (".json", ".jinja", ".model", ".txt"):
            shutil.copyfile(file, folder / file.name)


def _unfit(base: Path, why: str, adapter: Path) -> ModelError:
    return ModelError(
        f"the adapter {adapter} is not one of the model {base}: {why}",
        hint="Name the folder of the server's own base model, or set merge = false in "
        "[options.tinker]: the adapter alone is saved then.",
    )
