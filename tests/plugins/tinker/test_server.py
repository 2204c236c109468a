"""Which servers are spoken to, with which client, and what is believed of their files."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save, save_file

from harness.errors import ConfigError, ModelError, ProviderError
from harness_tinker.backends import BACKENDS, check_client, pin
from harness_tinker.options import ServerOptions
from harness_tinker.server import Server
from harness_tinker.weights import merge, unpack


def test_a_public_address_without_encryption_is_refused() -> None:
    with pytest.raises(ConfigError, match="public address without encryption"):
        Server(ServerOptions(backend="skyrl-jax", url="http://8.8.8.8:8000"))


def test_each_kind_of_server_takes_its_own_clients() -> None:
    check_client("skyrl-jax", "0.24.1")
    check_client("hosted", "0.38.0")
    with pytest.raises(
        ConfigError, match=r"takes tinker>=0.16.0,<=0.24.1, and tinker 0.25.0"
    ) as caught:
        check_client("skyrl-megatron", "0.25.0")
    assert "pip install 'tinker>=0.16.0,<=0.24.1'" in caught.value.hint
    assert pin(BACKENDS["hosted"]) == "tinker>=0.16.0"


def test_a_server_of_ones_own_needs_an_address_and_the_hosted_one_a_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TINKER_API_KEY", raising=False)
    with pytest.raises(ConfigError, match="needs the address"):
        Server(ServerOptions())
    with pytest.raises(ConfigError, match="TINKER_API_KEY"):
        Server(ServerOptions(backend="hosted"))


def archive(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, content in files.items():
            about = tarfile.TarInfo(name)
            about.size = len(content)
            tar.addfile(about, io.BytesIO(content))
    return out.getvalue()


def adapter(**tensors: torch.Tensor) -> dict[str, bytes]:
    named = {name.replace("__", "."): value for name, value in tensors.items()}
    config = json.dumps({"r": 2, "lora_alpha": 8.0}).encode()
    return {"adapter_config.json": config, "adapter_model.safetensors": save(named)}


def test_an_archive_writes_its_two_files_and_nothing_beside_the_folder(tmp_path: Path) -> None:
    files = {f"deep/{name}": content for name, content in adapter(a=torch.ones(1)).items()}
    unpack(archive({**files, "../../evil.txt": b"x"}), tmp_path / "in" / "adapter")
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]


@pytest.mark.parametrize(
    "content", [b"", b"<html>", archive({"readme": b"x"})], ids=["nothing", "a page", "a readme"]
)
def test_an_archive_without_an_adapter_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ProviderError, match="holds no adapter"):
        unpack(content, tmp_path)


def base(folder: Path) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    weights = {"model.q.weight": torch.ones(3, 4), "model.norm.weight": torch.ones(4)}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def test_merged_weights_are_w_plus_alpha_over_r_times_b_times_a(tmp_path: Path) -> None:
    down, up = torch.randn(2, 4), torch.randn(3, 2)
    pair: Any = {
        "base_model__model__model__q__lora_A__weight": down,
        "base_model__model__model__q__lora_B__weight": up,
    }
    at = unpack(archive(adapter(**pair)), tmp_path / "adapter")
    merge(base(tmp_path / "base"), at, tmp_path / "merged")
    found = load_file(tmp_path / "merged" / "model.safetensors")
    torch.testing.assert_close(found["model.q.weight"], 1 + 4.0 * up @ down)
    assert torch.equal(found["model.norm.weight"], torch.ones(4))
    assert (tmp_path / "merged" / "config.json").is_file()


@pytest.mark.parametrize(
    ("name", "rows", "why"),
    [("q", 5, r"model.q.weight is \(3, 4\)"), ("v", 3, "no model.v.weight")],
)
def test_an_adapter_of_another_model_is_refused(
    tmp_path: Path, name: str, rows: int, why: str
) -> None:
    pair: Any = {
        f"base_model__model__model__{name}__lora_A__weight": torch.ones(2, 4),
        f"base_model__model__model__{name}__lora_B__weight": torch.ones(rows, 2),
    }
    at = unpack(archive(adapter(**pair)), tmp_path / "adapter")
    with pytest.raises(ModelError, match=why):
        merge(base(tmp_path / "base"), at, tmp_path / "merged")
