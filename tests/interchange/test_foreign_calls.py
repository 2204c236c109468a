"""Calls of tools that a domain lacks, and reads that answer otherwise now, cost no verdict."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import replace

import pytest

from harness.discovery.contrast import read_signs
from harness.discovery.diagnose import failures, read_failures
from harness.evaluation.foreign_calls import without_foreign_calls
from harness.evaluation.rollout import run_rollouts
from harness.interchange.replay import Compared, Regraded, regrade, regrade_all
from harness.interchange.tally import tally
from harness.llm.roles import open_registry
from harness.protocols import Domain, Judge, RolloutJob, RolloutSetup, Settings, SignReader
from harness.types import Episode, Message, Recording, Requestor, ToolCall
from harness_asyncio.executor import AsyncioExecutor
from tests.interchange.test_replay import GOOD, SAID, Room, dim, recorded

AGENT_TOOLS = ("make_plan", "take_note", "look_up_policy")
STOP_CHECK = "should_i_stop"


def helper(
    name: str = "make_plan",
    *,
    requestor: Requestor = "agent",
    says: str = "",
    answer: str | None = "noted",
    is_error: bool = False,
) -> list[Message]:
    """A call of a tool of one's own with its result; without one for the answer None."""
    call = ToolCall(name=name, arguments={"text": "..."}, id=f"h-{name}", requestor=requestor)
    role = "user" if requestor == "user" else "assistant"
    made = Message(role=role, content=says, calls=(call,), requestor=requestor)
    if answer is None:
        return [made]
    result = Message(
        role="tool", content=answer, call_id=call.id, requestor=requestor, is_error=is_error
    )
    return [made, result]


def beside(write: Sequence[Message]) -> list[Message]:
    """The write with a helper call in the same message, before it."""
    turn, result = write
    call, noted = helper()
    both = replace(turn, calls=(*call.calls, *turn.calls))
    return [both, noted, result]


def lit(messages: Sequence[Message], compared: Compared = "writes") -> Regraded:
    return regrade(recorded(messages), Room(), compared=compared)


HELPED = {
    "a plan": [*helper("make_plan"), *GOOD, SAID],
    "a note between a write and the words": [*GOOD, *helper("take_note"), SAID],
    "a look-up of the policy": [*helper("look_up_policy", says="One moment."), *GOOD, SAID],
    "a stop check of the customer": [*GOOD, SAID, *helper(STOP_CHECK, requestor="user")],
    "a helper call in one message with a write": [*beside(GOOD), SAID],
    "a helper call without result beside a write": [beside(GOOD)[0], GOOD[1], SAID],
    "a helper result under an id of its own": [
        helper()[0],
        replace(helper()[1], call_id="other"),
        *GOOD,
        SAID,
    ],
    "a helper call without result": [*GOOD, *helper(answer=None), SAID],
    "a tool that nobody had": [*helper("glow", answer="No such tool.", is_error=True), *GOOD, SAID],
}


@pytest.mark.parametrize("messages", HELPED.values(), ids=HELPED)
def test_a_conversation_with_calls_of_tools_that_the_domain_lacks_replays(
    messages: Sequence[Message],
) -> None:
    found = lit(messages)
    assert (found.replayed, found.success, found.problem) == (True, True, "")
    assert sum(found.unknown_tools.values()) == 1
    assert lit([m for m in messages if m != SAID]).success is False, "it was never said"


@pytest.mark.parametrize("messages", HELPED.values(), ids=HELPED)
def test_comparing_all_answers_refuses_it_as_older_tau2_does(messages: Sequence[Message]) -> None:
    assert lit(messages, "all").replayed is False


def test_comparing_all_answers_accepts_the_error_that_the_domain_gives() -> None:
    failed = dim(7, "Tool 'glow' not found.", name="glow")
    assert lit([*failed, *GOOD, SAID], "all").success is True


@pytest.mark.parametrize(
    "answer", ['{"lamp": "right"}', "no such lamp", '{"lamp": "left", "level": "7"}']
)
def test_a_write_that_answers_otherwise_is_refused(answer: str) -> None:
    found = lit([*helper(), *dim(7, answer), SAID])
    assert (found.replayed, found.success) == (False, None)
    assert "message 5: dim answered" in found.problem


# --- conversations of a run, with helper calls added


@pytest.fixture(scope="module")
def domain() -> Domain:
    return open_registry().make("domain", "retail", Settings())


@pytest.fixture(scope="module")
def had(domain: Domain) -> list[Episode]:
    registry, settings = open_registry(), Settings(domain=domain)
    policy = registry.make("policy", "noisy:0.7", settings)
    user = registry.make("user simulator", "scripted", settings)
    jobs = [RolloutJob(task=t, trial=n, seed=n) for t in domain.tasks("test")[:25] for n in (0, 1)]
    return run_rollouts(jobs, policy, RolloutSetup(domain=domain, user=user), AsyncioExecutor(8))


def helped(episode: Episode) -> Episode:
    """The conversation with a helper call before each turn of the agent and each of the user's."""
    first, *rest = episode.trajectory.messages
    messages = [first]
    for number, turn in enumerate(rest):
        if turn.role == "assistant":
            messages += helper(AGENT_TOOLS[number % len(AGENT_TOOLS)])
        elif turn.role == "user":
            messages += helper(STOP_CHECK, requestor="user", answer="false")
        messages.append(turn)
    trajectory = replace(episode.trajectory, messages=tuple(messages))
    return replace(episode, trajectory=trajectory)


def recording(episodes: Sequence[Episode]) -> Recording:
    tasks = {episode.task.id: episode.task for episode in episodes}
    return Recording(domain="retail", tasks=tuple(tasks.values()), episodes=tuple(episodes))


def test_conversations_with_helper_calls_get_the_verdicts_that_they_had(
    domain: Domain, had: list[Episode]
) -> None:
    graded = regrade_all(recording([helped(episode) for episode in had]), domain)
    assert [one.grade for one in graded] == [episode.grade for episode in had]
    counts = tally(graded)
    assert (counts["graded"], counts["differing"], counts["not_replayed"]) == (len(had), [], [])
    assert set(counts["unknown_tools"]) == {*AGENT_TOOLS, STOP_CHECK}  # type: ignore[arg-type]
    assert counts["taken_as_recorded"] == len(had)


def test_reads_that_answer_otherwise_are_counted_and_cost_no_verdict(
    domain: Domain, had: list[Episode]
) -> None:
    reads = {tool.name for tool in domain.tools if tool.kind != "write"}
    changed, count = [], 0
    for episode in had:
        calls = {c.id: c.name for m in episode.trajectory.messages for c in m.calls}
        messages = tuple(
            replace(m, content=json.dumps({"version": 2, "was": m.content}))
            if m.role == "tool" and calls[m.call_id] in reads
            else m
            for m in episode.trajectory.messages
        )
        count += sum(m is not o for m, o in zip(messages, episode.trajectory.messages, strict=True))
        changed.append(replace(episode, trajectory=replace(episode.trajectory, messages=messages)))
    counts = tally(graded := regrade_all(recording(changed), domain))
    assert [one.grade for one in graded] == [episode.grade for episode in had]
    assert sum(counts["other_answers"].values()) == count > len(had)  # type: ignore[union-attr,arg-type,misc]
    assert regrade_all(recording(changed), domain, compared="all")[0].replayed is False


def test_diagnoses_say_what_they_say_without_the_helpers(
    domain: Domain, had: list[Episode]
) -> None:
    judge: Judge = open_registry().make("judge", "rules", Settings(domain=domain))
    executor = AsyncioExecutor(8)
    plain, _ = read_failures(failures(had), judge, domain, executor)
    seen, _ = read_failures([helped(e) for e in failures(had)], judge, domain, executor)
    assert len({diagnosis.kind for diagnosis in plain}) > 2
    assert [replace(one, turn=0) for one in seen] == [replace(one, turn=0) for one in plain]
    for one, other, episode in zip(plain, seen, failures(had), strict=True):
        turns = helped(episode).trajectory.messages
        assert turns[other.turn] == episode.trajectory.messages[one.turn]
    assert isinstance(judge, SignReader)
    signs = read_signs(had, judge, domain, executor)
    assert read_signs([helped(e) for e in had], judge, domain, executor) == signs


# --- what is left out


@pytest.mark.parametrize(
    ("messages", "left", "turns"),
    [
        ([*GOOD, SAID], [*GOOD, SAID], (0, 1, 2)),
        ([*helper(), *GOOD], GOOD, (2, 3)),
        (
            [*helper(says="Let me see."), SAID],
            [replace(SAID, content=f"Let me see.\n{SAID.content}")],
            (2,),
        ),
        ([*GOOD, *helper(says="Done.")], [*GOOD, Message(role="assistant", content="Done.")], None),
        (beside(GOOD), GOOD, (0, 2)),
        ([beside(GOOD)[0], GOOD[1]], GOOD, (0, 1)),
    ],
)
def test_words_beside_calls_that_are_left_out_stay(
    messages: Sequence[Message], left: Sequence[Message], turns: tuple[int, ...] | None
) -> None:
    known: Collection[str] = {"dim"}
    whole = replace(recorded([]).trajectory, messages=tuple(messages))
    found, kept = without_foreign_calls(whole, known)
    assert list(found.messages) == list(left)
    assert turns is None or kept == turns
    assert (found is whole) is (list(left) == list(messages))


def test_a_call_that_was_answered_with_an_error_is_a_mistake_and_stays() -> None:
    messages = (*helper("glow", answer="No such tool.", is_error=True), *GOOD)
    whole = replace(recorded([]).trajectory, messages=messages)
    assert without_foreign_calls(whole, {"dim"})[0] is whole
