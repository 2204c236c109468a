"""Turn a recording into official results, a single file or a folder."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from harness.errors import FormatError
from harness.types import Diagnosis, Episode, Json, Recording
from harness_tau2.files import write_json
from harness_tau2.grades import write_grade
from harness_tau2.messages import turn_indices, write_messages
from harness_tau2.official_tasks import official_domain, write_task
from harness_tau2.redaction import redacted
from harness_tau2.results import FOLDER, METADATA
from harness_tau2.reviews import read_review, write_review
from harness_tau2.simulations import OURS, REASONS
from harness_tau2.wire import entries

UNKNOWN_TIME = "1970-01-01T00:00:00"
"""Stands for times that a run does not keep: a fixed one, so that equal runs give equal files."""

FIRST = ("timestamp", "info", "tasks")
"""The keys that a results file begins with."""


def write_results(recording: Recording, path: Path) -> None:
    """Write a file if the path ends in .json, else a folder that must be new or empty.

    Simulations that were imported come out as they were, with the review replaced where there is a
    new diagnosis. Raises ``FormatError`` if there is something in the folder.
    """
    top = _top(recording)
    diagnoses = {diagnosis.trajectory_id: diagnosis for diagnosis in recording.diagnoses}
    simulations = [
        _simulation(episode, recording.originals, diagnoses.get(episode.trajectory.id))
        for episode in recording.episodes
    ]
    tasks: list[Json] = [write_task(task) for task in recording.tasks]
    named: dict[str, Json] = {**top, "tasks": tasks}
    whole = {key: named[key] for key in (*FIRST, *named) if key in named}
    if path.suffix == ".json":
        write_json({**whole, "simulations": list(simulations)}, path)
    else:
        _write_folder(whole, simulations, recording.episodes, path)


def _write_folder(
    whole: dict[str, Json],
    simulations: Sequence[dict[str, Json]],
    episodes: Sequence[Episode],
    path: Path,
) -> None:
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise FormatError(f"{path} is not an empty folder", hint="Choose another --out.")
    index = [_indexed(raw, e) for raw, e in zip(simulations, episodes, strict=True)]
    names = [str(entry["id"]) for entry in index]
    for name, count in Counter(names).items():
        if not name or name.startswith(".") or Path(name).name != name or count > 1:
            raise FormatError(
                f"the simulation id {name!r} cannot name one file in {FOLDER}/",
                hint="Write a single file: end --out in .json.",
            )
    scratch = path.with_name(path.name + ".part")
    try:
        (scratch / FOLDER).mkdir(parents=True)
        for name, raw in zip(names, simulations, strict=True):
            write_json(raw, scratch / FOLDER / f"{name}.json")
        write_json({**whole, "simulation_index": list(index)}, scratch / METADATA)
        if path.exists():
            path.rmdir()
        os.replace(scratch, path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _indexed(raw: Mapping[str, Json], episode: Episode) -> dict[str, Json]:
    reward = raw.get("reward_info")
    return {
        "id": raw["id"],
        "task_id": raw["task_id"],
        "trial": episode.trajectory.trial,
        "reward": reward.get("reward") if isinstance(reward, dict) else None,
        "termination_reason": raw["termination_reason"],
        "agent_cost": raw.get("agent_cost"),
        "duration": raw.get("duration"),
    }


# --- what was not imported ------------------------------------------------------------------------


def _top(recording: Recording) -> dict[str, Json]:
    """All that stands beside tasks and simulations, without credentials."""
    imported = recording.about.get("results")
    top = imported if isinstance(imported, dict) else _own_top(recording)
    clean = redacted(top)
    return clean if isinstance(clean, dict) else {}


def _own_top(recording: Recording) -> dict[str, Json]:
    about = recording.about
    user, _, user_model = str(about.get("simulator", "unknown")).partition(":")
    trials = [episode.trajectory.trial for episode in recording.episodes]
    policy = recording.episodes[0].trajectory.policy if recording.episodes else "unknown"
    kept = ("arm", "split", "data_version")
    return {
        "timestamp": UNKNOWN_TIME,
        "info": {
            "git_commit": f"errata-harness {version('errata-harness')}",
            "num_trials": about.get("trials", max(trials, default=0) + 1),
            "max_steps": about.get("max_steps", 0),
            "max_errors": about.get("max_errors", 0),
            "user_info": {
                "implementation": user,
                "llm": user_model or None,
                "llm_args": None,
                "global_simulation_guidelines": None,
            },
            "agent_info": {
                "implementation": OURS,
                "llm": str(about.get("policy", policy)),
                "llm_args": {"temperature": about["temperature"]}
                if "temperature" in about
                else None,
            },
            "environment_info": {
                "domain_name": official_domain(recording.domain),
                "policy": str(about.get("domain_policy", "")),
                "tool_defs": None,
            },
            "seed": about.get("seed"),
            OURS: {key: about[key] for key in kept if key in about},
        },
    }


def _simulation(
    episode: Episode,
    originals: Mapping[str, Mapping[str, Json]],
    diagnosis: Diagnosis | None,
) -> dict[str, Json]:
    original = originals.get(episode.trajectory.id)
    raw = dict(original) if original is not None else _own_simulation(episode)
    if diagnosis is None or (
        original is not None and read_review(original, episode.trajectory) == diagnosis
    ):
        return raw
    turns = turn_indices(entries(raw, "messages"))
    return {**raw, "review": write_review(diagnosis, turns)}


def _own_simulation(episode: Episode) -> dict[str, Json]:
    trajectory = episode.trajectory
    usage: dict[str, Json] = {role: asdict(used) for role, used in trajectory.usage.items()}
    agent, user = trajectory.usage.get("agent"), trajectory.usage.get("user")
    return {
        "id": trajectory.id,
        "task_id": trajectory.task_id,
        "timestamp": UNKNOWN_TIME,
        "start_time": UNKNOWN_TIME,
        "end_time": UNKNOWN_TIME,
        "duration": 0.0,
        "termination_reason": REASONS[trajectory.ended],
        "agent_cost": agent.cost_usd if agent else None,
        "user_cost": user.cost_usd if user else None,
        "reward_info": write_grade(episode),
        "messages": write_messages(trajectory.messages, UNKNOWN_TIME),
        "trial": trajectory.trial,
        "seed": trajectory.seed,
        "info": {
            OURS: {
                "ended": trajectory.ended,
                "fault": trajectory.fault,
                "policy": trajectory.policy,
                "usage": usage,
            }
        },
    }
