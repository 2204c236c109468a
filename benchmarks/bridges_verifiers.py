"""Measure an evaluation of verifiers on retail: do its rollouts and our taskset meet?

    python benchmarks/bridges_verifiers.py [--tasks N] [--json]

In an environment with `verifiers` and this project. verifiers' own `vf-eval` plays N tasks of
"train" twice, with its "null" agent, against a model on loopback: one that makes the gold calls,
says what must be said and takes leave, then one that only takes leave, even after the end.
verifiers installs the packages of its agent with `uv`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from typing import Any

from harness_bridges.episodes import Episode, open_domain, tasks_of
from harness_bridges.verifiers_taskset import OVER

Calls = Sequence[tuple[str, dict[str, Any]]]
GOODBYE = ("say", {"text": "It is done. Is there anything else?"})
EVAL = "from verifiers.v1.cli.eval.main import main; main()"


class Model(BaseHTTPRequestHandler):
    """Streamed chat completions by a script: calls by the first words of the user."""

    calls: Mapping[str, Calls]
    hangs_up: bool
    """Whether it stops when the conversation is over, and does not call on."""
    tools: set[str]
    """What was offered, over all requests."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        messages = asked["messages"]
        self.tools.update(tool["function"]["name"] for tool in asked.get("tools", []))
        content = next(m["content"] for m in messages if m["role"] == "user")
        first = content if isinstance(content, str) else content[0]["text"]
        made = sum(m["role"] == "assistant" for m in messages)
        over = self.hangs_up and OVER in json.dumps(messages[-1], allow_nan=False)
        planned = self.calls[first]
        delta: dict[str, Any] = {"role": "assistant", "content": "Goodbye."}
        if not over:
            name, arguments = planned[made] if made < len(planned) else GOODBYE
            function = {"name": name, "arguments": json.dumps(arguments, allow_nan=False)}
            call = {"index": 0, "id": f"call_{made}", "type": "function", "function": function}
            delta = {"role": "assistant", "content": None, "tool_calls": [call]}
        self._stream(delta, "stop" if over else "tool_calls")

    def _stream(self, delta: Mapping[str, Any], reason: str) -> None:
        same = {
            "id": "chat", "object": "chat.completion.chunk", "created": 1, "model": "scripted",
        }  # fmt: skip
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        chunks: list[dict[str, Any]] = [
            {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
            {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]},
            {"choices": [], "usage": usage},
        ]
        events = [*(json.dumps({**same, **chunk}, allow_nan=False) for chunk in chunks), "[DONE]"]
        body = "".join(f"data: {event}\n\n" for event in events).encode()
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def evaluate(calls: Mapping[str, Calls], *, hangs_up: bool) -> dict[str, Any]:
    """What `vf-eval` found with a model that makes these calls."""
    tools: set[str] = set()
    model = type("Scripted", (Model,), {"calls": calls, "hangs_up": hangs_up, "tools": tools})
    with tempfile.TemporaryDirectory() as folder:
        server = ThreadingHTTPServer(("127.0.0.1", 0), model)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            traces = traces_of(folder, server.server_address[1], len(calls))
        finally:
            server.shutdown()
            server.server_close()
    rewards = [row["rewards"].get("done") for row in traces]
    return {
        "rollouts": len(traces),
        "rewards": [reward and reward["score"] for reward in rewards],
        "stops": sorted({str(row.get("stop_condition")) for row in traces}),
        "errors": [error["message"] for row in traces for error in row["errors"]],
        "tools": len(tools),
    }


def traces_of(folder: str, port: int, count: int) -> list[dict[str, Any]]:
    options = {
        "env.taskset.count": count, "env.agent.harness.id": "null",
        "env.agent.runtime.type": "subprocess", "model": "scripted",
        "client.base-url": f"http://127.0.0.1:{port}/v1", "output-dir": folder,
        "max-concurrent": 2,
    }  # fmt: skip
    given = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    # Its runtime calls uv, which is beside this Python.
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
    done = subprocess.run(
        [sys.executable, "-c", EVAL, "harness-bridges", *given, "--no-push", "--no-rich"],
        env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=480,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(done.stderr or done.stdout)
    [path_of_traces] = Path(folder).glob("*/traces.jsonl")
    lines = [json.loads(line) for line in path_of_traces.read_text().splitlines()]
    return [trace for line in lines for trace in line.get("traces", [line])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tasks", type=int, default=4)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    began = time.perf_counter()
    domain = open_domain("retail")
    gold: dict[str, Calls] = {}
    for task in tasks_of(domain, "train", args.tasks):
        groups = domain.solve(task) or ()
        calls = [(call.name, dict(call.arguments)) for group in groups for call in group]
        said = [("say", {"text": " ".join(task.communicate)})] if task.communicate else []
        gold[Episode(domain, task).opening] = [*calls, *said]
    if len(gold) < args.tasks:
        raise SystemExit("two tasks open with the same words; ask for fewer")
    found = {
        "verifiers": version("verifiers"),
        "tasks": args.tasks,
        "gold": evaluate(gold, hangs_up=True),
        "idle": evaluate(dict.fromkeys(gold, ()), hangs_up=False),
        "seconds": round(time.perf_counter() - began, 1),
    }
    sys.stdout.write(json.dumps(found, indent=2, allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
