"""What a training gets besides targeted tasks: demonstrations to imitate, tasks of the controls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import NamedTuple

from harness.assembly.components import Components
from harness.errors import NothingToLearn
from harness.injection.admission import GateLog, admission_options, pass_gates
from harness.injection.pool import fingerprint
from harness.injection.static_gates import Known, cheap_gates
from harness.runtime.counting import counted
from harness.training.demonstrations import demonstrations, in_turn, over_again, train_tasks
from harness.types import Episode, Task, stable_seed
from harness.types.names import ControlKind

ALL_SEEN = 32
"""So many tasks in a row that were seen before may mean that there are no others."""


class Shown(NamedTuple):
    """Demonstrations to imitate, without end: ``epoch_size`` again and again; None: fresh ones."""

    episodes: Iterator[Episode]
    epoch_size: int | None


def shown(parts: Components, seed: int) -> Shown:
    """Demonstrations for SFT. If their number is limited, they are the same for every seed, in
    another order.
    """
    limit = parts.config.demonstrations
    if limit is None:
        return Shown(_demonstrations(parts, seed), None)
    return Shown(over_again(_known(parts), limit, seed), limit)


def shown_beside(parts: Components, proofs: Sequence[Episode], seed: int) -> Shown:
    """The proofs and some demonstrations that SFT had, so that what those show is not forgotten: as
    many as there were, or as there are proofs if there was no limit.
    """
    count = parts.config.demonstrations or len(proofs)
    both, size = chain(proofs, islice(_known(parts), count)), len(proofs) + count
    return Shown(over_again(both, size, seed), size)


def held_out(parts: Components) -> list[Episode]:
    """Demonstrations that nothing is trained on."""
    fresh = _demonstrations(parts, stable_seed(parts.config.seed, "held-out demonstrations"))
    return list(islice(fresh, parts.config.held_out_demonstrations))


def control_tasks(parts: Components, kind: ControlKind, count: int, *, skip: int = 0) -> list[Task]:
    """Different tasks, never a held-out one, through the gates that play no conversation; others
    than the first ``skip``, which earlier rounds had.

    "generic": as those that SFT was shown, which is what a team has without a look at failures.
    "oracle": of the domain's default mix, which the test has: an upper bound that no team has.

    Warns if there are fewer: a domain may have a limited number of tasks, which it then offers
    again and again, and is given up after ``candidates_per_task`` candidates for each wanted task.
    Raises ``NothingToLearn`` if there are none.
    """
    plugin, seed = parts.plugins.domain, stable_seed(parts.config.seed, "control", kind)
    easy = parts.config.easy_demonstrations if kind == "generic" else 0.0
    known, log = Known(parts.domain, [], plugin=plugin), GateLog()
    options = admission_options(parts.config.options)
    gates = cheap_gates(parts.domain, known, options, plugin=plugin)
    tasks: list[Task] = []
    wanted = skip + count
    candidates = options.candidates_per_task * wanted
    fresh = islice(without_repeats(train_tasks(parts.setup, seed, easy)), candidates)
    while len(tasks) < wanted and (task := next(fresh, None)) is not None:
        if pass_gates(gates, task, log) is not None:
            known.add(task)
            tasks.append(task)
    tasks = tasks[-count:] if count else []
    if count and not tasks:
        raise NothingToLearn(
            f"the domain {parts.domain.name!r} has no task for the {kind} control{_refused(log)}",
            hint="Run without controls: `harness loop --control none`.",
        )
    if len(tasks) < count:
        parts.notify(
            "warning",
            message=f"the {kind} control trains on {counted(len(tasks), 'task')}, not {count}: "
            f"the domain {parts.domain.name!r} has no more{_refused(log)}",
        )
    return tasks


def _refused(log: GateLog) -> str:
    """How many candidates the gates refused, and the commonest reason, as the end of a sentence."""
    if not log.refusals:
        return ""
    reason = next(iter(log.reasons))
    return f"; the gates refused {counted(len(log.refusals), 'candidate')}, mostly: {reason}"


def without_repeats(tasks: Iterable[Task]) -> Iterator[Task]:
    """The tasks, none twice, until as many in a row came again as there are, and ``ALL_SEEN``."""
    seen: set[str] = set()
    again = 0
    for task in tasks:
        if (mark := fingerprint(task)) not in seen:
            seen.add(mark)
            again = 0
            yield task
        elif (again := again + 1) >= max(len(seen), ALL_SEEN):
            return


def _known(parts: Components) -> Iterator[Episode]:
    """The demonstrations SFT starts with."""
    return _demonstrations(parts, stable_seed(parts.config.seed, "sft"))


def _demonstrations(parts: Components, seed: int) -> Iterator[Episode]:
    names = parts.config.sft_domains or (parts.config.domain,)
    return in_turn([_of_one_domain(parts.elsewhere.get(name, parts), seed) for name in names])


def _of_one_domain(parts: Components, seed: int) -> Iterator[Episode]:
    easy = parts.config.easy_demonstrations
    setup = parts.setup_with("policy", parts.config.teacher)
    return demonstrations(parts.teacher, setup, parts.executor, seed=seed, easy=easy)
