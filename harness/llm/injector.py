"""Turn an error pattern into candidate tasks: for each, a chat model explores and then writes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from harness.assembly.config import PositiveInt, read_options
from harness.errors import ConfigError, NothingToLearn, RolloutFault
from harness.llm.explorer import explore
from harness.llm.prompts import prompt
from harness.llm.quoting import quoted
from harness.llm.writer import write
from harness.protocols import ChatClient, Domain, Settings, TaskInjector
from harness.types import (
    Diagnosis,
    Episode,
    ErrorPattern,
    Origin,
    Recipe,
    Task,
    stable_id,
    stable_seed,
)

EXAMPLES = 3
"""Failures of the pattern that the model is shown."""

Members = Sequence[tuple[Episode, Diagnosis]]
Candidate = Callable[[int], Awaitable[Task]]


@dataclass(frozen=True, kw_only=True)
class Options:
    """``turns``: answers that an exploration may take. ``parallel``: candidates made at once; when
    the last wanted task is found, up to one less than that have been made in vain.
    """

    turns: PositiveInt = 20
    parallel: PositiveInt = 4


def llm_injector(chat: ChatClient, settings: Settings) -> TaskInjector:
    return LLMInjector(chat, read_options(Options, settings, name="injector"))


class LLMInjector:
    """Each candidate is made from a seed of its own and names a member as its parent, in turn."""

    def __init__(self, chat: ChatClient, options: Options) -> None:
        self.chat = chat
        self.options = options

    def inject(
        self, pattern: ErrorPattern, members: Members, domain: Domain, *, round: int, seed: int
    ) -> AsyncIterator[Task]:
        """Endless candidates; one that could not be made raises ``RolloutFault`` in its place.

        Raises ``NothingToLearn`` for a pattern without members: a task would have no lineage.
        """
        if not members:
            raise NothingToLearn(
                f"the error pattern {pattern.id} has no members to learn from",
                hint="Run `harness discover --again` on the run.",
            )
        ordered = sorted(members, key=lambda member: member[0].trajectory.id)
        brief = describe(pattern, ordered, domain)
        shown = tuple(episode.trajectory.id for episode, _ in exemplars(pattern, ordered))

        async def candidate(number: int) -> Task:
            own = stable_seed("inject", pattern.id, round, seed, number)
            base = _base(domain, pattern, number, own)
            base = replace(base, world=domain.stage(base))
            found = await explore(
                self.chat, domain, base, brief, turns=self.options.turns, seed=own
            )
            task = await write(self.chat, domain, found, brief, seed=own)
            parent, _ = ordered[number % len(ordered)]
            origin = Origin(
                round=round,
                pattern_id=pattern.id,
                injector=self.chat.provider,
                trajectory_id=parent.trajectory.id,
                parent_task_id=parent.task.id,
                seed=own,
                version=f"explore {prompt('explore').version}, write {prompt('write').version}",
                exemplars=shown,
                source=found.calls,
            )
            return replace(task, id=stable_id(task.id, pattern.id, round), origin=origin)

        return _Candidates(candidate, self.options.parallel)


class _Candidates(AsyncIterator[Task]):
    """Candidates in the order of their numbers, made a batch at a time; continues after a fault.

    A batch is always finished, so a run from the cache makes the very same calls.
    """

    def __init__(self, make: Candidate, parallel: int) -> None:
        self._make = make
        self._parallel = max(1, parallel)
        self._number = 0
        self._made: list[Task | RolloutFault] = []

    async def __anext__(self) -> Task:
        if not self._made:
            numbers = range(self._number, self._number + self._parallel)
            self._number = numbers.stop
            self._made = list(await asyncio.gather(*(self._try(number) for number in numbers)))
        first = self._made.pop(0)
        if isinstance(first, RolloutFault):
            raise first
        return first

    async def _try(self, number: int) -> Task | RolloutFault:
        try:
            return await self._make(number)
        except RolloutFault as fault:
            return fault


def describe(pattern: ErrorPattern, members: Members, domain: Domain) -> str:
    """The pattern in words, with examples and with what in tasks is known to provoke it, quoted."""
    lines = [f"{quoted(pattern.name)}: {quoted(pattern.description)}", "Examples of it:"]
    for episode, diagnosis in exemplars(pattern, members):
        lines.append(
            f"- {diagnosis.kind}: {quoted(diagnosis.summary)} The customer had come so: "
            f"{quoted(episode.task.scenario.reason, 400)}"
        )
    known = [f for f in domain.features if set(f.provokes) & set(_kinds(pattern, members))]
    if known:
        lines += ["What is known to provoke it:", *(f"- {f.description}" for f in known)]
    return "\n".join(lines)


def exemplars(pattern: ErrorPattern, members: Members) -> Members:
    """The failures that the model is shown: the pattern's own exemplars, if it names some."""
    chosen = [m for m in members if m[0].trajectory.id in pattern.exemplars] or list(members)
    return chosen[:EXAMPLES]


def _kinds(pattern: ErrorPattern, members: Members) -> list[str]:
    counts = Counter(pattern.kinds) or Counter(diagnosis.kind for _, diagnosis in members)
    return [kind for kind, _ in counts.most_common()]


def _base(domain: Domain, pattern: ErrorPattern, number: int, seed: int) -> Task:
    """A fresh task whose world holds, if the generator can, a feature that provokes the pattern."""
    kinds = _kinds(pattern, ())[:1]
    names = [f.name for f in domain.features if set(f.provokes) & set(kinds)]
    required = (names[number % len(names)],) if names else ()
    for recipe in (Recipe(required=required), Recipe()):
        task = _first(domain, seed, recipe)
        if task is not None:
            return task
    raise NothingToLearn(
        f"the domain {domain.name} generates no tasks",
        hint="Its `generate` must yield train tasks; see `harness.testing`.",
    )


def _first(domain: Domain, seed: int, recipe: Recipe) -> Task | None:
    try:
        tasks: Iterator[Task] = domain.generate(seed, recipe)
        return next(tasks, None)
    except ConfigError:
        return None
