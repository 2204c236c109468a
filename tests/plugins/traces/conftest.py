"""Conversations as an agent's log has them."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.interchange.foreign import Adoption, adopt
from harness.interchange.inference import infer_tools
from harness.types import Episode
from harness_traces.domain import RecordedDomain
from harness_traces.messages import read_chat
from harness_traces.recordings import Record, recording_of

Log = Callable[[Sequence[Any]], Path]


@pytest.fixture
def log(tmp_path: Path) -> Log:
    """Write records as JSON Lines; text stands as it is."""

    def write(records: Sequence[Any]) -> Path:
        path = tmp_path / "agent.jsonl"
        lines = [one if isinstance(one, str) else json.dumps(one) for one in records]
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return path

    return write


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def agent(text: str = "", **calls: Mapping[str, Any]) -> dict[str, Any]:
    """What the agent says, and the calls it makes: arguments by the tool's name."""
    made = [
        {"id": f"call-{n}", "function": {"name": name, "arguments": json.dumps(arguments)}}
        for n, (name, arguments) in enumerate(calls.items())
    ]
    return {"role": "assistant", "content": text, **({"tool_calls": made} if made else {})}


def result(value: Any, id: str = "call-0") -> dict[str, Any]:
    content = value if isinstance(value, str) else json.dumps(value)
    return {"role": "tool", "tool_call_id": id, "content": content}


def heard(*messages: dict[str, Any]) -> tuple[Episode, RecordedDomain]:
    """The conversation as a failure, and the domain of its tools."""
    recording = recording_of([Record(chat=read_chat(messages), success=False)], Path("log"))
    [episode] = adopt(recording, Adoption()).recording.episodes
    return episode, RecordedDomain([one.tool for one in infer_tools([episode])], "")
