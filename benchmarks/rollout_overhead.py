"""What a conversation costs besides the provider's SDK, with 1,000 of them open at once.

    python benchmarks/rollout_overhead.py [--inspect-python INSPECT_ENV/bin/python] [--json]
    python benchmarks/rollout_overhead.py --ray 500 [--json]

One evaluation of the retail domain, as `harness eval --policy openai:MODEL --simulator openai` does
it: cache, counts, run folder and grades included. Agent and customer are one server on loopback, in
a process of its own, whose every answer takes 50 ms (`rollout_overhead_server.py`). A turn is one
answer of a chat model; ten make a conversation, and three of them are calls of a tool. With
--inspect-python, inspect_ai has the same conversations with the same server
(`rollout_overhead_inspect.py`). With --ray, what a rollout costs on a Ray cluster beyond one here
is measured instead (`rollout_overhead_ray.py`).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from loop_lag import Lag, percentile
from rollout_overhead_ray import ray_figures
from rollout_overhead_server import TOOL, TURNS, USED

from harness.assembly.components import Components
from harness.assembly.config import load_config
from harness.llm.policy import agent_system
from harness.llm.roles import open_registry
from harness.llm.user import user_system
from harness.loop import evaluate_once
from harness.protocols import Settings
from harness.protocols.executor import Executor
from harness.run_folder import RunFolder
from harness.types import Message, ToolCall

HERE = Path(__file__).parent
TASKS = 100
VARIABLES = {
    "claude": ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"),
    "openai": ("OPENAI_API_KEY", "OPENAI_BASE_URL"),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_GEMINI_BASE_URL"),
}
SDK_CALLS = {
    "claude": ("anthropic._base_client", "AsyncAPIClient", "post"),
    "openai": ("openai._base_client", "AsyncAPIClient", "post"),
    "gemini": ("google.genai.models", "AsyncModels", "generate_content"),
}
"""The coroutine function that is the way into each SDK: module, class, name."""

T = TypeVar("T")
R = TypeVar("R")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wire", choices=sorted(VARIABLES), default="openai", help="Whose SDK.")
    parser.add_argument("--conversations", type=int, default=1000, help="All open at once.")
    parser.add_argument("--seconds", type=float, default=0.05, help="How long an answer takes.")
    parser.add_argument("--inspect-python", help="A Python that can import inspect_ai and openai.")
    parser.add_argument(
        "--inspect-conversations", type=int, help="As many as ours if not said; it takes long."
    )
    parser.add_argument("--ray", type=int, help="So many rollouts on a Ray cluster instead.")
    parser.add_argument("--json", action="store_true", help="Print the figures as JSON.")
    arguments = parser.parse_args()
    if arguments.ray:
        figures = ray_figures(arguments.ray)
    else:
        with serving(arguments.wire, arguments.seconds) as url:
            figures = ours(url, arguments.wire, arguments.conversations)
    if arguments.inspect_python:
        count = arguments.inspect_conversations or arguments.conversations
        with serving("openai", arguments.seconds) as url:
            figures |= theirs(url, arguments.inspect_python, count)
        ratio = figures["inspect_cpu_ms_per_conversation"] / figures["cpu_ms_per_conversation"]
        figures["cpu_ratio"] = round(ratio, 2)
    if arguments.json:
        print(json.dumps(figures, indent=2, allow_nan=False))
        return
    for name, value in figures.items():
        print(f"{name:32} {value}")


@contextmanager
def serving(wire: str, seconds: float) -> Iterator[str]:
    """The base URL of a server that ends with the context."""
    command = [
        sys.executable,
        str(HERE / "rollout_overhead_server.py"),
        wire,
        "--seconds",
        str(seconds),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            yield server.stdout.readline().decode().strip()
        finally:
            server.stdin.close()


# --- our side, measured in this process -----------------------------------------------------------


def ours(url: str, wire: str, conversations: int) -> dict[str, Any]:
    """The figures of one evaluation with that many conversations open at once."""
    lag, steps, load = Lag(), Steps(), os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        parts, store = prepared(url, wire, conversations, Path(folder))
        parts.executor = Watched(parts.executor, lag)
        with timing(wire, steps):
            started = time.process_time()
            evaluate_once(parts, store, "test")
            seconds = time.process_time() - started
        counts = parts.calls.shared.ledger.spent
    turns = TURNS * conversations
    assert counts.calls == turns, f"{counts.calls} answers instead of {turns}"
    return {
        "wire": wire,
        "conversations": conversations,
        "turns": turns,
        "own_cpu_ms_per_turn": round(1000 * (seconds - steps.seconds) / turns, 3),
        "sdk_cpu_ms_per_turn": round(1000 * steps.seconds / turns, 3),
        "cpu_ms_per_conversation": round(1000 * seconds / conversations, 2),
        "lag_p50_ms": percentile(lag.waits, 0.50),
        "lag_p99_ms": percentile(lag.waits, 0.99),
        "busy_lag_p99_ms": percentile(lag.busy, 0.99),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "load": round(load, 2),
    }


def prepared(url: str, wire: str, conversations: int, folder: Path) -> tuple[Components, RunFolder]:
    """All that `harness eval` has before the first conversation."""
    tasks = min(conversations, TASKS)
    key, address = VARIABLES[wire]
    os.environ |= {key: "no-key-at-all", address: url, "HARNESS_CACHE_DIR": str(folder)}
    flags = {
        "domain": "retail",
        "policy": f"{wire}:model",
        "simulator": f"{wire}:model",
        "test_tasks": tasks,
        "test_trials": conversations // tasks,
        "options": {
            "fork": {"concurrency": conversations},
            "calls": {"concurrency": conversations},
        },
    }
    parts = Components(load_config(preset="default", flags=flags), open_registry())
    parts.check(training=False)
    parts.domain.tasks("test")  # made once, when they are first asked for
    return parts, RunFolder.create(folder / "run", {})


class Watched(Executor):
    """An executor that measures the lag of its loop."""

    def __init__(self, executor: Executor, lag: Lag) -> None:
        self._executor = executor
        self._lag = lag

    async def map(
        self, function: Callable[[T], Awaitable[R]], items: Sequence[T]
    ) -> AsyncIterator[tuple[int, R]]:
        async with self._lag.watched():
            async for result in self._executor.map(function, items):
                yield result


class Steps:
    """CPU seconds in the steps of coroutines; the time in which they wait is left out."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def timed(self, function: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def stepped(*given: Any, **named: Any) -> Any:
            return await _Stepped(function(*given, **named), self)

        return stepped


class _Stepped:
    def __init__(self, awaited: Awaitable[Any], steps: Steps) -> None:
        self._awaited = awaited.__await__()
        self._steps = steps

    def __await__(self) -> Generator[Any, Any, Any]:
        go_on, given = self._awaited.send, None
        while True:
            started = time.thread_time()
            try:
                waits_for = go_on(given)
            except StopIteration as done:
                return done.value
            finally:
                self._steps.seconds += time.thread_time() - started
            try:
                go_on, given = self._awaited.send, (yield waits_for)
            except BaseException as error:
                go_on, given = self._awaited.throw, error  # type: ignore[assignment]


@contextmanager
def timing(wire: str, steps: Steps) -> Iterator[None]:
    """Count what the SDK computes. What its sockets cost in the event loop is not in it: ours."""
    module, owner_name, name = SDK_CALLS[wire]
    owner = getattr(import_module(module), owner_name)
    original = getattr(owner, name)
    setattr(owner, name, steps.timed(original))
    try:
        yield
    finally:
        setattr(owner, name, original)


# --- inspect_ai, in its own environment -----------------------------------------------------------


def theirs(url: str, python: str, conversations: int) -> dict[str, Any]:
    """The figures of inspect_ai, under names that begin with "inspect_"."""
    spec = {**conversation(), "url": url, "conversations": conversations, "tokens": USED.tokens_out}
    done = subprocess.run(
        [python, str(HERE / "rollout_overhead_inspect.py")],
        input=json.dumps(spec),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert found["turns"] == TURNS * conversations, found
    return {
        "inspect_version": found["version"],
        "inspect_conversations": conversations,
        "inspect_cpu_ms_per_conversation": round(1000 * found["cpu_s"] / conversations, 2),
        "inspect_lag_p99_ms": found["lag_p99_ms"],
        "inspect_peak_rss_mb": round(found["peak_rss_mb"], 1),
    }


def conversation() -> dict[str, Any]:
    """What the models are told, and what the tool answers."""
    domain = open_registry().make("domain", "retail", Settings())
    task = domain.tasks("test")[0]
    greeting = Message(role="assistant", content=domain.greeting)
    return {
        "agent": agent_system(domain.policy, [greeting]),
        "customer": user_system(task.scenario, domain.user_guidelines),
        "greeting": domain.greeting,
        "tools": [tool.schema()["function"] for tool in domain.tools],
        "result": domain.open(task).call(ToolCall(name=TOOL, arguments={})).content,
    }


if __name__ == "__main__":
    main()
