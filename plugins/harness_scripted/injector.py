"""Turn an error pattern into tasks that provoke it, from what its failures have in common.

First comes a solvable task (the domain's generator makes it, the solver's calls are its
trajectory); then the pattern is woven into it, unless the generator was asked for it directly.
Each candidate follows one failure: the kind of request that failed, what it was about, and at the
highest level all other requests of the task. The level of each feature goes down when a candidate
is too hard for the policy and up when it is too easy, as in a staircase (Levitt 1971).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count, cycle
from typing import Literal

from harness.assembly.config import NonNegativeFloat, Share, read_options
from harness.errors import CannotInject, ConfigError, NothingToLearn
from harness.protocols import Domain, Settings, TaskInjector
from harness.types import (
    Diagnosis,
    Episode,
    ErrorPattern,
    Origin,
    Recipe,
    Request,
    Task,
    stable_id,
    stable_seed,
)

VERSION = "template-7"
"""Of the way candidates are made, for their lineage."""

LEVELS = ("plain", "alone", "as it failed", "longer")
"""How hard a candidate is: the feature and nothing else; one request as they come; as many as in
the failure; one more.
"""

First = Literal["plain", "alone", "as it failed", "mixed"]
"""Where candidates may begin."""

MIXED = ("alone", "as it failed")
"""The levels that candidates begin at in turn where they are to be "mixed"."""

IN_VAIN = 60
"""Tasks of a generator in a row without what is wanted that show that it does not make it."""

WOVEN_IN_VAIN = 10
"""Tasks in a row into which a feature cannot be woven that show that it cannot be."""

EXEMPLARS = 5
"""Failures named in the lineage where the pattern names none itself."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """When a mistake kind, or a task's tag, counts as typical of a pattern, and the first level.

    ``dominant``: the share of the pattern's failures, in [0, 1], that a mistake kind must reach,
    and, where tasks start at "plain", a tag beyond those with an earlier tag. ``lift``: how many
    times as frequent among the members as among the train tasks a tag must be.
    ``telling``: the least informativeness of a tag, as a share of the highest; it is the share of
    the members with the tag times the logarithm of its lift. ``level``: where candidates start, one
    of ``LEVELS``, or "mixed": equally often at each of ``MIXED``.
    """

    dominant: Share = 0.25
    lift: NonNegativeFloat = 1.5
    telling: Share = 0.5
    level: First = "mixed"


Member = tuple[Episode, Diagnosis]
Members = Sequence[Member]


def template_injector(settings: Settings) -> TaskInjector:
    return TemplateInjector(read_options(Options, settings, name="template"))


class TemplateInjector:
    """Deterministic for a seed and the outcomes it is told. Each candidate names a member as its
    parent, in turn.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        first = MIXED if options.level == "mixed" else (options.level,)
        self._first = [LEVELS.index(level) for level in first]
        self._levels: dict[tuple[str, str], int] = {}

    def hear(self, task: Task, *, too_hard: bool) -> None:
        """One level down for what is too hard, one up for what is too easy."""
        origin = task.origin
        if origin is None or (too_hard and origin.mutation):
            return
        key = (origin.pattern_id, origin.feature)
        level = self._levels.get(key, LEVELS.index(origin.level)) + (-1 if too_hard else 1)
        self._levels[key] = min(max(level, 0), len(LEVELS) - 1)

    def _level(self, pattern: str, feature: str, lap: int) -> int:
        # Every other candidate is woven, so levels change after two.
        first = self._first[lap // 2 % len(self._first)]
        return self._levels.get((pattern, feature), first)

    async def inject(
        self, pattern: ErrorPattern, members: Members, domain: Domain, *, round: int, seed: int
    ) -> AsyncIterator[Task]:
        """Candidates for each feature that provokes the pattern in turn; they end only where the
        domain's generator does.

        Raises ``NothingToLearn`` for a pattern without members: a task would have no lineage.
        Raises ``CannotInject`` where nothing in the domain's tasks can provoke the pattern.
        """
        if not members:
            raise NothingToLearn(
                f"the error pattern {pattern.id} has no members to learn from",
                hint="Run `harness discover --again` on the run.",
            )
        ordered = sorted(members, key=lambda member: member[0].trajectory.id)
        names = leading_features(pattern, ordered, domain, self.options)
        own = stable_seed("inject", pattern.id, round, seed)
        others = _beside(pattern, ordered, domain, self.options)
        streams = {name: _Stream(domain, name, others, own) for name in names}
        exemplars = pattern.exemplars or tuple(m.trajectory.id for m, _ in ordered[:EXEMPLARS])
        parents = {name: cycle(_those_with(name, ordered)) for name in names}
        reason: ConfigError | CannotInject | None = None
        for lap in count():
            if not streams:
                break
            for name in list(streams):
                parent = next(parents[name])
                try:
                    first = self._level(pattern.id, name, lap)
                    task, level = streams[name].after(parent, first)
                except (ConfigError, CannotInject) as error:
                    reason = error
                    del streams[name]
                    continue
                if task is None:
                    del streams[name]
                    continue
                origin = Origin(
                    round=round,
                    pattern_id=pattern.id,
                    injector="template",
                    trajectory_id=parent[0].trajectory.id,
                    parent_task_id=parent[0].task.id,
                    seed=seed,
                    version=VERSION,
                    exemplars=exemplars,
                    source=tuple(call for group in domain.solve(task) or () for call in group),
                    feature=name,
                    level=LEVELS[level],
                )
                new_id = stable_id(task.id, pattern.id, round)
                yield replace(task, id=new_id, split="train", origin=origin)
        if reason is not None:
            raise CannotInject(str(reason), hint=reason.hint)


class _Stream:
    """Tasks with one feature, each after a failure: by the generator, or woven in, in turn."""

    def __init__(self, domain: Domain, feature: str, others: Sequence[str], seed: int) -> None:
        """``others``: features that would invite other mistakes than the pattern's."""
        self.domain, self.feature, self.seed = domain, feature, seed
        named = {feature.name for feature in domain.features}
        train = [(task.tags, task.scenario.requests) for task in domain.tasks("train")]
        asked = {request.kind for _, requests in train for request in requests}
        outcomes = {r[0].outcome for tags, r in train if feature in tags and len(r) == 1}
        # The failed kind beside a feature that is itself a kind of request, or says how one ends,
        # would bring a second request along: in what is refused, the kind is looked for afterwards.
        self.endings = set() if "done" in outcomes else outcomes
        self.kinds = set() if feature in asked or self.endings else named
        self.without = tuple(name for name in others if name not in (feature, *asked))
        self.weaves = feature in domain.twists
        self.numbers = count()
        self.generators: dict[str, Iterator[Task]] = {}
        self.passed_over: dict[str, list[Task]] = {}
        self.rare: set[tuple[str, str]] = set()
        self.said: set[str] = set()
        self.impossible: dict[str, ConfigError] = {}

    def after(self, parent: Member, first: int) -> tuple[Task | None, int]:
        """A task after the failure (None if the generator has no more) and its level, by place.

        That is a higher one than the ``first`` where this has said all it can say. Raises
        ``CannotInject`` or ``ConfigError`` if there is none with the feature.
        """
        number = next(self.numbers)
        failed = len(parent[0].task.scenario.requests)
        lengths = (1, 1, failed, failed + 1)
        task, level = None, first
        for level in range(first, len(LEVELS)):
            plain = LEVELS[level] == "plain"
            task = self._made_after(parent, lengths[level], plain, number)
            said = "" if task is None else stable_id([r.says for r in task.scenario.requests])
            if task is None or said not in self.said:
                self.said.add(said)
                break
        return task, level

    def _made_after(self, parent: Member, length: int, plain: bool, number: int) -> Task | None:
        ended = self._ended(parent[0].task)
        request = ended[0] if ended else failed_request(parent)
        kind = request.kind if request is not None and request.kind in self.kinds else ""
        recipe = Recipe(
            requests=length,
            plain=plain,
            without=self.without if plain else (),
            about=_about(request),
        )
        base = replace(recipe, required=(kind,) if kind else ())
        if number % 2 == 0 and (woven := self._woven(base, number)) is not None:
            return woven
        try:
            if ended:
                return self._ending_alike(recipe, ended[0].kind)
            return self._generated(recipe, kind)
        except (ConfigError, CannotInject):
            # What the records hold for no task as they are, they may hold with more of them.
            for _ in range(WOVEN_IN_VAIN):
                if (woven := self._woven(base, number)) is not None:
                    return woven
            raise

    def _ended(self, task: Task) -> list[Request]:
        """The requests that end as those with the feature do; none where it does not say how."""
        return [r for r in task.scenario.requests if r.outcome in self.endings]

    def _ending_alike(self, recipe: Recipe, kind: str) -> Task | None:
        """A task in which a request of the kind ends so; one of another kind where that is rare.

        Tasks of other kinds are kept: for failures of theirs, and for where this kind is rare.
        """
        key = stable_id(recipe)
        left = self.passed_over.setdefault(key, [])
        for place, task in enumerate(left):
            if any(request.kind == kind for request in self._ended(task)):
                return left.pop(place)
        draws = IN_VAIN if (key, kind) not in self.rare else 0 if left else 1
        for _ in range(draws):
            made = self._generated(recipe, "")
            if made is None or any(request.kind == kind for request in self._ended(made)):
                return made or (left.pop(0) if left else None)
            left.append(made)
        self.rare.add((key, kind))
        return left.pop(0)

    def _woven(self, base: Recipe, number: int) -> Task | None:
        """A task that can be done, with the feature woven in; None if this one cannot have it."""
        source = self._made(base) if self.weaves else None
        return source and self.domain.weave(source, self.feature, number)

    def _generated(self, recipe: Recipe, kind: str) -> Task | None:
        feature = (self.feature,) if self.feature else ()
        for required in dict.fromkeys([(*feature, kind) if kind else feature, feature]):
            try:
                unique = tuple(dict.fromkeys(required))
                return self._with_feature(replace(recipe, required=unique))
            except ConfigError:
                continue
        return self._with_feature(replace(recipe, weights={self.feature: 1.0}))

    def _with_feature(self, recipe: Recipe) -> Task | None:
        for _ in range(IN_VAIN):
            task = self._made(recipe)
            if task is None or not self.feature or self.feature in task.tags:
                return task
        raise CannotInject(
            f"{self.domain.name} makes no tasks with the feature {self.feature!r}",
            hint="Raise its weight in the domain's generator, or use another injector.",
        )

    def _made(self, recipe: Recipe) -> Task | None:
        key = stable_id(recipe)
        if key in self.impossible:
            raise self.impossible[key]
        try:
            # A generator may raise when it is called or, being lazy, at its first task.
            if key not in self.generators:
                own = stable_seed(self.seed, self.feature, key)
                self.generators[key] = self.domain.generate(own, recipe)
            return next(self.generators[key], None)
        except ConfigError as error:
            self.impossible[key] = error
            raise


def leading_features(
    pattern: ErrorPattern, members: Members, domain: Domain, options: Options
) -> list[str]:
    """The features to ask for: of those that provoke a typical mistake of the pattern's the ones
    most telling among the members, or all if none is; without any, what the members have in common.
    Where tasks begin plain, one that few members have but those with one before it is left out, and
    what was asked for comes last: where the customer changed its mind each time, that is what they
    failed at.

    [""], for any task, where the domain has no features. Raises ``CannotInject`` where it has some,
    and none of them is of use.
    """
    if not domain.features:
        return [""]
    telling = _telling(members, domain, options.lift)
    ranked = sorted(telling, key=lambda name: -telling[name])
    kinds = _dominant(pattern, members, options.dominant)
    likely: list[str] = []
    for kind in kinds:
        provoking = [feature.name for feature in domain.features if kind in feature.provokes]
        most = max((telling.get(name, 0.0) for name in provoking), default=0.0)
        found = [n for n in ranked if n in provoking and telling[n] >= options.telling * most]
        needed = _needed(found, members, options.dominant) if options.level == "plain" else ()
        likely += needed or found or provoking
    names = list(dict.fromkeys(likely)) or ranked[:2]
    if not names:
        raise CannotInject(
            f"no feature of {domain.name} is known to provoke {', '.join(kinds) or 'it'}, and none "
            "is more frequent among its failures than elsewhere",
            hint="Add it to `provokes` of a feature of the domain, or use another injector.",
        )
    return names


def _needed(ranked: Sequence[str], members: Members, share: float) -> list[str]:
    """The features that are the first that such a share of the members has, kinds of requests after
    others.
    """
    left = [set(episode.task.tags) for episode, _ in members]
    kinds = {r.kind for episode, _ in members for r in episode.task.scenario.requests}
    names = []
    for name in sorted(ranked, key=lambda name: name in kinds):
        without = [tags for tags in left if name not in tags]
        if len(left) - len(without) >= share * len(members):
            names.append(name)
            left = without
    return names


def _beside(pattern: ErrorPattern, members: Members, domain: Domain, options: Options) -> list[str]:
    """The features that provoke none of the pattern's typical mistakes."""
    kinds = set(_dominant(pattern, members, options.dominant))
    return [feature.name for feature in domain.features if not kinds & set(feature.provokes)]


def failed_request(member: Member) -> Request | None:
    """The request in which the failure's decisive mistake was made, as far as that can be told."""
    episode, diagnosis = member
    requests = episode.task.scenario.requests
    named = [r for r in requests if r.want and r.want.name == diagnosis.tool]
    return named[0] if named else requests[0] if len(requests) == 1 else None


def _about(request: Request | None) -> tuple[str, ...]:
    """By which words the customer recognises what the request is about."""
    words = (word for fact in request.facts for word in fact.recognised_by) if request else ()
    return tuple(dict.fromkeys(words))


def _those_with(feature: str, members: Members) -> Members:
    """The members on tasks with the feature; all where there is none."""
    return [member for member in members if feature in member[0].task.tags] or members


def _dominant(pattern: ErrorPattern, members: Members, share: float) -> list[str]:
    counts = Counter(pattern.kinds) or Counter(diagnosis.kind for _, diagnosis in members)
    total = sum(counts.values())
    return [kind for kind, count in counts.most_common() if count >= share * total]


def _telling(members: Members, domain: Domain, least: float) -> dict[str, float]:
    """How telling each feature is that is so many times as frequent among the members' tags as
    among the train tasks': its share among the members times the logarithm of the ratio.
    """
    train = domain.tasks("train")
    usual = Counter(tag for task in train for tag in set(task.tags))
    here = Counter(tag for episode, _ in members for tag in set(episode.task.tags))
    found: dict[str, float] = {}
    for name in (feature.name for feature in domain.features):
        share = here[name] / len(members)
        lift = share / ((usual[name] + 1) / (len(train) + 1))
        if lift >= least:
            found[name] = share * math.log(lift)
    return found
