"""Adapters of low rank: trained alone, then part of the weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from harness.errors import ConfigError
from harness.training.low_rank import LowRank, adapted, has_adapters, plain
from harness.training.model_guard import lent
from harness.training.snapshots import copied, put_back

IDS = torch.arange(1, 9).unsqueeze(0)


@pytest.fixture
def model() -> Any:
    torch.manual_seed(0)
    sizes = {"vocab_size": 16, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2}
    return Qwen2ForCausalLM(Qwen2Config(**sizes, **heads)).eval()


def learn(model: Any) -> None:
    """A few steps towards the same tokens, with whatever trains."""
    trains = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.Adam(trains, lr=1e-2)
    for _ in range(4):
        optimizer.zero_grad()
        model(input_ids=IDS, labels=IDS).loss.backward()
        optimizer.step()


def weights(model: Any) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in model.named_parameters()}


def test_only_adapters_are_trained_and_then_they_are_part_of_the_weights(model: Any) -> None:
    before = weights(model)
    with adapted(model, LowRank(rank=2, targets=["q_proj", "down_proj"])):
        assert has_adapters(model)
        learn(model)
        during = model(input_ids=IDS).logits
    assert not has_adapters(model)
    after = weights(model)
    assert after.keys() == before.keys()
    assert all(weight.requires_grad for weight in model.parameters())
    torch.testing.assert_close(model(input_ids=IDS).logits, during, atol=1e-5, rtol=0)
    for name, weight in after.items():
        change = weight - before[name]
        if name.endswith(("q_proj.weight", "down_proj.weight")):
            assert 1 <= torch.linalg.matrix_rank(change, rtol=1e-4) <= 2
        else:
            assert not change.any()


def test_after_an_error_the_model_is_plain_again(model: Any) -> None:
    before = weights(model)
    with pytest.raises(RuntimeError, match="too bad"), adapted(model, LowRank()):
        raise RuntimeError("too bad")
    assert not has_adapters(model)
    assert all(torch.equal(weight, before[name]) for name, weight in weights(model).items())


def test_without_options_nothing_is_changed(model: Any) -> None:
    with adapted(model, None):
        assert not has_adapters(model)
        assert plain(model) is model


def test_a_plain_copy_computes_the_same_and_leaves_the_adapters_where_they_are(model: Any) -> None:
    with adapted(model, LowRank()):
        learn(model)
        copy = plain(model)
        assert has_adapters(model)
        assert not has_adapters(copy)
        wanted = model(input_ids=IDS).logits
        torch.testing.assert_close(copy(input_ids=IDS).logits, wanted, atol=1e-5, rtol=0)


def test_frozen_weights_are_neither_copied_nor_put_back(model: Any) -> None:
    whole = sum(value.numel() for value in copied(model).values())
    with adapted(model, LowRank(rank=2)):
        learn(model)
        kept, wanted = copied(model), model(input_ids=IDS).logits
        assert sum(value.numel() for value in kept.values()) < whole / 4
        learn(model)
        assert not torch.equal(model(input_ids=IDS).logits, wanted)
        put_back(model, kept)
        assert torch.equal(model(input_ids=IDS).logits, wanted)


def test_a_lent_model_can_have_adapters(model: Any) -> None:
    class Policy:
        tokenizer: Any = None

    policy: Any = Policy()
    policy.model = model.to(torch.bfloat16)
    with (
        lent(policy, threads=None, lower="nothing", widens=False),
        adapted(policy.model, LowRank()),
    ):
        assert model.model.embed_tokens.weight.dtype == torch.bfloat16
    assert not has_adapters(model)
    assert {weight.dtype for weight in model.parameters()} == {torch.bfloat16}


@pytest.mark.parametrize("targets", [["no_such_module"], ["q_proj2", "x"], []])
def test_targets_that_the_model_lacks_are_named(model: Any, targets: list[str]) -> None:
    refused = pytest.raises(ConfigError, match="no adapters for the targets")
    with refused, adapted(model, LowRank(targets=targets)):
        pass
    assert not has_adapters(model)


def test_without_peft_the_extra_is_named(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.assembly.extras.find_spec", lambda name: None)
    with pytest.raises(Exception, match="needs peft"), adapted(model, LowRank()):
        pass
