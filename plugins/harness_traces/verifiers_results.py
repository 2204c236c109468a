"""Read results of verifiers: ``traces.jsonl`` of version 1, ``results.jsonl`` of those before."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import NonNegativeFloat

from harness.assembly.config import read_options
from harness.errors import FormatError
from harness.protocols import Settings, TrajectoryFormat
from harness.types import Json, Recording
from harness_traces.json_records import entries, first_entry
from harness_traces.messages import plain_table, read_chat, read_tools
from harness_traces.recordings import Record, recording_of
from harness_traces.writing import refuse_writing

FILES = ("traces.jsonl", "results.jsonl")
"""What a folder of results has, the newer first."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """``success_from``: the least reward that is a success."""

    success_from: NonNegativeFloat = 1.0


def verifiers_format(settings: Settings) -> TrajectoryFormat:
    return VerifiersFormat(read_options(Options, settings, name="verifiers"))


class VerifiersFormat:
    """A rollout is a conversation; the weighted sum of its rewards says whether it succeeded."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def recognises(self, path: Path) -> bool:
        """Whether the first record is a rollout."""
        try:
            return bool(_rollouts(first_entry(_file(path))))
        except (FormatError, OSError, ValueError):
            return False

    def read(self, path: Path) -> Recording:
        """Raises ``FormatError`` naming the record that is no rollout."""
        return recording_of(self._records(_file(path)), path)

    def write(self, recording: Recording, path: Path) -> None:
        raise refuse_writing("verifiers")

    def _records(self, path: Path) -> Iterator[Record]:
        for place, entry in entries(path):
            rollouts = _rollouts(entry)
            if not rollouts:
                raise FormatError(
                    f"{path}, {place}: no rollout of verifiers",
                    hint='Each has "nodes" and "task" (version 1), or "prompt" and "completion".',
                )
            for rollout in rollouts:
                try:
                    yield self._traced(rollout) if "nodes" in rollout else self._row(rollout)
                except ValueError as error:
                    raise FormatError(
                        f"{path}, {place}: {error}", hint="Check that the file is whole."
                    ) from None

    def _traced(self, trace: Mapping[str, Json]) -> Record:
        """A rollout of version 1: its messages are a graph, of which the last branch counts."""
        task, agent, errors = (trace.get(name) for name in ("task", "agent", "errors"))
        data = task.get("data") if isinstance(task, dict) else None
        reward = _weighted(trace.get("rewards"))
        key = task.get("key") if isinstance(task, dict) else None
        failed = isinstance(errors, list) and bool(errors)
        return Record(
            chat=read_chat(_last_branch(trace.get("nodes"))),
            task=str(key or json.dumps(data, sort_keys=True)),
            rest=plain_table(
                {
                    "reward": reward,
                    "data": data,
                    **{k: trace.get(k) for k in ("rewards", "metrics", "info", "stop_condition")},
                }
            ),
            tools=read_tools(trace.get("tools")),
            success=None if failed or reward is None else reward >= self.options.success_from,
            score=reward,
            ended="infrastructure_fault" if failed else None,
            fault=json.dumps(errors)[:300] if failed else "",
            policy=_model(agent),
        )

    def _row(self, row: Mapping[str, Json]) -> Record:
        reward = row.get("reward")
        number = float(reward) if isinstance(reward, int | float) else None
        task = row.get("example_id", row.get("id"))
        error = row.get("error")
        rest = {k: v for k, v in row.items() if k not in ("prompt", "completion", "tool_defs")}
        return Record(
            chat=read_chat([*_messages(row.get("prompt"), "user"),
                            *_messages(row.get("completion"), "assistant")]),
            task="" if task is None else f"{row.get('task', '')} {task}",
            rest=plain_table(rest),
            tools=read_tools(row.get("tool_defs", row.get("oai_tools"))),
            success=None if error or number is None else number >= self.options.success_from,
            score=number,
            ended="infrastructure_fault" if error else None,
            fault=str(error)[:300] if error else "",
        )  # fmt: skip


def _file(path: Path) -> Path:
    if not path.is_dir():
        return path
    found = next((path / name for name in FILES if (path / name).is_file()), None)
    if found is None:
        raise FormatError(
            f"{path} has neither {' nor '.join(FILES)}", hint="Name a folder of verifiers results."
        )
    return found


def _rollouts(entry: Json) -> list[dict[str, Json]]:
    """The rollouts in a record: itself, or those of an episode; [] if there are none."""
    if not isinstance(entry, dict):
        return []
    if "completion" in entry and "prompt" in entry:
        return [entry]
    if isinstance(entry.get("nodes"), list) and "task" in entry:
        return [entry]
    traces = entry.get("traces")
    if isinstance(traces, dict):
        traces = list(traces.values())
    found = traces if isinstance(traces, list) else []
    return [one for one in found if isinstance(one, dict) and "nodes" in one]


def _last_branch(nodes: Json) -> list[Json]:
    """The messages from the root to the last node that the model made, or to the last of all."""
    known = [node for node in nodes if isinstance(node, dict)] if isinstance(nodes, list) else []
    sampled = [at for at, node in enumerate(known) if node.get("sampled")]
    at: Json = (sampled or [len(known) - 1])[-1] if known else None
    path: list[Json] = []
    seen: set[int] = set()
    while isinstance(at, int) and 0 <= at < len(known) and at not in seen:
        seen.add(at)
        path.append(known[at].get("message"))
        at = known[at].get("parent")
    return path[::-1]


def _weighted(rewards: Json) -> float | None:
    """The weighted sum of the rewards; None if there is none."""
    total: float | None = None
    for reward in rewards.values() if isinstance(rewards, dict) else []:
        score = reward.get("score") if isinstance(reward, dict) else reward
        weight = reward.get("weight", 1.0) if isinstance(reward, dict) else 1.0
        if isinstance(score, int | float) and isinstance(weight, int | float):
            total = (total or 0.0) + score * weight
    return total


def _messages(part: Json, role: str) -> list[Json]:
    if isinstance(part, str):
        return [{"role": role, "content": part}]
    return part if isinstance(part, list) else []


def _model(agent: Json) -> str:
    config = agent.get("config") if isinstance(agent, dict) else None
    return str(config.get("model") or "") if isinstance(config, dict) else ""
