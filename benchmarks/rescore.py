"""Time how long it takes to read stored conversations and to grade them again, without a model.

    python benchmarks/rescore.py [--json] [--count 10000] [--distinct 500]

Conversations of `noisy:0.5` with the scripted user are had once and then repeated under new trial
numbers until there are enough: in a run folder of the retail domain and, where the official data is
installed, in an official tau2 results file. Times are CPU seconds of this process on one core.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from harness.assembly.components import Components
from harness.assembly.config import load_config
from harness.assembly.registry import Registry
from harness.errors import MissingExtra
from harness.evaluation.rollout import run_rollouts
from harness.interchange.files import read_source, write_recording
from harness.interchange.replay import regrade_all
from harness.interchange.runs import open_domain, recorded_run
from harness.interchange.tally import row
from harness.llm.roles import open_registry
from harness.protocols import RolloutJob
from harness.run_folder import RunFolder
from harness.types import Episode, Json, Task, stable_id

MEBIBYTE = 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="Conversations in each file.")
    parser.add_argument("--distinct", type=int, default=500, help="Conversations that differ.")
    parser.add_argument("--json", action="store_true", help="Print the figures as JSON.")
    arguments = parser.parse_args()
    registry = open_registry()
    with tempfile.TemporaryDirectory() as scratch:
        run = made_run(registry, "retail", Path(scratch), arguments.count, arguments.distinct)
        figures = {"run folder": measured(registry, run)}
        try:
            run = made_run(
                registry, "tau2-retail", Path(scratch), arguments.count, arguments.distinct
            )
        except MissingExtra as missing:
            print(f"no tau2 results file: {missing}", file=sys.stderr)
        else:
            file = Path(scratch) / "results.json"
            recording = recorded_run(registry, RunFolder.open(run))
            write_recording(registry, recording, "tau2", file)
            del recording
            figures["tau2 results file"] = measured(registry, file)
    if arguments.json:
        print(json.dumps(figures, indent=2, allow_nan=False))
        return
    for name, found in figures.items():
        print(name)
        for key, value in found.items():
            print(f"  {key:<24} {value}")


def made_run(registry: Registry, domain: str, folder: Path, count: int, distinct: int) -> Path:
    """A run folder with that many conversations."""
    config = load_config(flags={"domain": domain, "policy": "noisy:0.5"})
    parts = Components(config, registry)
    tasks = list(parts.domain.tasks("test"))
    trials = -(-distinct // len(tasks))
    jobs = [
        RolloutJob(task=task, trial=trial, seed=trial) for task in tasks for trial in range(trials)
    ]
    had = run_rollouts(jobs[:distinct], parts.policy(), parts.setup, parts.executor)
    store = RunFolder.create(folder / domain, config.plain())
    store.write_values("tasks/test.jsonl", Task, tasks)
    store.write_episodes("policy-test", repeated(had, count))
    return store.folder


def repeated(episodes: Sequence[Episode], count: int) -> list[Episode]:
    """The episodes over and over, each time as another trial."""
    again = (
        replace(
            episode,
            trajectory=replace(
                episode.trajectory,
                id=stable_id(episode.trajectory.id, lap),
                trial=episode.trajectory.trial + 1000 * lap,
            ),
        )
        for lap in range(-(-count // len(episodes)))
        for episode in episodes
    )
    return list(islice(again, count))


def measured(registry: Registry, path: Path) -> dict[str, Json]:
    """CPU seconds to read the conversations and to grade them again."""
    started = time.process_time()
    source = read_source(registry, path)
    read = time.process_time()
    domain = open_domain(registry, source.recording.domain, source.options)
    graded = regrade_all(source.recording, domain)
    rows = [
        json.dumps(row(one, data_version=domain.data_version), allow_nan=False) for one in graded
    ]
    done = time.process_time()
    assert all(one.gradeable and one.success == one.recorded for one in graded)
    messages = sum(len(one.episode.trajectory.messages) for one in graded)
    return {
        "conversations": len(rows),
        "messages_each": round(messages / len(rows), 1),
        "mebibytes": round(size(path) / MEBIBYTE, 1),
        "read_seconds": round(read - started, 2),
        "rescore_seconds": round(done - read, 2),
        "seconds": round(done - started, 2),
        "milliseconds_each": round(1000 * (done - started) / len(rows), 3),
        "peak_mebibytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def size(path: Path) -> int:
    """Bytes in a file, or in all files of a folder."""
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file())


if __name__ == "__main__":
    main()
