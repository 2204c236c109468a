"""Turn an error pattern into tasks that provoke it, by asking the domain for the right features."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, cycle

from harness.config import read_options
from harness.errors import ConfigError, NothingToLearn
from harness.protocols import Domain, Settings, TaskInjector
from harness.types import (
    Diagnosis,
    Episode,
    ErrorPattern,
    Feature,
    Origin,
    Recipe,
    Task,
    stable_id,
    stable_seed,
)


@dataclass(frozen=True, kw_only=True)
class Options:
    """When a mistake kind, or a task's tag, counts as typical of a pattern.

    ``dominant``: the share of the pattern's failures, in [0, 1], that a mistake kind must reach.
    ``lift``: how many times as frequent among the members as among the train tasks a tag must be.
    """

    dominant: float = 0.25
    lift: float = 1.5


Members = Sequence[tuple[Episode, Diagnosis]]


def template_injector(settings: Settings) -> TaskInjector:
    return TemplateInjector(read_options(Options, settings, name="template"))


class TemplateInjector:
    """Deterministic for a seed. Each candidate names a member as its parent, in turn."""

    def __init__(self, options: Options) -> None:
        self.options = options

    async def inject(
        self, pattern: ErrorPattern, members: Members, domain: Domain, *, round: int, seed: int
    ) -> AsyncIterator[Task]:
        """Candidates of all recipes in turn; ends only if the domain's generator does.

        Raises ``NothingToLearn`` for a pattern without members: a task would have no lineage.
        """
        if not members:
            raise NothingToLearn(f"the error pattern {pattern.id} has no members to learn from")
        recipes = recipes_for(pattern, members, domain, self.options)
        streams = [
            _generate(domain, stable_seed("inject", pattern.id, round, seed, n), recipe)
            for n, recipe in enumerate(recipes)
        ]
        parents = cycle(sorted(members, key=lambda member: member[0].trajectory.id))
        for task in chain.from_iterable(zip(*streams, strict=False)):
            episode, _ = next(parents)
            origin = Origin(
                round=round,
                pattern_id=pattern.id,
                injector="template",
                trajectory_id=episode.trajectory.id,
                parent_task_id=episode.task.id,
                seed=seed,
            )
            new_id = stable_id(task.id, pattern.id, round)
            yield replace(task, id=new_id, split="train", origin=origin)


def recipes_for(
    pattern: ErrorPattern, members: Members, domain: Domain, options: Options
) -> list[Recipe]:
    """What to ask the generator for: one recipe for each feature that provokes the pattern.

    Features more frequent among the members than among the train tasks get weights, and lead where
    no feature provokes the pattern. The kind of request that failed most is required along, if it
    is a feature. A domain without features gets the empty recipe.
    """
    lifts = _lifts(members, domain)
    raised = {name: lift for name, lift in lifts.items() if lift >= options.lift}
    kinds = _dominant(pattern, members, options.dominant)
    provoking = [name for kind in kinds for name in _provoking(kind, domain.features, raised)]
    leading = list(dict.fromkeys(provoking)) or sorted(raised, key=lambda name: -raised[name])[:2]
    failed = _failed_requests(members, domain.features)
    if not leading:
        return [Recipe(required=failed, weights=dict.fromkeys(failed, 1.0))]
    return [
        Recipe(
            required=tuple(dict.fromkeys((name, *failed))),
            weights={**raised, **dict.fromkeys((name, *failed), max([1.0, *raised.values()]))},
        )
        for name in leading
    ]


def _generate(domain: Domain, seed: int, recipe: Recipe) -> Iterator[Task]:
    """The generator's tasks; what it cannot combine is asked for with ever fewer requirements."""
    for required in (recipe.required, recipe.required[:1], ()):
        try:
            # A generator may complain when it is called or, being lazy, at its first task.
            tasks = domain.generate(seed, replace(recipe, required=required))
            first = next(tasks, None)
        except ConfigError:
            continue
        return chain([] if first is None else [first], tasks)
    return iter(())


def _provoking(kind: str, features: Sequence[Feature], raised: Mapping[str, float]) -> list[str]:
    """The features that provoke a mistake kind; if some are raised, those alone."""
    names = [feature.name for feature in features if kind in feature.provokes]
    return [name for name in names if name in raised] or names


def _dominant(pattern: ErrorPattern, members: Members, share: float) -> list[str]:
    counts = Counter(pattern.kinds) or Counter(diagnosis.kind for _, diagnosis in members)
    total = sum(counts.values())
    return [kind for kind, count in counts.most_common() if count >= share * total]


def _lifts(members: Members, domain: Domain) -> dict[str, float]:
    """How many times as frequent a feature is among the members' tags as among the train tasks'."""
    train = domain.tasks("train")
    usual = Counter(tag for task in train for tag in set(task.tags))
    here = Counter(tag for episode, _ in members for tag in set(episode.task.tags))
    return {
        feature.name: (here[feature.name] / len(members))
        / ((usual[feature.name] + 1) / (len(train) + 1))
        for feature in domain.features
        if here[feature.name]
    }


def _failed_requests(members: Members, features: Sequence[Feature]) -> tuple[str, ...]:
    """The request kind whose tool was misused most, if it is a feature's name; at most one."""
    names = {feature.name for feature in features}
    counts = Counter(
        request.kind
        for episode, diagnosis in members
        for request in episode.task.scenario.requests
        if request.kind in names and request.want and request.want.name == diagnosis.tool
    )
    return tuple(kind for kind, _ in counts.most_common(1))
