"""Whether long files are recognised by what they begin with."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness_traces import json_records
from harness_traces.chat_lines import ChatFormat, Options
from harness_traces.json_records import first_entry
from harness_traces.spans import SpansFormat
from tests.plugins.traces.conftest import agent, result, user

BEGIN = {"role": "system", "content": 'Say "no" to {all}, [x'}
CHAT = [BEGIN, user("é" * 30), agent(find={"id": 1}), result({"ok": True}), agent("Done?")]
RECORD = {"id": "a", "tools": [{"type": "function", "function": {"name": "f"}}], "messages": CHAT}


@pytest.mark.parametrize("value", [RECORD, [RECORD, RECORD], CHAT])
def test_a_long_file_is_recognised_wherever_its_head_ends(
    value: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = json.dumps(value, ensure_ascii=False).encode()
    (path := tmp_path / "log.json").write_bytes(content)
    said = json.dumps(CHAT[1], ensure_ascii=False).encode()
    for head in range(content.index(said) + len(said), len(content) + 1):
        monkeypatch.setattr(json_records, "HEAD", head)
        assert ChatFormat(Options()).recognises(path), head
        assert not SpansFormat().recognises(path)


def test_what_is_told_of_a_long_record_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path := tmp_path / "log.json").write_text(text := json.dumps(RECORD))
    for head in range(text.index(","), len(text)):
        monkeypatch.setattr(json_records, "HEAD", head)
        found = first_entry(path)
        assert isinstance(found, dict)
        messages = found.pop("messages", [])
        assert isinstance(messages, list)
        assert messages == CHAT[: len(messages)]
        assert found["id"] == "a"


@pytest.mark.parametrize("text", ["no JSON", '{"a": }' + " " * 100, "}{" * 50, '"' * 99])
def test_a_long_file_of_something_else_is_no_log(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_records, "HEAD", 5)
    (path := tmp_path / "log.json").write_text(text)
    assert not ChatFormat(Options()).recognises(path)
    assert not SpansFormat().recognises(path)
