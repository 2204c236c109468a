"""The verdicts on telecom conversations are the official ones: on what both sides should do, and on
thousands of conversations in which either goes wrong in a named way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache
from logging import getLogger
from random import Random
from typing import Any, cast

import pytest

from harness.assembly.guarded_domain import unguarded
from harness.llm.roles import open_registry
from harness.protocols import Domain, Settings
from harness.types import Task, ToolCall, Trajectory
from harness_tau2.data import OfficialData
from harness_telecom.official import Tau2Telecom
from harness_telecom.tools import TOOLS, USER_TOOLS, TelecomWorld

from .hearings import message_of
from .official import needs_tau2
from .telecom import environment, known_bill_ids, network, official_states, our_states
from .telecom_mutations import KINDS, TelecomHand

pytestmark = [
    needs_tau2,
    pytest.mark.filterwarnings("ignore:Pydantic serializer warnings"),
]

LOG = getLogger(__name__)

BASES = ("DB", "ENV_ASSERTION", "ACTION")
"""The reward bases that are compared, whatever the task's own."""

OF_FULL = 500
"""How many tasks beside the base ones are looked at."""

MUTANTS = 100
"""Mutants of each kind."""

_WRITES = frozenset(tool.name for tool in (*TOOLS, *USER_TOOLS) if tool.kind == "write")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one side saw and says; ``held`` are the assertions one by one."""

    results: Sequence[tuple[str, bool]]
    parts: dict[str, bool]
    held: Sequence[bool]
    states: tuple[str, str]


@cache
def domain(*, solo: bool = False) -> Domain:
    options = {"split": "full", "solo": solo}
    made = open_registry().make("domain", "tau2-telecom", Settings(options=options))
    return cast(Domain, unguarded(made))


def data() -> OfficialData:
    found = domain()
    assert isinstance(found, Tau2Telecom)
    return found.data


@cache
def base_ids() -> Sequence[str]:
    return data().split("base")


@cache
def full_ids() -> Sequence[str]:
    others = [id for id in data().split("full") if id not in set(base_ids())]
    return Random("full").sample(others, OF_FULL)


def with_all_bases(id: str) -> dict[str, Any]:
    raw = deepcopy(dict(data().tasks[id]))
    raw["evaluation_criteria"]["reward_basis"] = list(BASES)
    return raw


def our_task(raw: dict[str, Any], *, solo: bool = False) -> Task:
    return domain(solo=solo).task(raw, "test")  # type: ignore[attr-defined, no-any-return]


def official_messages(raw: dict[str, Any], calls: Sequence[ToolCall], *, solo: bool) -> list[Any]:
    """The conversation in which the calls are made, answered by the official environment."""
    from tau2.data_model.message import AssistantMessage, UserMessage
    from tau2.data_model.message import ToolCall as OfficialCall

    answering = environment(solo_mode=solo)
    start(answering, raw)
    speaking = {"agent": ("assistant", AssistantMessage), "user": ("user", UserMessage)}
    messages: list[Any] = []
    for call in calls:
        role, kind = speaking[call.requestor]
        asked = OfficialCall(
            id=call.id, name=call.name, arguments=dict(call.arguments), requestor=role
        )
        messages += [kind(role=role, tool_calls=[asked]), answering.get_response(asked)]
    return messages


def start(made: Any, raw: dict[str, Any]) -> None:
    from tau2.data_model.tasks import Task as OfficialTask

    made.set_state(None, OfficialTask.model_validate(raw).initial_state.initialization_actions, [])


def official_verdict(raw: dict[str, Any], messages: Sequence[Any], *, solo: bool) -> Verdict:
    from tau2.data_model.message import ToolMessage
    from tau2.data_model.tasks import Task as OfficialTask
    from tau2.evaluator.evaluator_action import ActionEvaluator
    from tau2.evaluator.evaluator_env import EnvironmentEvaluator

    task, made = OfficialTask.model_validate(raw), []

    def constructor(solo_mode: bool = False) -> Any:
        made.append(environment(solo_mode=solo_mode))
        return made[-1]

    judged = EnvironmentEvaluator.calculate_reward(
        constructor, task, list(messages), solo_mode=solo
    )
    action = ActionEvaluator.calculate_reward(task, list(messages))
    held = [check.met for check in judged.env_assertions]
    return Verdict(
        results=[(m.content, m.error) for m in messages if isinstance(m, ToolMessage)],
        parts={
            "DB": judged.db_check.db_match,
            "ENV_ASSERTION": all(held),
            "ACTION": action.reward == 1.0,
        },
        held=held,
        states=official_states(made[0]),
    )


def our_verdict(task: Task, messages: Sequence[Any], *, solo: bool) -> Verdict:
    spoken = [message_of(message) for message in messages]
    ours = domain(solo=solo)
    world = ours.open(task)
    assert isinstance(world, TelecomWorld)
    results = [world.call(call) for message in spoken for call in message.calls]
    trajectory = Trajectory(
        id="t",
        task_id=task.id,
        trial=0,
        policy="p",
        seed=0,
        messages=tuple(spoken),
        ended="user_stop",
    )
    grade = ours.grade(task, world, trajectory)
    criteria = task.world["official"]["evaluation_criteria"]  # type: ignore[index, call-overload]
    return Verdict(
        results=[(result.content, result.is_error) for result in results],
        parts=dict(grade.parts),
        held=list(asserted(world, criteria)),  # type: ignore[arg-type]
        states=our_states(world),
    )


def asserted(world: TelecomWorld, criteria: dict[str, Any]) -> Iterator[bool]:
    for raw in criteria["env_assertions"] or ():
        side = "user" if raw["env_type"] == "user" else "agent"
        call = ToolCall(name=raw["func_name"], arguments=raw["arguments"], requestor=side)  # type: ignore[arg-type]
        yield world.stage(call) == raw["assert_value"]


def compared(
    kind: str, ids: Sequence[str], *, limit: int, solo: bool = False
) -> Counter[tuple[str, bool]]:
    """How often each basis holds, and does not; fails where the two sides differ."""
    verdicts: Counter[tuple[str, bool]] = Counter()
    made = 0
    for id in ids:
        raw = with_all_bases(id)
        task = our_task(raw, solo=solo)
        hand = TelecomHand(database=network(), writes=_WRITES, rng=Random(f"{kind}/{id}"))
        calls = KINDS[kind](hand, list(task.gold))
        if calls is None:
            continue
        numbered = [replace(call, id=f"call_{index}") for index, call in enumerate(calls)]
        if solo:
            numbered = [replace(call, requestor="agent") for call in numbered]
        messages = official_messages(raw, numbered, solo=solo)
        theirs = official_verdict(raw, messages, solo=solo)
        assert our_verdict(task, messages, solo=solo) == theirs, f"{kind}, task {id}: {calls}"
        verdicts.update(theirs.parts.items())
        made += 1
        if made == limit:
            break
    return verdicts


def shuffled(kind: str) -> Sequence[str]:
    ids = [*base_ids(), *full_ids()]
    return Random(kind).sample(ids, len(ids))


def test_some_gold_conversations_end_as_officially() -> None:
    with known_bill_ids():
        verdicts = compared("gold", shuffled("gold"), limit=40)
    assert verdicts["ENV_ASSERTION", True] == verdicts["ACTION", True] == 40


@pytest.mark.slow
def test_all_gold_conversations_end_as_officially() -> None:
    ids = [*base_ids(), *full_ids()]
    with known_bill_ids():
        verdicts = compared("gold", ids, limit=len(ids))
    assert verdicts["ENV_ASSERTION", True] == verdicts["ACTION", True] == 114 + OF_FULL
    LOG.info("the gold states are reached by %d of %d", verdicts["DB", True], len(ids))


@pytest.mark.parametrize("kind", KINDS)
def test_the_verdicts_on_some_mutants_are_the_official_ones(kind: str) -> None:
    with known_bill_ids():
        assert compared(kind, shuffled(kind), limit=2)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_verdicts_on_100_mutants_are_the_official_ones(kind: str) -> None:
    with known_bill_ids():
        verdicts = compared(kind, shuffled(kind), limit=MUTANTS)
    assert verdicts["DB", True] + verdicts["DB", False] == MUTANTS
    LOG.info("%s: %s", kind, dict(verdicts))


def test_the_verdicts_on_an_agent_alone_are_the_official_ones() -> None:
    with known_bill_ids():
        for kind in ("gold", "without one", "in another order"):
            assert compared(kind, shuffled(kind), limit=5, solo=True)


def test_most_kinds_of_mutants_fail_and_some_do_not() -> None:
    """What is compared is no list of failures alone."""
    with known_bill_ids():
        cut = compared("cut short", shuffled("cut short"), limit=5)
        rebooted = compared("rebooted at the end", shuffled("rebooted"), limit=5)
    assert cut["ENV_ASSERTION", False] + cut["ACTION", False] > 5
    assert rebooted["ENV_ASSERTION", True] == 5
