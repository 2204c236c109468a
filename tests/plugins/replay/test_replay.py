"""A recorded conversation had again: both sides say what they said, and it comes out the same."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import ConfigError, FormatError
from harness.evaluation.rollout import run_rollouts
from harness.llm.roles import open_registry
from harness.protocols import (
    Domain,
    Policy,
    RolloutJob,
    RolloutLimits,
    RolloutSetup,
    Settings,
    UserSimulator,
)
from harness.testing import IdlePolicy, PlainFormat, check_policy, check_user_simulator
from harness.types import Ended, Episode, Message, Recording, Task, ToolCall
from harness_asyncio.executor import AsyncioExecutor
from harness_replay.recorded import ReplayedAgent, ReplayedUser, Script, replayed_agent


@pytest.fixture(scope="module")
def domain() -> Domain:
    return open_registry().make("domain", "retail", Settings())


@pytest.fixture(scope="module")
def had(domain: Domain) -> list[Episode]:
    """Two trials each on twenty tasks: agents with mistakes, so that they end in many ways."""
    registry, settings = open_registry(), Settings(domain=domain)
    policy = registry.make("policy", "noisy:0.7", settings)
    user = registry.make("user simulator", "scripted", settings)
    return talk(domain, domain.tasks("test")[:20], policy, user, trials=2)


def talk(
    domain: Domain,
    tasks: Sequence[Task],
    policy: Policy,
    user: UserSimulator,
    *,
    trials: int = 1,
    max_steps: int = 80,
) -> list[Episode]:
    jobs = [RolloutJob(task=task, trial=t, seed=9 + t) for task in tasks for t in range(trials)]
    setup = RolloutSetup(domain=domain, user=user, limits=RolloutLimits(message_limit=max_steps))
    return run_rollouts(jobs, policy, setup, AsyncioExecutor(8))


def script(*episodes: Episode) -> Script:
    tasks = {episode.task.id: episode.task for episode in episodes}
    recording = Recording(domain="retail", tasks=tuple(tasks.values()), episodes=episodes)
    return Script(recording, "old.json")


def again(domain: Domain, episode: Episode, **settings: int) -> Episode:
    """The episode with both sides from its recording."""
    recorded = script(episode)
    agent, user = ReplayedAgent(recorded), ReplayedUser(recorded)
    return talk(domain, [episode.task], agent, user, **settings)[0]


def ended(episode: Episode, how: Ended, *, without: int = 0, fault: str = "") -> Episode:
    """The episode with another ending and without its last messages."""
    messages = episode.trajectory.messages
    kept = messages[: len(messages) - without]
    trajectory = replace(episode.trajectory, ended=how, messages=kept, fault=fault)
    return replace(episode, trajectory=trajectory)


def test_with_both_sides_recorded_the_trajectory_comes_out_as_it_was(
    domain: Domain, had: list[Episode]
) -> None:
    recorded = script(*had)
    tasks = list({episode.task.id: episode.task for episode in had}.values())
    agent, user = ReplayedAgent(recorded), ReplayedUser(recorded)
    new = talk(domain, tasks, agent, user, trials=2)
    assert len({episode.trajectory.ended for episode in had}) > 2
    for before, now in zip(had, new, strict=True):
        assert now.trajectory.messages == before.trajectory.messages
        assert now.trajectory.ended == before.trajectory.ended
        assert now.grade == before.grade


@pytest.mark.parametrize("how", ["user_stop", "transfer", "user_gave_up"])
def test_the_user_ends_it_as_it_did(domain: Domain, had: list[Episode], how: Ended) -> None:
    episode = next(e for e in had if e.trajectory.ended == "user_stop")
    assert again(domain, ended(episode, how)).trajectory.ended == how


def test_an_agent_that_ended_the_talk_does_so_with_its_last_words(
    domain: Domain, had: list[Episode]
) -> None:
    episode = next(e for e in had if e.trajectory.ended == "user_stop")
    stopped = ended(episode, "agent_stop", without=1)
    assert stopped.trajectory.messages[-1].role == "assistant"
    new = again(domain, stopped).trajectory
    assert (new.ended, new.messages) == ("agent_stop", stopped.trajectory.messages)


@pytest.mark.parametrize("how", ["agent_fault", "infrastructure_fault", "context_overflow"])
def test_a_fault_comes_out_as_the_same_fault(
    domain: Domain, had: list[Episode], how: Ended
) -> None:
    episode = next(e for e in had if e.trajectory.ended == "user_stop")
    broken = ended(episode, how, without=2, fault="the line went dead")
    assert broken.trajectory.messages[-1].role != "assistant"
    new = again(domain, broken).trajectory
    assert (new.ended, new.fault) == (how, "the line went dead")
    assert new.messages == broken.trajectory.messages


def test_a_fault_of_the_user_comes_out_as_one(domain: Domain, had: list[Episode]) -> None:
    episode = next(e for e in had if e.trajectory.ended == "user_stop")
    new = again(domain, ended(episode, "user_fault", without=1, fault="lost")).trajectory
    assert (new.ended, new.fault) == ("user_fault", "lost")


def test_the_trial_chooses_the_conversation_and_the_first_stands_for_unknown_ones(
    domain: Domain, had: list[Episode]
) -> None:
    first, second = had[0], had[1]
    other = Message(role="user", content="Something else, please.")
    changed = (first.trajectory.messages[0], other, *second.trajectory.messages[2:])
    second = replace(second, trajectory=replace(second.trajectory, messages=changed))
    recorded = script(first, second)
    agent, user = ReplayedAgent(recorded), ReplayedUser(recorded)
    new = talk(domain, [first.task], agent, user, trials=3)
    said = [episode.trajectory.messages[1] for episode in new]
    assert said == [first.trajectory.messages[1], other, first.trajectory.messages[1]]


def test_a_task_that_was_not_recorded_is_a_fault_of_who_has_no_part_in_it(
    domain: Domain, had: list[Episode]
) -> None:
    [task] = [t for t in domain.tasks("test") if t.id != had[0].task.id][:1]
    recorded = script(had[0])
    agent, user = ReplayedAgent(recorded), ReplayedUser(recorded)
    [lost] = talk(domain, [task], agent, user)
    assert lost.trajectory.ended == "user_fault"
    live = open_registry().make("user simulator", "scripted", Settings(domain=domain))
    [lost] = talk(domain, [task], agent, live)
    assert lost.trajectory.ended == "agent_fault"
    assert lost.trajectory.fault == f"old.json has no conversation for the task {task.id!r}"


def test_an_agent_whose_turns_are_used_up_stops(domain: Domain, had: list[Episode]) -> None:
    episode = next(e for e in had if e.trajectory.ended == "user_stop")
    short = ended(episode, "max_steps", without=len(episode.trajectory.messages) - 3)
    live = open_registry().make("user simulator", "scripted", Settings(domain=domain))
    [new] = talk(domain, [episode.task], ReplayedAgent(script(short)), live)
    assert new.trajectory.ended == "agent_stop"


def test_a_user_whose_turns_are_used_up_gives_up(domain: Domain, had: list[Episode]) -> None:
    episode = next(e for e in had if e.trajectory.ended == "user_stop")
    short = ended(episode, "max_steps", without=len(episode.trajectory.messages) - 2)
    [new] = talk(domain, [episode.task], IdlePolicy(), ReplayedUser(script(short)))
    assert new.trajectory.ended == "user_gave_up"


def test_a_recorded_user_that_calls_tools_of_the_domain_is_refused(
    domain: Domain, had: list[Episode]
) -> None:
    call = ToolCall(name="get_order_details", arguments={}, requestor="user")
    messages = (had[0].trajectory.messages[0], Message(role="user", calls=(call,)))
    episode = replace(had[0], trajectory=replace(had[0].trajectory, messages=messages))
    new = again(domain, episode).trajectory
    assert (new.ended, "calls tools" in new.fault) == ("user_fault", True)


def test_calls_of_tools_that_the_domain_lacks_are_left_out(
    domain: Domain, had: list[Episode]
) -> None:
    for episode in (e for e in had if e.trajectory.calls):
        messages: list[Message] = []
        for turn in episode.trajectory.messages:
            if turn.role != "tool" and messages:
                asked = "user" if turn.role == "user" else "agent"
                call = ToolCall(name="think", arguments={}, id="x", requestor=asked)
                messages.append(Message(role=turn.role, calls=(call,), requestor=asked))
                messages.append(Message(role="tool", call_id="x", content="ok", requestor=asked))
            messages.append(turn)
        helped = replace(episode.trajectory, messages=tuple(messages))
        new = again(domain, replace(episode, trajectory=helped))
        assert new.trajectory.messages == episode.trajectory.messages
        assert new.grade == episode.grade


def test_a_recording_that_begins_with_the_user_replays_too(
    domain: Domain, had: list[Episode]
) -> None:
    episode = next(e for e in had if e.trajectory.ended == "user_stop")
    messages = episode.trajectory.messages
    bare = replace(episode, trajectory=replace(episode.trajectory, messages=messages[1:]))
    assert again(domain, bare).trajectory.messages == messages


def test_both_sides_keep_the_contract_of_their_kind(domain: Domain) -> None:
    expert = open_registry().make("policy", "expert", Settings(domain=domain))
    live = open_registry().make("user simulator", "scripted", Settings(domain=domain))
    recorded = script(*talk(domain, domain.tasks("train")[:3], expert, live))
    check_policy(ReplayedAgent(recorded), domain)
    check_user_simulator(ReplayedUser(recorded), domain)


def test_the_file_is_named_after_the_colon(
    plain_format: str, had: list[Episode], tmp_path: Path
) -> None:
    path = tmp_path / "talks.json"
    tasks = tuple({episode.task.id: episode.task for episode in had}.values())
    PlainFormat().write(Recording(domain="retail", tasks=tasks, episodes=tuple(had)), path)
    registry = open_registry()
    assert registry.make("policy", f"replay:{path}", Settings()).id == "replay"
    assert registry.make("user simulator", f"replay:{path}", Settings())
    with pytest.raises(ConfigError, match="no file to replay"):
        registry.make("policy", "replay", Settings())
    with pytest.raises(FormatError, match="does not exist"):
        registry.make("policy", "replay:nowhere.json", Settings())
    with pytest.raises(ConfigError, match="replay has no option 'evaluaton'"):
        replayed_agent(Settings(argument=str(path), options={"evaluaton": "x"}))
