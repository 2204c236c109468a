"""Turn a finished conversation into one view of it: a ``TermScore``.

Pure outcome rewards on tool use are gamed; penalties alone make doing nothing the best policy,
since it never pays one. So the penalties stand beside ``gold_writes``, which doing nothing does
not earn. Each factory below says which hack its term guards against.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.conduct import (
    agent_tokens,
    made_calls,
    matched,
    passing_failures,
    repeats,
    write_names,
)
from harness.config import read_options
from harness.errors import ConfigError
from harness.protocols import Domain, RewardTerm, Settings
from harness.types import Grade, Task, TermScore, ToolCall, Trajectory
from harness_rewards.confirmation import ACCEPTS, REFUSES, Reply, was_confirmed


@dataclass(frozen=True, kw_only=True)
class NoOptions:
    """This term has no options."""


@dataclass(frozen=True, kw_only=True)
class CallOptions:
    """``cap``: so many counted calls cost the full -1."""

    cap: int = 5


@dataclass(frozen=True, kw_only=True)
class WriteOptions:
    """``cap``: so many counted writes cost the full -1."""

    cap: int = 2


@dataclass(frozen=True, kw_only=True)
class ConfirmationOptions(WriteOptions):
    """``accepts``, ``refuses``: words of the user's answer; whichever comes first decides."""

    accepts: tuple[str, ...] = ACCEPTS
    refuses: tuple[str, ...] = REFUSES


@dataclass(frozen=True, kw_only=True)
class LengthOptions:
    """Agent tokens in a whole conversation: up to ``budget`` free, from ``limit`` on -1."""

    budget: int = 500
    limit: int = 2000


def task_success(settings: Settings) -> RewardTerm:
    """1 for a task done exactly as wanted, else 0: the backbone that the other terms only shape."""
    read_options(NoOptions, settings, name="task_success")

    def term(trajectory: Trajectory, grade: Grade, task: Task) -> TermScore:
        if grade.success:
            return TermScore(name="task_success", value=1.0, note="the world ended as wanted")
        missing = sum(change not in grade.actual for change in grade.wanted)
        unwanted = sum(change not in grade.wanted for change in grade.actual)
        note = (
            f"{missing} wanted changes missing, {unwanted} unwanted made, "
            f"{len(grade.unsaid)} facts unsaid, ended by {trajectory.ended}"
        )
        return TermScore(name="task_success", value=0.0, note=note)

    return term


def gold_writes(settings: Settings) -> RewardTerm:
    """The share of wanted writes that were carried out with the right arguments, in [0, 1].

    Guards against doing nothing: where writes are wanted it earns 0, so trying beats idling even
    before the policy can finish a task. Writing everything in sight earns no more than the wanted
    writes (see ``extra_writes``); where none is wanted, any write earns 0.
    """
    read_options(NoOptions, settings, name="gold_writes")
    writes = write_names(_domain(settings, "gold_writes"))

    def term(trajectory: Trajectory, grade: Grade, task: Task) -> TermScore:
        wanted = _wanted(task, writes)
        done = _written(trajectory, writes)
        right = matched(done, wanted)
        value = right / len(wanted) if wanted else float(not done)
        note = f"{right} of {len(wanted)} wanted writes made, {len(done)} writes in all"
        return TermScore(name="gold_writes", value=value, note=note)

    return term


def invalid_calls(settings: Settings) -> RewardTerm:
    """Minus the failed calls, as a share of ``cap``.

    Free are those that the gold calls contain, and those that went well when made again.

    Guards against guessing: trying ids and arguments until one is accepted, which costs an
    outcome reward nothing.
    """
    options = read_options(CallOptions, settings, name="invalid_calls")
    _positive("invalid_calls", options.cap)
    writes = write_names(_domain(settings, "invalid_calls"))

    def term(trajectory: Trajectory, grade: Grade, task: Task) -> TermScore:
        made = made_calls(trajectory, writes)
        passed = passing_failures(made)
        own = [(at, m) for at, m in enumerate(made) if m.by == "agent"]
        failed = [m.call for at, m in own if m.failed and at not in passed]
        count = len(failed) - matched(failed, task.gold)
        note = f"{count} of {len(own)} calls failed that should not have"
        return _penalty("invalid_calls", count, options.cap, note)

    return term


def unconfirmed_writes(settings: Settings) -> RewardTerm:
    """Minus the writes made without the user's yes to a proposal of them, as a share of ``cap``.

    Guards against skipping the confirmation: the database cannot tell, the simulated user seldom
    objects, and each skipped question makes the conversation shorter. The reading is lenient (see
    ``harness_rewards.confirmation``): a false alarm would teach the agent not to write at all.
    """
    options = read_options(ConfirmationOptions, settings, name="unconfirmed_writes")
    _positive("unconfirmed_writes", options.cap)
    writes = write_names(_domain(settings, "unconfirmed_writes"))
    reply = Reply(accepts=options.accepts, refuses=options.refuses)

    def term(trajectory: Trajectory, grade: Grade, task: Task) -> TermScore:
        made = [m for m in made_calls(trajectory, writes) if m.by == "agent" and m.writes]
        count = sum(
            not was_confirmed(m.call, m.turn, trajectory.messages, task, reply) for m in made
        )
        note = f"{count} of {len(made)} writes made without the user's yes"
        return _penalty("unconfirmed_writes", count, options.cap, note)

    return term


def extra_writes(settings: Settings) -> RewardTerm:
    """Minus the successful writes that were not wanted, as a share of ``cap``.

    Guards against the shotgun: writing to every record at hand, the wanted ones among them.
    """
    options = read_options(WriteOptions, settings, name="extra_writes")
    _positive("extra_writes", options.cap)
    writes = write_names(_domain(settings, "extra_writes"))

    def term(trajectory: Trajectory, grade: Grade, task: Task) -> TermScore:
        done = _written(trajectory, writes)
        count = len(done) - matched(done, _wanted(task, writes))
        note = f"{count} of {len(done)} writes were not wanted"
        return _penalty("extra_writes", count, options.cap, note)

    return term


def repeated_calls(settings: Settings) -> RewardTerm:
    """Minus the calls made again though nothing was written since, as a share of ``cap``.

    Guards against loops and busywork that look like progress to a check of intermediate calls.
    After a successful write, by agent or user, looking again is no repetition.
    """
    options = read_options(CallOptions, settings, name="repeated_calls")
    _positive("repeated_calls", options.cap)
    writes = write_names(_domain(settings, "repeated_calls"))

    def term(trajectory: Trajectory, grade: Grade, task: Task) -> TermScore:
        made = made_calls(trajectory, writes)
        count, total = repeats(made), sum(m.by == "agent" for m in made)
        note = f"{count} of {total} calls repeated an earlier one"
        return _penalty("repeated_calls", count, options.cap, note)

    return term


def length(settings: Settings) -> RewardTerm:
    """Minus the agent's tokens beyond ``budget``, falling in a straight line to -1 at ``limit``.

    Guards against ever longer reasoning and chatter. Tokens are those the policy reported, or a
    quarter of the characters it wrote where it reported none.
    """
    options = read_options(LengthOptions, settings, name="length")
    if not 0 <= options.budget < options.limit:
        raise ConfigError(
            f"length needs 0 <= budget < limit, found {options.budget} and {options.limit}",
            hint="Set both under [options.length].",
        )

    def term(trajectory: Trajectory, grade: Grade, task: Task) -> TermScore:
        tokens = agent_tokens(trajectory)
        over = max(0, tokens - options.budget)
        note = f"{tokens} tokens, {over} over the budget of {options.budget}"
        return _penalty("length", over, options.limit - options.budget, note)

    return term


def _penalty(name: str, count: int, cap: int, note: str) -> TermScore:
    return TermScore(name=name, value=-min(1.0, count / cap) if count else 0.0, note=note)


def _wanted(task: Task, writes: frozenset[str]) -> list[ToolCall]:
    return [call for call in task.gold if call.requestor == "agent" and call.name in writes]


def _written(trajectory: Trajectory, writes: frozenset[str]) -> list[ToolCall]:
    made = made_calls(trajectory, writes)
    return [m.call for m in made if m.by == "agent" and m.writes and not m.failed]


def _domain(settings: Settings, name: str) -> Domain:
    if settings.domain is None:
        raise ConfigError(
            f"the reward term {name} needs to know the domain's tools",
            hint="Make it with Settings(domain=...).",
        )
    return settings.domain


def _positive(name: str, cap: int) -> None:
    if cap < 1:
        raise ConfigError(
            f"option cap of {name} is {cap}, expected at least 1",
            hint="To switch the term off, set its weight to 0.",
        )
