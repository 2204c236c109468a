"""Turn chats that were read from a file into a recording of which no domain is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import FormatError
from harness.interchange.outcomes import NO_OUTCOME
from harness.types import (
    Ended,
    Episode,
    Grade,
    Json,
    Recording,
    Scenario,
    Score,
    Task,
    Tool,
    Trajectory,
    stable_id,
)
from harness_traces.messages import Chat


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One conversation of a file.

    ``task`` is what it is a try at, "" if it is alone; ``rest`` what the file says of it besides;
    ``success`` the file's own verdict, None if it has none; ``ended`` how it ended, None where the
    last message is all there is to tell; ``fault`` why it says nothing about the agent;
    ``is_answered`` whether it is a request beside whose messages the answer was.
    """

    chat: Chat
    task: str = ""
    rest: Mapping[str, Json] = field(default_factory=dict)
    tools: Iterable[Tool] = ()
    success: bool | None = None
    score: float | None = None
    ended: Ended | None = None
    fault: str = ""
    policy: str = ""
    is_answered: bool = False


def recording_of(
    records: Iterable[Record], path: Path, *, about: Mapping[str, Json] | None = None
) -> Recording:
    """The recording of all conversations with a message in them; those without are counted.

    Raises ``FormatError`` if there is none.
    """
    episodes: list[Episode] = []
    originals: dict[str, Mapping[str, Json]] = {}
    tools: dict[str, Tool] = {}
    odd: Counter[str] = Counter()
    systems: Counter[str] = Counter()
    trials: Counter[str] = Counter()
    alone: Counter[str] = Counter()
    for number, record in enumerate(records):
        odd.update(record.chat.odd)
        if not record.chat.messages:
            odd["conversations without a message, left out"] += not record.chat.odd
            continue
        if not any(message.role == "assistant" for message in record.chat.messages):
            odd["conversations without a message of the agent"] += 1
        if any("\ufffd" in message.content for message in record.chat.messages):
            odd["conversations with bytes that are no UTF-8, replaced"] += 1
        systems.update([record.chat.system] if record.chat.system else [])
        tools.update({tool.name: tool for tool in record.tools})
        task = _task_id(record, alone)
        episode = _episode(record, task, trials[task], number)
        trials[task] += 1
        episodes.append(episode)
        originals[episode.trajectory.id] = record.rest
    if not episodes:
        raise FormatError(
            f"{path} holds no conversation with a message in it",
            hint="Check that it is the right file, and that the agent's messages were logged.",
        )
    told = systems.most_common(1)[0][0] if systems else ""
    return Recording(
        domain="",
        tasks=tuple({episode.task.id: episode.task for episode in episodes}.values()),
        episodes=tuple(episodes),
        about={**(about or {}), "system": told, "odd": dict(+odd)},
        originals=originals,
        tools=tuple(tools.values()),
    )


def _task_id(record: Record, alone: Counter[str]) -> str:
    """That of what it is a try at; else it is one of its own, known again by how it opens: two
    files have a task in common if the same is asked in both. ``alone`` counts openings.
    """
    if record.task:
        return stable_id("task", record.task)
    opening = next((m.content for m in record.chat.messages if m.role == "user"), "")
    alone[opening] += 1
    return stable_id("opening", opening, alone[opening])


def _episode(record: Record, task_id: str, trial: int, number: int) -> Episode:
    chat = record.chat
    success = record.success
    return Episode(
        task=Task(id=task_id, domain="", split="train", scenario=Scenario(reason=""), world={}),
        trajectory=Trajectory(
            id=stable_id("trace", number, task_id, [m.content for m in chat.messages]),
            task_id=task_id,
            trial=trial,
            policy=record.policy,
            seed=0,
            messages=tuple(chat.messages),
            ended=record.ended or chat.ended,
            fault=record.fault,
        ),
        grade=Grade(success=bool(success), ungradeable="" if success is not None else NO_OUTCOME),
        score=Score(
            success=bool(success),
            total=record.score if record.score is not None else float(bool(success)),
        ),
    )
