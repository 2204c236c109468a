"""The expert and the reference agents, against the scripted user on the weather-alert domain."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from harness.errors import ConfigError
from harness.protocols import Conversation, Domain, Settings
from harness.types import Episode, Message, Task, ToolCall
from harness_scripted.expert import Teacher, expert, noisy, noop, oracle
from harness_scripted.mistakes import planted_mistake
from harness_scripted.speech import agrees, confirmed, hear

Play = Callable[..., list[Episode]]


def test_expert_and_scripted_user_solve_every_task(play: Play, tasks: list[Task]) -> None:
    failed = [e.task.tags for e in play(expert(Settings()), tasks) if not e.grade.success]
    assert failed == []


def test_slips_are_put_right(play: Play, tasks: list[Task]) -> None:
    episodes = play(expert(Settings(options={"slips": 0.5})), tasks)
    assert all(episode.grade.success for episode in episodes)
    assert sum(m.is_error for e in episodes for m in e.trajectory.results) > 50
    rejected = [
        answer
        for e in episodes
        for offer, answer in zip(e.trajectory.messages, e.trajectory.messages[1:], strict=False)
        if hear(offer.content).proposes and answer.content.startswith("No")
    ]
    assert len(rejected) > 20


def test_the_oracle_makes_no_errors(play: Play, tasks: list[Task]) -> None:
    episodes = play(oracle(Settings()), tasks)
    assert not any(m.is_error for e in episodes for m in e.trajectory.results)


def test_doing_nothing_fails_every_task_that_needs_a_write(play: Play, tasks: list[Task]) -> None:
    episodes = play(noop(Settings()), tasks)
    assert not any(e.grade.success for e in episodes if e.task.gold)
    assert not any(e.trajectory.calls for e in episodes)


def test_every_write_is_proposed_with_all_its_values_and_accepted(
    play: Play, weather: Domain, tasks: list[Task]
) -> None:
    writes = {tool.name for tool in weather.tools if tool.kind == "write"}
    for episode in play(expert(Settings()), tasks[:100]):
        messages = episode.trajectory.messages
        for turn, message in enumerate(messages):
            if message.calls and message.calls[0].name in writes:
                assert confirmed(messages, turn)
                values = message.calls[0].arguments.values()
                assert all(str(value) in messages[turn - 2].content for value in values)


def test_it_asks_only_for_what_was_not_said(play: Play, tasks: list[Task]) -> None:
    for episode in play(expert(Settings()), tasks[:100]):
        for fact in episode.task.scenario.identity:
            questions = [
                m
                for m in episode.trajectory.messages
                if m.role == "assistant" and fact.about in m.content
            ]
            assert len(questions) == 1


def test_it_makes_one_call_a_turn(play: Play, tasks: list[Task]) -> None:
    for episode in play(expert(Settings()), tasks[:100]):
        for message in episode.trajectory.messages:
            assert len(message.calls) <= 1
            assert not (message.calls and message.content)


def test_wording_varies_but_not_for_one_seed(play: Play, tasks: list[Task]) -> None:
    policy = expert(Settings())
    first, again = play(policy, tasks[:20]), play(policy, tasks[:20])
    other = play(policy, tasks[:20], seed=1000)
    assert [e.trajectory.messages for e in first] == [e.trajectory.messages for e in again]
    assert [e.trajectory.messages for e in first] != [e.trajectory.messages for e in other]


def test_a_task_without_solution_is_a_fault_of_the_teacher(
    play: Play, tasks: list[Task], weather: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(weather), "solve", lambda self, task: None)
    episode = play(expert(Settings()), tasks[:1])[0]
    assert episode.trajectory.ended == "agent_fault"
    assert tasks[0].id in episode.trajectory.fault


def test_a_forgotten_conversation_starts_over(weather: Domain, tasks: list[Task]) -> None:
    policy = Teacher("expert")
    messages = (Message(role="assistant", content="Hi!"), Message(role="user", content="Hello"))
    conversation = Conversation(id="c", domain=weather, task=tasks[0], messages=messages)
    first = asyncio.run(policy.act(conversation, seed=2))
    assert asyncio.run(policy.act(conversation, seed=2)) != first
    policy.forget("c")
    assert asyncio.run(policy.act(conversation, seed=2)) == first


def test_it_says_what_must_be_communicated(play: Play, tasks: list[Task]) -> None:
    telling = [replace(task, communicate=("42 alerts",)) for task in tasks if task.gold][:20]
    assert all(episode.grade.success for episode in play(expert(Settings()), telling))


def test_the_noisy_policy_errs_at_its_rate(play: Play, weather: Domain, tasks: list[Task]) -> None:
    planted = [planted_mistake(weather, task, n, 0.3) for n, task in enumerate(tasks)]
    share = sum(mistake is not None for mistake in planted) / len(tasks)
    assert 0.2 < share < 0.4
    for episode, mistake in zip(play(noisy(Settings(argument="0.3")), tasks), planted, strict=True):
        if mistake is None:
            assert episode.grade.success


def test_planted_mistakes_are_of_many_kinds(weather: Domain, tasks: list[Task]) -> None:
    planted = [planted_mistake(weather, task, n, 1.0) for n, task in enumerate(tasks)]
    kinds = {mistake.kind for mistake in planted if mistake}
    assert kinds >= {
        "wrong_alert", "wrong_channel", "wrong_reason", "wrong_city", "missing_step",
        "extra_write", "repeated_call", "invalid_call", "should_have_refused",
        "should_have_acted", "needless_transfer", "missing_transfer", "missing_confirmation",
        "gave_up",
    }  # fmt: skip


@pytest.mark.parametrize("argument", ["often", "1.5", "-1"])
def test_a_rate_outside_zero_to_one_is_refused(argument: str) -> None:
    with pytest.raises(ConfigError, match="rate"):
        noisy(Settings(argument=argument))


def test_a_user_who_answers_in_its_own_words_is_asked_only_once(
    weather: Domain, tasks: list[Task]
) -> None:
    task = next(task for task in tasks if task.tags == ("move",))
    (who,) = task.scenario.identity
    needed = replace(who, needed_for=("phone", "subscriber_id"))
    task = replace(task, scenario=replace(task.scenario, identity=(needed,)))
    said = converse(weather, task, lambda text: "yes" if hear(text).proposes else "see my file")
    assert sum(who.about in message.content for message in said) == 1
    assert [m.calls[0] for m in said if m.calls][-1].same_as(task.gold[0])


def test_it_makes_no_write_without_a_yes(weather: Domain, tasks: list[Task]) -> None:
    task = next(task for task in tasks if task.tags == ("move",))
    said = converse(weather, task, lambda text: "no")
    assert [m.calls[0].name for m in said if m.calls] == ["find_subscriber"]
    assert not agrees("no")


def converse(weather: Domain, task: Task, answer: Callable[[str], str]) -> Sequence[Message]:
    """The agent's turns, up to its offer of more help, with a user who answers by a function."""
    policy, world = expert(Settings()), weather.open(task)
    messages = [Message(role="assistant", content="Hi!"), Message(role="user", content="Hello")]
    while True:
        conversation = Conversation(id="c", domain=weather, task=task, messages=tuple(messages))
        turn = asyncio.run(policy.act(conversation, seed=len(messages)))
        messages.append(turn.message)
        for call in turn.message.calls:
            result = world.call(ToolCall(name=call.name, arguments=call.arguments))
            messages.append(Message(role="tool", content=result.content, is_error=result.is_error))
        if turn.message.calls:
            continue
        if hear(turn.message.content).closes:
            return [m for m in messages if m.role == "assistant"]
        messages.append(Message(role="user", content=answer(turn.message.content)))
