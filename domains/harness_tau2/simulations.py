"""Turn the simulations of an official results file into episodes, and endings both ways."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.types import (
    FAULTS,
    Ended,
    Episode,
    Json,
    Message,
    Score,
    Task,
    Trajectory,
    Usage,
    stable_id,
)
from harness_tau2.grades import read_grade
from harness_tau2.messages import read_messages
from harness_tau2.wire import (
    Misfit,
    Object,
    as_object,
    entries,
    need,
    need_number,
    number,
    text,
)

OURS = "errata_harness"
"""The key under which our own values travel in official records, for which it is unknown."""

TRANSFER = "###TRANSFER###"
"""What the simulated user says when it was handed over."""

ENDINGS: Mapping[str, Ended] = {
    "user_stop": "user_stop",
    "agent_stop": "agent_stop",
    "max_steps": "max_steps",
    "too_many_errors": "too_many_errors",
    "timeout": "cut_short",
    "judge_stop": "cut_short",
    "agent_error": "agent_fault",
    "user_error": "user_fault",
    "infrastructure_error": "infrastructure_fault",
    "unexpected_error": "infrastructure_fault",
    "context_window_exceeded": "context_overflow",
}
"""Our ending by the official termination reason, of all versions."""

REASONS: Mapping[Ended, str] = {
    "user_stop": "user_stop",
    "user_gave_up": "user_stop",
    "transfer": "user_stop",
    "agent_stop": "agent_stop",
    "max_steps": "max_steps",
    "too_many_errors": "too_many_errors",
    "cut_short": "timeout",
    "agent_fault": "agent_error",
    "user_fault": "user_error",
    "infrastructure_fault": "infrastructure_error",
    "context_overflow": "context_window_exceeded",
}
"""The official termination reason by our ending, of the newest version."""

REQUIRED_TEXT = ("id", "task_id", "start_time", "end_time", "termination_reason")


@dataclass(frozen=True, slots=True)
class Placed:
    """A simulation with the place it has in its file or folder, for errors."""

    place: str
    raw: Object


def read_simulations(
    placed: Sequence[Placed],
    tasks: Mapping[str, Task],
    official: Mapping[str, Object],
    *,
    policy: str,
    seed: int,
) -> list[Episode]:
    """An episode for each simulation, graded and scored as recorded, in the order given.

    ``official`` are the tasks as the file has them, by id, with whose criteria the recorded checks
    are compared. ``policy`` and ``seed`` are those of simulations that do not name their own. A
    simulation whose id is not unique gets a stable one; one without trial gets the next free number
    of its task. Raises ``Misfit`` naming the place.
    """
    copies = Counter(str(each.raw.get("id")) for each in placed)
    trials = _Trials(placed)
    episodes = []
    for index, each in enumerate(placed):
        try:
            _check(each.raw, tasks)
            own_id, trial = text(each.raw, "id"), trials.of(each.raw)
            if copies[own_id] > 1:
                own_id = stable_id(own_id, each.raw["task_id"], trial, index)
            trajectory = _trajectory(each.raw, id=own_id, trial=trial, policy=policy, seed=seed)
            task_id = trajectory.task_id
            grade, reward = read_grade(each.raw, official[task_id])
            score = Score(success=grade.success and not trajectory.is_fault, total=reward)
            episodes.append(
                Episode(task=tasks[task_id], trajectory=trajectory, grade=grade, score=score)
            )
        except Misfit as error:
            raise error.inside(each.place) from None
    return episodes


def is_voice(raw: Object) -> bool:
    """Whether a simulation is a conversation by voice, where both sides may speak at a time."""
    return raw.get("mode") == "full_duplex" or bool(raw.get("ticks") and not raw.get("messages"))


class _Trials:
    """Trial numbers by task: those recorded, and the free ones in rising order for the rest."""

    def __init__(self, placed: Sequence[Placed]) -> None:
        self.taken: defaultdict[str, set[Json]] = defaultdict(set)
        self.next: Counter[str] = Counter()
        for each in placed:
            trial = each.raw.get("trial")
            if isinstance(trial, int):
                self.taken[str(each.raw.get("task_id"))].add(trial)

    def of(self, raw: Object) -> int:
        if raw.get("trial") is not None:
            return need(raw, "trial", int)
        task = str(raw["task_id"])
        while self.next[task] in self.taken[task]:
            self.next[task] += 1
        self.taken[task].add(self.next[task])
        return self.next[task]


def _check(raw: Object, tasks: Mapping[str, Task]) -> None:
    for key in REQUIRED_TEXT:
        need(raw, key, str)
    need_number(raw, "duration")
    if raw["task_id"] not in tasks:
        known = ", ".join(list(tasks)[:5]) + (", ..." if len(tasks) > 5 else "")
        raise Misfit("task_id", f"found {raw['task_id']!r}, which is not in tasks ({known})")
    need(raw, "messages", list)


def _trajectory(raw: Object, *, id: str, trial: int, policy: str, seed: int) -> Trajectory:
    recorded = entries(raw, "messages")
    messages = read_messages(recorded)
    ended = _ended(raw, messages)
    reason = text(raw, "termination_reason")
    own_seed, own_policy = raw.get("seed"), _ours(raw).get("policy")
    return Trajectory(
        id=id,
        task_id=text(raw, "task_id"),
        trial=trial,
        policy=own_policy if isinstance(own_policy, str) else policy,
        seed=own_seed if isinstance(own_seed, int) else seed,
        messages=messages,
        ended=ended,
        fault=_note(raw) or f"recorded as {reason}" if ended in FAULTS else "",
        usage=_usage(raw, recorded),
    )


def _ended(raw: Object, messages: Sequence[Message]) -> Ended:
    reason = text(raw, "termination_reason")
    if reason not in ENDINGS:
        known = ", ".join(ENDINGS)
        raise Misfit("termination_reason", f"found {reason!r}, expected one of {known}")
    for ended, official in REASONS.items():
        if official == reason and _ours(raw).get("ended") == ended:
            return ended
    last = next((m.content for m in reversed(messages) if m.role == "user" and m.content), "")
    if reason == "user_stop" and TRANSFER in last:
        return "transfer"
    return ENDINGS[reason]


def _ours(raw: Object) -> Object:
    info = raw.get("info")
    ours = info.get(OURS) if isinstance(info, dict) else None
    return ours if isinstance(ours, dict) else {}


def _note(raw: Object) -> str:
    note = _ours(raw).get("fault")
    return note if isinstance(note, str) else ""


def _usage(raw: Object, messages: Sequence[Json]) -> dict[str, Usage]:
    ours = _ours(raw).get("usage")
    used = {
        "agent": _spent(messages, "assistant", number(raw, "agent_cost")),
        "user": _spent(messages, "user", number(raw, "user_cost")),
    }
    if isinstance(ours, dict):
        used = {role: _kept(as_object(usage, f"info.{OURS}.usage")) for role, usage in ours.items()}
    return {role: usage for role, usage in used.items() if usage != Usage()}


def _kept(usage: Object) -> Usage:
    return Usage(
        tokens_in=int(number(usage, "tokens_in")),
        tokens_out=int(number(usage, "tokens_out")),
        calls=int(number(usage, "calls")),
        cost_usd=number(usage, "cost_usd"),
    )


def _spent(messages: Sequence[Json], role: str, cost_usd: float) -> Usage:
    tokens_in = tokens_out = calls = 0.0
    for index, entry in enumerate(messages):
        if not isinstance(entry, dict) or entry.get("role") != role or not entry.get("usage"):
            continue
        try:
            usage = as_object(entry["usage"], "")
            tokens_in += number(usage, "prompt_tokens")
            tokens_out += number(usage, "completion_tokens")
        except Misfit as error:
            raise error.inside(f"messages[{index}].usage") from None
        calls += 1
    return Usage(
        tokens_in=int(tokens_in), tokens_out=int(tokens_out), calls=int(calls), cost_usd=cost_usd
    )
