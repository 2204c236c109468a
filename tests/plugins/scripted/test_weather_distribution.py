"""The third-party example: a distribution of its own that offers a domain and an observer."""

from __future__ import annotations

import tomllib
from importlib.metadata import EntryPoint
from itertools import islice
from pathlib import Path

import pytest

from harness.assembly.entry_points import discover
from harness.protocols import Domain, Event, Settings
from harness.types import Recipe, ToolCall

FOLDER = Path(__file__).parents[2] / "thirdparty" / "harness_weather"


def entry_point() -> EntryPoint:
    project = tomllib.loads((FOLDER / "pyproject.toml").read_text())["project"]
    (name, module), *rest = project["entry-points"]["harness"].items()
    assert not rest
    return EntryPoint(name=name, value=module, group="harness")


def test_its_entry_point_loads_and_offers_both_hooks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    plugins = discover([entry_point()])
    assert [row.error for row in plugins.rows] == [""]
    (domains,) = plugins.manager.hook.harness_domains()
    (observers,) = plugins.manager.hook.harness_observers()
    assert domains["weather"](Settings()).name == "weather"
    tally = observers["tally"](Settings())
    for name in ("round_started", "metrics", "metrics"):
        tally.notify(Event(name=name))
    assert tally.counts == {"round_started": 1, "metrics": 2}


def test_its_splits_share_no_entity(weather: Domain) -> None:
    entities = [
        {str(task.world["subscriber_id"]) for task in weather.tasks(split)}
        for split in ("train", "validation", "test")
    ]
    made = islice(weather.generate(77, Recipe()), 200)
    entities[0] |= {str(task.world["subscriber_id"]) for task in made}
    assert not entities[0] & entities[1]
    assert not entities[0] & entities[2]
    assert not entities[1] & entities[2]


def test_its_tasks_are_the_same_on_every_call(weather: Domain) -> None:
    assert weather.tasks("test") == weather.tasks("test")


def test_worlds_do_not_see_each_others_writes(weather: Domain) -> None:
    task = weather.tasks("train")[0]
    first, second = weather.open(task), weather.open(task)
    me = task.world["subscriber_id"]
    call = ToolCall(name="change_city", arguments={"subscriber_id": me, "city": "Oslo"})
    assert not first.call(call).is_error
    assert [change.path for change in first.changes()] == [("city",)]
    assert second.changes() == ()


@pytest.mark.parametrize(
    "call",
    [
        ToolCall(name="no_such_tool", arguments={}),
        ToolCall(name="list_alerts", arguments={}),
        ToolCall(name="find_subscriber", arguments={"phone": "1"}),
        ToolCall(name="change_city", arguments={"subscriber_id": "S0", "city": "Oslo"}),
        ToolCall(name="cancel_alert", arguments={"alert_id": "A0", "reason": "moved away"}),
        ToolCall(name="add_alert", arguments={"hazard": ["frost"], "channel": 3}),
    ],
)
def test_bad_calls_are_results_not_exceptions(weather: Domain, call: ToolCall) -> None:
    world = weather.open(weather.tasks("train")[0])
    assert world.call(call).is_error
    assert world.changes() == ()


def test_required_features_are_in_every_task(weather: Domain) -> None:
    for feature in weather.features:
        made = islice(weather.generate(3, Recipe(required=(feature.name,))), 20)
        assert all(feature.name in task.tags for task in made)
