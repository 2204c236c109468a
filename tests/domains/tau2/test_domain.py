"""Official domains: their tasks on our engines, from the package or a folder."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.assembly.guarded_domain import unguarded
from harness.errors import ConfigError
from harness.evaluation.rollout import graded, run_rollouts
from harness.evaluation.scoring import gold_changes
from harness.llm.roles import open_registry
from harness.llm.user import user_system
from harness.protocols import Domain, RolloutJob, RolloutSetup, Settings
from harness.testing.fakes import play
from harness.types import Episode, Json, Task, Trajectory
from harness.types.messages import Message, ToolCall
from harness_retail.official import Tau2Retail
from harness_tau2.domain import Tau2Domain, split_ids
from tests.domains.tau2.official import (
    AIRLINE,
    RETAIL,
    SIDES,
    Side,
    data_folder,
    environment,
    needs_tau2,
)
from tests.domains.tau2.shelf import (
    CANCEL,
    FAILING,
    ITEM,
    PENDING,
    SHOP,
    TRANSFER,
    official,
    write_data,
)

REGISTRY = open_registry()

both = pytest.mark.parametrize("side", SIDES, ids=lambda side: side.domain)


def domain(**options: Json) -> Tau2Retail:
    made = unguarded(REGISTRY.make("domain", "tau2-retail", Settings(options=options)))
    assert isinstance(made, Tau2Retail)
    return made


def official_domain(side: Side, **options: Json) -> Tau2Domain:
    made = unguarded(REGISTRY.make("domain", f"tau2-{side.domain}", Settings(options=options)))
    assert isinstance(made, Tau2Domain)
    return made


def played(domain: Domain, policy: str, tasks: Sequence[Task]) -> list[Episode]:
    """One conversation on each task with the scripted user."""
    settings = Settings(domain=domain)
    return run_rollouts(
        [RolloutJob(task=task, trial=0, seed=1) for task in tasks],
        REGISTRY.make("policy", policy, settings),
        RolloutSetup(domain=domain, user=REGISTRY.make("user simulator", "scripted", settings)),
        REGISTRY.make("executor", "asyncio", Settings()),
    )


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Data made of the tasks given, which the domain then finds."""

    def put(*tasks: dict[str, Any], name: str = "data") -> Path:
        ids = {"train": [], "test": [task["id"] for task in tasks]}
        folder = write_data(tmp_path / name, tasks or None, splits=ids if tasks else None)
        monkeypatch.setenv("TAU2_DATA_DIR", str(folder))
        return folder

    return put


# --- the official data ----------------------------------------------------------------------------


@needs_tau2
def test_a_task_told_on_the_stage_of_an_official_one_is_graded_by_its_own_gold() -> None:
    made = domain()
    old = next(t for t in made.tasks("train") if t.communicate and len(t.gold) > 1)
    new = replace(old, id="new", world=made.stage(old), gold=(), communicate=())
    assert made.open(new).changes() == ()
    assert play(made, new).grade.success
    assert not play(made, old).grade.success


@needs_tau2
@both
def test_the_test_tasks_are_the_official_ones_and_validation_is_cut_from_train(
    side: Side,
) -> None:
    folder = data_folder() / "domains" / side.domain
    splits = json.loads((folder / "split_tasks.json").read_text())
    opened = official_domain(side)
    ids = {split: {task.id for task in opened.tasks(split)} for split in opened._ids}
    assert ids["test"] == set(splits["test"])
    assert ids["train"] | ids["validation"] == set(splits["train"])
    sizes = {"retail": (54, 20, 40), "airline": (22, 8, 20)}
    assert (len(ids["train"]), len(ids["validation"]), len(ids["test"])) == sizes[side.domain]


@needs_tau2
@both
def test_the_base_split_is_all_test_and_leaves_nothing_to_train_on(side: Side) -> None:
    opened = official_domain(side, split="base")
    assert len(opened.tasks("test")) == {"retail": 114, "airline": 50}[side.domain]
    assert opened.tasks("train") == opened.tasks("validation") == ()
    assert "split base" in opened.data_version


@needs_tau2
@both
def test_policy_tools_and_data_version_are_the_official_ones(side: Side) -> None:
    opened, theirs = official_domain(side), environment(of=side)
    assert opened.policy == theirs.get_policy()
    assert [tool.schema() for tool in opened.tools] == [
        tool.openai_schema for tool in theirs.get_tools()
    ]
    tasks = (data_folder() / "domains" / side.domain / "tasks.json").read_bytes()
    assert opened.data_version == hashlib.sha256(tasks).hexdigest()


@needs_tau2
@both
def test_the_official_guidelines_tell_a_model_how_to_play_the_customer(side: Side) -> None:
    opened = official_domain(side)
    official = data_folder() / "user_simulator" / "simulation_guidelines.md"
    assert official.read_text(encoding="utf-8").strip() == opened.user_guidelines.strip()
    told = user_system(opened.tasks("test")[0].scenario, opened.user_guidelines)
    assert opened.user_guidelines.strip() in told


@needs_tau2
def test_tools_have_the_kinds_and_plain_words_that_teachers_and_judges_need() -> None:
    tools = {tool.name: tool for side in SIDES for tool in official_domain(side).tools}
    assert tools["cancel_pending_order"].kind == tools["cancel_reservation"].kind == "write"
    assert tools["cancel_pending_order"].noun("order_id") == "order"
    assert tools["cancel_reservation"].noun("reservation_id") == "reservation"
    assert tools["transfer_to_human_agents"].followup


@needs_tau2
@both
def test_the_oracle_passes_all_official_tasks_and_doing_nothing_passes_few(side: Side) -> None:
    opened = official_domain(side, split="base")
    tasks = opened.tasks("test")
    failed = [e.task.id for e in played(opened, "oracle", tasks) if not e.score.success]
    passed = [e.task.id for e in played(opened, "noop", tasks) if e.score.success]
    assert failed == []
    if side is RETAIL:
        assert sorted(passed, key=int) == ["10", "12", "25", "50", "57", "65", "105"]
    else:
        assert len(passed) == 19


@needs_tau2
def test_official_airline_tasks_can_be_talked_through() -> None:
    opened = official_domain(AIRLINE, split="base")
    episodes = played(opened, "expert", opened.tasks("test"))
    assert [e.task.id for e in episodes if not e.score.success] == []


# --- data in a folder -----------------------------------------------------------------------------


def test_the_folder_may_be_the_one_above_or_tau2_itself(
    shelf: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shelf(official("only"))
    assert [task.id for task in domain().tasks("test")] == ["only"]
    monkeypatch.setenv("TAU2_DATA_DIR", str(folder / "tau2"))
    assert [task.id for task in domain().tasks("test")] == ["only"]


def test_the_newer_tool_is_there_if_the_data_uses_it(shelf: Any) -> None:
    call = ToolCall(name="get_item_details", arguments=ITEM["arguments"])
    shelf(official(actions=[CANCEL]), name="old")
    old = domain()
    shelf(official(actions=[ITEM, CANCEL]), name="new")
    new = domain()
    assert [call.name in {tool.name for tool in d.tools} for d in (old, new)] == [False, True]
    answers = [d.open(d.tasks("test")[0]).call(call) for d in (old, new)]
    assert [answer.is_error for answer in answers] == [True, False]


def test_a_task_of_a_newer_file_has_the_newer_tool_on_older_data(shelf: Any) -> None:
    shelf(official(actions=[CANCEL]))
    older, call = domain(), ToolCall(name="get_item_details", arguments=ITEM["arguments"])
    task = older.task(official("other", actions=[CANCEL], reward_basis=["DB"]), "test")
    assert not older.open(task).call(call).is_error


def test_fixed_tools_are_noted_in_the_data_version_and_behave_so(shelf: Any) -> None:
    shelf(official(actions=[TRANSFER]))
    official_way, fixed = domain(), domain(compat="fixed")
    task = official_way.tasks("test")[0]
    assert "fixed tools" in fixed.data_version
    assert "fixed tools" not in official_way.data_version
    assert gold_changes(official_way, task) == ()
    assert gold_changes(fixed, task) != ()


def test_versions_of_one_task_do_not_share_their_gold(shelf: Any) -> None:
    shelf(official())
    opened = domain()
    one, other = opened.task(official(), "test"), opened.task(official(actions=[]), "test")
    assert play(opened, one, one.gold).grade.success
    assert play(opened, other).grade.success
    assert not play(opened, other, one.gold).grade.success
    assert play(opened, one, one.gold).grade.success


def test_the_split_of_train_depends_on_the_ids_alone(shelf: Any) -> None:
    shelf()
    data = domain().data
    ids = split_ids(data, "test")
    assert ids == split_ids(data, "test")
    assert len(ids["validation"]) == 1
    assert sorted([*ids["train"], *ids["validation"]]) == sorted(data.split("train"))


def test_a_gold_write_that_fails_is_not_part_of_the_solution(shelf: Any) -> None:
    shelf(official(actions=[FAILING, CANCEL, TRANSFER]))
    opened = domain()
    (task,) = opened.tasks("test")
    names = [[call.name for call in group] for group in opened.solve(task) or ()]
    assert names == [[], ["cancel_pending_order"], ["transfer_to_human_agents"]]
    (episode,) = played(opened, "oracle", [task])
    assert episode.score.success
    assert episode.trajectory.ended == "transfer"


# --- initial states -------------------------------------------------------------------------------


def starting(**state: Any) -> dict[str, Any]:
    return official(actions=[]) | {"initial_state": state}


def test_a_task_may_start_with_other_records(shelf: Any) -> None:
    user = PENDING["user_id"]
    data = {"agent_data": {"users": {user: {"email": "new@example.com"}}}}
    shelf(starting(initialization_data=data))
    opened = domain()
    world = opened.open(opened.tasks("test")[0])
    call = ToolCall(name="find_user_id_by_email", arguments={"email": "new@example.com"})
    assert world.call(call).content == user
    assert world.changes() == ()
    assert SHOP.users[user]["email"] != "new@example.com"


def test_a_task_may_start_with_calls_that_were_made_before(shelf: Any) -> None:
    action = {"func_name": CANCEL["name"], "arguments": CANCEL["arguments"]}
    shelf(starting(initialization_actions=[{"env_type": "assistant", **action}]))
    opened = domain()
    world = opened.open(opened.tasks("test")[0])
    look = ToolCall(name="get_order_details", arguments={"order_id": PENDING["order_id"]})
    assert json.loads(world.call(look).content)["status"] == "cancelled"
    assert world.changes() == ()


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"initialization_data": {"user_data": {"phone": 1}}}, "users have no data"),
        ({"initialization_data": {"agent_data": {"flights": {}}}}, "no 'flights'"),
        (
            {"initialization_actions": [{"env_type": "user", "func_name": "ring"}]},
            "users have no tools",
        ),
        ({"initialization_actions": [{"env_type": "assistant", "func_name": "break"}]}, "break"),
    ],
)
def test_an_initial_state_that_the_shop_cannot_hold_is_an_error_that_says_so(
    shelf: Any, state: dict[str, Any], words: str
) -> None:
    shelf(starting(**state))
    opened = domain()
    with pytest.raises(ConfigError, match=words):
        opened.open(opened.tasks("test")[0])


# --- statements in words --------------------------------------------------------------------------


class Strict:
    """Decides statements in words; ``holds`` is its answer to all."""

    def __init__(self, holds: bool) -> None:
        self.holds = holds

    async def decide(
        self, assertions: Sequence[str], task: Task, trajectory: Trajectory
    ) -> list[bool]:
        return [self.holds for _ in assertions]


def in_words() -> dict[str, Any]:
    return official(nl_assertions=["It was polite."], reward_basis=["DB", "NL_ASSERTION"])


def test_without_a_judge_a_statement_in_words_is_not_gradeable(shelf: Any) -> None:
    shelf(in_words())
    opened = domain()
    (episode,) = played(opened, "oracle", opened.tasks("test"))
    assert episode.uncounted == "not_gradeable"
    assert not episode.score.success


@pytest.mark.parametrize("holds", [True, False])
def test_a_judge_decides_a_statement_in_words(shelf: Any, holds: bool) -> None:
    shelf(in_words())
    opened = domain()
    (task,) = opened.tasks("test")
    world = opened.open(task)
    world.call(task.gold[0])
    trajectory = Trajectory(
        id="t",
        task_id=task.id,
        trial=0,
        policy="p",
        seed=0,
        messages=(Message(role="assistant", content="Done."),),
        ended="user_stop",
    )
    grade = asyncio.run(graded(task, world, trajectory, opened, Strict(holds)))
    assert (grade.success, grade.unjudged) == (holds, ())
    assert grade.parts == {"DB": True, "NL_ASSERTION": holds}


def test_the_user_guidelines_are_at_hand_for_a_language_model_as_user(shelf: Any) -> None:
    shelf()
    assert domain().data.guidelines == "Be a customer.\n"
