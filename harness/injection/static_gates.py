"""The gates that need no conversation: a task is sound, new, and has exactly one right outcome."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from harness.errors import plugin_boundary
from harness.injection.admission import Gate, Options, Verdict
from harness.injection.pool import content_id, fingerprint
from harness.injection.similarity import Likeness, leaves, leaves_of, overlap
from harness.protocols import NO_PLUGINS, Domain
from harness.types import Changes, Json, Scenario, Task, ToolCall, ToolResult, stable_id

LONGEST_TEXT = 2000
"""The most characters that a customer says at once: more is no customer's."""

SAME_GOLD = 0.8
"""The share of equal argument values from which on two golds are nearly the same."""

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ufffd]")


class Known:
    """The tasks that a candidate may not repeat: the pool's, which grows, and the held-out ones.

    Words are as rare as in the domain's own tasks. ``evaluated`` are tasks outside the domain's
    splits that a run evaluates on, such as imported ones.
    """

    def __init__(
        self,
        domain: Domain,
        pool: Sequence[Task],
        evaluated: Sequence[Task] = (),
        *,
        plugin: str = NO_PLUGINS.domain,
    ) -> None:
        with plugin_boundary(plugin, "tasks"):
            held_out = [*domain.tasks("test"), *domain.tasks("validation"), *evaluated]
            train = list(domain.tasks("train"))
        self.held_out = {fingerprint(task): task for task in held_out}
        self.golds = {gold: task for task in held_out if (gold := _gold(task))}
        self.leaves = [(task.id, leaves_of(task)) for task in held_out if task.gold]
        self._domain, self._plugin = domain, plugin
        # Where train tasks share a database with held-out ones, it tells nothing.
        self.worlds = {self.world_of(task): task.id for task in held_out}
        for task in train:
            self.worlds.pop(self.world_of(task), None)
        self.of_held_out = Likeness([*train, *held_out])
        self.of_pool = Likeness([*train, *held_out])
        for task in held_out:
            self.of_held_out.add(task.id, self.of_held_out.vector(task))
        self.marks: dict[str, str] = {}
        for task in pool:
            self.add(task)

    def add(self, task: Task) -> None:
        """From now on the task is one not to be repeated."""
        self.marks[fingerprint(task)] = task.id
        self.of_pool.add(task.id, self.of_pool.vector(task))

    def world_of(self, task: Task) -> str:
        """Equal for tasks that start in the same state."""
        with plugin_boundary(self._plugin, f"starting state of task {task.id}"):
            return stable_id(dict(self._domain.stage(task)))

    def forget(self, task: Task) -> None:
        """The task, added before, was not admitted after all."""
        self.marks.pop(fingerprint(task), None)
        self.of_pool.forget(task.id)


def cheap_gates(
    domain: Domain, known: Known, options: Options, *, plugin: str = NO_PLUGINS.domain
) -> list[Gate]:
    """The gates of ``admission.CHEAP`` that are not off, in order; ``plugin`` offers the domain."""
    sound = Soundness(domain, plugin)
    every: Sequence[tuple[str, Callable[[Task], Verdict]]] = (
        ("well_formed", sound.well_formed),
        ("discreet", sound.discreet),
        ("new", lambda task: is_new(task, known)),
        ("distinct", lambda task: is_distinct(task, known, options.likeness)),
        ("replays", sound.replays),
        ("changes", sound.changes),
        ("solvable", sound.solvable),
        ("unambiguous", sound.unambiguous),
    )
    return [Check(name, look) for name, look in every if name not in options.off]


@dataclass(frozen=True, slots=True)
class Check:
    """A gate made of a function."""

    name: str
    look: Callable[[Task], Verdict]

    def examine(self, task: Task) -> Verdict:
        return self.look(task)


# --- sound ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Played:
    """What calls in a fresh world return and change."""

    results: Sequence[ToolResult]
    changes: Changes


class Soundness:
    """What can be asked of a task and its domain alone; ``plugin`` offers the domain."""

    def __init__(self, domain: Domain, plugin: str) -> None:
        self.domain = domain
        self.plugin = plugin
        with plugin_boundary(plugin, "tools"):
            self.tools = {tool.name: tool for tool in (*domain.tools, *domain.user_tools)}

    def well_formed(self, task: Task) -> Verdict:
        if task.split != "train":
            return Verdict(reason="not a train task", measured={"split": task.split})
        if task.domain != self.domain.name:
            return Verdict(reason="from another domain", measured={"domain": task.domain})
        with plugin_boundary(self.plugin, f"problems of task {task.id}"):
            problems = list(self.domain.problems(task))
        flaws = [*_wordless(task), *self._misused(task), *problems]
        return Verdict(reason="not well-formed", measured={"why": flaws[0]}) if flaws else Verdict()

    def discreet(self, task: Task) -> Verdict:
        """Whether the customer tells only such arguments as customers of this domain know."""
        text = "\n".join(words(task.scenario))
        named = [name for name in self.tools if re.search(rf"(?<!\w){name}(?!\w)", text)]
        if named:
            return Verdict(reason="reveals the solution", measured={"tool": named[0]})
        for call in task.gold:
            for name, value in call.arguments.items():
                told = [leaf for leaf in leaves(value) if _is_id(name, leaf) and leaf in text]
                if told and name not in self.known_to_customers:
                    measured: dict[str, Json] = {"argument": name, "value": told[0]}
                    return Verdict(reason="reveals the solution", measured=measured)
        return Verdict()

    def replays(self, task: Task) -> Verdict:
        """Whether the gold calls go through on a fresh world; a look-up may find nothing."""
        for call, result in zip(task.gold, self._played(task, task.gold).results, strict=True):
            if result.is_error and self._kind(call) != "read":
                measured: dict[str, Json] = {"call": call.name, "error": result.content[:200]}
                return Verdict(reason="a gold call fails", measured=measured)
        return Verdict(measured={"calls": len(task.gold)})

    def changes(self, task: Task) -> Verdict:
        """Whether the wanted state is another than the start, where a write is wanted."""
        writes = sum(self._kind(call) == "write" for call in task.gold)
        fields = len(self._played(task, task.gold).changes)
        measured: dict[str, Json] = {"writes": writes, "fields": fields}
        return Verdict(reason="the gold calls change nothing" if writes and not fields else "",
                       measured=measured)  # fmt: skip

    def solvable(self, task: Task) -> Verdict:
        with plugin_boundary(self.plugin, f"solution of task {task.id}"):
            groups = self.domain.solve(task)
            calls = sum(map(len, groups or ()))
        if groups is None:
            return Verdict(reason="not solvable")
        return Verdict(measured={"calls": calls})

    def unambiguous(self, task: Task) -> Verdict:
        """Whether exactly one final state fits what the customer says when asked."""
        with plugin_boundary(self.plugin, f"readings of task {task.id}"):
            readings = list(self.domain.readings(task))
        effects = []
        for calls in readings:
            if (changes := self._played(task, calls).changes) not in effects:
                effects.append(changes)
        measured: dict[str, Json] = {"final_states": len(effects)}
        if len(effects) > 1:
            return Verdict(reason="ambiguous", measured=measured)
        is_gold = effects == [self._played(task, task.gold).changes]
        apart = "scenario and gold calls imply different end states"
        return Verdict(reason="" if is_gold else apart, measured=measured)

    @cached_property
    def known_to_customers(self) -> frozenset[str]:
        """The arguments whose values the domain's own customers tell."""
        with plugin_boundary(self.plugin, "train tasks"):
            tasks = list(self.domain.tasks("train"))
        return frozenset(
            name
            for task in tasks
            for text in ["\n".join(words(task.scenario))]
            for call in task.gold
            for name, value in call.arguments.items()
            if any(leaf and leaf in text for leaf in leaves(value))
        )

    def _played(self, task: Task, calls: Sequence[ToolCall]) -> _Played:
        with plugin_boundary(self.plugin, f"calls of task {task.id}"):
            world = self.domain.open(task)
            results = [world.call(call) for call in calls]
            return _Played(results, world.changes())

    def _kind(self, call: ToolCall) -> str:
        return self.tools[call.name].kind if call.name in self.tools else ""

    def _misused(self, task: Task) -> Iterator[str]:
        wanted = [request.want for request in task.scenario.requests if request.want is not None]
        for want in wanted:
            if not any(call.same_as(want) for call in task.gold):
                yield f"a request wants {want.name}, which is not among the gold calls"
        for call in (*task.gold, *wanted):
            tool = self.tools.get(call.name)
            if tool is None:
                yield f"the gold calls name {call.name!r}, which is no tool here"
                continue
            required, shapes = tool.parameters.get("required"), tool.parameters.get("properties")
            for name in required if isinstance(required, list) else ():
                if name not in call.arguments:
                    yield f"the gold call {call.name} lacks {name!r}"
            for name in call.arguments:
                if isinstance(shapes, Mapping) and shapes and name not in shapes:
                    yield f"the gold call {call.name} has no argument {name!r}"


def words(scenario: Scenario) -> Iterator[str]:
    """All that the customer is told or says."""
    yield from (scenario.reason, scenario.known, scenario.instructions, scenario.persona)
    for request in scenario.requests:
        yield from request.says
        for fact in request.facts:
            yield from fact.says
        if request.revision is not None:
            yield from request.revision.says


def _wordless(task: Task) -> Iterator[str]:
    scenario = task.scenario
    if not scenario.requests and not (scenario.reason.strip() and scenario.instructions.strip()):
        yield "there is neither a request nor an instruction"
    for number, request in enumerate(scenario.requests, start=1):
        sayings = [request.says, *(fact.says for fact in request.facts)]
        if any(not says or not all(text.strip() for text in says) for says in sayings):
            yield f"request {number} lacks a wording"
    for text in words(scenario):
        if _UNPRINTABLE.search(text):
            yield f"unprintable characters in {text[:40]!r}"
        if len(text) > LONGEST_TEXT * max(1, len(scenario.requests)):
            yield f"a text of {len(text)} characters"


def _is_id(name: str, leaf: str) -> bool:
    """Whether a value is one that only the records hold."""
    return name.endswith(("_id", "_ids")) and len(leaf) > 3


# --- new ------------------------------------------------------------------------------------------


def is_new(task: Task, known: Known) -> Verdict:
    """Whether no known task asks the same, and no held-out one has its gold or its database."""
    mark = fingerprint(task)
    if found := known.held_out.get(mark):
        return Verdict(reason="matches a held-out task", measured={"task": found.id})
    if mark in known.marks:
        return Verdict(reason="already in the pool", measured={"task": known.marks[mark]})
    if found := known.golds.get(_gold(task)):
        return Verdict(reason="has the gold calls of a held-out task", measured={"task": found.id})
    if other := known.worlds.get(known.world_of(task)):
        return Verdict(reason="uses the database of a held-out task", measured={"task": other})
    return Verdict(measured={"content": content_id(task)})


def is_distinct(task: Task, known: Known, limit: float) -> Verdict:
    """Whether no known task says nearly the same, and no held-out one wants nearly the same."""
    mine = leaves_of(task)
    gold = max(((overlap(mine, theirs), id) for id, theirs in known.leaves), default=(0.0, ""))
    if gold[0] >= SAME_GOLD:
        measured: dict[str, Json] = {"task": gold[1], "gold": round(gold[0], 3)}
        return Verdict(reason="nearly the gold calls of a held-out task", measured=measured)
    vector = known.of_held_out.vector(task)
    held_out, pool = known.of_held_out.nearest(vector), known.of_pool.nearest(vector)
    measured = {"held_out": round(held_out.cosine, 3), "pool": round(pool.cosine, 3)}
    if held_out.cosine >= limit:
        measured["task"] = held_out.task_id
        return Verdict(reason="nearly the same as a held-out task", measured=measured)
    if pool.cosine >= limit:
        measured["task"] = pool.task_id
        return Verdict(reason="nearly the same as a pool task", measured=measured)
    return Verdict(measured={**measured, "gold": round(gold[0], 3)})


def _gold(task: Task) -> str:
    """Equal for tasks with the same gold calls in any order; "" if no call names anything."""
    calls = sorted(
        (call.name, stable_id(dict(call.arguments))) for call in task.gold if call.arguments
    )
    telling = [call for call in task.gold if any(len(leaf) > 3 for leaf in _ids(call))]
    return stable_id(calls) if telling else ""


def _ids(call: ToolCall) -> Iterator[str]:
    for name, value in call.arguments.items():
        yield from (leaf for leaf in leaves(value) if _is_id(name, leaf))
