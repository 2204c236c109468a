"""Near misses of calls: numbers, objects in lists, ids of letters and digits."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from random import Random

import pytest

from harness.discovery.diagnose import diagnose
from harness.evaluation.rollout import run_rollouts
from harness.protocols import AgentTurn, Conversation, RolloutJob, RolloutSetup, Settings
from harness.types import Recipe, Task
from harness_airline.domain import AirlineDomain
from harness_asyncio.executor import asyncio_executor
from harness_scripted.bench import Bench, objects, shape
from harness_scripted.judge import rule_judge
from harness_scripted.mistakes import planted_mistake
from harness_scripted.offers import recognise
from harness_scripted.plan import plan
from harness_scripted.script import Script, Turns
from harness_scripted.speech import normal
from harness_scripted.user import scripted_user

DOMAIN = AirlineDomain()


def tasks(count: int, *required: str) -> list[Task]:
    recipe = Recipe(required=required, requests=1)
    return list(islice(DOMAIN.generate(3, recipe), count))


def bench(task: Task) -> Bench:
    acts = plan(task, DOMAIN)
    assert acts is not None
    return Bench(DOMAIN, task, tuple(acts), Random(1))


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("4WQ150", "ZZ9PLU", True),
        ("4WQ150", "HAT123", True),
        ("gift_card_12", "gift_card_9", True),
        ("4WQ150", "economy", False),
        ("BOSTON", "4WQ150", False),
    ],
)
def test_ids_of_letters_and_digits_look_alike(one: str, other: str, alike: bool) -> None:
    assert (shape(one) == shape(other)) is alike


def test_objects_are_found_at_any_depth_and_none_in_plain_text() -> None:
    assert list(objects('{"a": [{"b": 1}]}')) == [{"a": [{"b": 1}]}, {"b": 1}]
    assert list(objects("available")) == []


@pytest.mark.parametrize(
    ("kind", "argument"),
    [
        ("add_bags", "total_baggages"),
        ("change_passengers", "passengers"),
        ("change_flights", "flights"),
    ],
)
def test_deep_variants_change_numbers_and_objects(kind: str, argument: str) -> None:
    found = [bench(task) for task in tasks(6, kind)]
    changed = [name for one in found for name, _ in one.variants(one.writes()[0], deep=True)]
    usual = [name for one in found for name, _ in one.variants(one.writes()[0])]
    assert argument in changed
    assert argument not in usual


def test_the_noisy_agent_errs_in_every_way_that_airline_has_a_noun_for() -> None:
    many = islice(DOMAIN.generate(5, Recipe()), 150)
    found = [planted_mistake(DOMAIN, task, n, 1.0) for n, task in enumerate(many)]
    kinds = {mistake.kind for mistake in found if mistake is not None}
    assert kinds >= {"wrong_reservation", "wrong_flights", "wrong_bags", "should_have_refused"}


def test_a_change_of_mind_about_flights_is_recognised_by_their_values() -> None:
    for task in tasks(6, "change_flights", "change_of_mind"):
        request = task.scenario.requests[0]
        assert request.want is not None
        assert request.revision is not None
        text = normal(str(request.want.arguments["flights"]))
        if request.want.arguments["flights"] != request.revision.proposal.arguments["flights"]:
            assert recognise(text, request) == "last"


class Stubborn:
    """Proposes other flights than the customer wants, again and again."""

    id = "stubborn"

    def __init__(self) -> None:
        self._playing: dict[str, Turns] = {}

    async def act(self, conversation: Conversation, *, seed: int) -> AgentTurn:
        turns = self._playing.get(conversation.id)
        if turns is not None:
            return turns.send(conversation.messages)
        acts = plan(conversation.task, DOMAIN)
        assert acts is not None
        *steps, last = acts[0].steps
        flights = [{"flight_number": "HAT000", "date": "2024-05-12"}]
        wrong = replace(last.call, arguments={**last.call.arguments, "flights": [*flights]})
        wrong_last = replace(last, call=wrong, proposals=(wrong,))
        act = replace(acts[0], steps=(*steps, wrong_last))
        turns = Script(conversation.task, DOMAIN, seed=seed).play([act], conversation.messages)
        self._playing[conversation.id] = turns
        return next(turns)

    def forget(self, conversation_id: str) -> None:
        self._playing.pop(conversation_id, None)


def test_a_user_who_turns_down_other_flights_is_not_to_blame() -> None:
    setup = RolloutSetup(domain=DOMAIN, user=scripted_user(Settings()))
    jobs = [RolloutJob(task=t, trial=0, seed=1) for t in tasks(4, "change_flights")]
    episodes = run_rollouts(jobs, Stubborn(), setup, asyncio_executor(Settings()))
    failed = [episode for episode in episodes if not episode.score.success]
    found = diagnose(failed, rule_judge(Settings()), DOMAIN, asyncio_executor(Settings()))
    assert failed
    assert {diagnosis.blame for diagnosis in found} == {"agent"}
