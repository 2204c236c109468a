"""Messages made of parts: the AI SDK's and Gemini's."""

from __future__ import annotations

from typing import Any

from harness.types import Recording
from harness_traces.chat_lines import ChatFormat, Options
from tests.plugins.traces.conftest import Log, agent, user

CANCEL = {"type": "tool-cancel", "toolCallId": "c", "input": {"id": 7}}


def read(log: Log, *records: Any) -> Recording:
    return ChatFormat(Options()).read(log(records))


def told(recording: Recording) -> list[tuple[str, str, list[Any], bool]]:
    [episode] = recording.episodes
    return [
        (m.role, m.content, [(c.name, dict(c.arguments)) for c in m.calls], m.is_error)
        for m in episode.trajectory.messages
    ]


def test_parts_of_the_ai_sdk_are_texts_calls_and_results(log: Log) -> None:
    said = {"type": "text", "text": "Done."}
    parts = [{"type": "step-start"}, {**CANCEL, "output": {"ok": True}}, said]
    record = {
        "messages": [
            {"role": "user", "parts": [{"type": "text", "text": "Cancel 7"}]},
            {"role": "assistant", "parts": parts},
        ]
    }
    recording = read(log, record)
    assert told(recording) == [
        ("user", "Cancel 7", [], False),
        ("assistant", "", [("cancel", {"id": 7})], False),
        ("tool", '{"ok": true}', [], False),
        ("assistant", "Done.", [], False),
    ]
    assert recording.about["odd"] == {}


def test_a_failed_call_of_the_ai_sdk_is_an_error(log: Log) -> None:
    parts = [{**CANCEL, "type": "dynamic-tool", "toolName": "stop", "errorText": "down"}]
    [_, call, result] = told(read(log, {"messages": [user("Hi"), {"role": "ai", "parts": parts}]}))
    assert call[2] == [("stop", {"id": 7})]
    assert result == ("tool", "down", [], True)


def test_contents_of_gemini_are_messages(log: Log) -> None:
    call = {"functionCall": {"name": "find", "args": {"id": 1}}}
    found = {"functionResponse": {"name": "find", "response": {"name": "mug"}}}
    contents = [
        {"role": "user", "parts": [{"text": "Find it"}]},
        {"role": "model", "parts": [call]},
        {"role": "user", "parts": [found]},
        {"role": "model", "parts": [{"text": "A mug."}]},
    ]
    recording = read(log, {"contents": contents})
    assert told(recording) == [
        ("user", "Find it", [], False),
        ("assistant", "", [("find", {"id": 1})], False),
        ("tool", '{"name": "mug"}', [], False),
        ("assistant", "A mug.", [], False),
    ]
    assert recording.about["odd"] == {}


def test_parts_that_are_nothing_known_are_named_and_counted(log: Log) -> None:
    parts = [{"type": "file", "url": "x"}]
    recording = read(log, {"messages": [{"role": "user", "parts": parts}, agent("Hm.")]})
    assert told(recording)[0][1] == "[file]"
    assert recording.about["odd"] == {"parts of messages that are no text": 1}


def test_conversations_in_which_the_agent_says_nothing_are_counted(log: Log) -> None:
    recording = read(log, {"messages": [user("Hi")]}, {"messages": [user("Hi"), agent("Yes?")]})
    assert recording.about["odd"] == {"conversations without a message of the agent": 1}
