"""Turn a finished conversation on an official task into a grade, as the official evaluator does."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from operator import is_
from typing import TypeVar

from harness.evaluation.scoring import unsaid
from harness.protocols import World
from harness.types import Changes, Grade, Json, Task, ToolCall, Trajectory
from harness_tau2.starting import Staged, function_call, staged
from harness_tau2.wire import Misfit, Object, as_object, entries, need

T = TypeVar("T")

DEFAULT_BASIS = ("DB", "COMMUNICATE")
"""What the reward is made of where a task does not say."""

BASES = ("DB", "ENV_ASSERTION", "NL_ASSERTION", "ACTION", "COMMUNICATE")
"""What a reward can be made of."""

COMPLETE = frozenset({"user_stop", "agent_stop", "transfer"})
"""The endings that are looked into; after any other the task has failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A gold call. ``compare``: the arguments that count; None: those that the agent gave."""

    call: ToolCall
    compare: frozenset[str] | None

    def done_by(self, made: ToolCall) -> bool:
        """Whether a call counts as this one, whoever made it."""
        if made.name != self.call.name:
            return False
        counted = made.arguments.keys() if self.compare is None else self.compare
        return _only(made.arguments, counted) == _only(self.call.arguments, counted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """What a function of one side should say of the end. ``value``: what it should return."""

    call: ToolCall
    value: bool

    def holds(self, world: Staged) -> bool:
        """Raises ``ValueError`` where the world has no such function, or it says nothing."""
        found = world.stage(self.call)
        if not isinstance(found, bool):
            raise ValueError(f"{self.call.name} returned no truth value")
        return found == self.value

    @property
    def unknown(self) -> str:
        side = "user" if self.call.requestor == "user" else "assistant"
        return f"no tool kit here has the assertion {self.call.name} of the {side}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """What a task is graded by.

    ``has_state``: whether anything is said of the end state. ``communicate`` must be said where
    COMMUNICATE is in the basis. ``statements`` are in words.
    """

    basis: tuple[str, ...]
    actions: tuple[Action, ...]
    assertions: tuple[Assertion, ...]
    communicate: tuple[str, ...]
    statements: tuple[str, ...]
    has_state: bool

    def unknown_assertions(self, world: Staged | None) -> list[str]:
        """Those that the world cannot check, in words; none if they do not count."""
        if "ENV_ASSERTION" not in self.basis:
            return []
        if world is None:
            return [assertion.unknown for assertion in self.assertions]
        return [one.unknown for one in self.assertions if not world.stages(one.call)]


def read_criteria(official: Object) -> Criteria | None:
    """The criteria of an official task of any version; None if it has none.

    Raises ``Misfit`` for values of the wrong kind.
    """
    raw = official.get("evaluation_criteria")
    if raw is None:
        return None
    try:
        return _criteria(as_object(raw, ""))
    except Misfit as error:
        raise error.inside("evaluation_criteria") from None


def grade_officially(
    task: Task, criteria: Criteria | None, wanted: Changes, world: World, trajectory: Trajectory
) -> Grade:
    """The grade: each basis of the reward is a part, and all parts must hold.

    A conversation that ended early has failed; a task without criteria has succeeded. Statements in
    words are left unjudged even where another part has failed: without a judge, a task that needs
    one would else be counted by its failures alone. Assertions that no tool kit of ours can check
    make a task ungradeable.
    """
    complete, actual = trajectory.ended in COMPLETE, world.changes()
    if criteria is None:
        return Grade(success=complete, wanted=wanted, actual=actual)
    missing = unsaid(task.communicate, trajectory)
    broken, unknown = _asserted(criteria, world)
    failed: Mapping[str, Callable[[], bool]] = {
        "DB": lambda: criteria.has_state and not _same(wanted, actual),
        "ENV_ASSERTION": lambda: broken,
        "ACTION": lambda: not _all_done(criteria.actions, trajectory),
        "COMMUNICATE": lambda: bool(missing),
    }
    unjudged = criteria.statements if "NL_ASSERTION" in criteria.basis else ()
    undecided = {*unknown, *(["NL_ASSERTION"] if unjudged else [])}
    decided = [basis for basis in criteria.basis if basis not in undecided]
    parts = {b: not (b in failed and failed[b]()) for b in decided} if complete else {}
    return Grade(
        success=complete and all(parts.values()),
        wanted=wanted,
        actual=actual,
        unsaid=missing if complete else (),
        parts=parts,
        unjudged=unjudged,
        ungradeable="; ".join(unknown.values()),
    )


def _asserted(criteria: Criteria, world: World) -> tuple[bool, dict[str, str]]:
    """Whether an assertion does not hold, and the parts of the basis about which nobody can say
    anything, with the reason.
    """
    unknown = {name: f"unknown reward basis {name}" for name in criteria.basis if name not in BASES}
    if "ENV_ASSERTION" not in criteria.basis:
        return False, unknown
    scene = staged(world)
    broken, problems = False, criteria.unknown_assertions(scene)
    if scene is not None and not problems:
        for assertion in criteria.assertions:
            try:
                broken = not assertion.holds(scene) or broken
            except ValueError as error:
                problems.append(f"{assertion.call.name}: {error}")
    if problems:
        unknown["ENV_ASSERTION"] = ", ".join(problems)
    return broken, unknown


def _same(wanted: Changes, actual: Changes) -> bool:
    """Whether the changes are the same as JSON text, which the official hash is made of."""
    if wanted != actual:
        return False
    return all(map(is_, wanted, actual)) or _text(wanted) == _text(actual)


def _text(changes: Changes) -> str:
    return json.dumps([(change.path, change.after) for change in changes], sort_keys=True)


def _all_done(actions: Sequence[Action], trajectory: Trajectory) -> bool:
    made = [call for message in trajectory.messages for call in message.calls]
    return all(any(action.done_by(call) for call in made) for action in actions)


def _criteria(raw: Object) -> Criteria:
    has_state = raw.get("actions") is not None or raw.get("env_assertions") is not None
    named = raw.get("reward_basis")
    return Criteria(
        basis=DEFAULT_BASIS if named is None else _texts(raw, "reward_basis"),
        actions=tuple(_read_each(raw, "actions", _action)),
        assertions=tuple(_read_each(raw, "env_assertions", _assertion)),
        communicate=_texts(raw, "communicate_info"),
        statements=_texts(raw, "nl_assertions"),
        has_state=has_state,
    )


def _action(raw: Object) -> Action:
    compare = raw.get("compare_args")
    arguments = {} if raw.get("arguments") is None else need(raw, "arguments", dict)
    return Action(
        call=ToolCall(
            name=need(raw, "name", str),
            arguments=arguments,
            requestor="user" if raw.get("requestor") == "user" else "agent",
        ),
        compare=None if compare is None else frozenset(map(str, need(raw, "compare_args", list))),
    )


def _assertion(raw: Object) -> Assertion:
    wanted = raw.get("assert_value")
    return Assertion(
        call=function_call(raw), value=True if wanted is None else need(raw, "assert_value", bool)
    )


def _texts(raw: Object, key: str) -> tuple[str, ...]:
    for index, value in enumerate(entries(raw, key)):
        if not isinstance(value, str):
            raise Misfit(f"{key}[{index}]", "expected text")
    return tuple(str(value) for value in entries(raw, key))


def _read_each(raw: Object, key: str, read: Callable[[Object], T]) -> list[T]:
    found: list[T] = []
    for index, value in enumerate(entries(raw, key)):
        try:
            found.append(read(as_object(value, "")))
        except Misfit as error:
            raise error.inside(f"{key}[{index}]") from None
    return found


def _only(arguments: Mapping[str, Json], names: Collection[str]) -> dict[str, Json]:
    return {name: value for name, value in arguments.items() if name in names}
