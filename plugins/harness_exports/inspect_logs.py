"""Write a recording as an evaluation log of Inspect (version 2 of its JSON form), which
``inspect view`` opens.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.assembly.config import read_options
from harness.evaluation.metrics import outcomes, pass_table
from harness.protocols import Settings
from harness.types import Diagnosis, Episode, Json, Message, Recording, Usage, stable_id
from harness_exports.messages import Row, call_text
from harness_exports.written import WriteOnly

VERSION = 2
"""Of the log's form."""

SUCCESS = "success"
"""The name of the score that says whether the task was done; reward terms have their own."""

_WORD = re.compile(r"\w+")

_LIMITS = {"max_steps": "message", "context_overflow": "context"}


@dataclass(frozen=True, slots=True, kw_only=True)
class NoOptions:
    """The format has nothing to set."""


class InspectFormat(WriteOnly):
    """One log: a sample for each conversation, its trial as the epoch.

    A file if the path ends in .json, else a folder with the log, named by time and task:
    ``inspect view`` lists no JSON file of another name.
    """

    name = "inspect"
    suffix = ""

    def write(self, recording: Recording, path: Path) -> None:
        created = datetime.now(UTC).isoformat(timespec="seconds")
        log = inspect_log(recording, created)
        text = json.dumps(log, ensure_ascii=False, allow_nan=False)
        if path.suffix != ".json":
            path.mkdir(parents=True, exist_ok=True)
            task = "-".join(_WORD.findall(str(log["eval"]["task"])))
            moment = created.partition("+")[0].replace(":", "-")
            path = path / f"{moment}_{task}_{log['eval']['task_id']}.json"
        path.write_text(text, encoding="utf-8", errors="backslashreplace")


def inspect_format(settings: Settings) -> InspectFormat:
    """Raises ``ConfigError`` for any option."""
    read_options(NoOptions, settings, name="inspect")
    return InspectFormat()


def inspect_log(recording: Recording, created: str) -> dict[str, Any]:
    """The log as JSON values. ``created`` is when it is made, in ISO 8601; recordings keep none."""
    about = recording.about
    model = str(about.get("policy") or _first(e.trajectory.policy for e in recording.episodes))
    diagnoses = {d.trajectory_id: d for d in recording.diagnoses}
    task = f"{recording.domain} {about.get('arm', '')} {about.get('split', '')}".strip()
    trials = max((e.trajectory.trial for e in recording.episodes), default=0) + 1
    return {
        "version": VERSION,
        "status": "success",
        "eval": {
            "eval_id": stable_id(task, model, len(recording.episodes)),
            "run_id": stable_id(task, model),
            "task_id": stable_id(task),
            "created": created,
            "task": task,
            "dataset": {
                "name": recording.domain,
                "samples": len(recording.tasks),
                "sample_ids": [task.id for task in recording.tasks],
            },
            "model": model,
            "config": {"epochs": trials},
            "metadata": {str(key): value for key, value in about.items() if key != "domain_policy"},
        },
        "plan": {"name": "harness", "steps": [{"solver": "rollout"}]},
        "results": _results(recording),
        "stats": {"started_at": created, "completed_at": created},
        "samples": [
            _sample(recording, e, model, diagnoses.get(e.trajectory.id)) for e in recording.episodes
        ],
    }


def _results(recording: Recording) -> Row:
    counted = [e for e in recording.episodes if not e.uncounted]
    passed = pass_table(outcomes(recording.episodes)).pass_
    metrics: dict[str, float] = {"accuracy": _mean([e.score.success for e in counted])}
    for k, interval in passed.items():
        bounds = {"": interval.value, "_low": interval.low, "_high": interval.high}
        metrics |= {f"pass_{k}{end}": value / 100 for end, value in bounds.items()}
    scores: list[Json] = [_score(SUCCESS, len(counted), metrics)]
    for name in dict.fromkeys(t.name for e in counted for t in e.score.terms):
        values = [t.value for e in counted for t in e.score.terms if t.name == name]
        scores.append(_score(name, len(values), {"mean": _mean(values)}))
    return {
        "total_samples": len(recording.episodes),
        "completed_samples": len(counted),
        "scores": scores,
    }


def _score(name: str, samples: int, metrics: Mapping[str, float]) -> Row:
    return {
        "name": name,
        "scorer": name,
        "scored_samples": samples,
        "metrics": {
            metric: {"name": metric, "value": round(value, 6)} for metric, value in metrics.items()
        },
    }


def _sample(recording: Recording, episode: Episode, model: str, diagnosis: Diagnosis | None) -> Row:
    trajectory, task, grade = episode.trajectory, episode.task, episode.grade
    messages = _messages(trajectory.messages, recording.policy)
    gold = "\n".join(f"{call.name}({call_text(call)})" for call in task.gold)
    row: Row = {
        "id": task.id,
        "epoch": trajectory.trial + 1,
        "input": task.scenario.reason,
        "target": gold,
        "messages": list[Json](messages),
        "output": _output(messages, model),
        "scores": {} if episode.uncounted else _scores(episode, diagnosis),
        "metadata": {
            "trajectory_id": trajectory.id,
            "ended": trajectory.ended,
            "tags": list(task.tags),
            "wanted": [_plain(asdict(change)) for change in grade.wanted],
            "actual": [_plain(asdict(change)) for change in grade.actual],
            "unsaid": list(grade.unsaid),
            "diagnosis": _plain(asdict(diagnosis)) if diagnosis else None,
        },
        "model_usage": {model: _usage(trajectory.usage.get("agent", Usage()))},
    }
    if limit := _LIMITS.get(trajectory.ended):
        row["limit"] = {"type": limit, "limit": len(trajectory.messages)}
    if trajectory.is_fault:
        told = f"{trajectory.ended}: {trajectory.fault}"
        row["error"] = {"message": told, "traceback": told, "traceback_ansi": told}
    return row


def _scores(episode: Episode, diagnosis: Diagnosis | None) -> Row:
    told = f"{diagnosis.kind}: {diagnosis.summary}" if diagnosis else ""
    verdict = {"value": "C" if episode.score.success else "I", "explanation": told}
    terms = {
        term.name: {"value": term.value, "explanation": term.note} for term in episode.score.terms
    }
    return {SUCCESS: _plain(verdict), **{name: _plain(row) for name, row in terms.items()}}


def _messages(messages: Sequence[Message], system: str) -> list[Row]:
    rows: list[Row] = [{"role": "system", "content": system}] if system else []
    pending: list[tuple[str, str]] = []
    for place, message in enumerate(messages):
        row: Row = {"role": message.role, "content": message.content}
        if message.role == "tool":
            id, function = pending.pop(0) if pending else (message.call_id, "")
            row |= {"tool_call_id": id, "function": function}
            if message.is_error:
                row["error"] = {"type": "unknown", "message": message.content}
        elif message.calls:
            named = [(c.id or f"call_{place}_{n}", c) for n, c in enumerate(message.calls)]
            pending += [(id, call.name) for id, call in named]
            calls: list[Json] = [
                {
                    "id": id, "function": call.name, "arguments": _plain(dict(call.arguments)),
                    "type": "function",
                }
                for id, call in named
            ]  # fmt: skip
            if message.role == "assistant":
                row["tool_calls"] = calls
            else:
                row["content"] = f"{message.content}\n[calls] {json.dumps(calls)}".strip()
        rows.append(row)
    return rows


def _output(messages: Sequence[Row], model: str) -> Row:
    said = [row for row in messages if row["role"] == "assistant"]
    if not said:
        return {"model": model, "choices": []}
    return {"model": model, "choices": [{"message": said[-1], "stop_reason": "stop"}]}


def _usage(usage: Usage) -> Row:
    return {
        "input_tokens": usage.tokens_in,
        "output_tokens": usage.tokens_out,
        "total_tokens": usage.tokens_in + usage.tokens_out,
        "total_cost": usage.cost_usd,
    }


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _plain(value: Mapping[str, object]) -> Row:
    plain: Row = json.loads(json.dumps(value))
    return plain


def _first(values: Iterable[str]) -> str:
    return next(iter(values), "")
