"""Recorded conversations are graded again by what their calls do, and by nothing else."""

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from harness.errors import ConfigError, FormatError, HarnessError, PluginFailed
from harness.evaluation.domain_defaults import DomainDefaults
from harness.evaluation.rollout import ASSERTIONS
from harness.interchange.replay import Regraded, regrade, regrade_all, same_answer
from harness.interchange.tally import row, tally
from harness.protocols import World
from harness.types import (
    Change,
    Changes,
    Ended,
    Episode,
    Grade,
    Json,
    Message,
    Recording,
    Scenario,
    Score,
    Split,
    Task,
    Tool,
    ToolCall,
    ToolResult,
    Trajectory,
)

DIM = Tool(name="dim", description="Set the lamp to a level.", parameters={}, kind="write")
TASK = Task(
    id="dark",
    domain="room",
    split="test",
    scenario=Scenario(reason="It is dark."),
    world={},
    gold=(ToolCall(name="dim", arguments={"level": 7}),),
    communicate=("seven",),
)


class Lamp:
    def __init__(self) -> None:
        self.level: Json = 0

    def call(self, call: ToolCall) -> ToolResult:
        if call.name != "dim":
            return ToolResult(content=f"Tool '{call.name}' not found.", is_error=True)
        self.level = call.arguments["level"]
        return ToolResult(content=json.dumps({"lamp": "left", "level": self.level}))

    def changes(self) -> Changes:
        return (Change(path=("level",), before=0, after=self.level),) if self.level else ()


class Room(DomainDefaults):
    name = "room"
    data_version = "v1"
    tools = (DIM,)

    def tasks(self, split: Split) -> list[Task]:
        return [TASK]

    def open(self, task: Task) -> Lamp:
        return Lamp()


def dim(level: Json, answer: str, *, id: str = "c", name: str = "dim") -> list[Message]:
    """A call with its recorded answer."""
    call = ToolCall(name=name, arguments={"level": level}, id=id)
    return [
        Message(role="assistant", calls=(call,)),
        Message(role="tool", content=answer, call_id=id),
    ]


GOOD = dim(7, '{"lamp": "left", "level": 7}')
SAID = Message(role="assistant", content="It is at Seven now.")


def recorded(
    messages: Sequence[Message], *, ended: Ended = "user_stop", success: bool = True, trial: int = 0
) -> Episode:
    whole = (
        Message(role="assistant", content="Hi"),
        Message(role="user", content="Seven, please."),
        *messages,
    )
    return Episode(
        task=TASK,
        trajectory=Trajectory(
            id=f"t{trial}",
            task_id=TASK.id,
            trial=trial,
            policy="someone",
            seed=0,
            messages=whole,
            ended=ended,
        ),
        grade=Grade(success=success),
        score=Score(success=success),
    )


def again(messages: Sequence[Message], *, ended: Ended = "user_stop") -> Regraded:
    return regrade(recorded(messages, ended=ended), Room())


@pytest.mark.parametrize("recorded_success", [True, False])
def test_the_verdict_comes_from_the_calls_and_not_from_the_recording(
    recorded_success: bool,
) -> None:
    good = regrade(recorded([*GOOD, SAID], success=recorded_success), Room())
    assert (good.success, good.recorded) == (True, recorded_success)
    wrong = regrade(recorded([*dim(3, '{"lamp": "left", "level": 3}'), SAID]), Room())
    assert (wrong.success, wrong.replayed, wrong.problem) == (False, True, "")
    assert again([]).success is False


@pytest.mark.parametrize(
    ("recorded", "now", "same"),
    [
        ('{"a": 1, "b": 2}', '{"b":2,"a":1.0}', True),
        ("[1, 2]", "[2, 1]", False),
        ("Order not found", "Order not found", True),
        ("Order not found", "User not found", False),
        ("7", '"7"', False),
        ("NaN", "NaN", True),
    ],
)
def test_answers_are_compared_as_json_if_both_are_and_else_as_text(
    recorded: str, now: str, same: bool
) -> None:
    assert same_answer(recorded, now) is same


def test_an_answer_that_is_another_one_now_is_named_with_both() -> None:
    found = again([*dim(7, '{"lamp": "right", "level": 7}'), SAID])
    assert (found.replayed, found.gradeable, found.success, found.grade) == (
        False, False, None, None,
    )  # fmt: skip
    for word in ("message 3", "dim", '"right"', '"left"'):
        assert word in found.problem


def test_long_answers_are_shown_where_they_part() -> None:
    answer = json.dumps({"padding": "x" * 5000, "lamp": "right"})
    found = again(dim(7, answer))
    assert len(found.problem) < 500
    same_start = {"lamp": "left", "level": 7, "padding": "y" * 5000}
    assert "level" in again(dim(7, json.dumps(same_start))).problem


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        (GOOD[:1], ("dim", "no result", "recording ends")),
        ([GOOD[0], SAID], ("dim", "no result", "message 3 is by the assistant")),
        ([GOOD[1]], ("message 2", "no call is waiting")),
        ([*GOOD, GOOD[1]], ("message 4", "no call is waiting")),
        ([GOOD[0], replace(GOOD[1], call_id="d")], ("message 3", "'d'", "'c'")),
    ],
)
def test_calls_and_results_that_do_not_pair_are_named(
    messages: Sequence[Message], words: Sequence[str]
) -> None:
    found = again(messages)
    assert not found.replayed
    for word in words:
        assert word in found.problem


def test_several_calls_of_one_turn_are_answered_in_order() -> None:
    two = tuple(ToolCall(name="dim", arguments={"level": n}, id=f"c{n}") for n in (3, 7))
    answers = [
        Message(role="tool", content=f'{{"lamp": "left", "level": {n}}}', call_id=f"c{n}")
        for n in (3, 7)
    ]
    turn = Message(role="assistant", calls=two)
    assert again([turn, *answers, SAID]).success is True
    assert "'c7'" in again([turn, *reversed(answers), SAID]).problem


@pytest.mark.parametrize("ended", ["max_steps", "too_many_errors", "cut_short", "agent_stop"])
def test_a_conversation_cut_between_call_and_result_is_graded_and_fails(ended: Ended) -> None:
    found = again([*GOOD, SAID, GOOD[0]], ended=ended)
    assert (found.replayed, found.success) == (True, False)


def test_a_fault_is_no_evidence() -> None:
    found = again([*GOOD, SAID], ended="infrastructure_fault")
    assert (found.replayed, found.gradeable, found.success) == (True, False, None)
    assert "infrastructure_fault" in found.problem


class Courteous(Room):
    def grade(self, task: Task, world: World, trajectory: Trajectory) -> Grade:
        grade = super().grade(task, world, trajectory)
        return replace(grade, parts={"DB": grade.success}, unjudged=("The agent is polite.",))


def test_what_needs_a_judge_is_never_passed() -> None:
    found = regrade(recorded([*GOOD, SAID]), Courteous())
    assert (found.replayed, found.gradeable, found.success) == (True, False, None)
    line = row(found)
    assert (line["reward"], line["db_match"], line["parts"]) == (None, True, {"DB": True})
    assert line["problem"] == "needs a judge for 1 statement in words"


class Exact(Room):
    """Finds that the state is another one where its changes compare as equal, as 1 and 1.0 do."""

    def grade(self, task: Task, world: World, trajectory: Trajectory) -> Grade:
        grade = super().grade(task, world, trajectory)
        return replace(grade, success=False, parts={"DB": False})


def test_a_row_says_of_the_state_what_the_domain_says() -> None:
    found = regrade(recorded([*GOOD, SAID]), Exact())
    assert found.grade
    assert found.grade.wanted == found.grade.actual
    assert row(found)["db_match"] is False


@pytest.mark.parametrize("said", [True, False])
def test_what_a_judge_said_in_the_recording_is_taken_over(said: bool) -> None:
    parts = {"DB": False, ASSERTIONS: said}
    episode = replace(recorded([*GOOD, SAID]), grade=Grade(success=False, parts=parts))
    found = regrade(episode, Courteous())
    assert (found.gradeable, found.success) == (True, said)
    assert row(found)["parts"] == {"DB": True, ASSERTIONS: said}


class Vague(Room):
    def grade(self, task: Task, world: World, trajectory: Trajectory) -> Grade:
        grade = super().grade(task, world, trajectory)
        return replace(grade, ungradeable="nobody can say", unjudged=("The agent is polite.",))


def test_what_nobody_can_decide_has_no_verdict_and_says_why() -> None:
    found = regrade(recorded([*GOOD, SAID]), Vague())
    assert (found.success, found.problem) == (None, "nobody can say")


class Broken(Room):
    def open(self, task: Task) -> Lamp:
        raise KeyError("no such room")


class BrokenGrade(Room):
    def grade(self, task: Task, world: World, trajectory: Trajectory) -> Grade:
        raise KeyError("no such room")


@pytest.mark.parametrize(
    ("domain", "doing"), [(Broken, "opening of task dark"), (BrokenGrade, "grade of task dark")]
)
def test_a_domain_that_breaks_ends_the_regrading_with_its_name(
    domain: type[Room], doing: str
) -> None:
    with pytest.raises(PluginFailed, match=f"plugin d:room failed in its {doing}: KeyError"):
        regrade(recorded([]), domain(), plugin="d:room")


@pytest.mark.parametrize("kind", [ConfigError, FormatError])
def test_a_task_that_the_domain_refuses_is_a_problem_of_that_conversation(
    kind: type[HarnessError],
) -> None:
    class Refusing(Room):
        def open(self, task: Task) -> Lamp:
            raise kind("the task cannot be set up")

    found = regrade(recorded([]), Refusing())
    assert (found.replayed, found.problem) == (False, "the task cannot be set up")


def test_a_bug_of_replay_is_no_problem_of_the_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(recorded: str, now: str) -> bool:
        raise KeyError("ours")

    monkeypatch.setattr("harness.interchange.replay.same_answer", broken)
    with pytest.raises(KeyError, match="ours"):
        regrade(recorded([*GOOD, SAID]), Room(), plugin="d:room")


def test_a_row_has_the_verdict_in_plain_values() -> None:
    found = regrade(recorded([*GOOD, SAID], success=False, trial=2), Room())
    assert row(found, data_version="v1", original={"termination_reason": "user_waved"}) == {
        "id": "t2",
        "task_id": "dark",
        "trial": 2,
        "success": True,
        "reward": 1.0,
        "termination_reason": "user_waved",
        "db_match": True,
        "parts": {},
        "gradeable": True,
        "replayed": True,
        "problem": "",
        "unknown_tools": {},
        "other_answers": {},
        "data_version": "v1",
        "recorded_reward": 0.0,
    }
    assert row(found)["termination_reason"] == "user_stop"


def test_one_that_does_not_replay_costs_the_others_nothing() -> None:
    episodes = (
        recorded([*GOOD, SAID]),
        recorded(dim(7, "broken"), trial=1),
        recorded([*GOOD, SAID], success=False, trial=2),
        recorded([], ended="agent_fault", trial=3),
    )
    graded = regrade_all(Recording(domain="room", tasks=(TASK,), episodes=episodes), Room())
    assert [one.success for one in graded] == [True, None, True, None]
    counts = tally(graded)
    assert counts["conversations"] == 4
    assert (counts["graded"], counts["successes"], counts["recorded_successes"]) == (2, 2, 3)
    assert (counts["compared"], counts["agreeing"], counts["differing"]) == (2, 1, [2])
    assert (counts["not_replayed"], counts["no_verdict"]) == ([1], [3])
    assert counts["endings"] == {"user_stop": 3, "agent_fault": 1}
    assert counts["pass_1"] == [100.0, 5.0, 100.0], "one task"


def test_without_one_verdict_there_is_no_pass_rate() -> None:
    graded = [regrade(recorded(dim(7, "broken")), Room())]
    assert tally(graded)["pass_1"] is None
