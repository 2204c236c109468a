from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, Qwen2Config, Qwen2ForCausalLM

from harness.errors import ConfigError
from harness.protocols import Conversation, Domain, Settings
from harness_local.folders import content_id
from harness_local.lexicon import Lexicon
from harness_local.opening import tiny_policy
from harness_local.policy import LocalPolicy
from harness_local.tiny import Shape, build_tiny
from harness_local.wiring import wire_induction

VOCABULARY = 900


@pytest.fixture(scope="module")
def wired() -> Qwen2ForCausalLM:
    config = Qwen2Config(
        vocab_size=VOCABULARY,
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        rope_parameters={"rope_type": "default", "rope_theta": 1e5},
        tie_word_embeddings=True,
    )
    torch.manual_seed(0)
    model = Qwen2ForCausalLM(config).eval()
    wire_induction(model, seed=0)
    return model


def test_layer_zero_looks_at_the_previous_token(wired: Qwen2ForCausalLM) -> None:
    wired.set_attn_implementation("eager")
    ids = torch.randint(0, VOCABULARY, (2, 700))
    with torch.no_grad():
        weights = wired(input_ids=ids, output_attentions=True).attentions[0]
    wired.set_attn_implementation("sdpa")
    previous = weights[:, :, range(1, 700), range(699)]
    assert float(previous.mean()) > 0.95
    assert float(previous.min()) > 0.9


def test_what_was_seen_once_is_copied_before_any_training(wired: Qwen2ForCausalLM) -> None:
    ids = torch.randint(0, VOCABULARY, (4, 150), generator=torch.Generator().manual_seed(1))
    ids = torch.cat([ids, ids], dim=1)
    with torch.no_grad():
        guessed = wired(input_ids=ids).logits.argmax(-1)[:, :-1]
    right = (guessed == ids[:, 1:]).float()
    assert float(right[:, 150:].mean()) > 0.5
    assert float(right[:, :149].mean()) < 0.05


def test_the_previous_token_is_written_as_loud_as_the_current(wired: Qwen2ForCausalLM) -> None:
    ids = torch.randint(0, VOCABULARY, (1, 50))
    with torch.no_grad():
        first = wired(input_ids=ids, output_hidden_states=True).hidden_states[1][0, 1:]
    loudness = first[:, 64:].norm(dim=-1) / first[:, :64].norm(dim=-1)
    assert float(loudness.mean()) == pytest.approx(1, abs=0.2)


def test_a_seed_gives_the_same_folder(shop: Domain, tmp_path: Path, tiny_folder: Path) -> None:
    shape = Shape(tasks=1, vocabulary=600)
    same = build_tiny(tmp_path / "same", shop, shape, seed=0)
    other = build_tiny(tmp_path / "other", shop, shape, seed=1)
    assert content_id(str(same)) == content_id(str(tiny_folder))
    assert content_id(str(other)) != content_id(str(tiny_folder))


def test_a_folder_that_is_there_is_not_built_again(shop: Domain, tmp_path: Path) -> None:
    shape = Shape(tasks=1, vocabulary=600)
    folder = build_tiny(tmp_path, shop, shape, seed=0)
    written = (folder / "model.safetensors").stat().st_mtime_ns
    build_tiny(tmp_path, shop, shape, seed=0)
    assert (folder / "model.safetensors").stat().st_mtime_ns == written
    build_tiny(tmp_path, shop, Shape(tasks=1, vocabulary=601), seed=0)
    assert (folder / "model.safetensors").stat().st_mtime_ns != written


def test_any_loader_sees_the_model_and_tokenizer_that_was_built(
    tiny_folder: Path, tiny: LocalPolicy, talk: Conversation
) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny_folder)
    tokenizer = AutoTokenizer.from_pretrained(tiny_folder)
    assert type(model) is Qwen2ForCausalLM
    text = " order 10083, the blue one's (#W2611340)\n é"
    assert tokenizer.encode(text) == Lexicon(tiny.tokenizer).encode(text)
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.get_vocab() == tiny.tokenizer.get_vocab()
    assert model.get_input_embeddings().weight.shape[0] == len(tokenizer)


def test_the_end_of_a_turn_is_not_padding(tiny: LocalPolicy) -> None:
    tokenizer, generation = tiny.tokenizer, tiny.model.generation_config
    assert tokenizer.eos_token == "<|end|>"
    assert tokenizer.pad_token_id != tokenizer.eos_token_id
    assert (generation.eos_token_id, generation.pad_token_id) == (
        tokenizer.eos_token_id,
        tokenizer.pad_token_id,
    )


def test_digits_stay_single_and_common_words_whole(tiny: LocalPolicy) -> None:
    assert tiny.tokenizer.tokenize("10083") == list("10083")
    assert tiny.tokenizer.tokenize(" order") == ["Ġorder"]


def test_padding_on_either_side_leaves_logprobs_as_they_are(
    tiny: LocalPolicy, talk: Conversation
) -> None:
    """Trainers pad; the model must not care."""
    ids = torch.tensor(tiny.encode(talk).ids.copy())[None]
    pad = torch.full((1, 17), tiny.tokenizer.pad_token_id)
    seen, hidden = torch.ones_like(ids), torch.zeros_like(pad)
    with torch.no_grad():
        plain = tiny.model(input_ids=ids).logits
        left = tiny.model(
            input_ids=torch.cat([pad, ids], 1), attention_mask=torch.cat([hidden, seen], 1)
        ).logits[:, 17:]
        right = tiny.model(
            input_ids=torch.cat([ids, pad], 1), attention_mask=torch.cat([seen, hidden], 1)
        ).logits[:, :-17]
    for padded in (left, right):
        np.testing.assert_allclose(
            padded.log_softmax(-1).numpy(), plain.log_softmax(-1).numpy(), atol=1e-3
        )


@pytest.mark.parametrize("shape", [{"heads": 3}, {"layers": 1}, {"hidden": 100}])
def test_a_shape_no_model_can_have_is_refused(
    shop: Domain, tmp_path: Path, shape: dict[str, int]
) -> None:
    options = {"base": "untrained", **shape}
    with pytest.raises(ConfigError):
        tiny_policy(Settings(domain=shop, folder=tmp_path, options=options))


def test_it_is_made_for_a_domain() -> None:
    with pytest.raises(ConfigError, match="needs a domain"):
        tiny_policy(Settings())
