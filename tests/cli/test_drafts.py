"""`domain from-traces`: a package that passes the kit, or says what it lacks."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]


def conversation(number: int) -> dict[str, Any]:
    def asked(name: str, **arguments: Any) -> dict[str, Any]:
        function = {"name": name, "arguments": json.dumps(arguments)}
        return {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "c", "function": function}],
        }

    def answer(text: str) -> dict[str, Any]:
        return {"role": "tool", "tool_call_id": "c", "content": text}

    return {
        "messages": [
            {"role": "system", "content": "Cancel only pending orders."},
            {"role": "user", "content": f"Cancel my order #W{number}, I am a@b.org."},
            asked("get_order", order_id=f"#W{number}"),
            answer(json.dumps({"order_id": f"#W{number}", "status": "pending"})),
            asked("cancel_order", order_id=f"#W{number}"),
            answer("done"),
            {"role": "assistant", "content": "It is cancelled."},
        ],
        "reward": 1,
    }


def log(path: Path, records: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_a_draft_passes_the_kit_and_lists_what_to_decide(cli: Cli, tmp_path: Path) -> None:
    file = log(tmp_path / "agent.jsonl", [conversation(number) for number in range(30)])
    done = cli("domain", "from-traces", file, "--outcome", "reward", "--out", "shop", "--name",
               "shop", "--json")  # fmt: skip
    assert done.status == 0, done.err
    assert (done.json["tools"], done.json["records"], done.json["tasks"]) == (2, 30, 30)
    assert done.json["problem"] == ""
    assert any("cancel_order" in sentence for sentence in done.json["decisions"])
    folder = Path("shop")
    assert "Cancel only pending" in (folder / "harness_shop" / "policy.md").read_text()
    tools = json.loads((folder / "harness_shop" / "tools.json").read_text())
    assert {tool["name"]: tool["kind"] for tool in tools} == {
        "cancel_order": "write", "get_order": "read",
    }  # fmt: skip
    assert "a@b.org" not in "".join(p.read_text() for p in folder.rglob("*") if p.is_file())
    again = cli("domain", "from-traces", file, "--outcome", "reward", "--out", "shop")
    assert again.status == 1
    assert "is there already" in again.err


def test_a_draft_without_tasks_says_what_is_missing(cli: Cli, tmp_path: Path) -> None:
    file = log(tmp_path / "agent.jsonl", [{**conversation(1), "reward": 0}])
    done = cli("domain", "from-traces", file, "--outcome", "reward", "--out", "shop")
    assert done.status == 0
    assert "does not pass the conformance kit yet" in done.out
    assert "tasks" in done.out


@pytest.mark.parametrize("name", ["My Shop", "class", "../x", ""])
def test_names_that_are_no_package_are_refused(cli: Cli, tmp_path: Path, name: str) -> None:
    file = log(tmp_path / "agent.jsonl", [conversation(1)])
    done = cli("domain", "from-traces", file, "--outcome", "reward", "--out", "x", "--name", name)
    assert done.status == 1
    assert "cannot name a domain" in done.err
