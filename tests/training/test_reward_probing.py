"""What a reward makes of policies that cheat."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from harness.assembly.components import Components
from harness.assembly.config import load_config
from harness.errors import ConfigError
from harness.evaluation.domain_defaults import DomainDefaults
from harness.llm.roles import open_registry
from harness.protocols import Event
from harness.testing import EVENTS
from harness.training.reward_probing import MARGIN, fresh_tasks, probe_reward
from harness.types import Recipe, Task

NAMES = open_registry().names("probe")


def parts(**flags: object) -> Components:
    known = {"domain": "retail", "executor": "asyncio"}
    return Components(load_config(flags={**known, **flags}), open_registry())


def test_the_default_reward_pays_no_probe() -> None:
    found = probe_reward(parts(), 40)
    assert [row.probe for row in found.rows] == NAMES
    assert found.tasks == 40
    assert found.let_through == []
    for row in found.rows:
        assert row.difference.value <= -MARGIN
        assert row.difference.value == pytest.approx(row.reward - row.baseline_reward)
        assert row.caught_by in found.weights
        assert row.without.keys() == found.weights.keys()


def test_observers_get_the_same_data_of_a_probe_as_of_any_station() -> None:
    heard: list[Event] = []
    listener = SimpleNamespace(notify=heard.append)
    probe_reward(Components(parts().config, open_registry(), (listener,)), 2)
    keys = {name: data.keys() for name, data in EVENTS}
    assert {event.name for event in heard} >= {"rollout_finished", "station_finished"}
    assert all(event.data.keys() == keys[event.name] for event in heard)
    last = [event.data for event in heard if event.name == "rollout_finished"][1]
    assert last["done"] == last["total"] == 2
    assert last["success"] in (0, 1, 2)


def test_a_reward_of_penalties_alone_pays_who_does_nothing() -> None:
    found = probe_reward(parts(rewards={"task_success": 0, "gold_writes": 0}), 40)
    through = found.let_through
    assert {"idle", "refuse", "stop", "transfer"} <= set(through)
    assert all(row.caught_by == "nothing" for row in found.rows if row.probe in through)


def test_without_a_term_is_as_if_it_had_no_weight() -> None:
    rows = {row.probe: row for row in probe_reward(parts(), 20).rows}
    for row in probe_reward(parts(rewards={"repeated_calls": 0}), 20).rows:
        assert rows[row.probe].without["repeated_calls"].value == pytest.approx(
            row.difference.value
        )
    assert "repeated_calls" in rows["repeat"].held_by


@pytest.mark.parametrize(
    ("flags", "missing"),
    [
        ({"baseline_policy": ""}, "baseline policy"),
        ({"rewards": dict.fromkeys(["x"], 0.0)}, "reward term"),
    ],
)
def test_what_is_missing_is_named(flags: dict[str, object], missing: str) -> None:
    made = parts() if "rewards" in flags else parts(**flags)
    if "rewards" in flags:
        made.terms = ()  # type: ignore[misc]
    with pytest.raises(ConfigError, match=missing):
        probe_reward(made, 2)


def test_a_domain_that_repeats_itself_gives_each_task_once() -> None:
    class Few(DomainDefaults):
        name = "few"
        tools = ()

        def generate(self, seed: int, recipe: Recipe) -> Iterator[Task]:
            tasks = parts().domain.tasks("train")[:3]
            while True:
                yield from tasks

    assert len(fresh_tasks(Few(), 0, 10)) == 3
