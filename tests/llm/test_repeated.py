"""One judge that reads each failure several times, with kinds on offer that cannot be."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from harness.errors import ConfigError, RolloutFault
from harness.llm.judge_panel import DISTRACTORS, RepeatedJudge, llm_judge
from harness.llm.role_client import RoleClient
from harness.protocols import ReviewedJudge, Settings
from harness.protocols.chat_model import ChatReply, ChatRequest
from harness.testing.fakes import play
from harness.types import Diagnosis, Episode, Json, Message, ToolCall, Usage
from harness_retail.domain import RetailDomain

DOMAIN = RetailDomain()
GOOD: Mapping[str, Json] = {
    "blame": "agent", "turn": 1, "kind": "missing_step", "tool": "", "summary": "Nothing was done.",
    "evidence": ["No, thank you."], "severity": "major",
}  # fmt: skip


class Teller:
    """A chat model that gives the answers in turn."""

    model = "teller"

    def __init__(self, *answers: Mapping[str, Json] | str) -> None:
        self.answers = answers
        self.asked: list[ChatRequest] = []

    async def complete(self, request: ChatRequest) -> ChatReply:
        answer = self.answers[len(self.asked) % len(self.answers)]
        self.asked.append(request)
        if isinstance(answer, str):
            message = Message(role="assistant", content=answer)
        else:
            call = ToolCall(name="verdict", arguments={**GOOD, **answer}, id="c")
            message = Message(role="assistant", calls=(call,))
        return ChatReply(message=message, usage=Usage(calls=1), stop_reason="end")


@pytest.fixture(scope="module")
def failure() -> Episode:
    return next(play(DOMAIN, task) for task in DOMAIN.tasks("train") if task.gold)


def read(model: Teller, failure: Episode, **options: Json) -> tuple[Diagnosis, Mapping[str, Json]]:
    chat = RoleClient(model, provider="fake", role="judge")
    judge = llm_judge(chat, Settings(options=options))
    found = asyncio.run(judge.diagnose(failure, DOMAIN))
    assert isinstance(judge, ReviewedJudge)
    return found, judge.agreement([failure.trajectory.id])


def test_the_commonest_verdict_counts(failure: Episode) -> None:
    model = Teller({"kind": "gave_up"}, {}, {})
    found, agreement = read(model, failure, repeats=3)
    assert found.kind == "missing_step"
    assert (agreement["failures"], agreement["readings"]) == (1, 3)
    assert agreement["distractors_found"] == 0
    assert len(model.asked) == 3


def test_kinds_that_cannot_be_are_on_offer_and_counted(failure: Episode) -> None:
    model = Teller({}, {"kind": DISTRACTORS[0]}, {})
    found, agreement = read(model, failure, repeats=3, distractors=True)
    assert found.kind == "missing_step"
    assert agreement["distractors_found"] == 1
    assert all(kind in str(model.asked[0]) for kind in DISTRACTORS)


def test_a_reading_without_a_verdict_takes_nothing_from_the_others(failure: Episode) -> None:
    found, agreement = read(Teller("?", "?", "?", {}), failure, repeats=3)
    assert found.kind == "missing_step"
    assert int(str(agreement["readings"])) < 3


def test_no_reading_with_a_verdict_is_a_fault(failure: Episode) -> None:
    with pytest.raises(RolloutFault):
        read(Teller("?"), failure, repeats=2)


@pytest.mark.parametrize("options", [{"repeats": 0}, {"repeats": 2, "second": "openai:x"}])
def test_impossible_settings_are_refused(options: dict[str, Json]) -> None:
    chat = RoleClient(Teller({}), provider="fake", role="judge")
    with pytest.raises(ConfigError) as refused:
        llm_judge(chat, Settings(options=options))
    assert refused.value.hint


def test_one_reading_without_distractors_is_the_plain_judge() -> None:
    chat = RoleClient(Teller({}), provider="fake", role="judge")
    assert not isinstance(llm_judge(chat, Settings()), RepeatedJudge)
