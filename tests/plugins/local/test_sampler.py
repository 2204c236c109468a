from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from harness.errors import OutOfMemory, RolloutFault
from harness.protocols import SampledTurn
from harness.types import VersionSpan
from harness_local.sampler import Limits, Sampler

_SIZES = {
    "vocab_size": 60,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 400,
}
END = 7


def make(family: str) -> PreTrainedModel:
    torch.manual_seed(0)
    if family == "llama":
        model = LlamaForCausalLM(LlamaConfig(**_SIZES, num_key_value_heads=2))
    else:
        model = Qwen2ForCausalLM(Qwen2Config(**_SIZES, num_key_value_heads=4))
    with torch.no_grad():  # sharper than at random, so that a wrong mask or position shows
        for weight in model.parameters():
            weight.mul_(4 if weight.ndim > 1 else 1)
    return model


@pytest.fixture(scope="module", params=["qwen2", "llama"])
def model(request: pytest.FixtureRequest) -> PreTrainedModel:
    return make(request.param)


def sampler(model: PreTrainedModel, **changes: float) -> Sampler:
    options = {"max_new_tokens": 9, "max_context": 400, "slots": 64, **changes}
    limits = Limits(**{name: int(options[name]) for name in Limits.__dataclass_fields__})
    return Sampler(
        model,
        ends=frozenset({END}),
        limits=limits,
        temperature=changes.get("temperature", 1.0),
        top_p=changes.get("top_p", 1.0),
    )


async def converse(engine: Sampler, name: str, turns: int, seed: int) -> list[tuple[list[int]]]:
    """Turns whose contexts, of uneven lengths, depend on the seed alone."""
    random = np.random.default_rng(seed)
    had = []
    for turn in range(turns):
        context = random.integers(0, 60, size=int(random.integers(1, 40))).tolist()
        had.append((context, await engine.turn(name, context, seed=seed + turn)))
        await asyncio.sleep(0)
    engine.forget(name)
    return had


def converse_all(
    engine: Sampler, seeds: Sequence[int], turns: int = 3
) -> list[list[tuple[list[int]]]]:
    async def all_of_them() -> list[list[tuple[list[int]]]]:
        return list(
            await asyncio.gather(*(converse(engine, str(seed), turns, seed) for seed in seeds))
        )

    return asyncio.run(all_of_them())


def plain_logprobs(model: PreTrainedModel, had: list[tuple[list[int]]]) -> list[float]:
    """Those of the sampled tokens in one pass over the whole conversation, without any cache."""
    ids = [token for context, turn in had for token in (*context, *turn.ids)]
    with torch.no_grad():
        table = model(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
    found, position = [], 0
    for context, turn in had:
        position += len(context)
        for token in turn.ids:
            found.append(float(table[position - 1, token]))
            position += 1
    return found


@pytest.mark.parametrize("seeds", [[1], [1, 2, 3], list(range(23))], ids=["1", "3", "23"])
def test_logprobs_are_those_of_one_pass_over_the_conversation(
    model: PreTrainedModel, seeds: list[int]
) -> None:
    for had in converse_all(sampler(model), seeds):
        sampled = [logprob for _, turn in had for logprob in turn.logprobs]
        np.testing.assert_allclose(sampled, plain_logprobs(model, had), atol=1e-4)


def test_widened_weights_are_sampled_with_the_width_they_had() -> None:
    model = make("qwen2").to(torch.bfloat16)
    engine = sampler(model, temperature=0.0)
    narrow = converse_all(engine, [1, 2, 3])
    model.float()
    wide = converse_all(engine, [1, 2, 3])
    first = [[had[0][1].logprobs[0] for had in run] for run in (narrow, wide)]
    np.testing.assert_allclose(*first, atol=0.05)
    assert model.dtype == torch.float32


def test_a_seed_gives_the_same_turn_whoever_shares_the_batch(model: PreTrainedModel) -> None:
    alone = converse_all(sampler(model), [5])[0]
    crowd = converse_all(sampler(model), [5, *range(100, 120)])[0]
    assert [turn.ids for _, turn in alone] == [turn.ids for _, turn in crowd]


def test_few_slots_give_the_same_turns(model: PreTrainedModel) -> None:
    seeds = list(range(9))
    many = converse_all(sampler(model), seeds)
    few = converse_all(sampler(model, slots=2), seeds)
    assert [[t.ids for _, t in had] for had in many] == [[t.ids for _, t in had] for had in few]


def test_different_seeds_differ_and_frequencies_follow_the_distribution() -> None:
    model = make("qwen2")
    turns = converse_all(sampler(model, max_new_tokens=1), range(40), turns=1)
    assert len({tuple(turn.ids) for had in turns for _, turn in had}) > 5


def test_temperature_zero_is_greedy() -> None:
    model = make("qwen2")
    engine = sampler(model, temperature=0.0)
    context, turn = converse_all(engine, [3], turns=1)[0][0]
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([[*context, *turn.ids]])).logits[0]
    assert logits.argmax(-1)[len(context) - 1 : -1].tolist() == turn.ids


def test_a_turn_ends_at_the_end_token_or_the_limit() -> None:
    turns = [turn for had in converse_all(sampler(make("qwen2")), range(30)) for _, turn in had]
    assert any(turn.ids[-1] == END for turn in turns)
    assert all(END not in turn.ids[:-1] for turn in turns)
    assert all(len(turn.ids) == 9 for turn in turns if turn.ids[-1] != END)


def test_new_weights_are_used_in_a_live_conversation() -> None:
    model = make("qwen2")
    engine = sampler(model)

    async def talk() -> list[tuple[list[int]]]:
        had = [([1, 2, 3], await engine.turn("a", [1, 2, 3], seed=0))]
        with torch.no_grad():
            model.model.embed_tokens.weight.mul_(-1.5)
        engine.weights_changed()
        had.append(([4], await engine.turn("a", [4], seed=1)))
        return had

    had = asyncio.run(talk())
    expected = plain_logprobs(model, had)[-len(had[1][1].ids) :]
    np.testing.assert_allclose(had[1][1].logprobs, expected, atol=1e-4)
    for number, (_, turn) in enumerate(had):
        assert turn.versions == (VersionSpan(start=0, stop=len(turn.ids), version=str(number)),)


def test_weights_must_not_change_while_a_turn_is_sampled() -> None:
    engine = sampler(make("qwen2"))

    async def talk() -> None:
        turn = asyncio.create_task(engine.turn("a", [1], seed=0))
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="while a turn"):
            engine.weights_changed()
        await turn

    asyncio.run(talk())


def test_too_long_a_conversation_is_a_fault() -> None:
    engine = sampler(make("qwen2"), max_context=8)
    with pytest.raises(RolloutFault) as early:
        asyncio.run(engine.turn("a", list(range(9)), seed=0))
    assert early.value.kind == "context_overflow"
    faults = 0
    for seed in range(5):
        try:
            asyncio.run(engine.turn(str(seed), [1, 2, 3], seed=seed))
        except RolloutFault as late:
            faults += late.kind == "context_overflow"
    assert faults


def test_an_error_of_the_model_reaches_everyone_who_waits() -> None:
    model = make("qwen2")
    engine = sampler(model)

    async def ask() -> list[object]:
        turns = (engine.turn(name, [ids], seed=0) for name, ids in (("a", 1), ("b", 61)))
        return list(await asyncio.gather(*turns, return_exceptions=True))

    assert all(isinstance(error, IndexError) for error in asyncio.run(ask()))
    engine.forget("a")
    assert asyncio.run(engine.turn("a", [1], seed=0)).ids


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("could not create a primitive"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB\nlong tail"),
    ],
)
def test_memory_that_runs_out_is_said_in_words(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make("qwen2")
    engine = sampler(model)

    def exhausted(*_: object, **__: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(model, "forward", exhausted)
        with pytest.raises(OutOfMemory, match="sampling ran out of memory") as raised:
            asyncio.run(engine.turn("a", [1], seed=0))
    assert "slots" in raised.value.hint
    assert "long tail" not in str(raised.value)
    engine.forget("a")
    assert asyncio.run(engine.turn("a", [1], seed=0)).ids


def test_a_cancelled_conversation_leaves_the_others_alone() -> None:
    engine = sampler(make("qwen2"), temperature=1.0)

    async def ask() -> SampledTurn:
        doomed = asyncio.create_task(engine.turn("a", [1], seed=0))
        other = asyncio.create_task(engine.turn("b", [1], seed=5))
        await asyncio.sleep(0)
        doomed.cancel()
        engine.forget("a")
        return await other

    assert asyncio.run(ask()).ids == asyncio.run(engine.turn("c", [1], seed=5)).ids


def test_all_may_be_forgotten_while_they_wait() -> None:
    engine = sampler(make("qwen2"))

    async def ask() -> SampledTurn:
        doomed = asyncio.create_task(engine.turn("a", [1], seed=0))
        await asyncio.sleep(0)
        engine.forget("a")
        with pytest.raises(asyncio.CancelledError):
            await doomed
        return await engine.turn("b", [1], seed=0)

    assert asyncio.run(ask()).ids


def test_the_mode_of_the_model_is_left_as_it_was() -> None:
    model = make("qwen2").train()
    asyncio.run(sampler(model).turn("a", [1], seed=0))
    assert model.training
    assert model.config._attn_implementation == "sdpa"


def test_with_exact_arithmetic_a_conversation_is_the_same_in_any_batch(
    model: PreTrainedModel,
) -> None:
    def engine() -> Sampler:
        limits = Limits(max_new_tokens=9, max_context=400, slots=64)
        ends = frozenset({END})
        return Sampler(model, ends=ends, limits=limits, temperature=1.0, exact=True)

    seeds = list(range(23))
    together = converse_all(engine(), seeds)
    assert [converse_all(engine(), [seed])[0] for seed in seeds] == together
    assert converse_all(engine(), seeds[5:12]) == together[5:12]
    assert model.dtype == torch.float32


def test_exact_arithmetic_follows_weights_that_change() -> None:
    changing = make("qwen2")
    limits = Limits(max_new_tokens=9, max_context=400, slots=64)
    engine = Sampler(changing, ends=frozenset({END}), limits=limits, temperature=0.0, exact=True)
    before = converse_all(engine, [1])
    with torch.no_grad():
        for weight in changing.parameters():
            weight.add_(torch.randn_like(weight))
    engine.weights_changed()
    [after] = converse_all(engine, [1])
    assert [after] != before
    sampled = [logprob for _, turn in after for logprob in turn.logprobs]
    np.testing.assert_allclose(sampled, plain_logprobs(changing, after), atol=1e-3)
