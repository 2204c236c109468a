"""Damaged weights are not evaluated in silence, and a full disk is said in its own words."""

import resource
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from harness.errors import ModelError, RunError
from harness.protocols import Settings
from harness.types import Checkpoint
from harness_local.folders import saving
from harness_local.opening import path_policy, tiny_policy
from harness_local.policy import LocalPolicy

BASE = Path(__file__).parents[2] / "plugins" / "harness_local" / "base"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return Path(shutil.copytree(BASE, tmp_path / "model"))


def opened(make: Callable[[Settings], object], folder: Path) -> object:
    return make(Settings(checkpoint=Checkpoint(id="1", policy="tiny", path=str(folder))))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_no_finite_numbers_are_refused(model: Path, value: float) -> None:
    weights = load_file(model / "model.safetensors")
    name = sorted(weights)[0]
    weights[name].view(-1)[3] = torch.tensor(value, dtype=weights[name].dtype)
    save_file(weights, model / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="not finite"):
        opened(path_policy, model)


def test_a_trained_tiny_model_needs_its_codec(model: Path) -> None:
    assert isinstance(opened(tiny_policy, model), LocalPolicy)
    (model / "codec.json").unlink()
    with pytest.raises(ModelError, match=r"has no codec\.json"):
        opened(tiny_policy, model)


@pytest.mark.parametrize("text", ["[" * 99_999, "[]", "{}", '{"codec": 3}', "\xff"])
def test_a_damaged_codec_is_said(model: Path, text: str) -> None:
    (model / "codec.json").write_text(text, encoding="latin-1")
    with pytest.raises(ModelError, match="names no known codec"):
        opened(tiny_policy, model)


def test_a_full_disk_while_a_model_is_saved_is_said(model: Path, tmp_path: Path) -> None:
    policy = opened(path_policy, model)
    assert isinstance(policy, LocalPolicy)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(RunError, match=r"cannot write .*: .*File too large") as raised:
            policy.save(tmp_path / "full")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert raised.value.hint


def test_what_the_writer_of_weights_says_in_words_is_an_error_of_the_disk(tmp_path: Path) -> None:
    from safetensors import SafetensorError

    said = "Error while serializing: I/O error: No space left on device (os error 28)"
    with pytest.raises(RunError, match="no space left on the disk"), saving(tmp_path / "model"):
        raise SafetensorError(said)
