"""A run in MLflow."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from harness.types import Json
from harness_trackers.tracking import Run

TAG = "harness.run"
"""The tag by which a run is found again when it is resumed."""

LONGEST = 6000
"""Characters that a parameter may have."""


class MlflowTracker:
    """Files in the run folder, or the server that ``MLFLOW_TRACKING_URI`` names."""

    def __init__(self, run: Run) -> None:
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # the only store without a server
        from mlflow.tracking import MlflowClient

        uri = os.environ.get("MLFLOW_TRACKING_URI") or run.folder.as_uri()
        self._client = MlflowClient(tracking_uri=uri)
        experiment = self._client.get_experiment_by_name(run.project)
        id = experiment.experiment_id if experiment else self._client.create_experiment(run.project)
        found = self._client.search_runs([id], f"tags.`{TAG}` = '{run.id}'", max_results=1)
        if found:
            self._id, known = found[0].info.run_id, found[0].data.params
        else:
            made = self._client.create_run(id, run_name=run.name, tags={TAG: run.id})
            self._id, known = made.info.run_id, {}
        for name, value in flat(run.config):
            if name not in known:  # a parameter never changes
                self._client.log_param(self._id, name, value[:LONGEST])

    def scalars(self, group: str, values: Mapping[str, float], step: int) -> None:
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        metrics = [Metric(f"{group}/{name}", value, now, step) for name, value in values.items()]
        self._client.log_batch(self._id, metrics=metrics)

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Json]]) -> None:
        table = {"columns": list(columns), "data": [list(row) for row in rows]}
        self._client.log_dict(self._id, table, f"{name}.json")

    def artifact(self, name: str, path: Path) -> None:
        if path.is_dir():
            self._client.log_artifacts(self._id, str(path), name)
        else:
            self._client.log_artifact(self._id, str(path), name)

    def close(self) -> None:
        self._client.set_terminated(self._id)


def flat(config: Mapping[str, Json], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Settings of tables by dotted name, as text."""
    for key, value in config.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value)
