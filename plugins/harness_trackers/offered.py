"""The trackers, each with what it needs: one observer for a library."""

from __future__ import annotations

from harness.assembly.config import read_options
from harness.assembly.extras import need
from harness.protocols import Settings
from harness_trackers.tracking import Options, TrackingObserver


def wandb(settings: Settings) -> TrackingObserver:
    """Weights & Biases, offline unless the environment says otherwise (``WANDB_MODE``)."""
    options = _options("wandb", settings)
    from harness_trackers.wandb_runs import WandbTracker

    return TrackingObserver("wandb", WandbTracker, options)


def mlflow(settings: Settings) -> TrackingObserver:
    """MLflow, in files unless the environment names a server (``MLFLOW_TRACKING_URI``)."""
    options = _options("mlflow", settings)
    from harness_trackers.mlflow_runs import MlflowTracker

    return TrackingObserver("mlflow", MlflowTracker, options)


def tensorboard(settings: Settings) -> TrackingObserver:
    """Event files of TensorBoard."""
    options = _options("tensorboard", settings)
    from harness_trackers.tensorboard_files import TensorboardTracker

    return TrackingObserver("tensorboard", TensorboardTracker, options)


def trackio(settings: Settings) -> TrackingObserver:
    """trackio, in a local database."""
    options = _options("trackio", settings)
    from harness_trackers.trackio_runs import TrackioTracker

    return TrackingObserver("trackio", TrackioTracker, options)


def _options(name: str, settings: Settings) -> Options:
    """Raises ``ConfigError`` for unknown options, ``MissingExtra`` without the library."""
    options = read_options(Options, settings, name=name)
    need(f"the observer {name!r}", name, extra="trackers")
    return options
