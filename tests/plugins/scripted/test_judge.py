"""What the rule judge makes of conversations that went wrong."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import islice

import pytest

from harness.protocols import Domain, Settings
from harness.types import (
    Diagnosis,
    Ended,
    Episode,
    Json,
    Message,
    Recipe,
    Task,
    ToolCall,
)
from harness_scripted.expert import Teacher, expert, noop
from harness_scripted.judge import rule_judge
from harness_scripted.mistakes import planted_mistake
from harness_scripted.speech import normal
from harness_scripted.user_faults import _names

Play = Callable[..., list[Episode]]
Ending = Callable[[Message, Message], tuple[Message, ...]]


def diagnose(episode: Episode, domain: Domain) -> Diagnosis:
    failed = replace(episode, grade=replace(episode.grade, success=False))
    return asyncio.run(rule_judge(Settings()).diagnose(failed, domain))


@pytest.fixture(scope="session")
def solved(play: Play, weather: Domain) -> Episode:
    """A task with one request, solved: cancel an alert."""
    tasks = weather.generate(1, Recipe(required=("similar_alerts",)))
    return play(expert(Settings()), [next(tasks)])[0]


def edited(
    episode: Episode, messages: list[Message], ended: Ended = "user_stop", *, actual: bool = False
) -> Episode:
    """The episode with other messages, failed; nothing changed unless ``actual``."""
    grade = episode.grade if actual else replace(episode.grade, actual=())
    trajectory = replace(episode.trajectory, messages=tuple(messages), ended=ended)
    return replace(episode, trajectory=trajectory, grade=grade)


def index_of_write(episode: Episode) -> int:
    return next(
        i
        for i, m in enumerate(episode.trajectory.messages)
        if m.calls and m.calls[0].name == "cancel_alert"
    )


def test_the_planted_mistake_is_named(play: Play, weather: Domain) -> None:
    # The second recipe has a cancellation to make and one to refuse: the talk tells them apart.
    both = Recipe(required=("similar_alerts", "mandatory_flood"))
    tasks = [task for r in (Recipe(), both) for task in islice(weather.generate(11, r), 300)]
    episodes = play(Teacher("noisy:1", mistakes=1.0), tasks)
    named, planted = Counter[str](), Counter[str]()
    for number, episode in enumerate(episodes):
        mistake = planted_mistake(weather, episode.task, number, 1.0)
        assert mistake is not None
        diagnosis = diagnose(episode, weather)
        planted[mistake.kind] += 1
        named[mistake.kind] += (diagnosis.kind, diagnosis.blame) == (mistake.kind, "agent")
    assert len(planted) >= 14
    assert {kind: n for kind, n in planted.items() if named[kind] < 0.95 * n} == {}


def test_a_wrong_argument_is_quoted_with_the_wanted_one(play: Play, weather: Domain) -> None:
    tasks = list(islice(weather.generate(11, Recipe(required=("similar_alerts",))), 60))
    episodes = play(Teacher("noisy:1", mistakes=1.0), tasks)
    found = [d for d in (diagnose(e, weather) for e in episodes) if d.kind == "wrong_alert"]
    for diagnosis in found:
        episode = next(e for e in episodes if e.trajectory.id == diagnosis.trajectory_id)
        made = episode.trajectory.messages[diagnosis.turn].calls[0]
        assert diagnosis.tool == made.name
        assert str(made.arguments["alert_id"]) in diagnosis.summary
        assert str(episode.task.gold[0].arguments["alert_id"]) in diagnosis.summary
        assert diagnosis.severity == "critical"
        assert "made" in diagnosis.evidence
        assert "wanted" in diagnosis.evidence
    assert found


def test_refusing_what_can_be_done_is_named(play: Play, weather: Domain) -> None:
    task = next(weather.generate(1, Recipe(required=("similar_alerts",))))
    diagnosis = diagnose(play(noop(Settings()), [task])[0], weather)
    assert (diagnosis.kind, diagnosis.blame) == ("should_have_acted", "agent")
    assert diagnosis.turn == 2


def test_a_write_without_a_yes_is_told_where_nothing_else_is_wrong(
    solved: Episode, weather: Domain
) -> None:
    messages = list(solved.trajectory.messages)
    at = index_of_write(solved)
    del messages[at - 2 : at]
    diagnosis = diagnose(edited(solved, messages, actual=True), weather)
    assert diagnosis.kind == "missing_confirmation"
    assert diagnosis.turn == at - 2
    assert diagnosis.severity == "minor"


def test_a_wrong_write_without_a_yes_mentions_it(solved: Episode, weather: Domain) -> None:
    messages = list(solved.trajectory.messages)
    at = index_of_write(solved)
    call = messages[at].calls[0]
    wrong = replace(call, arguments={**call.arguments, "reason": "moved away"})
    wanted = replace(call, arguments={**call.arguments, "reason": "too many messages"})
    messages[at] = replace(messages[at], calls=(wrong,))
    del messages[at - 2 : at]
    task = replace(solved.task, gold=(wanted,))
    diagnosis = diagnose(replace(edited(solved, messages), task=task), weather)
    assert diagnosis.kind == "wrong_reason"
    assert "had not said yes" in diagnosis.evidence


def test_a_user_who_leaves_on_a_proposal_is_to_blame(solved: Episode, weather: Domain) -> None:
    messages = list(solved.trajectory.messages[: index_of_write(solved)])
    diagnosis = diagnose(edited(solved, messages), weather)
    assert (diagnosis.blame, diagnosis.kind) == ("user_simulator", "left_too_early")
    assert diagnosis.turn == len(messages) - 1


def test_an_agent_that_keeps_proposing_is_to_blame_itself(solved: Episode, weather: Domain) -> None:
    at = index_of_write(solved)
    messages = list(solved.trajectory.messages[:at])
    messages += messages[-2:] * 3
    assert diagnose(edited(solved, messages), weather).blame == "agent"


def test_a_user_who_contradicts_its_scenario_is_to_blame(solved: Episode, weather: Domain) -> None:
    facts = solved.task.scenario.requests[0].facts
    why = next(fact for fact in facts if "reason" in fact.needed_for)
    other = why.conflicts_with[0]
    messages = list(solved.trajectory.messages)
    at = index_of_write(solved)
    messages[at - 3] = Message(role="user", content=f"It is because of this: {other}")
    call = messages[at].calls[0]
    wrong = replace(call, arguments={**call.arguments, "reason": other})
    messages[at] = replace(messages[at], calls=(wrong,))
    diagnosis = diagnose(edited(solved, messages), weather)
    assert (diagnosis.blame, diagnosis.kind) == ("user_simulator", "contradicted_scenario")


def test_a_tool_that_fails_on_a_right_call_is_to_blame(solved: Episode, weather: Domain) -> None:
    messages = list(solved.trajectory.messages)
    at = index_of_write(solved)
    messages[at + 1] = replace(messages[at + 1], content="Error: database is down", is_error=True)
    diagnosis = diagnose(edited(solved, messages), weather)
    assert (diagnosis.blame, diagnosis.turn) == ("tool", at)
    assert "database is down" in diagnosis.evidence


def test_a_task_without_solution_is_to_blame(
    solved: Episode, weather: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(weather), "solve", lambda self, task: None)
    diagnosis = diagnose(edited(solved, list(solved.trajectory.messages)), weather)
    assert (diagnosis.blame, diagnosis.kind) == ("task", "unsolvable")


@pytest.mark.parametrize(
    ("ended", "blame"),
    [
        ("infrastructure_fault", "infrastructure"),
        ("agent_fault", "infrastructure"),
        ("user_fault", "user_simulator"),
    ],
)
def test_a_fault_is_not_the_agents(
    solved: Episode, weather: Domain, ended: Ended, blame: str
) -> None:
    episode = edited(solved, list(solved.trajectory.messages), ended)
    assert diagnose(episode, weather).blame == blame


def test_a_proposal_that_the_user_turned_down_is_named_for_what_was_wrong(
    solved: Episode, weather: Domain
) -> None:
    facts = solved.task.scenario.requests[0].facts
    why = next(fact for fact in facts if "reason" in fact.needed_for)
    at = index_of_write(solved)
    messages = list(solved.trajectory.messages[:at])
    right = messages[at - 2].content
    wrong = right.replace(why.recognised_by[0], why.conflicts_with[0])
    messages[at - 2] = replace(messages[at - 2], content=wrong)
    messages[at - 1] = Message(role="user", content=f"No. {why.says[0]}")
    leaving = Message(role="user", content="I give up. Goodbye.")
    messages += [messages[at - 2], messages[at - 1], messages[at - 2], leaving]
    diagnosis = diagnose(edited(solved, messages), weather)
    assert (diagnosis.blame, diagnosis.kind) == ("agent", "wrong_reason")
    assert diagnosis.turn == at - 2


@pytest.mark.parametrize(
    ("offer", "right"),
    [
        ("order #W6377379, item 9024447531, variant 5798660792, credit_card_9891176", True),
        ("the blue tablet of order #W6377379 for that of 10 inches, credit_card_9891176", True),
        ("order #W6377379, item 9024447531, variant 3464249958, credit_card_9891176", False),
        ("order #W6377379, item 9024447531, variant 5798660792, gift_card_9891176", False),
    ],
)
def test_an_offer_with_the_id_of_another_item_is_not_the_wanted_one(
    offer: str, right: bool
) -> None:
    wanted: dict[str, Json] = {
        "order_id": "#W6377379",
        "item_ids": ["9024447531"],
        "new_item_ids": ["5798660792"],
        "payment_method_id": "credit_card_9891176",
    }
    call = ToolCall(name="exchange_delivered_order_items", arguments=wanted)
    assert _names(normal(f"Exchange {offer}. Shall I proceed (yes/no)?"), call) == right


def test_another_tool_on_the_same_record_is_a_wrong_tool(solved: Episode, weather: Domain) -> None:
    messages = list(solved.trajectory.messages)
    at = index_of_write(solved)
    me = messages[at].calls[0].arguments["subscriber_id"]
    call = ToolCall(name="change_city", arguments={"subscriber_id": me, "city": "Oslo"})
    messages[at] = replace(messages[at], calls=(call,))
    assert diagnose(edited(solved, messages), weather).kind == "wrong_tool"


def test_talk_up_to_the_limit_is_no_progress(solved: Episode, weather: Domain) -> None:
    messages = list(solved.trajectory.messages[:2])
    messages += [Message(role="assistant", content=f"Hm {n}.") for n in range(5)]
    assert diagnose(edited(solved, messages, "max_steps"), weather).kind == "no_progress"


def test_what_was_never_said_is_quoted(play: Play, tasks: list[Task], weather: Domain) -> None:
    episode = play(expert(Settings()), [tasks[0]])[0]
    episode = replace(episode, grade=replace(episode.grade, unsaid=("42 alerts",)))
    diagnosis = diagnose(episode, weather)
    assert diagnosis.kind == "not_said"
    assert "42 alerts" in diagnosis.summary


def test_a_right_end_that_failed_otherwise_is_not_explained_away(
    solved: Episode, weather: Domain
) -> None:
    assert diagnose(solved, weather).kind == "wrong_state"
