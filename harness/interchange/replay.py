"""Turn recorded conversations back into grades: their calls carried out again in fresh worlds, with
no model.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from harness.errors import ConfigError, FormatError, HarnessError, plugin_boundary
from harness.evaluation.metrics import Outcome, pass_table
from harness.evaluation.rollout import ASSERTIONS
from harness.protocols import NO_PLUGINS, Domain, World
from harness.runtime.garbage_collection import uncollected
from harness.types import Episode, Grade, Json, Recording, Task, ToolCall, Trajectory

BEFORE, AFTER = 40, 80
"""Characters shown before and after the first difference between two answers of a tool."""

BY_THE_USER = ("user_stop", "user_gave_up", "transfer")
"""Endings that leave no call unanswered; any other may come between a call and its result."""

INCOMPLETE = "Check that the recording is complete."


@dataclass(frozen=True, slots=True, kw_only=True)
class Regraded:
    """One recorded episode and what became of it in a fresh world.

    ``grade`` is None where there is none: the recording does not replay, or ended in a fault.
    ``problem`` says why there is no verdict, "" where there is one.
    """

    episode: Episode
    replayed: bool
    grade: Grade | None = None
    problem: str = ""

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


def regrade_all(
    recording: Recording, domain: Domain, *, plugin: str = NO_PLUGINS.domain
) -> list[Regraded]:
    """Each episode of the recording graded again, in its order; ``plugin`` offers the domain."""
    with uncollected():
        return [regrade(episode, domain, plugin=plugin) for episode in recording.episodes]


def regrade(episode: Episode, domain: Domain, *, plugin: str = NO_PLUGINS.domain) -> Regraded:
    """The grade of the calls that the conversation made, if they have the recorded results.

    What a judge said in the recording about statements in words is kept; where none were judged,
    there is no verdict, as after a fault. A task that the domain refuses, with ``ConfigError`` or
    ``FormatError``, is a problem of this episode; a domain that fails in another way is not.
    """
    task, trajectory = episode.task, episode.trajectory
    try:
        world = replay(task, trajectory, domain, plugin=plugin)
    except (DoesNotReplay, ConfigError, FormatError) as error:
        return Regraded(episode=episode, replayed=False, problem=str(error))
    if trajectory.is_fault:
        problem = f"ended in {trajectory.ended}: no evidence about the agent"
        return Regraded(episode=episode, replayed=True, problem=problem)
    try:
        with plugin_boundary(plugin, f"grade of task {task.id}"):
            grade = domain.grade(task, world, trajectory)
    except (ConfigError, FormatError) as error:
        return Regraded(episode=episode, replayed=True, problem=str(error))
    grade = _with_recorded_word(grade, episode.grade)
    return Regraded(episode=episode, replayed=True, grade=grade, problem=_open_question(grade))


def replay(
    task: Task, trajectory: Trajectory, domain: Domain, *, plugin: str = NO_PLUGINS.domain
) -> World:
    """The world after the recorded calls.

    Raises ``DoesNotReplay``, naming the message, where a result is missing, has no call, or is
    another one now: as in tau2, equal as JSON if both are JSON, and else as text.
    """
    with plugin_boundary(plugin, f"opening of task {task.id}"):
        world = domain.open(task)
    waiting: deque[ToolCall] = deque()
    for index, message in enumerate(trajectory.messages):
        if message.role != "tool":
            if waiting:
                raise _unanswered(waiting[0], f"message {index} is by the {message.role}")
            waiting.extend(message.calls)
            continue
        if not waiting:
            raise DoesNotReplay(
                f"message {index}: a tool result, but no call is waiting for one", hint=INCOMPLETE
            )
        call = waiting.popleft()
        if call.id != message.call_id:
            raise DoesNotReplay(
                f"message {index}: the result is of call {message.call_id!r}, but {call.name} "
                f"with id {call.id!r} is waiting for one",
                hint=INCOMPLETE,
            )
        with plugin_boundary(plugin, f"call of {call.name!r}"):
            now = world.call(call).content
        if not same_answer(message.content, now):
            recorded, now = _excerpts(message.content, now)
            raise DoesNotReplay(
                f"message {index}: {call.name} answered {recorded} in the recording, {now} now",
                hint="Check that the domain and its data are those of the recording (--domain).",
            )
    if waiting and trajectory.ended in BY_THE_USER:
        raise _unanswered(waiting[0], "the recording ends there")
    return world


def same_answer(recorded: str, now: str) -> bool:
    """Whether two answers of a tool say the same."""
    return recorded == now or _value(recorded) == _value(now)


def row(
    regraded: Regraded, *, data_version: str = "", original: Mapping[str, Json] | None = None
) -> dict[str, Json]:
    """The verdict as JSON values, as `harness rescore --json` prints it.

    ``reward`` is 1.0 or 0.0, and null without a verdict; ``termination_reason`` is in the words of
    the file's own record where it has one.
    """
    trajectory, grade = regraded.episode.trajectory, regraded.grade
    reason = (original or {}).get("termination_reason")
    return {
        "id": trajectory.id,
        "task_id": trajectory.task_id,
        "trial": trajectory.trial,
        "success": regraded.success,
        "reward": _reward(regraded.success),
        "termination_reason": reason if isinstance(reason, str) else trajectory.ended,
        "db_match": None if grade is None else grade.wanted == grade.actual,
        "parts": {} if grade is None else dict(grade.parts),
        "gradeable": regraded.gradeable,
        "replayed": regraded.replayed,
        "problem": regraded.problem,
        "data_version": data_version,
        "recorded_reward": _reward(regraded.recorded),
    }


def tally(graded: Sequence[Regraded]) -> dict[str, Json]:
    """Counts over a whole recording, and its Pass^1 in percent with the bounds of its interval.

    ``not_replayed``, ``no_verdict`` (replayed, but for other reasons without one) and ``differing``
    (from the recorded verdict) list indices into the recording.
    """
    outcomes = [
        Outcome(task_id=one.episode.task.id, success=bool(one.success), fault=one.problem)
        for one in graded
    ]
    first = pass_table(outcomes, (1,)).pass_.get(1)
    compared = [one for one in graded if one.gradeable and one.recorded is not None]
    return {
        "conversations": len(graded),
        "tasks": len({one.episode.task.id for one in graded}),
        "graded": sum(one.gradeable for one in graded),
        "successes": sum(one.success or False for one in graded),
        "recorded_successes": sum(one.recorded or False for one in graded),
        "compared": len(compared),
        "agreeing": sum(one.success == one.recorded for one in compared),
        "differing": [
            index
            for index, one in enumerate(graded)
            if one.gradeable and one.recorded not in (None, one.success)
        ],
        "not_replayed": [index for index, one in enumerate(graded) if not one.replayed],
        "no_verdict": [
            index for index, one in enumerate(graded) if one.replayed and not one.gradeable
        ],
        "endings": dict(Counter[str](one.episode.trajectory.ended for one in graded)),
        "pass_1": None
        if first is None
        else [round(first.value, 2), round(first.low, 2), round(first.high, 2)],
    }


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


def _reward(success: bool | None) -> float | None:
    return None if success is None else float(success)


def _unanswered(call: ToolCall, found: str) -> DoesNotReplay:
    return DoesNotReplay(
        f"the call {call.name} (id {call.id!r}) has no result: {found}", hint=INCOMPLETE
    )


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
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
