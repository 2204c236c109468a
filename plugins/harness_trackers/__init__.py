"""Offer observers that keep a run in a tracker: W&B, MLflow, TensorBoard, trackio."""

from __future__ import annotations

from collections.abc import Mapping

from harness.hookspecs import Factory, hookimpl
from harness.protocols import Observer


@hookimpl
def harness_observers() -> Mapping[str, Factory[Observer]]:
    from harness_trackers.offered import mlflow, tensorboard, trackio, wandb

    return {"mlflow": mlflow, "tensorboard": tensorboard, "trackio": trackio, "wandb": wandb}
