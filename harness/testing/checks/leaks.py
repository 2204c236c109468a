"""Plant leaks: held-out tasks dressed up as new train tasks, in ways that hide what they are."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from harness.protocols import Domain
from harness.types import Json, Origin, Request, Task, stable_id

ORIGIN = Origin(
    round=1, pattern_id="leak", injector="leaky", trajectory_id="", parent_task_id="", seed=0
)


def planted_leaks(
    domain: Domain, pool: Sequence[Task], seed: int, count: int
) -> Mapping[str, list[Task]]:
    """How many leaks of each kind, made of held-out tasks in turn (and of the pool's own)."""
    rng = random.Random(seed)
    held_out = [*domain.tasks("test"), *domain.tasks("validation")]
    found: dict[str, list[Task]] = {}
    for kind, dress in KINDS.items():
        source = list(pool) if kind == "again" else held_out
        if kind in WITH_GOLD:
            source = [task for task in source if any(call.arguments for call in task.gold)]
        if kind in WITH_SEVERAL:
            source = [task for task in source if len(task.scenario.requests) > 1]
        chosen = rng.sample(source, min(count, len(source)))
        found[kind] = [
            replace(dress(task, rng), id=stable_id(kind, task.id), split="train", origin=ORIGIN)
            for task in chosen
        ]
    return found


def _reworded(task: Task, change: Callable[[str], str]) -> Task:
    """The task with everything that the customer says changed."""
    requests = tuple(_request(request, change) for request in task.scenario.requests)
    return replace(task, scenario=replace(task.scenario, requests=requests))


def _request(request: Request, change: Callable[[str], str]) -> Request:
    facts = tuple(replace(f, says=tuple(map(change, f.says))) for f in request.facts)
    return replace(request, says=tuple(map(change, request.says)), facts=facts)


def copy(task: Task, rng: random.Random) -> Task:
    return task


def shouted(task: Task, rng: random.Random) -> Task:
    says = tuple(
        replace(r, says=tuple(f"{text.upper()}!!" for text in r.says))
        for r in task.scenario.requests
    )
    return replace(task, scenario=replace(task.scenario, requests=says))


def lookalike(task: Task, rng: random.Random) -> Task:
    letters = str.maketrans("aeo", "аео")
    return _reworded(task, lambda text: text.translate(letters))


def chatty(task: Task, rng: random.Random) -> Task:
    return _reworded(task, lambda text: f"Hello, I hope you are well. {text} Many thanks!")


def shuffled(task: Task, rng: random.Random) -> Task:
    requests = task.scenario.requests[::-1]
    return replace(task, scenario=replace(task.scenario, requests=requests), gold=task.gold[::-1])


def other_wording(task: Task, rng: random.Random) -> Task:
    """The same gold asked for in words of its own."""
    return _reworded(task, lambda text: " ".join(reversed(text.split())))


def one_value_changed(task: Task, rng: random.Random) -> Task:
    """The same words; one value of the gold is another."""
    calls = list(task.gold)
    place = rng.choice([n for n, call in enumerate(calls) if call.arguments])
    name = rng.choice(sorted(calls[place].arguments))
    value = calls[place].arguments[name]
    other: Json = [*value, "x"] if isinstance(value, list) else f"{value}0"
    call = replace(calls[place], arguments={**calls[place].arguments, name: other})
    return replace(task, gold=(*calls[:place], call, *calls[place + 1 :]))


def other_task_in_the_database(task: Task, rng: random.Random) -> Task:
    """Something else asked for in the records of a held-out task."""
    wish = Request(kind="transfer", says=(f"Please call me back at {rng.randrange(10**6)}.",))
    scenario = replace(task.scenario, requests=(replace(wish, outcome="transferred"),))
    return replace(task, scenario=scenario, gold=(), communicate=())


def again(task: Task, rng: random.Random) -> Task:
    """A task of the pool itself, under another name."""
    return replace(task, tags=())


KINDS: Mapping[str, Callable[[Task, random.Random], Task]] = {
    dress.__name__: dress
    for dress in (
        copy,
        shouted,
        lookalike,
        chatty,
        shuffled,
        other_wording,
        one_value_changed,
        other_task_in_the_database,
        again,
    )
}
WITH_GOLD = frozenset({"one_value_changed", "other_wording"})
WITH_SEVERAL = frozenset({"shuffled"})
