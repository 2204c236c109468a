from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import Lfm2Config, Lfm2ForCausalLM

import harness_local
from harness.errors import ConfigError, ModelError
from harness.protocols import Settings
from harness.run_folder import RunFolder
from harness.run_folder.weights import refuse_damaged
from harness.types import Checkpoint
from harness_local.folders import content_id
from harness_local.opening import path_policy, tiny_policy
from harness_local.policy import LocalPolicy


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_folder, tmp_path / "model"))


def opened(folder: Path | str, **options: object) -> LocalPolicy:
    settings = Settings(argument=str(folder), options=options)  # type: ignore[arg-type]
    policy = path_policy(settings)
    assert isinstance(policy, LocalPolicy)
    return policy


def remove(*names: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        for name in names:
            (folder / name).unlink()

    return spoil


def without_template(folder: Path) -> None:
    remove("codec.json", "chat_template.jinja")(folder)


def other_weights(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["num_hidden_layers"] = 6
    config["layer_types"] = ["full_attention"] * 6
    (folder / "config.json").write_text(json.dumps(config))


def other_codec(folder: Path) -> None:
    (folder / "codec.json").write_text('{"codec": "telepathy"}')


def broken_weights(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"not weights")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (remove("config.json"), "no config.json"),
        (remove("tokenizer.json", "tokenizer_config.json"), "no tokenizer"),
        (remove("model.safetensors"), "no weights"),
        (without_template, "no chat template"),
        (other_weights, "lack 24 tensors"),
        (other_codec, "no known codec"),
        (broken_weights, "damaged or cut short"),
    ],
)
def test_what_a_folder_lacks_is_said_in_one_line(
    folder: Path, spoil: Callable[[Path], None], message: str
) -> None:
    spoil(folder)
    with pytest.raises(ModelError, match=message) as error:
        opened(folder)
    assert "\n" not in str(error.value)
    assert error.value.hint


def test_a_model_whose_layers_forget_is_refused(tiny: LocalPolicy, tmp_path: Path) -> None:
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2}
    sizes["vocab_size"] = len(tiny.tokenizer)
    config = Lfm2Config(**sizes, num_attention_heads=2, num_key_value_heads=2, full_attn_idxs=[1])
    Lfm2ForCausalLM(config).save_pretrained(tmp_path)
    tiny.tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="conv layers cannot be sampled"):
        opened(tmp_path)


def test_a_folder_that_is_not_there_is_a_model_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model folder"):
        opened(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "options",
    [
        {"temperature": -1},
        {"top_p": 0},
        {"max_new_tokens": 0},
        {"slots": 0},
        {"dtype": "int7"},
        {"temprature": 1},
    ],
)
def test_options_out_of_range_are_refused(folder: Path, options: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        opened(folder, **options)


def test_the_id_depends_on_the_content_alone(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "elsewhere")
    assert content_id(str(copy)) == content_id(str(folder))
    (copy / "model.safetensors").write_bytes(b"other")
    assert content_id(str(copy)) != content_id(str(folder))


def test_each_file_of_a_model_is_hashed_once_until_its_checkpoint_is_kept(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = RunFolder.create(tmp_path / "run", {})
    inside = shutil.copytree(folder, store.folder / "checkpoints" / "base" / "model")
    hashed: list[str] = []
    digest = hashlib.file_digest

    def counted(file: Any, kind: str) -> Any:
        hashed.append(Path(file.name).name)
        return digest(file, kind)

    monkeypatch.setattr(hashlib, "file_digest", counted)
    policy = path_policy(Settings(argument=str(inside)))
    store.write_checkpoint("base", policy.checkpoint)  # type: ignore[attr-defined]
    assert sorted(hashed) == sorted(path.name for path in inside.iterdir())
    hashed.clear()
    kept = store.read_checkpoint("base")
    refuse_damaged(kept)
    path_policy(Settings(checkpoint=kept))
    assert sorted(hashed) == sorted(path.name for path in inside.iterdir())


def test_a_checkpoint_is_opened_and_kept(folder: Path) -> None:
    checkpoint = Checkpoint(id="abc", policy="tiny", path=str(folder), trained_on="40 tasks")
    for policy in (
        tiny_policy(Settings(checkpoint=checkpoint)),
        path_policy(Settings(checkpoint=checkpoint)),
    ):
        assert isinstance(policy, LocalPolicy)
        assert policy.checkpoint == checkpoint
        assert policy.id == "tiny:abc"


def test_a_new_tiny_policy_has_a_checkpoint_that_opens(tiny: LocalPolicy) -> None:
    assert tiny.checkpoint.policy == "tiny"
    assert tiny.checkpoint.id == content_id(tiny.checkpoint.path)
    again = tiny_policy(Settings(checkpoint=tiny.checkpoint))
    assert again.id == tiny.id


def test_both_names_are_on_offer() -> None:
    assert set(harness_local.harness_policies()) == {"path", "tiny"}
