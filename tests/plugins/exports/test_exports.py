"""Exports for other tools: each is read back by the library it is for, with the right values."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.errors import ConfigError
from harness.protocols import Domain, Settings
from harness.testing import check_format
from harness.testing.checks.formats import sample_recording
from harness.types import Message, Recording, ToolCall
from harness_exports.chat import chat_format
from harness_exports.inspect_logs import inspect_format
from harness_exports.messages import chat_messages
from harness_exports.pairs import pairs_format
from harness_exports.tables import parquet_format
from harness_retail.domain import retail_domain

FORMATS: dict[str, Any] = {
    "chat": chat_format,
    "inspect": inspect_format,
    "pairs": pairs_format,
    "parquet": parquet_format,
}


@pytest.fixture(scope="module")
def domain() -> Domain:
    return retail_domain(Settings())


@pytest.fixture(scope="module")
def recording(domain: Domain) -> Recording:
    found = sample_recording(domain)
    return replace(found, policy=domain.policy, tools=tuple(domain.tools))


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def counted(recording: Recording, success: bool) -> list[str]:
    return [
        e.trajectory.id
        for e in recording.episodes
        if not e.uncounted and e.score.success is success
    ]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", FORMATS)
def test_a_format_that_is_only_written_keeps_to_the_contract(
    name: str, domain: Domain, tmp_path: Path
) -> None:
    check_format(FORMATS[name](Settings()), domain, tmp_path / "out", reads=False)
    with pytest.raises(ConfigError, match="colour"):
        FORMATS[name](Settings(options={"colour": 1}))


# --- chat


def test_chat_lines_are_the_solved_conversations_with_policy_and_tools(
    recording: Recording, domain: Domain, tmp_path: Path
) -> None:
    chat_format(Settings()).write(recording, tmp_path / "chat.jsonl")
    rows = lines(tmp_path / "chat.jsonl")
    assert len(rows) == len(counted(recording, True)) > 0
    for row in rows:
        assert set(row) == {"messages", "tools"}
        assert row["tools"] == [tool.schema() for tool in domain.tools]
        first, *rest = row["messages"]
        assert first == {"role": "system", "content": domain.policy}
        assert rest[-1]["role"] == "assistant"
        called = [call["id"] for m in rest for call in m.get("tool_calls", [])]
        assert [m["tool_call_id"] for m in rest if m["role"] == "tool"] == called
        for call in (call for m in rest for call in m.get("tool_calls", [])):
            assert isinstance(json.loads(call["function"]["arguments"]), dict)


def test_all_conversations_and_what_they_are_come_if_asked_for(
    recording: Recording, tmp_path: Path
) -> None:
    options = Settings(options={"which": "all", "metadata": True})
    chat_format(options).write(recording, tmp_path / "chat.jsonl")
    rows = lines(tmp_path / "chat.jsonl")
    told = {row["metadata"]["id"]: row["metadata"]["success"] for row in rows}
    spoken = {e.trajectory.id for e in recording.episodes if len(e.trajectory.messages) > 1}
    assert {id for id, success in told.items() if success} == set(counted(recording, True))
    assert {id for id, success in told.items() if not success} >= (
        set(counted(recording, False)) & spoken
    )


def test_the_users_own_calls_are_not_for_the_agent(recording: Recording) -> None:
    call = ToolCall(name="toggle", arguments={}, id="u1", requestor="user")
    said = (
        Message(role="user", calls=(call,)),
        Message(role="tool", content="on", call_id="u1", requestor="user"),
        Message(role="user", content="It is on."),
    )
    trajectory = replace(recording.episodes[0].trajectory, messages=said)
    assert chat_messages(trajectory) == [{"role": "user", "content": "It is on."}]


def test_lines_of_held_out_tasks_come_with_a_warning(recording: Recording, tmp_path: Path) -> None:
    tasks = tuple(replace(task, split="test") for task in recording.tasks)
    with pytest.warns(UserWarning, match="test tasks"):
        chat_format(Settings()).write(replace(recording, tasks=tasks), tmp_path / "chat.jsonl")


@pytest.mark.parametrize("name", ["chat", "pairs"])
def test_datasets_reads_the_lines_as_trainers_do(
    recording: Recording, tmp_path: Path, name: str
) -> None:
    datasets = pytest.importorskip("datasets")
    file = tmp_path / "lines.jsonl"
    FORMATS[name](Settings()).write(recording, file)
    found = datasets.load_dataset(
        "json", data_files=str(file), split="train", cache_dir=str(tmp_path / "cache")
    )
    rows = lines(file)
    assert len(found) == len(rows) > 0
    column = "messages" if name == "chat" else "chosen"
    said = [[message["content"] for message in row[column]] for row in rows]
    assert [[message["content"] for message in row[column]] for row in found] == said
    names = [tool["function"]["name"] for tool in rows[0]["tools"]]
    assert [tool["function"]["name"] for tool in found[0]["tools"]] == names


# --- pairs


@pytest.mark.parametrize("scope", ["conversation", "turn"])
def test_pairs_begin_alike_and_part_in_a_turn_of_the_agent(
    recording: Recording, tmp_path: Path, scope: str
) -> None:
    pairs_format(Settings(options={"scope": scope})).write(recording, tmp_path / "pairs.jsonl")
    rows = lines(tmp_path / "pairs.jsonl")
    assert rows
    solved = {e.trajectory.id: e for e in recording.episodes}
    good = [
        chat_messages(solved[id].trajectory, recording.policy) for id in counted(recording, True)
    ]
    for row in rows:
        one, other = row["chosen"], row["rejected"]
        assert one != other
        assert one[0]["role"] == other[0]["role"] == "assistant"
        whole = row["prompt"] + one
        assert any(messages[: len(whole)] == whole for messages in good)
        assert scope == "conversation" or len(one) == len(other) == 1


# --- parquet


def test_datasets_opens_the_folder(
    recording: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = pytest.importorskip("datasets")
    folder = tmp_path / "tables"
    parquet_format(Settings()).write(recording, folder)
    tables = {
        name: datasets.load_dataset(str(folder), name, split="train", cache_dir=str(tmp_path / "c"))
        for name in ("trajectories", "tasks", "diagnoses", "pairs")
    }
    rows = tables["trajectories"]
    assert rows["id"][:] == [e.trajectory.id for e in recording.episodes]
    assert rows["success"][:] == [e.score.success for e in recording.episodes]
    calls = [
        call["function"]["name"]
        for row in rows
        for m in row["messages"]
        for call in m["tool_calls"]
    ]
    assert calls == [c.name for e in recording.episodes for c in e.trajectory.calls]
    assert tables["tasks"]["id"][:] == [task.id for task in recording.tasks]
    for row, task in zip(tables["tasks"], recording.tasks, strict=True):
        assert [call["name"] for call in json.loads(row["gold"])] == [c.name for c in task.gold]
    wanted = [d.trajectory_id for d in recording.diagnoses]
    assert tables["diagnoses"]["trajectory_id"][:] == wanted
    assert all(row["chosen"] != row["rejected"] for row in tables["pairs"])


def test_tables_without_rows_can_be_opened(recording: Recording, tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    bare = replace(recording, diagnoses=(), episodes=recording.episodes[:1])
    parquet_format(Settings()).write(bare, tmp_path / "tables")
    assert pq.read_table(tmp_path / "tables" / "diagnoses.parquet").num_rows == 0
    assert pq.read_table(tmp_path / "tables" / "trajectories.parquet").num_rows == 1


# --- inspect

READER = """
import json, sys
from inspect_ai.log import read_eval_log, list_eval_logs
log = read_eval_log(sys.argv[1])
listed = list_eval_logs(sys.argv[2])
print(json.dumps({
    "status": log.status, "model": log.eval.model, "listed": len(listed),
    "metrics": {s.name: {m: v.value for m, v in s.metrics.items()} for s in log.results.scores},
    "samples": [
        [s.id, s.epoch, s.scores["success"].value if s.scores else None, len(s.messages),
         sum(len(m.tool_calls or []) for m in s.messages if m.role == "assistant")]
        for s in log.samples
    ],
}))
"""


def reader() -> str:
    """A Python that has Inspect: that of `make inspect`, or the one that INSPECT_PYTHON names."""
    made = Path(__file__).parents[3] / ".venv" / "inspect"
    usual = str(made / "bin" / "python") if (made / ".ready").exists() else ""
    if not (python := os.environ.get("INSPECT_PYTHON", usual)):
        pytest.skip("inspect_ai is not installed: `make inspect` does, or INSPECT_PYTHON names one")
    return python


def test_inspect_reads_the_log_and_lists_the_right_scores(
    recording: Recording, tmp_path: Path
) -> None:
    python = reader()
    inspect_format(Settings()).write(recording, tmp_path / "logs")
    [path] = (tmp_path / "logs").iterdir()
    done = subprocess.run(
        [python, "-c", READER, str(path), str(path.parent)],
        capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert (found["status"], found["model"], found["listed"]) == ("success", "played", 1)
    success = {True: "C", False: "I"}
    assert found["samples"] == [
        [
            e.task.id,
            e.trajectory.trial + 1,
            None if e.uncounted else success[e.score.success],
            len(e.trajectory.messages) + 1,
            len(e.trajectory.calls),
        ]
        for e in recording.episodes
    ]
    good, bad = counted(recording, True), counted(recording, False)
    accuracy = len(good) / (len(good) + len(bad))
    assert found["metrics"]["success"]["accuracy"] == pytest.approx(accuracy, abs=1e-6)
    assert 0 <= found["metrics"]["success"]["pass_1"] <= 1


def test_a_log_of_inspect_has_what_its_form_demands(recording: Recording, tmp_path: Path) -> None:
    inspect_format(Settings()).write(recording, tmp_path / "log.json")
    log = json.loads((tmp_path / "log.json").read_text())
    assert (log["version"], log["status"]) == (2, "success")
    assert {"created", "task", "dataset", "model", "config"} <= set(log["eval"])
    for sample, episode in zip(log["samples"], recording.episodes, strict=True):
        assert {"id", "epoch", "input", "target", "messages"} <= set(sample)
        assert ("error" in sample) == episode.trajectory.is_fault


# --- the command


def test_exports_get_names_by_their_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from harness.cli import main

    def harness(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["harness", *words])
        with pytest.raises(SystemExit) as left:
            main()
        assert not left.value.code
        return capsys.readouterr().out.strip()

    monkeypatch.chdir(tmp_path)
    words = ["--policy", "noisy:0.7", "--split", "train", "--tasks", "3", "--trials", "4"]
    harness("eval", *words, "--out", "run")
    names = {"chat": ".jsonl", "pairs": ".jsonl", "inspect": "", "parquet": ""}
    for name, suffix in names.items():
        path = harness("export", "run", "--format", name)
        assert path == f"run/exports/{name}-policy-train{suffix}"
        assert Path(path).is_file() == bool(suffix)
    assert Path("run/exports/parquet-policy-train/README.md").is_file()
    [row, *_] = lines(Path("run/exports/chat-policy-train.jsonl"))
    assert row["tools"]
    assert "retail" in row["messages"][0]["content"].lower()
