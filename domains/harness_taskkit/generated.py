"""A domain of generated tasks behind the protocol of the core, from the parts that make it one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib.resources import files
from itertools import islice
from typing import Any, ClassVar, Generic, TypeVar, get_args

from harness.errors import ConfigError
from harness.evaluation.domain_defaults import DomainDefaults
from harness.types import Json, Recipe, Split, Task, Tool, ToolCall, stable_id

C = TypeVar("C")
"""The switches by which a domain's tools behave as in tau2 or as intended."""


@dataclass(frozen=True, slots=True)
class Parts(Generic[C]):
    """What makes tasks of a domain, by functions of the switches.

    ``records``: what of a task's world tells its version apart. See ``Domain`` for the rest.
    """

    fixed: C
    tools: Callable[[C], tuple[Tool, ...]]
    fixed_tasks: Callable[[Split, C], tuple[Task, ...]]
    generate: Callable[[int, Recipe, C], Iterator[Task]]
    solve: Callable[[Task, C], list[list[ToolCall]] | None]
    readings: Callable[[Task, C], list[tuple[ToolCall, ...]]]
    weave: Callable[[Task, str, int, C], Task | None]
    records: Callable[[Task], object]


class GeneratedDomain(DomainDefaults, Generic[C]):
    """Support over small generated databases; ``compat`` holds for generation, solver, worlds and
    grades.
    """

    parts: ClassVar[Parts[Any]]

    def __init__(self, compat: C | None = None) -> None:
        self.compat: C = self.parts.fixed if compat is None else compat
        self.tools = self.parts.tools(self.compat)
        self.data_version = _data_version(self.parts, self.compat)

    def tasks(self, split: Split) -> Sequence[Task]:
        return _tasks(self.parts, split, self.compat)

    def generate(self, seed: int, recipe: Recipe) -> Iterator[Task]:
        """Endless tasks with the required features; ``ConfigError`` if none can have them."""
        return self.parts.generate(seed, recipe, self.compat)

    def solve(self, task: Task) -> Sequence[Sequence[ToolCall]] | None:
        """One group of calls per request, look-ups first; None if the task cannot be solved so."""
        return self.parts.solve(task, self.compat)

    def readings(self, task: Task) -> Sequence[Sequence[ToolCall]]:
        """Each outcome that fits what the customer says, the records and the policy."""
        return self.parts.readings(task, self.compat)

    def weave(self, task: Task, twist: str, seed: int) -> Task | None:
        """The task with one of the twists; None if it has it or cannot have it."""
        return self.parts.weave(task, twist, seed, self.compat)


def policy_of(package: str) -> str:
    """The text of a package's policy.md."""
    return files(package).joinpath("policy.md").read_text(encoding="utf-8")


@cache
def _tasks(parts: Parts[Any], split: Split, compat: object) -> tuple[Task, ...]:
    return parts.fixed_tasks(split, compat)


@cache
def _data_version(parts: Parts[Any], compat: object) -> str:
    """A digest of how tools behave and of what the generator makes first, its records included."""
    tasks = list(islice(parts.generate(0, Recipe(), compat), 3))
    return stable_id(compat, tasks, [parts.records(task) for task in tasks])


def started(world: Mapping[str, Json], opened: Callable[[str], Any], kind: str, key: str) -> Any:
    """The database that a task starts in, with the records that were added for it.

    The world has those under "added_" and their ``kind``, each with its place among those of its
    user; ``key`` is where a record has its id. ``opened`` raises ``ConfigError`` for a name that is
    none.
    """
    database = opened(str(world["database"]))
    added = world.get(f"added_{kind}")
    return _with_records(opened, database.name, kind, key, json.dumps(added)) if added else database


@lru_cache(maxsize=256)
def _with_records(opened: Callable[[str], Any], name: str, kind: str, key: str, added: str) -> Any:
    database = opened(name)
    users, records = dict(database.users), dict(getattr(database, kind))
    for record, place in json.loads(added):
        records[record[key]] = record
        user = users[record["user_id"]]
        ids = [*user[kind][:place], record[key], *user[kind][place:]]
        users[record["user_id"]] = {**user, kind: ids}
    return replace(database, users=users, **{kind: records})


def split_of(name: str, domain: str) -> Split:
    """The split of a database's name. Raises ``ConfigError`` if that is not DOMAIN/SPLIT/SEED."""
    first, _, rest = name.partition("/")
    split, _, seed = rest.partition("/")
    known: tuple[Split, ...] = get_args(Split)
    if first != domain or split not in known or not seed.isdecimal():
        raise ConfigError(
            f"there is no {domain} database {name!r}",
            hint=f"A name is {domain}/SPLIT/SEED, such as {domain}/train/17.",
        )
    return next(one for one in known if one == split)
