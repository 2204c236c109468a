"""Count how hard the tasks of a domain's default mix are, to set it beside another's.

    python benchmarks/mixes.py --domain airline [--tasks N] [--seed N] [--json]

Shares of tasks, in percent, by number of requests, and with one that is refused or handed over;
the mean number of features. Then, for each kind of request that stands alone and is carried out:
tasks, their mean number of features, and the shares that have none and one. Counted are features
that make a task harder: neither kinds of requests, nor that there are several, nor
``payment_choice``, which nearly all customers have.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from itertools import islice
from statistics import fmean

from over_seeds import as_json

from harness.llm.roles import open_registry
from harness.protocols import Settings
from harness.runtime.counting import counted
from harness.types import Json, Recipe, Task

_NO_HARDER = ("multi_request", "payment_choice", "refuse", "transfer")


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the figures of one domain."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--domain", default="retail")
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    domain = open_registry().make("domain", options.domain, Settings())
    found = measure(list(islice(domain.generate(options.seed, Recipe()), options.tasks)))
    plain: dict[str, Json] = {**found}
    lines = [f"{name:40}{value}" for name, value in found.items()]
    sys.stdout.write((as_json(plain) if options.json else "\n".join(lines)) + "\n")


def measure(tasks: Sequence[Task]) -> dict[str, float]:
    """The figures by name."""
    features, kinds = hardness(tasks), _kinds(tasks)
    lengths = [len(task.scenario.requests) for task in tasks]
    found = {
        f"{counted(n, 'request')}, %": _share(one == n for one in lengths)
        for n in sorted({*lengths})
    }
    found["refused or handed over, %"] = _share(map(_ends_dead, tasks))
    found["features"] = round(fmean(features.values()), 2)
    alone = [task for task in tasks if len(task.scenario.requests) == 1 and not _ends_dead(task)]
    found["1 request: features"] = round(fmean(features[task.id] for task in alone), 2)
    for kind in sorted(kinds):
        counts = [features[task.id] for task in alone if task.scenario.requests[0].kind == kind]
        if counts:
            found[f"{kind}: tasks"] = len(counts)
            found[f"{kind}: features"] = round(fmean(counts), 2)
            found[f"{kind}: none, %"] = _share(count == 0 for count in counts)
            found[f"{kind}: one, %"] = _share(count == 1 for count in counts)
    return found


def hardness(tasks: Sequence[Task]) -> dict[str, int]:
    """How many features make each task harder, by id. What is a kind the tasks say together."""
    kinds = _kinds(tasks)
    return {
        task.id: sum(tag not in kinds and not tag.startswith(_NO_HARDER) for tag in task.tags)
        for task in tasks
    }


def _kinds(tasks: Sequence[Task]) -> set[str]:
    return {request.kind for task in tasks for request in task.scenario.requests}


def _ends_dead(task: Task) -> bool:
    return any(request.outcome != "done" for request in task.scenario.requests)


def _share(having: Iterable[bool]) -> float:
    return round(100 * fmean(having), 1)


if __name__ == "__main__":
    main()
