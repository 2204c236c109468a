"""Turn recorded conversations back into grades: their calls carried out again in fresh worlds, with
no model.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from harness.errors import ConfigError, FormatError, HarnessError, plugin_boundary
from harness.evaluation.foreign_calls import tool_names
from harness.evaluation.rollout import ASSERTIONS
from harness.protocols import NO_PLUGINS, Domain, World
from harness.runtime.garbage_collection import uncollected
from harness.types import Episode, Grade, Recording, Task, ToolCall, Trajectory

Compared = Literal["writes", "all"]
"""The answers of tools that must be the recorded ones for a recording to replay.

"writes": of calls that write; all else cannot change what the conversation came to. "all": of every
call, also of tools that the domain does not have.
"""

BEFORE, AFTER = 40, 80
"""Characters shown before and after the first difference between two answers of a tool."""

BY_THE_USER = ("user_stop", "user_gave_up", "transfer")
"""Endings that leave no call unanswered; any other may come between a call and its result."""

INCOMPLETE = "Check that the recording is complete."


@dataclass(frozen=True, slots=True, kw_only=True)
class Regraded:
    """One recorded episode and what became of it in a fresh world.

    ``grade`` is None where there is none: the recording does not replay, or ended in a fault.
    ``problem`` says why there is no verdict, "" where there is one. ``unknown_tools`` and
    ``other_answers`` count by tool the calls whose answers were taken as recorded: the domain does
    not have the tool, or its answer is another one now.
    """

    episode: Episode
    replayed: bool
    grade: Grade | None = None
    problem: str = ""
    unknown_tools: Mapping[str, int] = field(default_factory=dict)
    other_answers: Mapping[str, int] = field(default_factory=dict)

    @property
    def gradeable(self) -> bool:
        return not self.problem

    @property
    def success(self) -> bool | None:
        """The verdict; None where there is none."""
        return self.grade.success if self.grade is not None and self.gradeable else None

    @property
    def recorded(self) -> bool | None:
        """The verdict in the recording; None if it holds none."""
        return self.episode.score.success if self.episode.grade.is_decided else None


class DoesNotReplay(HarnessError):
    """The calls and results of a recording contradict each other, or this world."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """The world after the recorded calls, and whose answers were taken as recorded, by tool."""

    world: World
    unknown_tools: Counter[str] = field(default_factory=Counter)
    other_answers: Counter[str] = field(default_factory=Counter)


def regrade_all(
    recording: Recording,
    domain: Domain,
    *,
    compared: Compared = "writes",
    plugin: str = NO_PLUGINS.domain,
) -> list[Regraded]:
    """Each episode of the recording graded again, in its order; ``plugin`` offers the domain."""
    with uncollected():
        return [
            regrade(episode, domain, compared=compared, plugin=plugin)
            for episode in recording.episodes
        ]


def regrade(
    episode: Episode,
    domain: Domain,
    *,
    compared: Compared = "writes",
    plugin: str = NO_PLUGINS.domain,
) -> Regraded:
    """The grade of the calls that the conversation made, if they have the recorded results.

    What a judge said in the recording about statements in words is kept; where none were judged,
    there is no verdict, as after a fault, and none where the recording contradicts itself. A task
    that the domain refuses, with ``ConfigError`` or ``FormatError``, is a problem of this episode;
    a domain that fails in another way is not.
    """
    task, trajectory = episode.task, episode.trajectory
    if episode.grade.contradicted:
        return Regraded(episode=episode, replayed=False, problem=episode.grade.contradicted)
    try:
        replayed = replay(task, trajectory, domain, compared=compared, plugin=plugin)
    except (DoesNotReplay, ConfigError, FormatError) as error:
        return Regraded(episode=episode, replayed=False, problem=str(error))
    found = Regraded(
        episode=episode,
        replayed=True,
        unknown_tools=replayed.unknown_tools,
        other_answers=replayed.other_answers,
    )
    if trajectory.is_fault:
        problem = f"ended in {trajectory.ended}: no evidence about the agent"
        return replace(found, problem=problem)
    try:
        with plugin_boundary(plugin, f"grade of task {task.id}"):
            grade = domain.grade(task, replayed.world, trajectory)
    except (ConfigError, FormatError) as error:
        return replace(found, problem=str(error))
    grade = _with_recorded_word(grade, episode.grade)
    return replace(found, grade=grade, problem=_open_question(grade))


def replay(
    task: Task,
    trajectory: Trajectory,
    domain: Domain,
    *,
    compared: Compared = "writes",
    plugin: str = NO_PLUGINS.domain,
) -> Replayed:
    """The world after the recorded calls, those of tools that the domain does not have left out.

    Raises ``DoesNotReplay``, naming the message, where a result is missing or has no call, or where
    one that is ``compared`` is another one now: as in tau2, equal as JSON if both are JSON, and
    else as text.
    """
    with plugin_boundary(plugin, f"opening of task {task.id}"):
        world = domain.open(task)
    replaying = _Replaying(Replayed(world=world), domain, compared, plugin)
    for index, message in enumerate(trajectory.messages):
        if message.role == "tool":
            replaying.answer(index, message.call_id, message.content)
            continue
        replaying.nothing_waits(f"message {index} is by the {message.role}")
        replaying.waiting.extend(message.calls)
    if trajectory.ended in BY_THE_USER:
        replaying.nothing_waits("the recording ends there")
    return replaying.done


class _Replaying:
    """One recording on its way: the calls that wait for their results, and what came of others."""

    def __init__(self, done: Replayed, domain: Domain, compared: Compared, plugin: str) -> None:
        self.done = done
        self.known = tool_names(domain)
        tools = (*domain.tools, *domain.user_tools)
        self.writes = {tool.name for tool in tools if tool.kind == "write"}
        self.compared = compared
        self.plugin = plugin
        self.waiting: deque[ToolCall] = deque()

    def answer(self, index: int, call_id: str, recorded: str) -> None:
        """Carry out the call that waits, whose result is the message ``index``."""
        if not self.waiting:
            raise DoesNotReplay(
                f"message {index}: a tool result, but no call is waiting for one", hint=INCOMPLETE
            )
        self._pass_over_foreign_calls(call_id)
        call = self.waiting.popleft()
        is_foreign = call.name not in self.known and self.compared == "writes"
        if call.id != call_id and not is_foreign:
            raise DoesNotReplay(
                f"message {index}: the result is of call {call_id!r}, but {call.name} "
                f"with id {call.id!r} is waiting for one",
                hint=INCOMPLETE,
            )
        if is_foreign:
            self.done.unknown_tools[call.name] += 1
            return
        with plugin_boundary(self.plugin, f"call of {call.name!r}"):
            now = self.done.world.call(call).content
        if same_answer(recorded, now):
            return
        if self.compared == "writes" and call.name not in self.writes:
            self.done.other_answers[call.name] += 1
            return
        recorded, now = _excerpts(recorded, now)
        raise DoesNotReplay(
            f"message {index}: {call.name} answered {recorded} in the recording, {now} now",
            hint="Check that the domain and its data are those of the recording (--domain).",
        )

    def _pass_over_foreign_calls(self, call_id: str) -> None:
        """Let go of calls of unknown tools that wait before the one with this id."""
        if self.compared == "all" or all(call.id != call_id for call in self.waiting):
            return
        while self.waiting[0].id != call_id and self.waiting[0].name not in self.known:
            self.done.unknown_tools[self.waiting.popleft().name] += 1

    def nothing_waits(self, found: str) -> None:
        """Let go of calls without result of tools that the domain does not have.

        Raises ``DoesNotReplay`` for others, saying what was ``found`` instead.
        """
        for call in self.waiting:
            if self.compared == "all" or call.name in self.known:
                raise DoesNotReplay(
                    f"the call {call.name} (id {call.id!r}) has no result: {found}", hint=INCOMPLETE
                )
            self.done.unknown_tools[call.name] += 1
        self.waiting.clear()


def same_answer(recorded: str, now: str) -> bool:
    """Whether two answers of a tool say the same."""
    return recorded == now or _value(recorded) == _value(now)


def _with_recorded_word(grade: Grade, recorded: Grade) -> Grade:
    said = recorded.parts.get(ASSERTIONS)
    if not grade.unjudged or said is None:
        return grade
    parts = {**grade.parts, ASSERTIONS: said}
    return replace(grade, success=grade.success and said, parts=parts, unjudged=())


def _open_question(grade: Grade) -> str:
    count = len(grade.unjudged)
    needed = f"needs a judge for {count} statement{'s' * (count > 1)} in words" if count else ""
    return grade.ungradeable or needed


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _excerpts(one: str, other: str) -> tuple[str, str]:
    """Both texts, quoted and cut to where they start to differ."""
    pairs = enumerate(zip(one, other, strict=False))
    parting = next((index for index, (a, b) in pairs if a != b), min(len(one), len(other)))
    begin = max(0, parting - BEFORE)
    return _excerpt(one, begin), _excerpt(other, begin)


def _excerpt(text: str, begin: int) -> str:
    end = begin + BEFORE + AFTER
    return f"{'…' * (begin > 0)}{text[begin:end]!r}{'…' * (len(text) > end)}"
