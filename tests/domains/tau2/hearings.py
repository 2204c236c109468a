"""Turn calls and texts into one conversation, and that into the verdicts of both sides.

The official side is the official environment, which gives the results, and the official evaluators,
which judge. Ours is the domain: its world gives the results, its grade is the verdict.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.assembly.guarded_domain import unguarded
from harness.protocols import Domain
from harness.types import Message, Task, ToolCall, Trajectory
from harness_taskkit.toolbox import ToolboxWorld

from .official import Side, changed_records, environment
from .talks import Talk

BASES = ("DB", "COMMUNICATE", "ACTION")
"""The reward bases that are compared."""

_STOP = "###STOP###"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """What one side saw in a conversation, and its verdicts.

    ``results`` are the texts of the tools' answers, each with whether it is an error. ``parts`` are
    the verdicts by reward basis, ``success`` the one on the whole. ``changed`` are the records, by
    kind and id, that differ from the start; ``state`` is what the states are compared by: the
    official hash of all records, or, as that takes long, the text of those that are changed.
    """

    results: Sequence[tuple[str, bool]]
    parts: Mapping[str, bool]
    success: bool
    changed: Mapping[tuple[str, str], Any]
    state: str


def conversation(side: Side, calls: Sequence[ToolCall], talk: Talk) -> list[Any]:
    """The official messages: greeting, calls and what the official environment answers, texts."""
    from tau2.data_model.message import AssistantMessage, UserMessage
    from tau2.data_model.message import ToolCall as OfficialCall

    answering, beside = environment(0, of=side), talk.beside or None
    speaking = {"assistant": AssistantMessage, "user": UserMessage}
    messages: list[Any] = [
        AssistantMessage(role="assistant", content="Hi! How can I help you today?"),
        UserMessage(role="user", content="I have a problem."),
    ]
    for call in calls:
        role = "user" if call.requestor == "user" else "assistant"
        asked = OfficialCall(
            id=call.id, name=call.name, arguments=dict(call.arguments), requestor=role
        )
        messages.append(speaking[role](role=role, content=beside, tool_calls=[asked]))
        messages.append(answering.get_response(asked))
        beside = None
    messages += [speaking[role](role=role, content=text) for role, text in talk.texts]
    return [*messages, UserMessage(role="user", content=_STOP)]


def official_hearing(
    side: Side, raw: Mapping[str, Any], messages: Sequence[Any], *, whole: bool
) -> Hearing:
    """What the official evaluators say of a conversation on the official task.

    ``whole``: the states are compared by the official hash of all records.
    """
    from tau2.data_model.message import ToolMessage
    from tau2.data_model.tasks import Task as OfficialTask
    from tau2.evaluator.evaluator_action import ActionEvaluator
    from tau2.evaluator.evaluator_communicate import CommunicateEvaluator
    from tau2.evaluator.evaluator_env import EnvironmentEvaluator

    task, made = OfficialTask.model_validate(raw), []

    def constructor(solo_mode: bool = False) -> Any:
        made.append(_environment(side, 1 + len(made), whole=whole))
        return made[-1]

    judged = EnvironmentEvaluator.calculate_reward(constructor, task, list(messages))
    action = ActionEvaluator.calculate_reward(task, list(messages))
    communicate = CommunicateEvaluator.calculate_reward(task, list(messages))
    predicted, _gold = made
    return Hearing(
        results=[(m.content, m.error) for m in messages if isinstance(m, ToolMessage)],
        parts={
            "DB": judged.db_check.db_match,
            "COMMUNICATE": communicate.reward == 1.0,
            "ACTION": action.reward == 1.0,
        },
        success=judged.reward * action.reward * communicate.reward == 1.0,
        changed=changed_records(predicted, side),
        state=predicted.get_db_hash(),
    )


def official_said(raw: Mapping[str, Any], messages: Sequence[Any]) -> bool:
    """Whether all that should be said was said, in the official evaluator's eyes."""
    from tau2.data_model.tasks import Task as OfficialTask
    from tau2.evaluator.evaluator_communicate import CommunicateEvaluator

    task = OfficialTask.model_validate(raw)
    return bool(CommunicateEvaluator.calculate_reward(task, list(messages)).reward == 1.0)


def our_hearing(domain: Domain, task: Task, messages: Sequence[Any], *, whole: bool) -> Hearing:
    """What the domain says of the same conversation."""
    spoken = [message_of(message) for message in messages]
    world = domain.open(task)
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
    grade = domain.grade(task, world, trajectory)
    own = unguarded(world)
    assert isinstance(own, ToolboxWorld)
    records = own.records()
    touched = {(change.path[0], change.path[1]) for change in world.changes()}
    changed = {(kind, key): records[kind][key] for kind, key in touched}
    return Hearing(
        results=[(result.content, result.is_error) for result in results],
        parts={basis: grade.parts[basis] for basis in BASES},
        success=grade.success,
        changed=changed,
        state=_hash(records) if whole else _state(changed),
    )


def message_of(message: Any) -> Message:
    """An official message as a value of ours."""
    if message.role == "tool":
        requestor = "user" if message.requestor == "user" else "agent"
        return Message(
            role="tool",
            content=message.content,
            call_id=message.id,
            is_error=message.error,
            requestor=requestor,
        )
    calls = tuple(
        ToolCall(
            name=call.name,
            arguments=call.arguments,
            id=call.id,
            requestor="user" if call.requestor == "user" else "agent",
        )
        for call in message.tool_calls or ()
    )
    return Message(role=message.role, content=message.content or "", calls=calls)


# --- hashes ---------------------------------------------------------------------------------------

_HASHES: dict[tuple[str, str], str] = {}
_TEXTS: dict[int, tuple[Any, str]] = {}


def _hash(records: Mapping[str, Mapping[str, Any]]) -> str:
    """What ``our_state_hash`` gives; the text of a record is made once, as most never change."""
    kinds = []
    for kind in sorted(records):
        entries = [f'"{key}": {_text(records[kind][key])}' for key in sorted(records[kind])]
        kinds.append(f'"{kind}": {{{", ".join(entries)}}}')
    return hashlib.sha256(f"{{{', '.join(kinds)}}}".encode()).hexdigest()


def _text(record: Any) -> str:
    known = _TEXTS.get(id(record))
    if known is None or known[0] is not record:
        known = _TEXTS[id(record)] = (record, json.dumps(record, sort_keys=True, default=str))
    return known[1]


def _state(changed: Mapping[tuple[str, str], Any]) -> str:
    return json.dumps(sorted((*where, record) for where, record in changed.items()), sort_keys=True)


def _environment(side: Side, number: int, *, whole: bool) -> Any:
    """The official environment of that number, which hashes each state only once, if at all."""
    made = environment(number, of=side)
    hashed = type(made).get_db_hash

    def get_db_hash() -> str:
        state = _state(changed_records(made, side))
        if not whole:
            return state
        key = (side.domain, state)
        if key not in _HASHES:
            _HASHES[key] = hashed(made)
        return _HASHES[key]

    made.get_db_hash = get_db_hash
    return made
