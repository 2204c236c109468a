"""OpenAI chat JSONL: what is read, what is odd and counted, and what is refused in words."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import FormatError
from harness.protocols import UNPARSED
from harness.types import Recording
from harness_traces.chat_lines import ChatFormat, Options
from harness_traces.messages import is_error
from tests.plugins.traces.conftest import Log, agent, result, user

CHAT = [user("Hello"), agent(find={"id": 1}), result({"ok": True}), agent("Done?")]


def read(path: Path, **options: Any) -> Recording:
    return ChatFormat(Options(**options)).read(path)


def odd(recording: Recording) -> Any:
    return recording.about["odd"]


def test_a_record_becomes_a_conversation_and_the_rest_is_kept(log: Log) -> None:
    told = {"role": "system", "content": "Be kind."}
    path = log([{"messages": [told, *CHAT], "reward": 0.5, "meta": {"user": "x"}}])
    recording = read(path)
    [episode] = recording.episodes
    assert [m.role for m in episode.trajectory.messages] == [
        "user",
        "assistant",
        "tool",
        "assistant",
    ]
    assert dict(episode.trajectory.calls[0].arguments) == {"id": 1}
    assert recording.about["system"] == "Be kind."
    assert recording.originals[episode.trajectory.id] == {"reward": 0.5, "meta": {"user": "x"}}
    assert not episode.grade.is_decided
    assert odd(recording) == {}


@pytest.mark.parametrize(
    "write",
    [
        lambda: json.dumps({"messages": CHAT}),
        lambda: json.dumps({"messages": CHAT}, indent=2),
        lambda: json.dumps([{"messages": CHAT}, {"messages": CHAT}]),
        lambda: json.dumps(CHAT),
        lambda: "\ufeff" + json.dumps(CHAT) + "\n\n" + json.dumps(CHAT),
        lambda: json.dumps({"input": CHAT[:-1], "response": {"choices": [{"message": CHAT[-1]}]}}),
    ],
)
def test_files_of_any_shape_are_recognised_and_read(
    write: Callable[[], str], tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_text(write(), encoding="utf-8")
    assert ChatFormat(Options()).recognises(path)
    for episode in read(path).episodes:
        assert len(episode.trajectory.messages) == len(CHAT)


def test_arguments_that_are_no_json_are_kept_as_text_and_counted(log: Log) -> None:
    broken = agent("", find={})
    broken["tool_calls"][0]["function"]["arguments"] = '{"id": 1'
    recording = read(log([{"messages": [user("Hi"), broken, result("Error: bad")]}]))
    [call] = recording.episodes[0].trajectory.calls
    assert dict(call.arguments) == {UNPARSED: '{"id": 1'}
    assert odd(recording) == {"calls whose arguments are no JSON object": 1}


def test_results_without_calls_and_calls_without_results_are_kept_and_counted(log: Log) -> None:
    lonely = [user("Hi"), result("42", "nobody"), agent(find={"id": 1}), agent("Bye")]
    recording = read(log([{"messages": lonely}]))
    messages = recording.episodes[0].trajectory.messages
    assert [m.role for m in messages] == ["user", "tool", "assistant", "assistant"]
    assert odd(recording) == {"results without a call": 1, "calls without a result": 1}


def test_older_calls_parts_of_content_and_other_roles_are_read(log: Log) -> None:
    image = {"role": "user", "content": [{"type": "text", "text": "See"}, {"type": "image_url"}]}
    older = {"role": "assistant", "function_call": {"name": "find", "arguments": "{}"}}
    answer = {"role": "function", "name": "find", "content": "ok"}
    recording = read(log([{"messages": [image, older, answer, {"role": "x", "content": "y"}]}]))
    messages = recording.episodes[0].trajectory.messages
    assert messages[0].content == "See\n[image_url]"
    assert messages[1].calls[0].name == "find"
    assert messages[3].role == "user"
    assert len(odd(recording)) == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no conversation"),
        ("{}\n", "line 1"),
        (json.dumps({"messages": CHAT}) + "\n" + '{"messages": [', "line 2: no JSON"),
        (json.dumps({"messages": CHAT}) + "\n" + '{"spans": []}\n', "line 2"),
        (json.dumps({"messages": []}), "no conversation with a message"),
        (json.dumps({"messages": [{"content": "x"}]}), "message 0 has no role"),
    ],
)
def test_what_is_no_conversation_is_refused_by_its_line(
    text: str, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_text(text)
    with pytest.raises(FormatError, match=words) as refused:
        read(path)
    assert refused.value.hint


def test_bad_lines_are_left_out_and_counted_if_asked_to(log: Log) -> None:
    path = log([{"messages": CHAT}, '{"messages": [', {"spans": []}, {"messages": CHAT}])
    recording = read(path, skip_bad_lines=True)
    assert len(recording.episodes) == 2
    assert odd(recording) == {"lines that are no conversation, left out": 2}


def test_a_conversation_of_ten_megabytes_is_read_whole(log: Log) -> None:
    long = [part for _ in range(1000) for part in (agent(find={"id": 1}), result("x" * 10_000))]
    recording = read(log([{"messages": [user("Hi"), *long]}]))
    assert len(recording.episodes[0].trajectory.messages) == 2001


def test_tries_at_one_task_are_trials_of_it(log: Log) -> None:
    path = log([{"messages": CHAT, "task_id": "a"}] * 2 + [{"messages": CHAT}])
    recording = read(path)
    assert [e.trajectory.trial for e in recording.episodes] == [0, 1, 0]
    assert len(recording.tasks) == 2
    assert len({e.trajectory.id for e in recording.episodes}) == 3


def test_declared_tools_are_read_in_each_provider_s_form(log: Log) -> None:
    tools = [
        {"type": "function", "function": {"name": "a", "parameters": {"type": "object"}}},
        {"name": "b", "input_schema": {"type": "object", "required": ["x"]}},
        "nonsense",
    ]
    recording = read(log([{"messages": CHAT, "tools": tools}]))
    assert [tool.name for tool in recording.tools] == ["a", "b"]


def test_blocks_of_anthropic_s_api_are_calls_and_results(log: Log) -> None:
    use = {"type": "tool_use", "id": "t1", "name": "find", "input": {"id": 7}}
    answer = {
        "type": "tool_result",
        "tool_use_id": "t1",
        "content": [{"type": "text", "text": "none"}],
        "is_error": True,
    }
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "Find 7"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "One moment."}, use]},
        {"role": "user", "content": [answer, {"type": "text", "text": "Well?"}]},
    ]
    last = {"role": "assistant", "content": [{"type": "text", "text": "There is none."}]}
    path = log([{"system": "You are Deskie.", "messages": messages, "response": last}])
    recording = read(path)
    assert odd(recording) == {}
    assert recording.about["system"] == "You are Deskie."
    told = recording.episodes[0].trajectory.messages
    assert [(m.role, m.content) for m in told] == [
        ("user", "Find 7"),
        ("assistant", "One moment."),
        ("tool", "none"),
        ("user", "Well?"),
        ("assistant", "There is none."),
    ]
    [call] = told[1].calls
    assert (call.name, call.arguments, call.id) == ("find", {"id": 7}, "t1")
    assert (told[2].call_id, told[2].is_error) == ("t1", True)


def test_two_files_have_tasks_in_common_where_the_same_is_asked(log: Log) -> None:
    def ids(*openings: str) -> list[str]:
        records = [{"messages": [user(text), agent("Well.")]} for text in openings]
        return [episode.task.id for episode in read(log(records)).episodes]

    first, second = ids("a", "b", "b"), ids("b", "c", "a")
    assert len({*first}) == 3
    assert (second[0], second[2]) == (first[1], first[0])
    assert second[1] not in first


def test_bytes_that_are_no_utf_8_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(
        json.dumps({"messages": [user("Gerät"), agent("Ja?")]}, ensure_ascii=False).encode(
            "latin-1"
        )
    )
    assert odd(read(path)) == {"conversations with bytes that are no UTF-8, replaced": 1}


@pytest.mark.parametrize(
    ("text", "failed"),
    [
        ('{"status": "FAILED"}', True),
        ('{"statusCode": 409}', True),
        ('{"code": "404", "detail": "not found"}', True),
        ('{"ok": "false"}', True),
        ('{"error_code": "E42"}', True),
        ("HTTP 409 Conflict: taken", True),
        ("Could not grant: no such user", True),
        ('{"status": "open", "code": 200}', False),
        ('{"code": "A404"}', False),
        ('{"code": "\u00b2", "status": "' + "9" * 5000 + '"}', False),
        ('{"result": 450000}', False),
        ("You could not ask for more", False),
    ],
)
def test_a_result_says_in_many_ways_that_the_call_failed(text: str, failed: bool) -> None:
    assert is_error(text) is failed


def test_blocks_of_odd_types_are_borne(log: Log) -> None:
    blocks = [{"type": ["x"]}, {"type": {"y": 1}}, {"type": "tool_result"}, {"type": "tool_use"}, 7]
    said = [{"role": "user", "content": blocks}, {"role": "assistant", "content": blocks}]
    assert read(log([{"messages": [*said, agent("Hi")]}])).episodes
