from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from harness.errors import ModelError
from harness.protocols import Conversation, Settings
from harness.types import Message, ToolCall
from harness_local.codec import ChatCodec, parse_call
from harness_local.opening import path_policy
from harness_local.policy import LocalPolicy


@pytest.fixture
def chat(tiny: LocalPolicy, tmp_path: Path) -> LocalPolicy:
    """The tiny model opened as any model from elsewhere: through its chat template."""
    tiny.save(tmp_path)
    (tmp_path / "codec.json").unlink()
    policy = path_policy(Settings(argument=str(tmp_path)))
    assert isinstance(policy, LocalPolicy)
    return policy


def test_the_conversation_is_what_the_template_writes(
    chat: LocalPolicy, talk: Conversation
) -> None:
    trace = chat.encode(talk)
    text = chat.tokenizer.decode(trace.ids)
    call = '<tool_call>{"name": "get_order", "arguments": {"order_id": "#W2611340"}}</tool_call>'
    assert text.startswith("<|system|> Ask before you change an order.")
    assert call in text
    said = chat.tokenizer.decode(trace.ids[trace.sampled])
    assert said == f"{call}<|end|> A puzzle, item 6245746168, and a bottle.<|end|>"


def test_pieces_join_to_the_template_of_the_whole(chat: LocalPolicy, talk: Conversation) -> None:
    messages = [{"role": "system", "content": talk.domain.policy}]
    for message in talk.messages[:-1]:
        calls = [
            {"type": "function", "function": {"name": c.name, "arguments": dict(c.arguments)}}
            for c in message.calls
        ]
        messages.append({"role": message.role, "content": message.content, "tool_calls": calls})
    tools = [tool.schema() for tool in talk.domain.tools]
    whole = chat.tokenizer.apply_chat_template(messages, tools=tools, tokenize=False)
    assert chat.tokenizer.decode(chat.encode(talk).ids) == whole


def test_the_agent_reads_back_what_it_writes(chat: LocalPolicy, talk: Conversation) -> None:
    for number, message in enumerate(talk.messages[:-1]):
        if message.role == "assistant" and number:
            ids = chat._codec.open(talk.domain).write(message)
            assert chat._codec.open(talk.domain).read(ids, number=number) == message


def test_thoughts_are_not_said(chat: LocalPolicy, talk: Conversation) -> None:
    ids = chat.tokenizer.encode("<think>hm\n\n</think>\n\nHello there<|end|>")
    said = chat._codec.open(talk.domain).read(ids, number=2)
    assert said.content == "Hello there"


def test_text_around_calls_is_content_and_an_unclosed_call_is_read(
    chat: LocalPolicy, talk: Conversation
) -> None:
    text = (
        'One moment. <tool_call>{"name": "a", "arguments": {}}</tool_call><tool_call>{"name": "b"}'
    )
    said = chat._codec.open(talk.domain).read(chat.tokenizer.encode(text), number=4)
    assert said.content == "One moment."
    assert [(call.name, call.id) for call in said.calls] == [("a", "call_4"), ("b", "call_4_1")]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '"a"', '{"name": 3}', '{"name": "a", "arguments": [1]}', "[" * 9999]
)
def test_a_call_that_cannot_be_read_is_a_call_of_no_tool(text: str) -> None:
    call = parse_call(text, "call_1")
    assert (call.name, call.arguments) == ("malformed_call", {"text": text})


def test_arguments_may_come_as_a_string_of_json() -> None:
    call = parse_call('{"name": "a", "arguments": "{\\"x\\": 1}"}', "call_1")
    assert call == ToolCall(name="a", arguments={"x": 1}, id="call_1")


def test_a_template_that_rewrites_earlier_turns_does_not_change_what_was_sampled(
    chat: LocalPolicy, talk: Conversation
) -> None:
    """Only what is new is rendered: here by a template that marks all turns but the last."""
    chat.tokenizer.chat_template = (
        "{% for m in messages %}{% if m.role == 'assistant' and not loop.last %}"
        "<|agent|>(gone) {{ m.content }}<|end|>{% else %}<|{{ m.role }}|>{{ m.content }}<|end|>"
        "{% endif %}{% endfor %}{% if add_generation_prompt %}<|agent|>{% endif %}"
    )
    transcript = chat._codec.open(talk.domain)
    transcript.context(talk.messages[:2], unfinished=False)
    ids = transcript.context([Message(role="user", content="more")], unfinished=False)
    assert chat.tokenizer.decode(ids) == "<|user|>more<|end|><|agent|>"


def test_a_template_that_refuses_is_a_model_error(chat: LocalPolicy, talk: Conversation) -> None:
    chat.tokenizer.chat_template = "{{ raise_exception('no tools here') }}"
    with pytest.raises(ModelError, match="no tools here"):
        chat.encode(talk)


def test_a_template_whose_prompt_is_no_prefix_is_a_model_error(
    chat: LocalPolicy, talk: Conversation
) -> None:
    chat.tokenizer.chat_template = "{% if add_generation_prompt %}a{% else %}b{% endif %}"
    with pytest.raises(ModelError, match="generation prompt does not match"):
        chat.encode(talk)


def test_a_cut_turn_is_ended_in_the_next_context(chat: LocalPolicy, talk: Conversation) -> None:
    transcript = chat._codec.open(talk.domain)
    transcript.context(talk.messages[:2], unfinished=False)
    more = [Message(role="user", content="more")]
    cut = transcript.context(more, unfinished=True)
    whole = transcript.context(more, unfinished=False)
    assert cut == [*chat._codec.ends, *whole]


def test_the_policy_is_the_system_message_once(chat: LocalPolicy, talk: Conversation) -> None:
    ids = chat.encode(replace(talk)).ids
    assert chat.tokenizer.decode(ids).count(talk.domain.policy) == 1
    assert isinstance(chat._codec, ChatCodec)


def test_the_template_marks_the_agents_own_tokens(tiny_folder: Path) -> None:
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(tiny_folder)
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    found = tokenizer.apply_chat_template(
        messages, return_assistant_tokens_mask=True, return_dict=True, tokenize=True
    )
    ids = [t for t, m in zip(found["input_ids"], found["assistant_masks"], strict=True) if m]
    assert tokenizer.decode(ids) == " Hello<|end|>"
