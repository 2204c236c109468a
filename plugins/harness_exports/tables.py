"""Write a recording as a folder of Parquet files that Hugging Face ``datasets`` opens."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from harness.assembly.config import read_options
from harness.assembly.extras import need
from harness.protocols import Settings
from harness.types import Diagnosis, Episode, Json, Recording, Task, Usage
from harness_exports.messages import Row, chat_messages, tool_schemas
from harness_exports.pairs import PairOptions, preference_pairs
from harness_exports.written import WriteOnly, warn_if_held_out

if TYPE_CHECKING:
    import pyarrow as pa

CARD = "README.md"

_WORDS = ("summary", "evidence")

_TASK_JSON = ("scenario", "gold", "world", "origin")
"""Fields of a task that are JSON text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoOptions:
    """The format has nothing to set."""


class ParquetFormat(WriteOnly):
    """Four tables, and a card that names them: trajectories, tasks, diagnoses, pairs.

    Values without a fixed shape (arguments, gold calls, the state) are JSON text.
    """

    name = "parquet"
    suffix = ""

    def write(self, recording: Recording, path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        warn_if_held_out(recording, "conversations")
        path.mkdir(parents=True, exist_ok=True)
        schemas, sizes = _schemas(), {}
        for name, rows_of in TABLES.items():
            rows = rows_of(recording)
            table = pa.Table.from_pylist(rows, schema=schemas[name])
            pq.write_table(table, path / f"{name}.parquet")
            sizes[name] = len(rows)
        (path / CARD).write_text(_card(recording, sizes), encoding="utf-8")


def parquet_format(settings: Settings) -> ParquetFormat:
    """Raises ``ConfigError`` for any option, ``MissingExtra`` without pyarrow."""
    read_options(NoOptions, settings, name="parquet")
    need("the format 'parquet'", "pyarrow", extra="parquet")
    return ParquetFormat()


def _trajectories(recording: Recording) -> list[Row]:
    return [_trajectory(recording, episode) for episode in recording.episodes]


def _trajectory(recording: Recording, episode: Episode) -> Row:
    trajectory, total = episode.trajectory, Usage()
    for usage in trajectory.usage.values():
        total = total.plus(usage)
    return {
        "id": trajectory.id,
        "task_id": episode.task.id,
        "trial": trajectory.trial,
        "split": episode.task.split,
        "policy": trajectory.policy,
        "success": episode.score.success,
        "uncounted": episode.uncounted,
        "ended": trajectory.ended,
        "reward": episode.score.total,
        "terms": _json({term.name: term.value for term in episode.score.terms}),
        "messages": [_message(row) for row in chat_messages(trajectory, recording.policy)],
        "tools": _json(tool_schemas(recording)),
        "wanted": _json([asdict(change) for change in episode.grade.wanted]),
        "actual": _json([asdict(change) for change in episode.grade.actual]),
        "tokens_in": total.tokens_in,
        "tokens_out": total.tokens_out,
        "cost_usd": total.cost_usd,
    }


def _tasks(recording: Recording) -> list[Row]:
    return [_task(task) for task in recording.tasks]


def _task(task: Task) -> Row:
    plain = TypeAdapter(Task).dump_python(task, mode="json")
    return {
        "id": task.id,
        "domain": task.domain,
        "split": task.split,
        "reason": task.scenario.reason,
        "tags": list(task.tags),
        "communicate": list(task.communicate),
        "pattern_id": task.origin.pattern_id if task.origin else "",
        **{key: _json(plain[key]) for key in _TASK_JSON},
    }


def _diagnoses(recording: Recording) -> list[Row]:
    return [TypeAdapter(Diagnosis).dump_python(d, mode="json") for d in recording.diagnoses]


def _pairs(recording: Recording) -> list[Row]:
    tools = _json(tool_schemas(recording))
    return [
        {
            "task_id": pair.task_id,
            "chosen_id": pair.chosen_id,
            "rejected_id": pair.rejected_id,
            "prompt": [_message(row) for row in pair.prompt],
            "chosen": [_message(row) for row in pair.chosen],
            "rejected": [_message(row) for row in pair.rejected],
            "tools": tools,
        }
        for pair in preference_pairs(recording, PairOptions())
    ]


TABLES: Mapping[str, Callable[[Recording], list[Row]]] = {
    "trajectories": _trajectories,
    "tasks": _tasks,
    "diagnoses": _diagnoses,
    "pairs": _pairs,
}


def _message(row: Row) -> Row:
    """With every field: rows of a table all have the same."""
    return {"tool_calls": [], "tool_call_id": "", **row}


def _schemas() -> dict[str, pa.Schema]:
    import pyarrow as pa

    text, whole, real, texts = pa.string(), pa.int64(), pa.float64(), pa.list_(pa.string())
    call = pa.struct({"name": text, "arguments": text})
    calls = pa.list_(pa.struct({"id": text, "type": text, "function": call}))
    messages = pa.list_(
        pa.struct({"role": text, "content": text, "tool_calls": calls, "tool_call_id": text})
    )

    def schema(of_text: Sequence[str], **others: pa.DataType) -> pa.Schema:
        return pa.schema({**dict.fromkeys(of_text, text), **others})

    return {
        "trajectories": schema(
            ["id", "task_id", "split", "policy", "uncounted", "ended"],
            trial=whole, success=pa.bool_(), reward=real, terms=text, messages=messages,
            tools=text, wanted=text, actual=text, tokens_in=whole, tokens_out=whole, cost_usd=real,
        ),
        "tasks": schema(
            ["id", "domain", "split", "reason", "pattern_id", *_TASK_JSON],
            tags=texts, communicate=texts,
        ),
        "diagnoses": schema(
            ["trajectory_id", "task_id", "blame", "kind", "severity", "tool", *_WORDS],
            turn=whole,
        ),
        "pairs": schema(
            ["task_id", "chosen_id", "rejected_id", "tools"],
            prompt=messages, chosen=messages, rejected=messages,
        ),
    }  # fmt: skip


def _card(recording: Recording, sizes: Mapping[str, int]) -> str:
    configs = "".join(
        f"- config_name: {name}\n  data_files: {name}.parquet\n"
        + ("  default: true\n" if name == "trajectories" else "")
        for name in sizes
    )
    listed = "\n".join(f"- `{name}`: {size:,} rows" for name, size in sizes.items())
    return (
        f"---\nconfigs:\n{configs}---\n\n# Conversations of the domain {recording.domain}\n\n"
        f"{listed}\n\nWritten by `harness export --format parquet`. Open a table with\n"
        '`datasets.load_dataset(FOLDER, "trajectories")`.\n'
    )


def _json(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)
