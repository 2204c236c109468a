"""Turns are those that the servers drew, token by token, from weights that are known."""

from __future__ import annotations

import asyncio
import pickle
from typing import Any

import pytest

from harness import testing
from harness.assembly.components import Components
from harness.errors import ModelError, RolloutFault
from harness_vllm.policy import opened_model

from .conftest import Opened, changed, gap, play, sampled
from .loopback import Gone, VllmServer


def test_a_policy_keeps_the_contract(parts: Components, server: VllmServer, opened: Opened) -> None:
    testing.check_policy(opened(server), parts.domain)


def test_turns_are_sent_and_kept_as_token_ids(
    parts: Components, server: VllmServer, opened: Opened
) -> None:
    policy = opened(server)
    episodes = play(parts, policy)
    assert gap(opened_model(policy.folder), episodes, 0.7) < 1e-3
    for episode in episodes:
        trace = episode.tokens
        assert trace is not None
        ids = trace.ids.tolist()
        for span in trace.versions:
            assert ids[: span.start] in server.prompts()
            assert span.version == policy._sampler.weights.version
    sent = [body for _, body in server.asked if "cache_salt" in body]
    assert all(body["top_p"] == 1 and body["repetition_penalty"] == 1 for body in sent)


def test_the_same_seed_says_the_same(server: VllmServer, opened: Opened) -> None:
    policy = opened(server)
    first, second = (sampled(policy, name, [40, 41, 42]) for name in "ab")
    assert (first.ids, first.logprobs) == (second.ids, second.logprobs)
    assert sampled(policy, "c", [40, 41, 42], seed=4).ids != first.ids


def test_conversations_stay_where_their_prefix_is_cached(
    parts: Components, folder: Any, opened: Opened
) -> None:
    with VllmServer(folder) as one, VllmServer(folder) as other:
        play(parts, opened(one, other), 4)
        # A turn that went elsewhere would be the first of a conversation there.
        firsts = [count_firsts(one), count_firsts(other)]
        assert sum(firsts) == 4
        assert abs(firsts[0] - firsts[1]) <= 1
        assert len(one.prompts()) + len(other.prompts()) > 4


def begins(prompt: list[int], other: list[int]) -> bool:
    """Whether ``other`` is an earlier turn of the same conversation."""
    return len(other) < len(prompt) and prompt[: len(other)] == other


def count_firsts(server: VllmServer) -> int:
    prompts = server.prompts()
    return sum(not any(begins(p, q) for q in prompts) for p in prompts)


def test_a_pickled_policy_is_a_client_of_the_same_weights(
    server: VllmServer, opened: Opened
) -> None:
    policy = opened(server)
    here = sampled(policy, "a", [40, 41, 42])
    there = pickle.loads(pickle.dumps(policy))
    assert sampled(there, "a", [40, 41, 42]) == here
    before = server.count("/collective_rpc")
    changed(policy.model)
    policy.weights_changed()
    assert server.count("/collective_rpc") == before + 1
    stale = pickle.loads(pickle.dumps(policy))
    server.version = "another run's"
    with pytest.raises(ModelError, match="another run's"):
        sampled(stale, "a", [40, 41, 42])


def test_too_long_a_conversation_is_a_fault_of_its_own(server: VllmServer, opened: Opened) -> None:
    policy = opened(server, max_context=30)
    assert len(sampled(policy, "a", [40] * 28).ids) <= 2
    with pytest.raises(RolloutFault) as caught:
        sampled(policy, "b", [40] * 31)
    assert caught.value.kind == "context_overflow"


def test_where_a_server_dies_its_conversations_go_on_elsewhere(folder: Any, opened: Opened) -> None:
    with VllmServer(folder) as one, VllmServer(folder) as other:
        policy = opened(one, other)
        lone = opened(other)
        before = sampled(policy, "a", [40, 41, 42])
        assert one.prompts()
        one.die()
        after = sampled(policy, "a", [43])
        sampled(lone, "a", [40, 41, 42])
        assert sampled(lone, "a", [43]) == after
        assert other.prompts()[0] == [40, 41, 42, *before.ids, 43]


def test_a_dead_server_ends_conversations_as_a_fault(
    parts: Components, server: VllmServer, opened: Opened
) -> None:
    policy = opened(server, tries=2)
    server.die()
    with pytest.raises(RolloutFault) as caught:
        sampled(policy, "a", [40, 41, 42])
    assert caught.value.kind == "infrastructure_fault"
    assert {e.trajectory.ended for e in play(parts, policy, 2)} == {"infrastructure_fault"}


def test_a_cut_connection_is_made_up_for(server: VllmServer, opened: Opened) -> None:
    policy = opened(server)
    wanted = sampled(policy, "a", [40, 41, 42])
    cut = iter([True])

    def flaws(path: str, body: dict[str, Any]) -> None:
        if "cache_salt" in body and next(cut, False):
            raise Gone

    server.flaws = flaws
    assert sampled(policy, "b", [40, 41, 42]) == wanted


def test_a_server_that_came_back_with_its_first_weights_gets_the_right_ones(
    folder: Any, opened: Opened
) -> None:
    with VllmServer(folder) as first:
        port = first.http.server_address[1]
        policy = opened(first)
        changed(policy.model)
        policy.weights_changed()
        wanted = sampled(policy, "a", [40, 41, 42])
    with VllmServer(folder, port=port) as second:
        assert sampled(policy, "b", [40, 41, 42]) == wanted
        assert second.count("/collective_rpc") == 1


def test_forgetting_gives_up_a_turn(server: VllmServer, opened: Opened) -> None:
    policy = opened(server)
    server.holds_at = 2

    async def given_up() -> None:
        turn = asyncio.ensure_future(policy._sampler.turn("a", [40, 41, 42], seed=1))
        await asyncio.to_thread(server.holding.wait, 30)
        policy.forget("a")
        with pytest.raises(asyncio.CancelledError):
            await turn

    asyncio.run(given_up())
    server.do_pause({})
    server.do_resume({})
    assert sampled(policy, "a", [40, 41, 42]).ids


@pytest.mark.parametrize(
    ("flaw", "why"),
    [
        ({"token_ids": [5, 6]}, "answered 2 tokens with 1 log-probabilities"),
        ({"prompt_token_ids": [1]}, "saw another prompt"),
        ({"token_ids": [], "logprobs": None}, "without a token"),
        ({"token_ids": [77], "finish_reason": "stop"}, "ended a turn with the token 77"),
    ],
)
def test_answers_that_cannot_be_trained_on_end_the_run(
    server: VllmServer, opened: Opened, flaw: dict[str, Any], why: str
) -> None:
    policy = opened(server, max_new_tokens=1)
    completions = server.do_completions

    def do_completions(body: dict[str, Any]) -> Any:
        answer = completions(body)
        answer["choices"][0] |= flaw
        return answer

    server.do_completions = do_completions  # type: ignore[method-assign]
    with pytest.raises(ModelError, match=why):
        sampled(policy, "a", [40, 41, 42])
