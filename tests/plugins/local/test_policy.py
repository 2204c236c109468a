from __future__ import annotations

import asyncio
import pickle
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from harness.evaluation.rollout import join_tokens
from harness.protocols import AgentTurn, Conversation, InProcessPolicy, SampledTurn, Settings
from harness.types import Message, TokenTrace, ToolCall
from harness_local.codec_folder import open_codec
from harness_local.opening import path_policy
from harness_local.policy import LocalPolicy
from harness_local.turns import CodecPolicy


async def converse(policy: LocalPolicy, talk: Conversation, turns: int = 3) -> list[AgentTurn]:
    """Let the policy speak in turn with the same user; whatever it says goes into the messages."""
    messages = talk.messages[:2]
    had = []
    for turn in range(turns):
        had.append(await policy.act(replace(talk, messages=messages), seed=turn))
        said = had[-1].message
        results = tuple(
            Message(role="tool", content='{"id": "#W2611340", "city": "Rome"}', call_id=call.id)
            for call in said.calls
        )
        messages = (*messages, said, *(results or (Message(role="user", content="go on"),)))
    policy.forget(talk.id)
    return had


def teacher_forced(policy: LocalPolicy, trace: TokenTrace) -> np.ndarray:
    with torch.no_grad():
        table = (
            policy.model(input_ids=torch.tensor(trace.ids[None].copy())).logits[0].log_softmax(-1)
        )
    return table[:-1].gather(1, torch.tensor(trace.ids[1:].copy())[:, None])[:, 0].numpy()


def test_it_is_a_trainable_policy(tiny: LocalPolicy) -> None:
    assert {name for name in dir(InProcessPolicy) if not name.startswith("_")} <= set(dir(tiny))


def test_it_shows_what_its_tokens_read(tiny: LocalPolicy) -> None:
    ids = [*tiny._codec.ends, *tiny.tokenizer.encode("You are", add_special_tokens=False)]
    texts = tiny.token_texts(ids)
    assert "".join(texts[1:]).lower() == "you are"
    assert texts[0].startswith("<|")


def test_a_turn_carries_the_tokens_it_was_made_of(tiny: LocalPolicy, talk: Conversation) -> None:
    trace = join_tokens([turn.tokens for turn in asyncio.run(converse(tiny, talk)) if turn.tokens])
    assert trace is not None
    chosen = trace.sampled[1:]
    np.testing.assert_allclose(
        trace.logprobs[1:][chosen], teacher_forced(tiny, trace)[chosen], atol=1e-4
    )
    assert not trace.logprobs[~trace.sampled].any()


def test_a_context_is_only_what_was_said_since(tiny: LocalPolicy, talk: Conversation) -> None:
    turns = asyncio.run(converse(tiny, talk))
    frame = tiny._codec.open(talk.domain)
    expected = frame.context([Message(role="user", content="go on")], unfinished=False)
    contexts = [turn.tokens.context for turn in turns if turn.tokens]
    plain = [i for i, turn in enumerate(turns[:-1]) if not turn.message.calls]
    assert plain
    for index in plain:
        assert contexts[index + 1][-len(expected) :] == expected
        assert len(contexts[index + 1]) <= len(expected) + 1


def test_a_turn_cut_short_is_closed_by_the_next_context(
    tiny: LocalPolicy, talk: Conversation
) -> None:
    turns = asyncio.run(converse(tiny, talk, turns=6))
    for turn, following in pairwise(turns):
        assert turn.tokens
        assert following.tokens
        cut = turn.tokens.sampled[-1] not in tiny._codec.ends
        assert (following.tokens.context[0] in tiny._codec.ends) == cut
    assert any(turn.tokens and len(turn.tokens.sampled) == 12 for turn in turns)


def test_the_same_seeds_give_the_same_conversation(tiny: LocalPolicy, talk: Conversation) -> None:
    first, second = (asyncio.run(converse(tiny, talk)) for _ in range(2))
    assert first == second


def test_usage_counts_what_was_fed_and_made(tiny: LocalPolicy, talk: Conversation) -> None:
    turn = asyncio.run(converse(tiny, talk, turns=1))[0]
    assert turn.tokens
    assert turn.usage.tokens_in == len(turn.tokens.context)
    assert turn.usage.tokens_out == len(turn.tokens.sampled)


def test_encoding_marks_exactly_what_the_agent_chose(tiny: LocalPolicy, talk: Conversation) -> None:
    trace = tiny.encode(talk)
    end = next(iter(tiny._codec.ends))
    assert trace.ids[-1] == end
    assert trace.sampled[trace.ids == end].all()
    assert int((trace.ids == end).sum()) == 2
    starts = np.flatnonzero(np.diff(trace.sampled.astype(int)) == 1)
    agent = tiny.tokenizer.convert_tokens_to_ids("<|agent|>")
    assert trace.ids[starts].tolist() == [agent, agent]


class Script:
    """Stands in for the sampler and says what it is told."""

    temperature = 0.0

    def __init__(self, turns: list[list[int]]) -> None:
        self.turns = iter(turns)

    async def turn(self, conversation: str, ids: Sequence[int], *, seed: int) -> SampledTurn:
        said = next(self.turns)
        return SampledTurn(ids=said, logprobs=[0.0] * len(said))

    def forget(self, conversation: str) -> None:
        return None

    def weights_changed(self) -> None:
        return None


def test_encoding_gives_the_ids_of_the_live_conversation(
    tiny: LocalPolicy, talk: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = tiny.encode(talk)
    runs = np.split(trace.ids, np.flatnonzero(np.diff(trace.sampled)) + 1)
    monkeypatch.setattr(tiny, "_sampler", Script([run.tolist() for run in runs[1::2]]))

    async def replay() -> list[AgentTurn]:
        spoken = [i for i, m in enumerate(talk.messages) if m.role == "assistant" and i]
        return [await tiny.act(replace(talk, messages=talk.messages[:i]), seed=0) for i in spoken]

    turns = asyncio.run(replay())
    live = join_tokens([turn.tokens for turn in turns if turn.tokens])
    assert live is not None
    assert live.ids.tolist() == trace.ids.tolist()
    assert live.sampled.tolist() == trace.sampled.tolist()
    assert [turn.message for turn in turns] == [talk.messages[2], talk.messages[4]]


def test_what_follows_the_last_agent_turn_is_not_encoded(
    tiny: LocalPolicy, talk: Conversation
) -> None:
    shorter = replace(talk, messages=talk.messages[:-1])
    assert tiny.encode(talk).ids.tolist() == tiny.encode(shorter).ids.tolist()


def test_a_conversation_without_an_agent_turn_is_empty(
    tiny: LocalPolicy, talk: Conversation
) -> None:
    assert tiny.encode(replace(talk, messages=talk.messages[:2])).ids.size == 0


def test_a_saved_policy_opens_again_and_says_the_same(
    tiny: LocalPolicy, talk: Conversation, tmp_path: Path
) -> None:
    with torch.no_grad():
        tiny.model.model.norm.weight.mul_(1.1)
    tiny.weights_changed()
    tiny.save(tmp_path / "saved")
    options = {"temperature": 1.0, "max_new_tokens": 12}
    again = path_policy(Settings(argument=str(tmp_path / "saved"), options=options))
    assert isinstance(again, LocalPolicy)
    assert again.encode(talk).ids.tolist() == tiny.encode(talk).ids.tolist()
    said, was_said = (asyncio.run(converse(policy, talk)) for policy in (again, tiny))
    assert [turn.message for turn in said] == [turn.message for turn in was_said]
    assert [turn.tokens and turn.tokens.logprobs for turn in said] == [
        turn.tokens and turn.tokens.logprobs for turn in was_said
    ]


def test_a_policy_says_the_same_in_another_process(tiny: LocalPolicy, talk: Conversation) -> None:
    with torch.no_grad():
        tiny.model.model.norm.weight.mul_(1.1)
    tiny.weights_changed()
    elsewhere = pickle.loads(pickle.dumps(tiny))
    assert elsewhere.id == tiny.id
    assert asyncio.run(converse(elsewhere, talk)) == asyncio.run(converse(tiny, talk))


def test_a_folder_is_enough_to_write_conversations_as_the_policy_does(
    tiny: LocalPolicy, talk: Conversation, tmp_path: Path
) -> None:
    tiny.save(tmp_path)
    _, codec = open_codec(str(tmp_path))
    elsewhere = CodecPolicy(codec=codec, sampler=Script([]), checkpoint=tiny.checkpoint)
    assert elsewhere.encode(talk).ids.tolist() == tiny.encode(talk).ids.tolist()
    assert codec.ends == tiny._codec.ends


def test_temperature_zero_makes_seeds_irrelevant(tiny: LocalPolicy, talk: Conversation) -> None:
    tiny.set_temperature(0)
    start = replace(talk, messages=talk.messages[:2])

    def first(seed: int) -> AgentTurn:
        turn = asyncio.run(tiny.act(start, seed=seed))
        tiny.forget(talk.id)
        return turn

    assert first(1) == first(2)


def test_the_users_own_tools_are_not_heard(tiny: LocalPolicy, talk: Conversation) -> None:
    call = ToolCall(name="reboot", arguments={}, requestor="user")
    own = (
        Message(role="user", calls=(call,), requestor="user"),
        Message(role="tool", content="reboot done", requestor="user"),
    )
    messages = (*talk.messages[:2], *own, *talk.messages[2:])
    assert (
        tiny.encode(replace(talk, messages=messages)).ids.tolist() == tiny.encode(talk).ids.tolist()
    )
