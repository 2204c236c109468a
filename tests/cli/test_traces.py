"""`discover` and `import` on logs of an agent that no domain knows."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]
LEXICAL = ("--option", "faiss.model=lexical")


def turn(role: str, content: str = "", **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


def look_up(times: int) -> list[dict[str, Any]]:
    function = {"name": "get_order", "arguments": '{"id": "#W1"}'}
    asked = turn("assistant", tool_calls=[{"id": "1", "function": function}])
    return [asked, turn("tool", '{"status": "pending"}', tool_call_id="1")] * times


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Six conversations that went well, six with the same call over and over, four refusals."""
    hello = turn("user", "Where is my order #W1? Write to ann@x.org.")
    good = [hello, *look_up(1), turn("assistant", "It is pending. Anything else?")]
    loop = [hello, *look_up(5), turn("assistant", "It is pending. Anything else?")]
    no = [hello, turn("assistant", "Sorry, that is not allowed.")]
    records = [(good, 1), (loop, 0), (no, 0)]
    lines = [
        {"messages": messages, "meta": {"reward": reward}}
        for (messages, reward), times in zip(records, (6, 6, 4), strict=True)
        for _ in range(times)
    ]
    path = tmp_path / "agent.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_patterns_are_found_in_a_log_without_any_domain(cli: Cli, file: Path) -> None:
    done = cli("discover", file, "--outcome", "meta.reward", "--out", "run", "--json")
    assert done.status == 0, done.err
    kinds = [dict(pattern["kinds"]) for pattern in done.json["patterns"]]
    assert kinds == [{"repeated_call": 6}, {"refused_request": 4}]
    assert "redacted: 16 email" in done.err
    assert "ann@x.org" not in "".join(
        path.read_text() for path in Path("run").rglob("*.json*") if path.is_file()
    )


def test_a_condition_tells_failures_and_a_missing_one_names_the_fields(
    cli: Cli, file: Path
) -> None:
    done = cli("discover", file, "--failed-if", "calls != 1", "--out", "run", "--json")
    assert done.status == 0, done.err
    assert done.json["blame"] or done.json["patterns"]
    lost = cli("discover", file)
    assert lost.status == 1
    assert "meta.reward" in lost.err
    assert "--failed-if" in lost.err
    wrong = cli("discover", file, "--failed-if", "__import__('os')")
    assert wrong.status == 1
    assert "cannot stand" in wrong.err


def test_a_log_is_imported_with_its_verdicts(cli: Cli, file: Path) -> None:
    done = cli("import", "openai-chat", file, "--outcome", "meta.reward", "--redact", "none",
               "--json")  # fmt: skip
    assert done.status == 0, done.err
    assert done.json["conversations"] == 16
    assert done.json["kept_successes"] == 6
    assert "nothing was redacted" in done.err
    again = cli("discover", done.json["run"], "--outcome", "meta.reward")
    assert again.status == 1
    assert "run folder" in again.err
    assert cli("discover", done.json["run"], "--json").json["patterns"]


def test_tasks_cannot_be_made_where_there_is_no_domain(cli: Cli, file: Path) -> None:
    assert cli("discover", file, "--outcome", "meta.reward", "--out", "run").status == 0
    injected = cli("inject", "run")
    assert injected.status == 0
    assert "no tasks can be made from conversations alone" in injected.out + injected.err


@pytest.mark.parametrize("content", ["", "nonsense", '{"messages": 3}\n'])
def test_other_files_are_refused_in_words(cli: Cli, tmp_path: Path, content: str) -> None:
    path = tmp_path / "other"
    path.write_text(content)
    refused = cli("discover", path, "--format", "openai-chat", "--outcome", "r")
    assert refused.status == 1
    assert "error:" in refused.err
    assert "Traceback" not in refused.err


@pytest.mark.parametrize("good", [5, "5"])
def test_a_scale_is_no_outcome_until_its_limit_is_named(
    good: int | str, cli: Cli, tmp_path: Path
) -> None:
    said = [turn("user", "Hello"), turn("assistant", "Sorry, no.")]
    path = tmp_path / "agent.jsonl"
    lines = [{"messages": said, "stars": stars} for stars in [good] * 3 + [type(good)(1)] * 3]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    refused = cli("discover", path, "--outcome", "stars")
    assert refused.status == 1
    assert "'stars' has numbers from 1 to 5: which of them are failures?" in refused.err
    assert "--failed-if 'stars < 5'" in refused.err


def test_a_conversation_is_known_by_the_id_of_its_record(cli: Cli, tmp_path: Path) -> None:
    said = [turn("user", "Hello"), turn("assistant", "Sorry, no.")]
    path = tmp_path / "agent.jsonl"
    lines = [{"messages": said, "id": f"c{number}", "solved": False} for number in range(12)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert cli("discover", path, "--outcome", "solved", "--out", "run").status == 0
    shown = cli("show", "run", "c1")
    assert shown.status == 0, shown.err
    assert 'id "c1"' in shown.out
    assert "solved false" in shown.out
    assert "none were wanted" not in shown.out
    assert cli("show", "run", "c1", "--json").json["record"] == {"id": "c1", "solved": False}
    assert cli("show", "run", "c12").status == 1
