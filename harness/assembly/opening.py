"""Open a run to work on: its products checked, its folder locked, its chat calls counted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.assembly.components import Components
from harness.assembly.config import LoopConfig, changed, load_config
from harness.assembly.registry import Registry
from harness.assembly.trust import folder_wishes, refuse_unagreed, remember, wishes
from harness.errors import BudgetSpent, HarnessError, RunError, plugin_boundary
from harness.protocols import Domain, Event, Observer
from harness.run_folder import CONFIG, PLUGINS, RunFolder
from harness.runtime import files
from harness.types import Json, Split, Task

CALLS = "calls.json"
SHOWN = 10
"""Warnings of one kind that are shown one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What is checked before anything runs: that there are enough tasks in these splits, and
    (``training``) that the stations after evaluation can be opened. ``shrink``: sizes of the preset
    may become smaller.
    """

    splits: Sequence[Split] = ("validation", "test")
    training: bool = True
    shrink: bool = True


def checked(
    config: LoopConfig,
    needs: Needs,
    registry: Registry,
    observers: tuple[Observer, ...] = (),
    folder: Path | None = None,
) -> Components:
    """The products of a configuration, all but the policies made, with enough tasks: sizes of the
    preset shrink to what the domain has. Observers are warned of that, and of tasks that the domain
    cannot carry out or judge. ``folder`` will be the run's.
    """
    warn = warn_by(observers)
    parts = Components(config, registry, observers, folder)
    if needs.shrink and (sizes := _fitting(parts, needs.splits, warn)):
        parts = Components(replace(config, **sizes), registry, observers, folder)
    parts.check(training=needs.training)
    for split in needs.splits:
        for problem in problems(parts.domain, _tasks(parts, split), plugin=parts.plugins.domain):
            warn(problem)
    return parts


@contextmanager
def begin_run(
    config: LoopConfig,
    needs: Needs,
    registry: Registry,
    folder: Path | None = None,
    *,
    observers: tuple[Observer, ...] = (),
) -> Iterator[tuple[Components, RunFolder]]:
    """A new run's products and folder (default: a new one in runs/), locked within the block.

    The folder is made only once the products were checked, and removed if an error comes before
    anything was written into it.
    """
    place = folder or new_folder(config.domain)
    with _products_files_discarded(place):
        parts = checked(config, needs, registry, observers, place)
        known = {} if needs.training else {split: _tasks(parts, split) for split in needs.splits}
        remember(wishes(config, registry))  # before it is there, lest a kill make it a stranger's
        store = RunFolder.create(place, parts.config.plain(), known)
    with store.lock(), _discarded_if_unused(store), _own(parts, store), _at_work(parts, store):
        _count_calls(parts, store)
        yield parts, store


@contextmanager
def open_run(
    store: RunFolder,
    registry: Registry,
    changes: Mapping[str, Json] | None = None,
    *,
    keep: bool = True,
    trust: bool = False,
    observers: tuple[Observer, ...] = (),
) -> Iterator[Components]:
    """The products of an existing run, its folder locked within the block.

    ``changes`` (None: not given) replace settings of the run, ``options`` key by key, and with
    ``keep`` they stay, once it is known that they fit. Products are made when a station needs them:
    what is done already needs no key. ``trust``: the user grants what the folder asks for; else
    raises ``NotAgreed`` for what was not granted before, see ``harness.assembly.trust``.
    """
    given = {key: value for key, value in (changes or {}).items() if value is not None}
    with store.lock():
        config = changed(store.config, given)
        asked = folder_wishes(store, config, registry)
        refuse_unagreed(asked, store.folder, trust=trust, given=_said(given))
        parts = Components(config, registry, observers, store.folder)
        _count_calls(parts, store)
        if given and keep:
            parts.check_chat(given)
            parts.check_given(given)
            if given.keys() & {"rounds", "trainer", "discover_from"}:
                parts.check_practice()
            plain = config.plain()
            store.change({key: plain[key] for key in given})
        with _own(parts, store), _at_work(parts, store):
            yield parts


@contextmanager
def begin_or_resume(
    config: LoopConfig,
    needs: Needs,
    registry: Registry,
    *,
    out: Path | None = None,
    resume: Path | None = None,
    changes: Mapping[str, Json] | None = None,
    trust: bool = False,
    observers: tuple[Observer, ...] = (),
) -> Iterator[tuple[Components, RunFolder]]:
    """The products and folder of the run to ``resume``, with ``changes``, or of a new one."""
    if resume is None:
        with begin_run(config, needs, registry, out, observers=observers) as opened:
            yield opened
        return
    store = RunFolder.open(resume)
    with open_run(store, registry, changes, trust=trust, observers=observers) as parts:
        yield parts, store


def _said(given: Mapping[str, Json]) -> list[object]:
    """The values of the settings, those of options one by one."""
    tables = given.get("options")
    in_tables = [
        value
        for table in (tables.values() if isinstance(tables, dict) else ())
        for value in (table.values() if isinstance(table, dict) else ())
    ]
    return [*(value for key, value in given.items() if key != "options"), *in_tables]


def new_folder(what: str) -> Path:
    """A folder in runs/ that is named after the time."""
    return Path("runs") / time.strftime(f"{what}-%Y%m%d-%H%M%S")


def newest_run() -> Path:
    """The run folder in runs/ that was started last. Raises ``RunError`` if there is none."""
    runs = sorted(Path("runs").glob(f"*/{CONFIG}"), key=lambda path: path.stat().st_mtime)
    if not runs:
        raise RunError("there is no run in runs/", hint="Name the run folder as an argument.")
    return runs[-1].parent


def split_of(folder: Path) -> Split:
    """The split that the first evaluation of a run is on, as far as it got; else "test"."""
    store = RunFolder.open(folder)
    splits: tuple[Split, ...] = ("train", "validation", "test")
    return next((split for split in splits if store.has(f"tasks/{split}.jsonl")), "test")


def held_out_tasks(parts: Components, split: Split, count: int) -> list[Task]:
    """The first ``count`` tasks of a split. Raises ``RunError`` if the domain has fewer."""
    setting = _size(split)
    tasks = _offered(parts, split)
    if len(tasks) < count:
        raise RunError(
            f"the domain {parts.domain.name!r} has {len(tasks)} {split} tasks, not {count}",
            hint=f"Set {setting} in the config file to at most {len(tasks)}; for one evaluation: "
            f"`harness eval --split {split} --tasks {len(tasks)}`.",
        )
    return tasks[:count]


def problems(domain: Domain, tasks: Sequence[Task], *, plugin: str) -> list[str]:
    """What of the tasks the domain cannot carry out or judge; a long list is cut short. ``plugin``
    offers the domain.
    """
    with plugin_boundary(plugin, "problems of tasks"):
        found = [f"task {task.id!r}: {words}" for task in tasks for words in domain.problems(task)]
    return cut_short(found, "more such problems")


def cut_short(found: Sequence[str], rest: str) -> list[str]:
    """The first of many lines, and how many more there are."""
    more = [f"{len(found) - SHOWN} {rest}"] if len(found) > SHOWN else []
    return [*found[:SHOWN], *more]


def warn_by(observers: Sequence[Observer]) -> Callable[[str], None]:
    """A function that sends a warning to the observers."""

    def warn(message: str) -> None:
        for observer in observers:
            observer.notify(Event(name="warning", data={"message": message}))

    return warn


def _fitting(
    parts: Components, splits: Sequence[Split], warn: Callable[[str], None]
) -> dict[str, Any]:
    """Sizes that the domain can meet: where one is that of the preset and the split has fewer
    tasks, all of these, and a warning says so.
    """
    preset = load_config(preset=parts.config.preset)
    sizes: dict[str, int] = {}
    for split in splits:
        setting = _size(split)
        usual, there = getattr(preset, setting), len(_offered(parts, split))
        if 0 < there < usual == getattr(parts.config, setting):
            sizes[setting] = min(there, sizes.get(setting, there))
            warn(
                f"the domain {parts.domain.name!r} has {there} {split} tasks, so {setting} is "
                f"{there} instead of {usual}"
            )
    return sizes


def _size(split: Split) -> str:
    return "test_tasks" if split == "test" else "validation_tasks"


def _offered(parts: Components, split: Split) -> list[Task]:
    with plugin_boundary(parts.plugins.domain, f"{split} tasks"):
        return list(parts.domain.tasks(split))


def _tasks(parts: Components, split: Split) -> list[Task]:
    return held_out_tasks(parts, split, getattr(parts.config, _size(split)))


def _count_calls(parts: Components, store: RunFolder) -> None:
    """Count calls to chat models, continuing from the run's earlier counts."""
    parts.calls.go_on(
        store.read_table(CALLS) if store.has(CALLS) else {},
        lambda counts: store.write_json(CALLS, counts),
    )


@contextmanager
def _at_work(parts: Components, store: RunFolder) -> Iterator[None]:
    """Observers are told which folder is at work and when that ends; of Ctrl-C and of a spent
    budget, too.
    """
    store.warn = lambda message: parts.notify("warning", message=message)
    parts.notify("run_opened", run=str(store.folder))
    try:
        try:
            yield
        finally:
            if counts := parts.calls.counts():
                parts.notify("calls_counted", roles=counts, summary=parts.calls.summary())
    except BudgetSpent:
        parts.notify("budget_spent", run=str(store.folder))
        raise
    except KeyboardInterrupt:
        parts.notify("run_interrupted", run=str(store.folder))
        raise
    finally:
        parts.notify("run_closed", run=str(store.folder))


@contextmanager
def _own(parts: Components, store: RunFolder) -> Iterator[None]:
    """What this process makes of the folder its user need not agree to later."""
    try:
        yield
    finally:
        with suppress(HarnessError):  # one about the folder would hide what came before
            remember(folder_wishes(store, parts.config, parts.registry))


@contextmanager
def _products_files_discarded(place: Path) -> Iterator[None]:
    """An error before there is a run leaves nothing of what products wrote when they were made."""
    was_there = place.exists()
    try:
        yield
    except HarnessError:
        if not was_there and place.exists() and {p.name for p in place.iterdir()} == {PLUGINS}:
            files.clear(place)
        raise


@contextmanager
def _discarded_if_unused(store: RunFolder) -> Iterator[None]:
    """An error before anything was made in a new folder leaves no folder."""
    try:
        yield
    except BudgetSpent:
        raise
    except HarnessError:
        store.discard_if_unused()
        raise
