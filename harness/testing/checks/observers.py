"""Turn an observer into a verdict: does it take every event of a run?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.protocols import Event, Observer
from harness.testing.findings import Check, demand
from harness.types import Json

_COUNTS: Mapping[str, Json] = {"judge": {"calls": 2, "tokens_in": 900, "cost_usd": 0.01}}

EVENTS: tuple[tuple[str, Mapping[str, Json]], ...] = (
    ("run_opened", {"run": "runs/one"}),
    ("run_started", {"run": "runs/one", "domain": "shop", "stations": ["base", "sft"]}),
    ("station_skipped", {"station": "base"}),
    ("station_started", {"station": "sft", "unit": "steps", "total": 0}),
    ("part_progress", {"part": "clusterer", "done": 1, "total": 2}),
    ("train_step", {"station": "sft", "step": 1, "steps": 2, "loss": 0.7}),
    ("train_step", {"station": "sft", "step": 2, "steps": 2, "loss": float("nan")}),
    ("station_finished", {"station": "sft", "seconds": 1.5}),
    ("station_started", {"station": "evaluate sft on test", "unit": "rollouts", "total": 2}),
    (
        "rollout_finished",
        {
            "station": "evaluate sft on test",
            "done": 1,
            "total": 2,
            "success": 1,
            "ended": "user_stop",
        },
    ),
    (
        "rollout_finished",
        {
            "station": "evaluate sft on test",
            "done": 2,
            "total": 2,
            "success": 1,
            "ended": "agent_fault",
        },
    ),
    ("station_finished", {"station": "evaluate sft on test", "seconds": 0.2}),
    ("warning", {"message": "the judge gave no verdict on 1 of 2: [b]braces} and\nlines"}),
    ("calls_counted", {"roles": dict(_COUNTS), "summary": "2 calls"}),
    ("budget_spent", {"run": "runs/one"}),
    ("run_interrupted", {"run": "runs/one"}),
    ("run_finished", {"seconds": 9.5}),
    ("run_closed", {"run": "runs/one"}),
)
"""A run's events by name, with the data that they have, in the order of a run."""

_UNKNOWN: tuple[str, Mapping[str, Json]] = ("event_of_another_version", {"new": [1, {"two": None}]})


def check_observer(observer: Observer) -> None:
    """Check that an observer takes each event of a run, in order, and unknown ones as well.

    An observer that raises ends the run, so it may raise for none of them. The folder that ``run``
    names in an event is there, and empty.
    """
    with (
        Check(observer) as check,
        check.rule(
            "An observer that raises ends the run; one that changes data changes it for others.",
            "Take each event by its name and its data as they are, and let others pass.",
        ),
        TemporaryDirectory() as place,
    ):
        folder = f"{place}/run"
        Path(folder).mkdir()
        for name, data in (*EVENTS, _UNKNOWN, *EVENTS):
            _check_event(observer, name, {**data, **({"run": folder} if "run" in data else {})})


def _check_event(observer: Observer, name: str, data: Mapping[str, Json]) -> None:
    given = dict(data)
    try:
        observer.notify(Event(name=name, data=given))
    except Exception as error:
        raise AssertionError(
            f"an observer takes the event {name!r}, found {type(error).__name__}: {error}"
        ) from error
    demand(given == data, f"an observer leaves the data of {name!r} as they are")
