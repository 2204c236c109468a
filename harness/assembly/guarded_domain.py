"""Turn a plugin's domain into one whose every answer was looked at: what it raises or returns
amiss names its plugin, whoever asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, cast

from harness.errors import expected, listed, plugin_boundary, shown
from harness.protocols import Domain, World
from harness.types import (
    Change,
    Changes,
    Feature,
    Grade,
    Json,
    Recipe,
    Split,
    Task,
    Tool,
    ToolCall,
    ToolResult,
    Trajectory,
)

T = TypeVar("T")


class GuardedWorld(World):
    """A world whose results are results; all else that it has is passed on."""

    __slots__ = ("_plugin", "_task_id", "inner")

    def __init__(self, inner: World, plugin: str, task_id: str) -> None:
        self.inner = inner
        self._plugin = plugin
        self._task_id = task_id

    def __getattr__(self, name: str) -> Any:
        if name in GuardedWorld.__slots__:  # while it is unpickled
            raise AttributeError(name)
        return getattr(self.inner, name)

    def call(self, call: ToolCall) -> ToolResult:
        try:  # hot: the boundary is entered by what fails alone
            result = expected(ToolResult, self.inner.call(call), "the result of World.call")
            expected(str, result.content, "ToolResult.content")
            return result
        except BaseException:
            with plugin_boundary(self._plugin, f"call of {call.name!r} in task {self._task_id}"):
                raise

    def changes(self) -> Changes:
        with plugin_boundary(self._plugin, f"changes of task {self._task_id}"):
            return tuple(listed(Change, self.inner.changes(), "World.changes()"))


def guarded(domain: Domain, plugin: str) -> Domain:
    """The domain, looked at; ``plugin`` offers it."""
    return cast(Domain, GuardedDomain(domain, plugin))


def unguarded(product: object) -> object:
    """The plugin's own domain or world behind a guarded one; else the product itself."""
    return product.inner if isinstance(product, GuardedDomain | GuardedWorld) else product


class GuardedDomain:
    """A domain whose tasks are tasks, and so on; all else that it has is passed on."""

    def __init__(self, inner: Domain, plugin: str) -> None:
        self.inner = inner
        self._plugin = plugin
        self._seen: dict[str, object] = {}

    def __getattr__(self, name: str) -> Any:
        if name in ("inner", "_plugin", "_seen"):  # while it is unpickled
            raise AttributeError(name)
        return getattr(self.inner, name)

    @property
    def name(self) -> str:
        return self._text("name")

    @property
    def data_version(self) -> str:
        return self._text("data_version")

    @property
    def policy(self) -> str:
        return self._text("policy")

    @property
    def greeting(self) -> str:
        return self._text("greeting")

    @property
    def user_guidelines(self) -> str:
        return self._text("user_guidelines")

    @property
    def twists(self) -> Sequence[str]:
        return self._each(str, "twists", lambda: self.inner.twists)

    @property
    def tools(self) -> Sequence[Tool]:
        return self._each(Tool, "tools", lambda: self.inner.tools)

    @property
    def user_tools(self) -> Sequence[Tool]:
        return self._each(Tool, "user_tools", lambda: self.inner.user_tools)

    @property
    def features(self) -> Sequence[Feature]:
        return self._each(Feature, "features", lambda: self.inner.features)

    def tasks(self, split: Split) -> Sequence[Task]:
        return self._each(Task, f"tasks({split!r})", lambda: self.inner.tasks(split))

    def open(self, task: Task) -> World:
        with plugin_boundary(self._plugin, f"opening of task {task.id}"):
            world = self.inner.open(task)
            for method in ("call", "changes"):
                if not callable(getattr(world, method, None)):
                    raise TypeError(f"open() made a {type(world).__name__} without {method}()")
        return GuardedWorld(world, self._plugin, task.id)

    def stage(self, task: Task) -> Mapping[str, Json]:
        with plugin_boundary(self._plugin, f"starting state of task {task.id}"):
            state = self.inner.stage(task)
            if not isinstance(state, Mapping):
                raise TypeError(f"stage() is {shown(state)}, expected a mapping")
            return state

    def generate(self, seed: int, recipe: Recipe) -> Iterator[Task]:
        with plugin_boundary(self._plugin, "generator of tasks"):
            for task in self.inner.generate(seed, recipe):
                yield expected(Task, task, "what generate() yields")

    def solve(self, task: Task) -> Sequence[Sequence[ToolCall]] | None:
        with plugin_boundary(self._plugin, f"solution of task {task.id}"):
            groups = self.inner.solve(task)
            return None if groups is None else _groups(groups, "solve()")

    def readings(self, task: Task) -> Sequence[Sequence[ToolCall]]:
        with plugin_boundary(self._plugin, f"readings of task {task.id}"):
            return _groups(self.inner.readings(task), "readings()")

    def weave(self, task: Task, twist: str, seed: int) -> Task | None:
        with plugin_boundary(self._plugin, f"twist {twist!r} on task {task.id}"):
            woven = self.inner.weave(task, twist, seed)
            return None if woven is None else expected(Task, woven, "weave()")

    def problems(self, task: Task) -> Sequence[str]:
        return self._each(str, f"problems of task {task.id}", lambda: self.inner.problems(task))

    def grade(self, task: Task, world: World, trajectory: Trajectory) -> Grade:
        own = cast(World, unguarded(world))
        with plugin_boundary(self._plugin, f"grade of task {task.id}"):
            return expected(Grade, self.inner.grade(task, own, trajectory), "grade()")

    def _text(self, what: str) -> str:
        with plugin_boundary(self._plugin, what):
            return expected(str, getattr(self.inner, what), what)

    def _each(self, kind: type[T], what: str, ask: Callable[[], object]) -> Sequence[T]:
        """The values, each looked at once: most are asked for again and again."""
        with plugin_boundary(self._plugin, what):
            values = ask()
            if values is not None and self._seen.get(what) is values:
                return cast(Sequence[T], values)
            found = listed(kind, values, what)
        self._seen[what] = found
        return found


def _groups(groups: object, what: str) -> Sequence[Sequence[ToolCall]]:
    return [listed(ToolCall, group, f"a group of {what}") for group in listed(object, groups, what)]
