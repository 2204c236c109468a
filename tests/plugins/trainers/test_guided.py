"""Rollouts that begin with turns of a proof: what is played, and how long a prefix it takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from harness.protocols import TrainingJob
from harness.training.proof_traces import Proofs, longest_prefix, read_proofs
from harness.types import Episode, Message, Task, Tool, ToolCall
from harness_grpo.guided import DIFFERS, GuidedPolicy, Prefix, Prefixes, same_messages
from harness_grpo.unsolved import context_limit

Jobs = Callable[..., TrainingJob]
Sampled = dict[str, int]


def proven(world: Any, letter: str, *said: str) -> Episode:
    """A proof in which the agent says this; the user says the letter before each turn."""
    echo = world.echo(letter, 1)
    messages = [Message(role="assistant", content=world.domain.greeting)]
    for text in said:
        messages += [echo.trajectory.messages[1], Message(role="assistant", content=text)]
    trajectory = replace(echo.trajectory, messages=tuple(messages))
    return replace(echo, trajectory=trajectory)


def searching(longest: int, job: Jobs, world: Any) -> Prefixes:
    """A search for the prefix of one task, whose proof allows prefixes up to ``longest`` turns."""
    said = ["c"] * (longest + 1)
    made = job(tasks=[world.task("a")], proofs={"task-a": proven(world, "a", *said)})
    prefixes = Prefixes(read_proofs(made, limit=None, prefixes=True))
    prefixes.failed("task-a")
    return prefixes


@pytest.mark.parametrize(
    ("longest", "enough"), [(n, k) for n in range(1, 13) for k in range(1, n + 1)]
)
def test_the_shortest_prefix_that_sometimes_succeeds_is_found(
    job: Jobs, world: Any, longest: int, enough: int
) -> None:
    prefixes, tried = searching(longest, job, world), []
    for _ in range(9):
        (prefix,) = prefixes.draw(3)
        tried.append(prefix.turns)
        successes = 0 if prefix.turns < enough else 4 if prefix.turns == enough else 8
        prefixes.hear("task-a", successes, 8)
    assert tried[0] == 1
    assert max(tried) <= longest
    assert tried[-2:] == [enough, enough]


@pytest.mark.parametrize(("start", "enough"), [(n, k) for n in range(1, 13) for k in range(1, 13)])
def test_a_search_that_starts_long_ends_at_the_shortest_prefix_that_sometimes_succeeds(
    job: Jobs, world: Any, start: int, enough: int
) -> None:
    made = job(tasks=[world.task("a")], proofs={"task-a": proven(world, "a", *["c"] * 13)})
    prefixes = Prefixes(read_proofs(made, limit=None, prefixes=True))
    prefixes.restore({"drawn": 0, "start": start / 12, "waiting": {}})
    prefixes.failed("task-a")
    assert prefixes.turns() == {"task-a": start}
    tried = []
    for _ in range(16):
        (prefix,) = prefixes.draw(1)
        tried.append(prefix.turns)
        prefixes.hear("task-a", 3 if prefix.turns >= enough else 0, 8)
    assert tried[-3:] == [enough] * 3


def test_a_probe_that_fails_costs_one_group(job: Jobs, world: Any) -> None:
    prefixes, tried = searching(12, job, world), []
    for _ in range(7):
        (prefix,) = prefixes.draw(1)
        tried.append(prefix.turns)
        prefixes.hear("task-a", 3 if prefix.turns >= 8 else 0, 8)
    assert tried == [1, 2, 4, 8, 7, 8, 8]


def test_a_longest_prefix_that_failed_is_left_once_it_sometimes_succeeds(
    job: Jobs, world: Any
) -> None:
    prefixes, tried = searching(6, job, world), []
    for enough in (7, 7, 7, 7, 7, 5, 5, 5, 5, 5):
        (prefix,) = prefixes.draw(1)
        tried.append(prefix.turns)
        prefixes.hear("task-a", 3 if prefix.turns >= enough else 0, 8)
    assert tried == [1, 2, 4, 6, 6, 6, 5, 4, 5, 5]


def test_a_prefix_shrinks_with_a_policy_that_learns_until_it_needs_none(
    job: Jobs, world: Any
) -> None:
    prefixes, tried = searching(6, job, world), []
    for enough in (5, 5, 5, 5, 3, 3, 3, 3, 1, 1, 1, 0, 0, 0):
        if drawn := prefixes.draw(1):
            tried.append(drawn[0].turns)
            prefixes.hear("task-a", 8 if drawn[0].turns >= enough else 0, 8)
    assert max(tried[4:]) < max(tried[:4])
    assert tried[-1] == 1
    assert prefixes.draw(1) == []


def test_a_prefix_grows_again_with_a_policy_that_forgets(job: Jobs, world: Any) -> None:
    prefixes = searching(6, job, world)
    for enough in (2, 2, 2, 2, 5, 5, 5, 5, 5, 5):
        (prefix,) = prefixes.draw(1)
        prefixes.hear("task-a", 8 if prefix.turns > enough else 4 * (prefix.turns == enough), 8)
    assert prefixes.turns() == {"task-a": 5}


def test_a_group_of_faults_says_nothing_about_a_prefix(job: Jobs, world: Any) -> None:
    prefixes = searching(6, job, world)
    prefixes.hear("task-a", 0, 0)
    assert prefixes.turns() == {"task-a": 1}


def test_tasks_take_turns_and_one_that_is_solved_alone_is_left_alone(job: Jobs, world: Any) -> None:
    tasks = [world.task(letter) for letter in "abc"]
    proofs = {f"task-{n}": proven(world, n, "c", "c") for n in "abc"}
    prefixes = Prefixes(read_proofs(job(tasks=tasks, proofs=proofs), limit=None, prefixes=True))
    for letter in "abc":
        prefixes.failed(f"task-{letter}")
    prefixes.failed("task-without-a-proof")
    drawn = [[prefix.proof.task.id[-1] for prefix in prefixes.draw(2)] for _ in range(3)]
    assert drawn == [["a", "b"], ["c", "a"], ["b", "c"]]
    prefixes.succeeded("task-b")
    assert [prefix.proof.task.id for prefix in prefixes.draw(3)] == ["task-a", "task-c"]


def test_new_searches_start_where_others_have_come_to(job: Jobs, world: Any) -> None:
    tasks = [world.task(letter) for letter in "abc"]
    proofs = {f"task-{n}": proven(world, n, *["c"] * 11) for n in "abc"}
    prefixes = Prefixes(read_proofs(job(tasks=tasks, proofs=proofs), limit=None, prefixes=True))
    prefixes.failed("task-a")
    for _ in range(12):
        (prefix,) = prefixes.draw(1)
        prefixes.hear("task-a", 4 if prefix.turns == 6 else 8 * (prefix.turns > 6), 8)
    prefixes.failed("task-b")
    assert 4 <= prefixes.turns()["task-b"] <= 7
    again = Prefixes(read_proofs(job(tasks=tasks, proofs=proofs), limit=None, prefixes=True))
    again.restore(prefixes.state())
    for one in (prefixes, again):
        one.failed("task-c")
    assert again.turns() == prefixes.turns()


def test_searches_go_on_from_their_state(job: Jobs, world: Any) -> None:
    one, other = searching(9, job, world), searching(9, job, world)
    for _ in range(2):
        one.draw(1)
        one.hear("task-a", 0, 8)
    other.restore(one.state())
    assert other.turns() == one.turns() == {"task-a": 4}
    assert other.drawn == one.drawn == 2


def play(job: TrainingJob, episode: Episode, turns: int, trials: Sequence[int]) -> tuple[Any, ...]:
    made = replace(job, tasks=[episode.task], proofs={episode.task.id: episode})
    proof = read_proofs(made, limit=None).of(episode.task.id)
    assert proof is not None
    policy = GuidedPolicy(job.policy, [Prefix(proof=proof, turns=turns)], first_trial=4)
    jobs = [(episode.task, trial, trial) for trial in trials]
    return policy, job.rollouts(policy, jobs)


def test_the_first_turns_are_the_proofs_and_are_not_trained_on(job: Jobs, world: Any) -> None:
    proof = proven(world, "a", "g g", "h")
    _, (alone, guided) = play(job(), proof, 1, [3, 4])
    said = [[m.content for m in e.trajectory.messages if m.role == "assistant"] for e in
            (alone, guided)]  # fmt: skip
    assert said[0][1] != "g g"
    assert said[1][1] == "g g"
    words = world.words
    context = [words.index(word) for word in
               ("<user>", "a", "<agent>", "g", "g", "<end>", "<user>", "a", "<agent>")]  # fmt: skip
    assert guided.tokens.ids[: len(context)].tolist() == context
    assert not guided.tokens.sampled[: len(context)].any()
    assert guided.tokens.sampled[len(context) :].all()
    assert guided.uncounted == ""
    assert guided.trajectory.policy == job().policy.id


def test_a_proof_that_is_answered_differently_costs_its_conversation(job: Jobs, world: Any) -> None:
    proof = proven(world, "a", "g g", "h")
    messages = list(proof.trajectory.messages)
    messages[3] = replace(messages[3], content="b")
    other = replace(proof, trajectory=replace(proof.trajectory, messages=tuple(messages)))
    _, (alone, guided) = play(job(), other, 1, [0, 4])
    assert (alone.uncounted, guided.uncounted) == ("", "agent_fault")
    assert guided.trajectory.fault == DIFFERS


def test_messages_are_the_same_whatever_the_ids_of_their_calls() -> None:
    def called(name: str, number: str) -> Message:
        return Message(role="assistant", calls=(ToolCall(name=name, arguments={}, id=number),))

    assert same_messages([called("find", "1")], [called("find", "2")])
    assert not same_messages([called("find", "1")], [called("cancel", "1")])
    assert not same_messages([called("find", "1")], [])


WRITE = Tool(name="cancel", description="", parameters={}, kind="write")
READ = Tool(name="find", description="", parameters={}, kind="read")


@pytest.mark.parametrize(
    ("turns", "longest"),
    [
        (["", "find", "cancel", "", "cancel", "find", ""], 4),
        (["cancel", ""], 0),
        (["", "find", ""], 2),
        ([""], 0),
        ([], 0),
    ],
)
def test_a_prefix_ends_before_the_last_write(world: Any, turns: list[str], longest: int) -> None:
    class Domain(type(world.domain)):  # type: ignore[misc]
        tools = (WRITE, READ)

    echo = world.echo("a", 1)
    messages = [echo.trajectory.messages[0], echo.trajectory.messages[1]]
    for name in turns:
        calls = (ToolCall(name=name, arguments={}),) if name else ()
        messages.append(Message(role="assistant", content="", calls=calls))
    trajectory = replace(echo.trajectory, messages=tuple(messages))
    assert longest_prefix(trajectory, Domain()) == longest


def read(job: TrainingJob, **options: Any) -> tuple[Proofs, dict[str, int]]:
    found = read_proofs(job, limit=context_limit(job.policy.model), **options)
    return found, {name: count for name, count in found.counts().items() if count}


def test_proofs_that_cannot_be_used_are_counted_by_the_reason(job: Jobs, world: Any) -> None:
    tasks: list[Task] = [world.task(letter) for letter in "abcde"]
    failed = world.echo("c", 1)
    proofs = {
        "task-a": proven(world, "a", "a", "b"),
        "task-b": proven(world, "b"),
        "task-c": replace(failed, score=replace(failed.score, success=False)),
        "task-d": proven(world, "d", "d " * 30, "d"),
    }
    policy = world.policy()
    policy.model.config.max_position_embeddings = 24
    policy.encode = without_turns(policy.encode)
    found, counts = read(job(policy=policy, tasks=tasks, proofs=proofs))
    assert counts == {"usable": 1, "missing": 2, "too_long": 1, "too_short": 1}
    assert found.of("task-a") is not None
    assert found.of("task-d") is None
    said = found.complaint()
    assert said.startswith("2 of 5 tasks have a proof that cannot be used (1 longer than ")
    assert "skipped" in said


def without_turns(encode: Any) -> Any:
    """The encoder of a policy that writes nothing for a conversation without agent turns."""

    def encoded(conversation: Any) -> Any:
        if len(conversation.messages) > 1:
            return encode(conversation)
        trace = encode(replace(conversation, messages=(conversation.messages[0],) * 2))
        return replace(trace, sampled=trace.sampled & False)

    return encoded


def test_a_proof_of_one_turn_has_no_prefix(job: Jobs, world: Any) -> None:
    made = job(tasks=[world.task("a")], proofs={"task-a": proven(world, "a", "a")})
    assert read(made)[1] == {"usable": 1}
    assert read(made, prefixes=True)[1] == {"too_short": 1}


def test_nobody_is_told_of_proofs_that_are_all_there(job: Jobs, world: Any) -> None:
    made = job(tasks=[world.task("a")], proofs={"task-a": proven(world, "a", "a")})
    assert read_proofs(made, limit=None).complaint() == ""


def test_tasks_that_the_core_has_said_to_have_no_proof_are_not_told_of_again(
    job: Jobs, world: Any
) -> None:
    tasks = [world.task(letter) for letter in "ab"]
    found, counts = read(job(tasks=tasks, proofs={"task-a": proven(world, "a", "a")}))
    assert counts == {"usable": 1, "missing": 1}
    assert found.complaint() == ""


def test_that_there_is_no_usable_proof_at_all_is_said_with_the_reasons_the_core_has_not(
    job: Jobs, world: Any
) -> None:
    tasks = [world.task(letter) for letter in "ab"]
    none = read_proofs(job(tasks=tasks), limit=None).complaint()
    assert none == 'no task has a proof that can be used: all is as with `unsolved = "skip"`'
    short = job(tasks=tasks, proofs={"task-a": proven(world, "a", "a")})
    assert (
        "(1 with nothing to learn from)"
        in read_proofs(short, limit=None, prefixes=True).complaint()
    )
