from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from transformers import PreTrainedModel, Qwen2Config, Qwen2ForCausalLM

from harness.errors import RolloutFault
from harness.protocols import SampledTurn
from harness_local.guesses import MOST, Guesses
from harness_local.sampler import Limits, Sampler

END = 7


@pytest.fixture(scope="module")
def model() -> PreTrainedModel:
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=60,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=64,
    )
    model: PreTrainedModel = Qwen2ForCausalLM(config)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(4 if weight.ndim > 1 else 1)
    return model


def turns(
    model: PreTrainedModel, *, temperature: float = 1.0, limit: int = 20
) -> list[SampledTurn]:
    """Two turns each of six conversations."""
    limits = Limits(max_new_tokens=limit, max_context=64, slots=64)
    engine = Sampler(model, ends=frozenset({END}), limits=limits, temperature=temperature)

    async def talk(seed: int) -> list[SampledTurn]:
        first = await engine.turn(str(seed), [1, 2, 3, 4 + seed % 2], seed=seed)
        return [first, await engine.turn(str(seed), [5], seed=100 + seed)]

    async def all_of_them() -> list[list[SampledTurn]]:
        return list(await asyncio.gather(*map(talk, range(6))))

    return [turn for had in asyncio.run(all_of_them()) for turn in had]


def counted(seen: list[int]) -> Any:
    """``Sampler._next_logits`` that notes how many conversations each pass serves."""
    next_logits = Sampler._next_logits

    def noted(engine: Sampler, rows: Any) -> torch.Tensor:
        seen.append(len(rows))
        return next_logits(engine, rows)

    return noted


def no_guess(guesses: Guesses, ids: Sequence[int], most: int) -> list[int]:
    return []


def nonsense(guesses: Guesses, ids: Sequence[int], most: int) -> list[int]:
    return [(sum(ids) + n * n) % 60 for n in range(most)]


def test_what_followed_twice_is_guessed_and_what_followed_once_is_not() -> None:
    guesses = Guesses()
    guesses.learn([1, 2, 3, 4, 5, 6], 0)
    assert guesses.after([1, 2, 3], 10) == []
    guesses.learn([1, 2, 3, 4, 5, 6], 0)
    assert guesses.after([9, 1, 2, 3], 10) == [4, 5, 6]
    assert guesses.after([9, 1, 2, 3], 2) == [4, 5]
    assert guesses.after([2, 3], 10) == []


def test_a_guess_that_failed_is_not_repeated_until_it_is_confirmed() -> None:
    guesses = Guesses()
    for said in (4, 4, 5):
        guesses.learn([1, 2, 3, said], 3)
    assert guesses.after([1, 2, 3], 10) == []
    guesses.learn([1, 2, 3, 5], 3)
    assert guesses.after([1, 2, 3], 10) == [5]


def test_a_loop_is_guessed_no_further_than_the_most() -> None:
    guesses = Guesses()
    guesses.learn([1] * 10, 0)
    assert guesses.after([1, 1, 1], 99) == [1] * MOST


@pytest.mark.parametrize("guess", [no_guess, nonsense])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_good_bad_and_no_guesses_give_the_same_turns(
    model: PreTrainedModel, monkeypatch: pytest.MonkeyPatch, guess: Any, temperature: float
) -> None:
    guessed = turns(model, temperature=temperature)
    monkeypatch.setattr(Guesses, "after", guess)
    others = turns(model, temperature=temperature)
    assert [turn.ids for turn in guessed] == [turn.ids for turn in others]
    for turn, other in zip(guessed, others, strict=True):
        assert turn.logprobs == pytest.approx(other.logprobs, abs=1e-4)


def test_guesses_save_passes(model: PreTrainedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr(Sampler, "_next_logits", counted(seen))
    sampled = sum(len(turn.ids) for turn in turns(model, temperature=0.0))
    with_guesses = len(seen)
    monkeypatch.setattr(Guesses, "after", no_guess)
    assert sampled == sum(len(turn.ids) for turn in turns(model, temperature=0.0))
    assert with_guesses < 0.75 * (len(seen) - with_guesses)


def test_a_turn_is_never_longer_than_its_limit_for_all_that_was_guessed(
    model: PreTrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Guesses, "after", lambda guesses, ids, most: [int(ids[-1])] * most)
    assert max(len(turn.ids) for turn in turns(model, temperature=0.0, limit=5)) == 5


def test_no_guess_goes_beyond_what_the_model_can_read(
    model: PreTrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    fed: list[int] = []
    next_logits = Sampler._next_logits

    def noted(engine: Sampler, rows: Any) -> torch.Tensor:
        fed.extend(len(row.ids) + len(row.guess) for row in rows)
        return next_logits(engine, rows)

    monkeypatch.setattr(Sampler, "_next_logits", noted)
    monkeypatch.setattr(Guesses, "after", lambda guesses, ids, most: [int(ids[-1])] * most)
    limits = Limits(max_new_tokens=50, max_context=12, slots=4)
    engine = Sampler(model, ends=frozenset(), limits=limits, temperature=0.0)
    with pytest.raises(RolloutFault) as fault:
        asyncio.run(engine.turn("a", [1, 2, 3], seed=0))
    assert fault.value.kind == "context_overflow"
    assert max(fed) < 12


def test_nothing_is_left_of_conversations_that_are_over(model: PreTrainedModel) -> None:
    limits = Limits(max_new_tokens=20, max_context=64, slots=64)
    engine = Sampler(model, ends=frozenset({END}), limits=limits, temperature=0.0)

    def talk() -> SampledTurn:
        said = asyncio.run(engine.turn("a", [1, 2, 3], seed=0))
        engine.forget("a")
        return said

    assert talk() == talk()
