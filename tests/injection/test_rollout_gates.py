"""Did it target? What the current policy's conversations on a candidate must show."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest

from harness.injection.admission import Options
from harness.injection.rollout_gates import (
    ELSEWHERE,
    NOT_DONE,
    TOO_EASY,
    TOO_HARD,
    UNCOUNTED,
    Aim,
    doable,
    targeted,
    typical_kinds,
    verdict_on,
)
from harness.injection.trial_runner import Trial, TrialRunner, latest
from harness.protocols import AgentTurn, Conversation, RolloutSetup, Settings
from harness.types import ErrorPattern, Task
from harness_asyncio.executor import asyncio_executor
from harness_retail.domain import RetailDomain
from harness_scripted.expert import Teacher
from harness_scripted.judge import rule_judge
from harness_scripted.user import scripted_user

DOMAIN = RetailDomain()
PATTERN = ErrorPattern(
    id="p", name="", description="", members=("t",), share=0.4, kinds={"wrong_order": 9, "x": 1}
)


def trials(*kinds: str, uncounted: int = 0) -> list[Trial]:
    """One trial for each kind of failure; "" for a success."""
    had = [
        Trial(task_id="t", trial=n, success=not kind, kind=kind, blame="agent" if kind else "")
        for n, kind in enumerate(kinds)
    ]
    lost = [
        Trial(task_id="t", trial=len(kinds) + n, success=False, uncounted="agent_fault")
        for n in range(uncounted)
    ]
    return had + lost


@pytest.mark.parametrize(
    ("had", "reason"),
    [
        (trials("", "", ""), TOO_EASY),
        (trials("wrong_order", "wrong_order"), TOO_HARD),
        (trials("wrong_order", ""), ""),
        (trials("gave_up", ""), ELSEWHERE),
        (trials("gave_up", "wrong_order", ""), ""),
        (trials("gave_up", "gave_up", "wrong_order", ""), ELSEWHERE),
        (trials("x", ""), ELSEWHERE),
        (trials(uncounted=2), UNCOUNTED),
        (trials("wrong_order", "", uncounted=5), ""),
        ([], UNCOUNTED),
    ],
)
def test_a_verdict_needs_a_learnable_rate_and_failures_of_the_pattern(
    had: Sequence[Trial], reason: str
) -> None:
    assert verdict_on(had, PATTERN, Options()).reason == reason


def test_somebody_elses_fault_is_no_failure_of_the_pattern() -> None:
    had = [replace(t, blame="user_simulator") for t in trials("wrong_order", "")]
    assert verdict_on(had[:1] + trials("", ""), PATTERN, Options()).reason == ELSEWHERE


def test_a_band_can_be_chosen() -> None:
    had = trials("wrong_order", "", "", "")
    assert verdict_on(had, PATTERN, Options(easiest=0.5)).reason == TOO_EASY
    assert verdict_on(had, PATTERN, Options(hardest=0.2)).reason == TOO_HARD


def test_a_pattern_of_many_kinds_has_all_of_them() -> None:
    assert typical_kinds(PATTERN) == {"wrong_order"}
    assert typical_kinds(replace(PATTERN, kinds=dict.fromkeys("abcdef", 1))) == set("abcdef")


# --- with conversations ---------------------------------------------------------------------------


class Sometimes(Teacher):
    """Does a task in some of its trials, and else stops at once."""

    def __init__(self, passes: dict[str, set[int]]) -> None:
        super().__init__("sometimes")
        self.passes = passes
        self.played: Counter[str] = Counter()

    async def act(self, conversation: Conversation, *, seed: int) -> AgentTurn:
        task_id = conversation.task.id
        if len(conversation.messages) == 2:
            self.played[task_id] += 1
        if conversation.trial in self.passes.get(task_id, set()):
            return await super().act(conversation, seed=seed)
        turn = await super().act(conversation, seed=seed)
        return replace(turn, stop=True)


def tasks(count: int) -> list[Task]:
    found = [
        t for t in DOMAIN.tasks("train") if [r.kind for r in t.scenario.requests] == ["cancel"]
    ]
    return found[:count]


def tryout(policy: Teacher, known: Sequence[Trial] = ()) -> TrialRunner:
    return TrialRunner(
        policy=policy,
        setup=RolloutSetup(domain=DOMAIN, user=scripted_user(Settings())),
        executor=asyncio_executor(Settings()),
        judge=rule_judge(Settings()),
        seed=1,
        known={(trial.task_id, trial.trial): trial for trial in known},
    )


GAVE_UP = replace(PATTERN, kinds={"gave_up": 1})


def test_conversations_end_as_soon_as_a_task_has_shown_itself() -> None:
    mixed, late, easy, hard = tasks(4)
    policy = Sometimes({mixed.id: {0}, late.id: {3}, easy.id: {0, 1, 2, 3}})
    aims = [Aim(task, GAVE_UP) for task in (mixed, late, easy, hard)]
    verdicts = asyncio.run(targeted(aims, tryout(policy), Options(trials=4, wave=2)))
    assert [verdict.reason for verdict in verdicts] == ["", "", TOO_EASY, TOO_HARD]
    assert [policy.played[task.id] for task in (mixed, late, easy, hard)] == [2, 4, 4, 4]
    assert verdicts[0].measured["in_pattern"] == 1
    assert verdicts[1].measured["trials"] == 4


def test_trials_that_were_had_before_are_not_had_again() -> None:
    (task,) = tasks(1)
    first, kept = Sometimes({task.id: {1}}), []
    held = tryout(first)
    held.note = kept.append
    [verdict] = asyncio.run(targeted([Aim(task, GAVE_UP)], held, Options()))
    assert first.played.total() == 2
    again = Sometimes({})
    known = latest(kept)
    assert asyncio.run(targeted([Aim(task, GAVE_UP)], tryout(again, known), Options())) == [verdict]
    assert again.played.total() == 0
    # Stopped before the diagnosis: the failed conversation is had again, to be read.
    torn = latest([trial for trial in kept if not trial.kind])
    assert asyncio.run(targeted([Aim(task, GAVE_UP)], tryout(first, torn), Options())) == [verdict]
    assert first.played.total() == 3


def test_a_reference_must_do_a_task_often_enough() -> None:
    can, cannot = tasks(2)
    policy = Sometimes({can.id: {1, 2}, cannot.id: {1}})
    options = Options(reference_trials=3, reference_successes=2)
    verdicts = asyncio.run(doable([can, cannot], tryout(policy), options))
    assert [verdict.reason for verdict in verdicts] == ["", NOT_DONE]
    assert verdicts[0].measured == {"trials": 3, "successes": 2}
