"""Logs of Inspect, results of verifiers and spans of OpenTelemetry, as their tools write them."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from harness.errors import FormatError
from harness.interchange.files import read_source
from harness.interchange.foreign import Adoption
from harness.llm.roles import open_registry
from harness.types import Recording
from harness_traces.inspect_logs import InspectFormat
from harness_traces.inspect_logs import Options as InspectOptions
from harness_traces.spans import SpansFormat
from harness_traces.verifiers_results import Options as VerifiersOptions
from harness_traces.verifiers_results import VerifiersFormat

ARGUMENTS = '{"order_id": "#W1"}'


def talk(recording: Recording, number: int = 0) -> list[tuple[str, str, list[str]]]:
    messages = recording.episodes[number].trajectory.messages
    return [(m.role, m.content, [call.name for call in m.calls]) for m in messages]


TALK = [
    ("user", "Where is #W1?", []),
    ("assistant", "", ["get_order"]),
    ("tool", "pending", []),
    ("assistant", "It is pending.", []),
]


def outcomes(recording: Recording) -> list[bool | None]:
    return [e.score.success if e.grade.is_decided else None for e in recording.episodes]


def recognised(path: Path) -> str:
    return read_source(open_registry(), path, adoption=Adoption(failed_if="calls > 9")).format


# --- Inspect --------------------------------------------------------------------------------------


def sample(number: int, value: Any = "C", **more: Any) -> dict[str, Any]:
    call = {"id": "c", "function": "get_order", "arguments": {"order_id": "#W1"}}
    tool = {"name": "get_order", "description": "", "parameters": {"type": "object"}}
    return {
        "id": f"s{number // 2}",
        "epoch": number % 2 + 1,
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "Where is #W1?"},
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "content": "pending", "tool_call_id": "c", "function": "get_order"},
            {"role": "assistant", "content": [{"type": "text", "text": "It is pending."}]},
        ],
        "scores": {"includes": {"value": value}, "other": {"value": 0.2}},
        "metadata": {"k": number},
        "events": [{"event": "model", "tools": [tool]}],
        **more,
    }


HEADER = {"version": 2, "status": "success", "eval": {"task": "orders", "model": "m"}}
SAMPLES = [sample(0), sample(1, "I"), sample(2, error={"message": "down\nTraceback"}), sample(3, 1)]


def read_inspect(path: Path, scorer: str = "") -> Recording:
    return InspectFormat(InspectOptions(scorer=scorer)).read(path)


def archive(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("header.json", json.dumps(HEADER))
        for number, one in enumerate(SAMPLES):
            file.writestr(f"samples/{number}.json", json.dumps(one))
    return path


def test_a_log_of_inspect_is_read_whether_json_archive_or_folder(tmp_path: Path) -> None:
    whole = tmp_path / "log.json"
    whole.write_text(json.dumps({**HEADER, "samples": SAMPLES}))
    for path in (whole, archive(tmp_path / "log.eval"), tmp_path):
        recording = read_inspect(path)
        assert outcomes(recording)[:4] == [True, False, None, True]
        assert talk(recording) == TALK
        assert recording.about["system"] == "Be kind."
        assert [tool.name for tool in recording.tools] == ["get_order"]
        assert len(recording.tasks) == 2
        assert recording.episodes[1].trajectory.trial == 1
        assert recording.episodes[2].trajectory.fault == "down"
    assert recognised(whole) == recognised(tmp_path / "log.eval") == "inspect-log"
    assert outcomes(read_inspect(whole, "other"))[0] is False


def test_an_archive_packed_with_zstandard_is_read(tmp_path: Path) -> None:
    zstandard = pytest.importorskip("zstandard")
    path = tmp_path / "log.eval"
    with zipfile.ZipFile(path, "w") as file:
        for name, value in (("header.json", HEADER), ("samples/0.json", SAMPLES[0])):
            file.writestr(name, zstandard.compress(json.dumps(value).encode()))
            file.getinfo(name).compress_type = 93  # written into the index on closing
    assert talk(read_inspect(path)) == TALK


@pytest.mark.parametrize(
    "content", [b"", b'{"version": 2, "eval": {}', b'{"version": 2, "eval": {}}', b"PK\x03\x04"]
)
def test_what_is_no_whole_log_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    path.write_bytes(content)
    with pytest.raises(FormatError) as refused:
        read_inspect(path)
    assert refused.value.hint


# --- verifiers ------------------------------------------------------------------------------------


CALLED = {"id": "c", "type": "function", "name": "get_order", "arguments": ARGUMENTS}


def trace(score: float, **more: Any) -> dict[str, Any]:
    nodes = [
        {"parent": None, "message": {"role": "user", "content": "Where is #W1?"}},
        {"parent": 0, "message": {"role": "assistant", "tool_calls": [CALLED]}, "sampled": True},
        {"parent": 0, "message": {"role": "assistant", "content": "a draft"}, "sampled": True},
        {"parent": 1, "message": {"role": "tool", "tool_call_id": "c", "content": "pending"}},
        {
            "parent": 3,
            "message": {"role": "assistant", "content": "It is pending."},
            "sampled": True,
        },
    ]
    return {
        "version": 1,
        "task": {"type": "T", "data": {"idx": 0}, "key": "k"},
        "agent": {"config": {"model": "m"}},
        "nodes": nodes,
        "rewards": {"a": {"score": score, "weight": 2.0}, "b": {"score": 1.0, "weight": 0.0}},
        "errors": [],
        **more,
    }


def write_lines(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_rollouts_of_verifiers_are_read_by_their_last_branch_and_reward(tmp_path: Path) -> None:
    broken = trace(1.0, errors=[{"type": "x", "message": "down"}])
    path = write_lines(tmp_path / "traces.jsonl", trace(0.5), trace(0.2), {"traces": [broken]})
    recording = VerifiersFormat(VerifiersOptions()).read(tmp_path)
    assert talk(recording) == TALK
    assert outcomes(recording) == [True, False, None]
    assert len(recording.tasks) == 1
    assert recording.originals[recording.episodes[0].trajectory.id]["reward"] == 1.0
    assert recognised(path) == "verifiers"


def test_older_results_of_verifiers_are_read(tmp_path: Path) -> None:
    call = {"id": "c", "function": {"name": "get_order", "arguments": ARGUMENTS}}
    row = {
        "example_id": 3,
        "prompt": [{"role": "user", "content": "Where is #W1?"}],
        "completion": [
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c", "content": "pending"},
            {"role": "assistant", "content": "It is pending."},
        ],
        "reward": 0.6,
        "answer": "pending",
    }
    path = write_lines(tmp_path / "results.jsonl", row, row)
    recording = VerifiersFormat(VerifiersOptions(success_from=0.5)).read(path)
    assert talk(recording) == TALK
    assert outcomes(recording) == [True, True]
    assert [e.trajectory.trial for e in recording.episodes] == [0, 1]
    assert recognised(path) == "verifiers"


# --- OpenTelemetry --------------------------------------------------------------------------------


def typed(value: Any) -> dict[str, Any]:
    if isinstance(value, list):
        return {"arrayValue": {"values": [typed(one) for one in value]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": pairs(value)}}
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}


def pairs(table: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": typed(value)} for key, value in table.items()]


def span(id: str, start: int, parent: str = "", **attributes: Any) -> dict[str, Any]:
    named = {f"gen_ai.{k.replace('__', '.')}": v for k, v in attributes.items()}
    return {
        "traceId": "t1",
        "spanId": id,
        "parentSpanId": parent,
        "name": id,
        "startTimeUnixNano": str(start),
        "attributes": pairs(named),
        "events": [],
        "status": {},
    }


def part(role: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": kind, **more}]}


ASKED = part("user", "text", content="Where is #W1?")
CALL = part("assistant", "tool_call", id="c", name="get_order", arguments={"order_id": "#W1"})
ANSWER = part("tool", "tool_call_response", id="c", response="pending")
SAID = part("assistant", "text", content="It is pending.")


def export(*spans: dict[str, Any]) -> dict[str, Any]:
    return {"resourceSpans": [{"resource": {}, "scopeSpans": [{"spans": list(spans)}]}]}


def chats(*, as_text: bool) -> list[dict[str, Any]]:
    form: Any = json.dumps if as_text else lambda value: value
    root = span("root", 1, operation__name="invoke_agent", agent__name="shop")
    first = span("a", 2, "root", operation__name="chat", input__messages=form([ASKED]),
                 output__messages=form([CALL]), request__model="m")  # fmt: skip
    second = span("b", 4, "root", operation__name="chat",
                  input__messages=form([ASKED, CALL, ANSWER]),
                  output__messages=form([SAID]))  # fmt: skip
    score = {"gen_ai.evaluation.name": "done", "gen_ai.evaluation.score.value": 1}
    second["events"] = [{"name": "gen_ai.evaluation.result", "attributes": pairs(score)}]
    return [second, root, first]


@pytest.mark.parametrize("as_text", [True, False])
def test_spans_are_joined_to_conversations_with_the_verdict_of_evaluations(
    as_text: bool, tmp_path: Path
) -> None:
    path = write_lines(tmp_path / "spans.jsonl", export(*chats(as_text=as_text)))
    recording = SpansFormat().read(path)
    assert talk(recording) == TALK
    assert outcomes(recording) == [True]
    assert recording.episodes[0].trajectory.policy == "m"
    assert recognised(path) == "otel"


def test_spans_of_tools_fill_in_what_messages_lack(tmp_path: Path) -> None:
    chat = span("a", 2, operation__name="chat", input__messages=json.dumps([ASKED]),
                output__messages=json.dumps([CALL]))  # fmt: skip
    tool = span("b", 3, operation__name="execute_tool", tool__name="get_order",
                tool__call__id="c", tool__call__result="pending")  # fmt: skip
    recording = SpansFormat().read(write_lines(tmp_path / "spans.json", export(chat, tool)))
    assert talk(recording) == TALK[:3]
    alone = span("d", 1, operation__name="execute_tool", tool__name="get_order",
                 tool__call__arguments=ARGUMENTS, tool__call__result="pending")  # fmt: skip
    recording = SpansFormat().read(write_lines(tmp_path / "other.json", export(alone)))
    assert talk(recording) == TALK[1:3]


def test_events_of_older_conventions_and_console_exports_are_read(tmp_path: Path) -> None:
    call = {"id": "c", "function": {"name": "get_order", "arguments": ARGUMENTS}}
    events = [
        ("gen_ai.user.message", {"content": "Where is #W1?"}),
        ("gen_ai.assistant.message", {"content": "", "tool_calls": json.dumps([call])}),
        ("gen_ai.tool.message", {"content": "pending", "id": "c"}),
        ("gen_ai.choice", {"message": json.dumps({"content": "It is pending."})}),
    ]
    one = {
        "name": "chat m",
        "context": {"trace_id": "0x1", "span_id": "0x2"},
        "parent_id": None,
        "start_time": "2026-01-01T00:00:00.5Z",
        "status": {"status_code": "UNSET"},
        "attributes": {"gen_ai.operation.name": "chat", "gen_ai.conversation.id": "x"},
        "events": [{"name": name, "attributes": table} for name, table in events],
    }
    path = tmp_path / "console"
    path.write_text(json.dumps(one, indent=4) + "\n" + json.dumps({**one, "name": "y"}, indent=4))
    recording = SpansFormat().read(path)
    assert [talk(recording, n) for n in range(len(recording.episodes))] == [TALK]


def test_conversations_of_one_trace_and_agents_in_it_are_told_apart(tmp_path: Path) -> None:
    def chat(id: str, start: int, conversation: str, parent: str = "") -> dict[str, Any]:
        return span(id, start, parent, operation__name="chat", conversation__id=conversation,
                    input__messages=json.dumps([ASKED]),
                    output__messages=json.dumps([SAID]))  # fmt: skip

    helper = span("h", 3, "a", operation__name="invoke_agent", agent__name="helper")
    spans = [chat("a", 1, "one"), chat("b", 2, "two"), helper, chat("c", 4, "one", "h")]
    recording = SpansFormat().read(write_lines(tmp_path / "spans.json", export(*spans)))
    assert len(recording.episodes) == 3


@pytest.mark.parametrize(
    ("spans", "words"),
    [
        ([span("a", 1)], "operation.name"),
        ([span("a", 1, operation__name="chat")], "no messages"),
    ],
)
def test_spans_without_content_are_refused_with_what_to_set(
    spans: list[dict[str, Any]], words: str, tmp_path: Path
) -> None:
    path = write_lines(tmp_path / "spans.json", export(*spans))
    with pytest.raises(FormatError, match=words) as refused:
        SpansFormat().read(path)
    assert refused.value.hint


def test_mixed_formats_in_one_file_are_refused_by_their_line(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "mixed", trace(1.0), {"messages": []})
    with pytest.raises(FormatError, match="line 2"):
        VerifiersFormat(VerifiersOptions()).read(path)
