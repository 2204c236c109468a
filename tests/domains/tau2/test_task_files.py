"""Targeted tasks as task files that the official loader reads and the official shop plays."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import pytest

from harness.errors import ConfigError, FormatError
from harness.llm.roles import open_registry
from harness.protocols import Settings
from harness.testing.fakes import play
from harness.types import Recipe, Recording, Task
from harness_retail.compat import TAU2
from harness_retail.domain import RetailDomain
from harness_tau2.task_files import tasks_format

DOMAIN = RetailDomain(TAU2)


@pytest.fixture(scope="module")
def tasks() -> tuple[Task, ...]:
    plain = islice(DOMAIN.generate(17, Recipe()), 30)
    woven = [DOMAIN.weave(task, "two_orders", 1) or task for task in plain]
    return tuple(woven)


def written(tasks: tuple[Task, ...], path: Path) -> Path:
    recording = Recording(domain="retail", tasks=tasks, episodes=())
    tasks_format(Settings()).write(recording, path)
    return path


def test_the_official_shop_plays_the_gold_of_every_task_to_the_same_end(
    tasks: tuple[Task, ...], tmp_path: Path
) -> None:
    official = pytest.importorskip("tau2.data_model.tasks")
    environment = pytest.importorskip("tau2.domains.retail.environment")
    loader = pytest.importorskip("tau2.utils")
    path = written(tasks, tmp_path / "tasks.json")
    loaded = [official.Task.model_validate(raw) for raw in loader.load_file(path)]
    assert [task.id for task in loaded] == [task.id for task in tasks]
    for theirs, ours in zip(loaded, tasks, strict=True):
        assert theirs.user_scenario.instructions.reason_for_call == ours.scenario.reason
        assert theirs.user_scenario.instructions.domain == "retail"
        assert theirs.evaluation_criteria.communicate_info == list(ours.communicate)
        world = environment.get_environment()
        world.set_state(
            initialization_data=theirs.initial_state.initialization_data,
            initialization_actions=None,
            message_history=[],
        )
        for action in theirs.evaluation_criteria.actions:
            world.make_tool_call(action.name, requestor="assistant", **action.arguments)
        mine = DOMAIN.open(ours)
        for call in ours.gold:
            assert not mine.call(call).is_error
        records = mine.records()
        for kind in ("orders", "users"):
            for key, record in json.loads(world.tools.db.model_dump_json())[kind].items():
                if key in theirs.initial_state.initialization_data.agent_data[kind]:
                    expected = {k: v for k, v in records[kind][key].items() if v is not None}  # type: ignore[union-attr]
                    assert {k: v for k, v in record.items() if v is not None} == expected


def test_a_file_without_tasks_or_with_options_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no tasks"):
        written((), tmp_path / "tasks.json")
    with pytest.raises(FormatError, match="holds none"):
        tasks_format(Settings()).read(tmp_path / "tasks.json")
    with pytest.raises(ConfigError):
        tasks_format(Settings(options={"x": 1}))


def test_a_task_of_a_domain_without_an_official_one_has_no_records_to_merge(
    tmp_path: Path,
) -> None:
    invented = open_registry().make("domain", "invented:1", Settings())
    task = invented.tasks("test")[0]
    path = tmp_path / "tasks.json"
    tasks_format(Settings()).write(Recording(domain="invented", tasks=(task,), episodes=()), path)
    (entry,) = json.loads(path.read_text())
    assert entry["initial_state"] is None


def test_a_task_that_can_be_played_here_comes_back_whole(
    tasks: tuple[Task, ...], tmp_path: Path
) -> None:
    raw = json.loads(written(tasks, tmp_path / "tasks.json").read_text())
    assert all(
        play(DOMAIN, task, task.gold).grade.success for task in tasks if not task.communicate
    )
    assert [entry["id"] for entry in raw] == [task.id for task in tasks]
