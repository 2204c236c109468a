"""Thoughts of a local model: what of a turn is told to the customer, and what comes after."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.evaluation.station import silent_turns
from harness.llm.thoughts import said_aloud
from harness.protocols import Conversation, Settings
from harness.types import Episode, Grade, Message, Score, Trajectory
from harness_local.codec import ChatTranscript
from harness_local.opening import path_policy
from harness_local.policy import LocalPolicy

CALL = '<tool_call>{"name": "get_order", "arguments": {"order_id": "#W1"}}</tool_call>'
MORE = [Message(role="user", content="more")]


@pytest.fixture
def chat(tiny: LocalPolicy, tmp_path: Path) -> LocalPolicy:
    tiny.save(tmp_path)
    (tmp_path / "codec.json").unlink()
    policy = path_policy(Settings(argument=str(tmp_path), options={"max_new_tokens": 3}))
    assert isinstance(policy, LocalPolicy)
    return policy


@pytest.fixture
def thinking(chat: LocalPolicy) -> LocalPolicy:
    """Its template opens each turn inside a thought, as those of models that always think do."""
    agent = "<|agent|>"
    template = str(chat.tokenizer.chat_template)
    assert template.count(agent) >= 1
    head, _, tail = template.rpartition(agent)
    chat.tokenizer.chat_template = f"{head}{agent}<think>\n{tail}"
    return chat


def opened(policy: LocalPolicy, talk: Conversation) -> ChatTranscript:
    transcript = policy._codec.open(talk.domain)
    assert isinstance(transcript, ChatTranscript)
    transcript.context(talk.messages[:2], unfinished=False)
    return transcript


@pytest.mark.parametrize(
    ("text", "is_open", "said"),
    [
        ("They want a refund.", True, None),
        ("<think>They want a refund.", False, None),
        ("<think>They want a refund.", True, None),
        ("Yes. <think>They want a", False, None),
        ("<think>a</think>Yes.<think>b", False, None),
        ("They want a refund.</think>\n\nYes.", True, "Yes."),
        ("They want a refund.</think>\n\nYes.", False, "Yes."),
        ("<think>a</think>\n<think>b</think>\nYes.", False, "Yes."),
        ("", True, None),
        ("Yes.", False, "Yes."),
    ],
)
def test_only_what_stands_after_the_end_of_a_thought_is_said(
    text: str, is_open: bool, said: str | None
) -> None:
    assert said_aloud(text, is_open=is_open) == said


@pytest.mark.parametrize("text", ["They want a refund", f"I call {CALL}", "<think>They want"])
def test_a_thought_that_the_prompt_opened_and_that_was_cut_says_and_calls_nothing(
    thinking: LocalPolicy, talk: Conversation, text: str
) -> None:
    said = opened(thinking, talk).read(thinking.tokenizer.encode(text), number=2)
    assert said == Message(role="assistant")


def test_a_thought_that_the_prompt_opened_and_that_ended_is_not_said(
    thinking: LocalPolicy, talk: Conversation
) -> None:
    ids = thinking.tokenizer.encode(f"They want it.</think>One moment.{CALL}<|end|>")
    said = opened(thinking, talk).read(ids, number=2)
    assert (said.content, [call.name for call in said.calls]) == ("One moment.", ["get_order"])


@pytest.mark.parametrize("text", ["They want a", "<think>They want a", "Yes. <think>They"])
def test_after_a_cut_thought_the_next_context_ends_it_and_the_turn(
    thinking: LocalPolicy, talk: Conversation, text: str
) -> None:
    transcript = opened(thinking, talk)
    transcript.read(thinking.tokenizer.encode(text), number=2)
    after = thinking.tokenizer.decode(transcript.context(MORE, unfinished=True))
    assert after.lstrip().startswith("</think>")
    assert after.index("</think>") < after.index("<|end|>") < after.index("more")
    assert after.rstrip().endswith("<think>"), "the next turn begins inside a thought, too"


def test_after_a_whole_turn_there_is_no_thought_to_end(
    thinking: LocalPolicy, talk: Conversation
) -> None:
    transcript = opened(thinking, talk)
    transcript.read(thinking.tokenizer.encode("Hm.</think>Yes, I"), number=2)
    assert "</think>" not in thinking.tokenizer.decode(transcript.context(MORE, unfinished=True))


def test_what_a_teacher_said_is_written_after_the_end_of_the_thought_that_the_prompt_opens(
    thinking: LocalPolicy, talk: Conversation
) -> None:
    written = opened(thinking, talk).write(Message(role="assistant", content="Yes."))
    text = thinking.tokenizer.decode(written)
    assert text.replace("\n", "").replace(" ", "") == "</think>Yes.<|end|>"


@pytest.mark.parametrize("tags", [["<think>", "</think>"], ["<tool_call>", "</tool_call>"]])
def test_tags_that_are_special_tokens_are_read_all_the_same(
    chat: LocalPolicy, talk: Conversation, tags: list[str]
) -> None:
    chat.tokenizer.add_special_tokens({"additional_special_tokens": tags})
    codec = type(chat._codec)(chat.tokenizer, chat._codec.ends)
    ids = chat.tokenizer.encode(f"<think>Hm.</think>{CALL}<|end|>")
    said = codec.open(talk.domain).read(ids, number=2)
    assert (said.content, [call.name for call in said.calls]) == ("", ["get_order"])


def test_a_turn_that_ends_at_the_token_limit_inside_a_thought_says_nothing_and_is_counted(
    thinking: LocalPolicy, talk: Conversation, episode: Callable[..., Episode]
) -> None:
    live = Conversation(id="a", domain=talk.domain, task=talk.task, messages=talk.messages[:2])
    turn = asyncio.run(thinking.act(live, seed=1))
    assert turn.message == Message(role="assistant")
    had = (*live.messages, turn.message, Message(role="user", content="Hello?"))
    assert silent_turns([episode(had), episode(had), episode(talk.messages)]) == 2


@pytest.fixture
def episode(talk: Conversation) -> Callable[..., Episode]:
    def make(messages: tuple[Message, ...]) -> Episode:
        trajectory = Trajectory(
            id="t", task_id="1", trial=0, policy="p", seed=0, messages=messages, ended="user_stop"
        )
        score = Score(total=0.0, success=False, terms=())
        return Episode(
            task=talk.task, trajectory=trajectory, grade=Grade(success=False), score=score
        )

    return make
