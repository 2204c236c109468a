"""What a training gets besides targeted tasks: demonstrations to imitate, untargeted tasks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from harness.assembly.components import Components
from harness.errors import NothingToLearn, plugin_items
from harness.injection.admission import GateLog, admission_options, pass_gates
from harness.injection.pool import fingerprint
from harness.injection.static_gates import Known, cheap_gates
from harness.training.demonstrations import demonstrations, over_again
from harness.types import Episode, Recipe, Task, stable_seed


def shown(parts: Components, seed: int) -> Iterator[Episode]:
    """Demonstrations for SFT, without end. If their number is limited, they are the same for every
    seed, in another order.
    """
    limit = parts.config.demonstrations
    return _demonstrations(parts, seed) if limit is None else over_again(_known(parts), limit, seed)


def shown_on(parts: Components, tasks: Sequence[Task], seed: int) -> Iterator[Episode]:
    """Demonstrations on the tasks and some that SFT had, so that what those show is not forgotten:
    as many as there were, or as there are tasks if there was no limit. Repeated without end.
    """
    count = parts.config.demonstrations or len(tasks)
    both = chain(_demonstrations(parts, seed, tasks), islice(_known(parts), count))
    return over_again(both, len(tasks) + count, seed)


def held_out(parts: Components) -> list[Episode]:
    """Demonstrations that nothing is trained on."""
    fresh = _demonstrations(parts, stable_seed(parts.config.seed, "held-out demonstrations"))
    return list(islice(fresh, parts.config.held_out_demonstrations))


def untargeted(parts: Components, count: int) -> list[Task]:
    """Different tasks of the domain's default mix, never a held-out one. Warns if there are fewer:
    a domain may have a limited number of tasks, which it then offers again and again.

    Raises ``NothingToLearn`` if there are none.
    """
    plugin, seed = parts.plugins.domain, stable_seed(parts.config.seed, "control")
    known, log = Known(parts.domain, [], plugin=plugin), GateLog()
    options = admission_options(parts.config.options)
    gates = cheap_gates(parts.domain, known, options, plugin=plugin)
    tasks: list[Task] = []
    fresh = without_repeats(
        plugin_items(plugin, "generator", lambda: parts.domain.generate(seed, Recipe()))
    )
    while len(tasks) < count and (task := next(fresh, None)) is not None:
        if pass_gates(gates, task, log) is not None:
            known.add(task)
            tasks.append(task)
    if count and not tasks:
        raise NothingToLearn(
            f"the domain {parts.domain.name!r} has no untargeted task for the control",
            hint="Run without the control (--no-control).",
        )
    if len(tasks) < count:
        parts.notify(
            "warning",
            message=f"the control trains on {len(tasks)} untargeted tasks, not {count}: "
            f"the domain {parts.domain.name!r} has no more",
        )
    return tasks


def without_repeats(tasks: Iterable[Task]) -> Iterator[Task]:
    """The tasks, none twice, until as many in a row came again as there are."""
    seen: set[str] = set()
    again = 0
    for task in tasks:
        if (mark := fingerprint(task)) not in seen:
            seen.add(mark)
            again = 0
            yield task
        elif (again := again + 1) == len(seen):
            return


def _known(parts: Components) -> Iterator[Episode]:
    """The demonstrations SFT starts with."""
    return _demonstrations(parts, stable_seed(parts.config.seed, "sft"))


def _demonstrations(
    parts: Components, seed: int, tasks: Sequence[Task] | None = None
) -> Iterator[Episode]:
    easy = parts.config.easy_demonstrations
    setup = parts.setup_with("policy", parts.config.teacher)
    return demonstrations(parts.teacher, setup, parts.executor, seed=seed, easy=easy, tasks=tasks)
