"""Outcomes that were left to a judge: verdicts are kept, lost ones are told, others stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from harness.assembly.components import Components
from harness.assembly.config import load_config
from harness.errors import RolloutFault, RunError
from harness.evaluation.judging import decide_outcomes
from harness.evaluation.station import read_evaluation
from harness.llm.roles import open_registry
from harness.loop import evaluate_once
from harness.run_folder import RunFolder
from harness.types import Episode, Task, Trajectory

NAME = "policy-validation"
WANTED = "The agent did what the user asked for."


class Listener:
    """A judge of statements, which knows the answers by the conversation's place."""

    def __init__(self, answers: Sequence[bool | None]) -> None:
        self.answers, self.asked = dict(enumerate(answers)), list[str]()
        self.places: dict[str, int] = {}

    async def diagnose(self, failure: Any, domain: Any) -> Any:
        raise NotImplementedError

    async def decide(
        self, assertions: Sequence[str], task: Task, trajectory: Trajectory
    ) -> Sequence[bool]:
        assert list(assertions) == [WANTED]
        self.asked.append(trajectory.id)
        answer = self.answers[self.places[trajectory.id]]
        if answer is None:
            raise RolloutFault("infrastructure_fault", "no answer")
        return [answer]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Components, RunFolder]:
    flags = {"policy": "noop", "executor": "asyncio", "validation_tasks": 3}
    config = load_config(preset="quick", flags={**flags, "validation_trials": 1})
    parts = Components(config, open_registry())
    store = RunFolder.create(tmp_path_factory.mktemp("judged") / "run", config.plain())
    evaluate_once(parts, store, "validation")
    return parts, store


def left_open(played: tuple[Components, RunFolder], count: int) -> list[Episode]:
    """The run's conversations, the first ``count`` of them without a verdict."""
    _, store = played
    episodes = read_evaluation(store, NAME)
    unjudged = [replace(e, grade=replace(e.grade, success=True, unjudged=(WANTED,))) for e in
                episodes]  # fmt: skip
    judged = [replace(e, grade=replace(e.grade, unjudged=())) for e in episodes]
    store.write_episodes(NAME, [*unjudged[:count], *judged[count:]])
    return read_evaluation(store, NAME)


def judged_by(
    played: tuple[Components, RunFolder],
    answers: Sequence[bool | None],
    monkeypatch: pytest.MonkeyPatch,
    episodes: Sequence[Episode],
) -> tuple[Listener, list[str]]:
    parts, store = played
    judge, told = Listener(answers), list[str]()
    judge.places = {episode.trajectory.id: at for at, episode in enumerate(episodes)}
    monkeypatch.setitem(parts.__dict__, "judge", judge)
    monkeypatch.setattr(parts, "notify", lambda name, **data: told.append(str(data)), raising=False)
    decide_outcomes(parts, store, NAME)
    return judge, told


def test_the_judges_verdicts_are_kept_with_the_conversations(
    played: tuple[Components, RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    episodes = left_open(played, 2)
    judge, told = judged_by(played, [True, False], monkeypatch, episodes)
    kept = read_evaluation(played[1], NAME)
    assert [e.score.success for e in kept[:2]] == [True, False]
    assert [e.score.total for e in kept[:2]] == [1.0, 0.0]
    assert all(e.grade.is_decided for e in kept)
    assert (len(judge.asked), told) == (2, [])
    assert kept[2] == episodes[2]


def test_what_the_judge_cannot_say_stays_open_and_is_told(
    played: tuple[Components, RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, told = judged_by(played, [None, True, True], monkeypatch, left_open(played, 3))
    first, *others = read_evaluation(played[1], NAME)
    assert not first.grade.is_decided
    assert not first.score.success
    assert all(e.grade.is_decided and e.score.success for e in others)
    assert "gave no verdict on 1 of 3 conversations" in told[0]


def test_a_judge_without_any_verdict_ends_it_and_changes_nothing(
    played: tuple[Components, RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    episodes = left_open(played, 2)
    with pytest.raises(RunError, match="gave no verdict on any of 2 conversations") as error:
        judged_by(played, [None, None], monkeypatch, episodes)
    assert "--outcome" in error.value.hint
    assert read_evaluation(played[1], NAME) == episodes


def test_nobody_is_asked_where_every_conversation_has_a_verdict(
    played: tuple[Components, RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    judge, _ = judged_by(played, [], monkeypatch, left_open(played, 0))
    assert judge.asked == []
