"""Turn a domain's generator into findings: endless, seeded, held apart, and able to make what it
is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, islice

from harness.errors import ConfigError
from harness.evaluation.domain_defaults import DomainDefaults
from harness.protocols import Domain
from harness.testing.findings import Check, demand
from harness.types import Recipe, Split, Task

EACH = 3
"""Tasks that are asked for with each feature."""

PAIRS = 12
"""Pairs of features that are asked for together."""

AHEAD = 400
"""Tasks after which a generator counts as endless."""


def check_generator(
    check: Check, domain: Domain, splits: Mapping[Split, Sequence[Task]], *, count: int
) -> list[Task]:
    """The first generated tasks; () where there is nothing to train on."""
    generated: list[Task] = []
    with check.rule(
        "Injection draws targeted tasks from it, without end; a held-out one would leak the test.",
        "Yield new train tasks for ever, drawn from the seed alone, on records of no other split.",
    ):
        first, again = (list(islice(domain.generate(7, Recipe()), count)) for _ in range(2))
        demand(first == again, "generate() gives the same tasks for the same seed")
        held_out = {task.id for split in ("validation", "test") for task in splits[split]}
        for task in first:
            demand(task.split == "train", f"generated task {task.id} is of split train")
            demand(task.id not in held_out, f"generated task {task.id} is no held-out task")
        generated += first
        if splits["train"] or not _is_default(domain):
            _check_endless(domain)
    with check.rule(
        "Targeting asks for tasks with a feature: without it no task provokes the mistake.",
        "Make each task with all of recipe.required, name them in Task.tags, and raise ConfigError "
        "with a reason for what cannot go together.",
    ):
        _check_features(domain)
    return generated


def _is_default(domain: Domain) -> bool:
    own = getattr(domain, "inner", domain)
    return type(own).generate is DomainDefaults.generate


def _check_endless(domain: Domain) -> None:
    had = sum(1 for _ in islice(domain.generate(3, Recipe()), AHEAD))
    demand(had == AHEAD, f"generate() never ends, found an end after {had} tasks")


def _check_features(domain: Domain) -> None:
    names = [feature.name for feature in domain.features]
    demand(len(set(names)) == len(names), f"features have names of their own, found {names}")
    for name in names:
        try:
            _check_required(domain, (name,))
        except ConfigError as error:
            raise AssertionError(f"{name!r} can be had alone, found: {error}") from error
    pairs = list(combinations(names, 2))
    for pair in pairs[:: max(1, len(pairs) // PAIRS)]:
        try:
            _check_required(domain, pair)
        except ConfigError:  # a reason in words is an answer
            continue


def _check_required(domain: Domain, required: tuple[str, ...]) -> None:
    asked = f"generate() asked for {' and '.join(required)}"
    try:
        tasks = list(islice(domain.generate(5, Recipe(required=required)), EACH))
    except ConfigError:
        raise
    except Exception as error:
        found = f"{type(error).__name__}: {error}"
        raise AssertionError(f"{asked} makes tasks, found {found}") from error
    demand(len(tasks) == EACH, f"{asked} never ends, found an end after {len(tasks)} tasks")
    for task in tasks:
        lacking = [name for name in required if name not in task.tags]
        demand(
            not lacking,
            f"{asked} makes tasks with that in Task.tags, task {task.id} has {list(task.tags)}",
        )
