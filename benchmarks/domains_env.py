"""Turn the gold calls of official tasks into CPU times of our engine and of τ²-bench's own.

    python benchmarks/domains_env.py [--domain NAME] [--episodes N] [--repeats R] [--json]

Both play the same episodes in one process, in turns. Without the package tau2, only ours does.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import tracemalloc
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from itertools import count
from statistics import fmean
from time import process_time_ns
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from harness.errors import MissingExtra
from harness.llm.roles import open_registry
from harness.protocols import Domain, Settings, World
from harness.types import (
    Grade,
    Message,
    Requestor,
    Role,
    Task,
    ToolCall,
    ToolResult,
    Trajectory,
)

DOMAINS = ("retail", "airline", "telecom")
"""The domains that have an engine of ours."""

CONVERSATIONS = 1000
"""How many conversations are open at once where memory is measured."""

LOOPS = 20
"""How often ours does what it does too quickly to be timed once."""

RESAMPLES = 2000
"""Bootstrap resamples of the tasks."""

BARS: Mapping[str, tuple[str, float]] = {
    "episode_ratio": (">=", 500),
    "reset_us": ("<", 50),
    "tool_call_us": ("<", 30),
    "tool_call_us_max": ("<", 30),
    "open_conversations_mb": ("<", 100),
}
"""What is to be reached."""

TELECOM_RATIO = 300
"""The bar of ``episode_ratio`` for telecom, whose official databases are small: 10 KB, to retail's
2.8 MB.
"""

_UNSEEN = count()
"""Numbers for ids under which nothing is remembered of a task, in no repeat."""

_SPEAKERS: Mapping[Requestor, Role] = {"agent": "assistant", "user": "user"}

_GREETING = Message(role="assistant", content="Hi! How can I help you today?")
_OPENING = Message(role="user", content="I have a problem.")
_GOODBYE = Message(role="user", content="That is all, thank you.")


# --- ours -----------------------------------------------------------------------------------------


def our_domain(name: str) -> Domain:
    """The official domain of that name on our engine; the generated one where there is no data."""
    registry = open_registry()
    try:
        return registry.make("domain", f"tau2-{name}", Settings())
    except MissingExtra:
        return registry.make("domain", name, Settings())


def our_tasks(domain: Domain) -> list[Task]:
    """The tasks of all splits in which something is to be called."""
    tasks = [*domain.tasks("train"), *domain.tasks("validation"), *domain.tasks("test")]
    return [task for task in tasks if task.gold]


def play(domain: Domain, task: Task) -> tuple[World, Trajectory]:
    """A fresh world after the gold calls, and the conversation in which they were made."""
    world, messages = domain.open(task), [_GREETING, _OPENING]
    for number, call in enumerate(task.gold):
        made = ToolCall(
            name=call.name,
            arguments=call.arguments,
            id=f"call_{number}",
            requestor=call.requestor,
        )
        speaker = _SPEAKERS[call.requestor]
        messages.append(Message(role=speaker, calls=(made,), requestor=call.requestor))
        messages.append(_result(made, world.call(made)))
    messages += [Message(role="assistant", content=", ".join(task.communicate)), _GOODBYE]
    trajectory = Trajectory(
        id="gold",
        task_id=task.id,
        trial=0,
        policy="gold",
        seed=0,
        messages=tuple(messages),
        ended="user_stop",
    )
    return world, trajectory


def episode(domain: Domain, task: Task) -> Grade:
    """Open, make the gold calls, grade."""
    return domain.grade(task, *play(domain, task))


def make_calls(domain: Domain, task: Task) -> None:
    """Open, and make the gold calls, with nothing of a conversation around them."""
    world = domain.open(task)
    for call in task.gold:
        world.call(call)


def _result(call: ToolCall, result: ToolResult) -> Message:
    return Message(
        role="tool",
        content=result.content,
        call_id=call.id,
        is_error=result.is_error,
        requestor=call.requestor,
    )


def time_ours(domain: Domain, task: Task) -> dict[str, float]:
    """Mean CPU microseconds of an episode and of its parts, by name."""
    fresh = [replace(task, id=f"{task.id}/{next(_UNSEEN)}") for _ in range(LOOPS)]
    world, trajectory = play(domain, task)
    return {
        "episode_us": _mean_us(lambda: episode(domain, task)),
        "episode_cold_gold_us": _mean_us(lambda: episode(domain, fresh.pop())),
        "reset_us": _mean_us(lambda: domain.open(task)),
        "calls_us": _mean_us(lambda: make_calls(domain, task)),
        "play_us": _mean_us(lambda: play(domain, task)),
        "evaluation_us": _mean_us(lambda: domain.grade(task, world, trajectory)),
    }


def time_calls(domain: Domain, task: Task, times: defaultdict[str, list[float]]) -> None:
    """Add the CPU microseconds of each gold call, its JSON included, under the tool's name."""
    for _ in range(LOOPS):
        world = domain.open(task)
        for call in task.gold:
            start = process_time_ns()
            world.call(call)
            times[call.name].append((process_time_ns() - start) / 1e3)


def open_conversations_mb(domain: Domain, tasks: Sequence[Task]) -> float:
    """Python memory in MB of many open worlds after the gold calls of a task each."""
    gc.collect()
    tracemalloc.start()
    worlds = [domain.open(tasks[number % len(tasks)]) for number in range(CONVERSATIONS)]
    for number, world in enumerate(worlds):
        for call in tasks[number % len(tasks)].gold:
            world.call(call)
    gc.collect()
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return used / 1e6


def _mean_us(run: Callable[[], object]) -> float:
    start = process_time_ns()
    for _ in range(LOOPS):
        run()
    return (process_time_ns() - start) / LOOPS / 1e3


# --- the official one -----------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Official:
    """The parts of the package that an episode needs."""

    environment: Callable[..., Any]
    evaluate: Callable[..., Any]
    tasks: Mapping[str, Any]

    def episode(self, task_id: str, calls: defaultdict[str, list[float]]) -> dict[str, float]:
        """CPU milliseconds of an episode and of its parts; calls in microseconds by tool."""
        from tau2.data_model.message import AssistantMessage, ToolCall, UserMessage

        task, started = self.tasks[task_id], process_time_ns()
        environment = self.environment()
        if task.initial_state is not None:
            environment.set_state(None, task.initial_state.initialization_actions, [])
        opened = process_time_ns()
        messages: list[Any] = [
            AssistantMessage(role="assistant", content=_GREETING.content),
            UserMessage(role="user", content=_OPENING.content),
        ]
        for number, action in enumerate(task.evaluation_criteria.actions or ()):
            call = ToolCall(
                id=f"call_{number}",
                name=action.name,
                arguments=action.arguments,
                requestor=action.requestor,
            )
            speaker = UserMessage if action.requestor == "user" else AssistantMessage
            messages.append(speaker(role=action.requestor, tool_calls=[call]))
            start = process_time_ns()
            messages.append(environment.get_response(call))
            calls[call.name].append((process_time_ns() - start) / 1e3)
        messages.append(UserMessage(role="user", content=_GOODBYE.content))
        played = process_time_ns()
        judged = self.evaluate(self.environment, task, messages)
        ended = process_time_ns()
        assert judged.reward == 1, f"the gold calls of task {task_id} do not solve it"
        return {
            "official_episode_ms": (ended - started) / 1e6,
            "official_reset_ms": (opened - started) / 1e6,
            "official_evaluation_ms": (ended - played) / 1e6,
        }


def official(name: str) -> Official | None:
    """The environment and evaluator of an official domain; None if they are not installed."""
    if find_spec("tau2") is None:
        return None
    from loguru import logger

    logger.remove()
    from tau2.evaluator.evaluator_env import EnvironmentEvaluator

    module = import_module(f"tau2.domains.{name}.environment")
    return Official(
        environment=module.get_environment,
        evaluate=EnvironmentEvaluator.calculate_reward,
        tasks={task.id: task for task in module.get_tasks()},
    )


# --- the measurement ------------------------------------------------------------------------------


def measure(name: str, episodes: int | None, repeats: int) -> dict[str, Any]:
    """All figures of a domain, the official ones None where there is no package to measure.

    ``episodes``: how many tasks are played, all if None; ``repeats``: how often each.
    """
    domain, peer = our_domain(name), official(name)
    tasks = our_tasks(domain)[:episodes]
    for task in tasks:
        assert episode(domain, task).success, f"the gold calls of task {task.id} do not solve it"
    # What is loaded by now lives as long as the process; the peer's collections need not scan it.
    gc.collect()
    gc.freeze()
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    calls: defaultdict[str, list[float]] = defaultdict(list)
    peer_calls: defaultdict[str, list[float]] = defaultdict(list)
    for _ in range(repeats):
        for task in tasks:
            timed = time_ours(domain, task)
            time_calls(domain, task, calls)
            if peer is not None:
                timed |= peer.episode(task.id, peer_calls)
            for name, value in timed.items():
                found[name][task.id].append(value)
    by_task = {name: [fmean(v) for v in values.values()] for name, values in found.items()}
    means = {name: fmean(values) for name, values in by_task.items()}
    by_tool = {name: fmean(values) for name, values in sorted(calls.items())}
    return {
        "domain": domain.name,
        "data_version": domain.data_version,
        "python": platform.python_version(),
        "n": len(tasks),
        "repeats": repeats,
        **_ratios(by_task),
        **{name: means.get(name) for name in _OFFICIAL},
        **{name: means[name] for name in means if name not in _OFFICIAL},
        "tool_call_us": fmean(us for values in calls.values() for us in values),
        "tool_call_us_max": max(by_tool.values()),
        "tool_call_us_by_tool": by_tool,
        "official_tool_call_us_by_tool": {
            name: fmean(values) for name, values in sorted(peer_calls.items())
        },
        "open_conversations": CONVERSATIONS,
        "open_conversations_mb": open_conversations_mb(domain, tasks),
    }


_OFFICIAL = ("official_episode_ms", "official_reset_ms", "official_evaluation_ms")


def _ratios(by_task: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """How many of our episodes take the CPU time of one official one, with 95 % intervals."""
    if "official_episode_ms" not in by_task:
        return {"episode_ratio": None, "episode_ratio_95": None, "episode_cold_gold_ratio": None}
    theirs = 1e3 * np.asarray(by_task["official_episode_ms"])
    ours, cold = (np.asarray(by_task[f"episode_{kind}us"]) for kind in ("", "cold_gold_"))
    chosen = np.random.default_rng(0).integers(0, len(ours), (RESAMPLES, len(ours)))
    resampled = theirs[chosen].sum(axis=1) / ours[chosen].sum(axis=1)
    return {
        "episode_ratio": float(theirs.sum() / ours.sum()),
        "episode_ratio_95": [float(bound) for bound in np.percentile(resampled, [2.5, 97.5])],
        "episode_cold_gold_ratio": float(theirs.sum() / cold.sum()),
    }


def table(found: Mapping[str, Any]) -> Table:
    """The figures side by side, and what is to be reached."""
    shown = Table(title=f"{found['domain']}: CPU time, {found['n']} tasks x {found['repeats']}")
    for column in ("", "ours", "official", "wanted"):
        shown.add_column(column, justify="left" if not column else "right")

    bars = dict(BARS)
    if found["domain"].endswith("telecom"):
        bars["episode_ratio"] = (">=", TELECOM_RATIO)

    def row(label: str, key: str, unit: str = "us", theirs: float | None = None) -> None:
        sign, bar = bars.get(key, ("", 0))
        official = "" if theirs is None else f"{theirs:,.0f} us"
        wanted = f"{sign} {bar:g}" if sign else ""
        value = found[key]
        shown.add_row(label, "" if value is None else f"{value:,.1f} {unit}", official, wanted)

    def theirs_us(part: str) -> float | None:
        milliseconds = found[f"official_{part}_ms"]
        return None if milliseconds is None else 1e3 * milliseconds

    row("gold episode", "episode_us", theirs=theirs_us("episode"))
    row("the first episode of a task", "episode_cold_gold_us")
    row("reset alone", "reset_us", theirs=theirs_us("reset"))
    row("reset and calls", "calls_us")
    row("the same, with the conversation's messages", "play_us")
    row("evaluation alone", "evaluation_us", theirs=theirs_us("evaluation"))
    for name, ours in found["tool_call_us_by_tool"].items():
        theirs = found["official_tool_call_us_by_tool"].get(name)
        shown.add_row(f"  {name}", f"{ours:,.1f} us", f"{theirs:,.0f} us" if theirs else "")
    row("tool call, mean", "tool_call_us")
    row("tool call, slowest tool", "tool_call_us_max")
    row(f"{found['open_conversations']:,} open conversations", "open_conversations_mb", "MB")
    row("episodes in the time of one official", "episode_ratio", "")
    if found["episode_ratio_95"]:
        low, high = found["episode_ratio_95"]
        shown.add_row("  95 % interval", f"{low:,.0f} to {high:,.0f}")
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--domain", choices=DOMAINS, default="retail", help="which engine")
    parser.add_argument("--episodes", type=int, help="how many tasks; all if not given")
    parser.add_argument("--repeats", type=int, default=1, help="how often each is played")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    found = measure(options.domain, options.episodes, options.repeats)
    if options.json:
        print(json.dumps(found, indent=2, allow_nan=False))
        return
    console = Console()
    console.print(table(found))
    if found["episode_ratio"] is None:
        console.print("The package tau2 is not installed: only our side was measured.")


if __name__ == "__main__":
    main()
