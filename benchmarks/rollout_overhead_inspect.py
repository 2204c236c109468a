"""Have the conversations of `rollout_overhead.py` with inspect_ai, which starts this script.

    python benchmarks/rollout_overhead_inspect.py < SPEC.json

Needs inspect_ai and nothing of this project. The spec says what is said to the models; the figures
go to standard output as JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from typing import Any

import inspect_ai
from inspect_ai import Task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.log import EvalLog
from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageUser,
    Model,
    execute_tools,
    get_model,
)
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.tool import Tool, ToolDef, ToolParams
from loop_lag import Lag, percentile

SETTINGS: Any = {"display": "none", "log_realtime": False, "log_model_api": False, "score": False}
"""The cheapest that still keep a log of each conversation."""


def main() -> None:
    spec = json.load(sys.stdin)
    lag = Lag()
    have(spec, 2, Lag())  # imports and the like are not what is measured
    started = time.process_time()
    log = have(spec, spec["conversations"], lag)
    seconds = time.process_time() - started
    tokens = sum(usage.output_tokens for usage in log.stats.model_usage.values())
    figures = {
        "version": inspect_ai.__version__,
        "turns": tokens // spec["tokens"],
        "cpu_s": seconds,
        "lag_p99_ms": percentile(lag.waits, 0.99),
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    json.dump(figures, sys.stdout, allow_nan=False)


def have(spec: dict[str, Any], conversations: int, lag: Lag) -> EvalLog:
    """The log of so many conversations, all open at once."""
    samples = [Sample(input=str(number)) for number in range(conversations)]
    task = Task(dataset=MemoryDataset(samples), solver=conversation(spec, lag))
    model = get_model(
        "openai-api/loopback/model", base_url=spec["url"], api_key="no-key", memoize=False
    )
    with tempfile.TemporaryDirectory() as folder:
        (log,) = inspect_ai.eval(
            task,
            model=model,
            log_dir=folder,
            max_samples=conversations,
            max_connections=conversations,
            **SETTINGS,
        )
    if log.status != "success":
        sys.exit(f"inspect_ai ended with {log.status}: {log.error}")
    return log


@solver
def conversation(spec: dict[str, Any], lag: Lag) -> Solver:
    tools = [tool(schema, spec["result"]) for schema in spec["tools"]]

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        async with lag.watched():
            await talk(state, spec, tools)
        return state

    return solve


async def talk(state: TaskState, spec: dict[str, Any], tools: list[Tool]) -> None:
    """Customer and agent speak in turns until the customer ends it."""
    model = get_model()
    agent: list[ChatMessage] = [ChatMessageSystem(content=spec["agent"])]
    customer: list[ChatMessage] = [
        ChatMessageSystem(content=spec["customer"]),
        ChatMessageUser(content=spec["greeting"]),
    ]
    while True:
        said = (await model.generate(customer)).message
        customer.append(said)
        if "###STOP###" in said.text:
            break
        agent.append(ChatMessageUser(content=said.text))
        answer = await agents_answer(model, agent, tools)
        customer.append(ChatMessageUser(content=answer.text))
    state.messages = agent


async def agents_answer(
    model: Model, messages: list[ChatMessage], tools: list[Tool]
) -> ChatMessageAssistant:
    """What the agent says after its calls; all of it is added to the messages."""
    while True:
        said = (await model.generate(messages, tools=tools)).message
        messages.append(said)
        if not said.tool_calls:
            return said
        done, _ = await execute_tools(messages, tools)
        messages.extend(done)


def tool(schema: dict[str, Any], result: str) -> Tool:
    async def execute(**arguments: object) -> str:
        return result

    return ToolDef(
        execute,
        name=schema["name"],
        description=schema["description"],
        parameters=ToolParams.model_validate(schema["parameters"]),
    ).as_tool()


if __name__ == "__main__":
    main()
