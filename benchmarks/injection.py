"""Do injected tasks provoke the weakness they were made for? Agents of known weakness tell.

``python benchmarks/injection.py --seeds N N N`` prints mean and worst seed of each weakness, the
matrix weakness x pattern, the yield and the speed of the gates, what became of planted leaks, and
of retail tasks how varied they are; ``--markdown`` puts it into the document of the ``--domain``.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from math import prod
from pathlib import Path
from typing import Any, get_args

from injection_report import Column, Report, hits, markdown, with_ratios
from over_seeds import add_seed_options, as_json, seeds_of
from variety import measure
from weak_agents import WeakAgent, Weakness, weaknesses_of

from harness.discovery.diagnose import diagnose
from harness.discovery.patterns import find_patterns
from harness.errors import HarnessError
from harness.evaluation.rollout import run_rollouts
from harness.injection.admission import GateLog, Options, pass_gates
from harness.injection.candidates import InjectionContext
from harness.injection.engine import inject_tasks
from harness.injection.static_gates import Known, cheap_gates
from harness.llm.roles import open_registry
from harness.protocols import Domain, Policy, RolloutJob, RolloutSetup, Settings
from harness.testing.checks.leaks import planted_leaks
from harness.types import Diagnosis, Episode, ErrorPattern, Recipe, Task
from harness_asyncio.executor import asyncio_executor
from harness_faiss.clusterer import faiss_clusterer
from harness_scripted.expert import oracle
from harness_scripted.injector import First, template_injector
from harness_scripted.judge import rule_judge
from harness_scripted.user import scripted_user

DOCUMENTS = {"retail": "injection.md", "airline": "airline.md", "telecom": "telecom.md"}
"""Where the tables of a domain go, in docs/."""
START, END = "<!-- injection: start -->", "<!-- injection: end -->"

STUDIED = 250
"""The fewest tasks to find patterns in: the rarest weakness shows on about one in a hundred."""

EXECUTOR = asyncio_executor(Settings())
Members = Sequence[tuple[Episode, Diagnosis]]


@dataclass(frozen=True, slots=True)
class Ground:
    """A domain, and the weaknesses that agents have in it, by name."""

    domain: Domain
    weaknesses: Mapping[str, Weakness]

    def agent(self, weakness: str) -> WeakAgent:
        return WeakAgent(weakness, self.weaknesses[weakness])

    def played(self, policy: Policy, tasks: Sequence[Task], seed: int) -> Sequence[Episode]:
        """One conversation of the policy on each task."""
        setup = RolloutSetup(domain=self.domain, user=scripted_user(Settings()))
        jobs = [RolloutJob(task=task, trial=0, seed=seed) for task in tasks]
        return run_rollouts(jobs, policy, setup, EXECUTOR)


def failed(ground: Ground, policy: Policy, tasks: Sequence[Task], seed: int) -> dict[str, bool]:
    """Whether the policy fails each task, by id, in one conversation on each."""
    return {e.task.id: not e.score.success for e in ground.played(policy, tasks, seed)}


def pattern_of(
    ground: Ground, weakness: str, tasks: Sequence[Task], seed: int
) -> tuple[ErrorPattern, Members]:
    """The largest error pattern of an agent with the weakness, found as the loop finds it."""
    episodes = ground.played(ground.agent(weakness), tasks, seed)
    failures = [e for e in episodes if not e.score.success]
    found = diagnose(failures, rule_judge(Settings()), ground.domain, EXECUTOR)
    pattern = find_patterns(found, faiss_clusterer(Settings(domain=ground.domain)))[0]
    by_id = {e.trajectory.id: e for e in failures}
    members = [(by_id[d.trajectory_id], d) for d in found if d.trajectory_id in pattern.members]
    return pattern, members


def context(ground: Ground, pool: Sequence[Task] = (), level: str = "plain") -> InjectionContext:
    """All gates but those that hold conversations, and an injector that begins at the level."""
    domain, known, options = ground.domain, Known(ground.domain, pool), Options()
    return InjectionContext(
        injector=template_injector(Settings(options={"level": level})),
        domain=domain,
        gates=cheap_gates(domain, known, options),
        known=known,
        options=options,
    )


def column(
    ground: Ground,
    weakness: str,
    injected: Sequence[Task],
    untargeted: Sequence[Task],
    usual: Mapping[str, Mapping[str, bool]],
    seed: int,
) -> Column:
    """How all agents fare on tasks injected for one weakness; where there are none, none fails."""
    if not injected:
        never = dict.fromkeys(ground.weaknesses, 0.0)
        return Column(weakness=weakness, tasks=0, rates=never, usual=never, alike=never)
    lengths = Counter(len(task.scenario.requests) for task in injected)
    rates = {
        name: sum(failed(ground, ground.agent(name), injected, seed).values()) / len(injected)
        for name in ground.weaknesses
    }
    return Column(
        weakness=weakness,
        tasks=len(injected),
        rates=rates,
        usual={name: _as_long(usual[name], untargeted, lengths) for name in ground.weaknesses},
        alike={name: _of_kinds(usual[name], untargeted, injected) for name in ground.weaknesses},
    )


def _as_long(fails: Mapping[str, bool], tasks: Sequence[Task], lengths: Mapping[int, int]) -> float:
    """The failure rate on untargeted tasks, weighted so that they are as long."""
    rates: dict[int, list[bool]] = {}
    for task in tasks:
        rates.setdefault(len(task.scenario.requests), []).append(fails[task.id])
    known = {n: weight for n, weight in lengths.items() if n in rates}
    total = sum(known.values())
    return sum(w * sum(rates[n]) / len(rates[n]) for n, w in known.items()) / total


def _of_kinds(
    fails: Mapping[str, bool], untargeted: Sequence[Task], tasks: Sequence[Task]
) -> float:
    """The failure rate to expect on the tasks, were their requests untargeted ones of their kinds.

    Rates of kinds are those of untargeted tasks that want one thing only; several fail by chance.
    """
    rates: dict[str, list[bool]] = {}
    for task in untargeted:
        if len(task.scenario.requests) == 1:
            rates.setdefault(task.scenario.requests[0].kind, []).append(fails[task.id])
    mean = {kind: sum(found) / len(found) for kind, found in rates.items()}
    right = (prod(1 - mean.get(r.kind, 0.0) for r in task.scenario.requests) for task in tasks)
    return 1 - sum(right) / len(tasks)


# --- all of it ------------------------------------------------------------------------------------


def run(
    ground: Ground,
    seed: int,
    *,
    tasks: int,
    untargeted: int,
    many: int,
    leaks: int,
    level: str = "plain",
) -> Report:
    """The whole measurement. tasks: per weakness; many: for the yield, the speed and variety."""
    domain, names = ground.domain, ground.weaknesses
    plain = list(islice(domain.generate(seed, Recipe()), untargeted))
    study = list(islice(domain.generate(seed + 1, Recipe()), max(untargeted, STUDIED)))
    usual = {name: failed(ground, ground.agent(name), plain, seed) for name in names}
    patterns = {name: pattern_of(ground, name, study, seed) for name in names}
    columns = []
    for name, (pattern, members) in patterns.items():
        shop = context(ground, level=level)
        made = inject_tasks([pattern], {pattern.id: members}, shop, count=tasks, round=1, seed=seed)
        columns.append(column(ground, name, made.tasks, plain, usual, seed))
        _say(f"{name}: {len(made.tasks)} tasks, {columns[-1].ratio(name):.1f} times as often")
    pool, log, seconds, cpu = _many(ground, patterns, many, seed, level)
    solved = len(pool) - sum(failed(ground, oracle(Settings()), pool, seed).values())
    planted = planted_leaks(domain, pool, seed, leaks)
    let_in = {kind: _let_in(ground, found, pool) for kind, found in planted.items()}
    report = Report(
        seed=seed,
        columns=columns,
        admitted=len(pool),
        candidates=log.seen["made"],
        seconds=round(seconds, 1),
        cpu_seconds=round(cpu, 1),
        solved=solved,
        yields=log.yields(),
        leaks={kind: len(found) for kind, found in planted.items()},
        leaks_admitted=sum(let_in.values()),
        leaks_admitted_by_kind=let_in,
        variety=measure(pool) if domain.name == "retail" else None,
    )
    return with_ratios(report)


def _many(
    ground: Ground,
    patterns: Mapping[str, tuple[ErrorPattern, Members]],
    count: int,
    seed: int,
    level: str,
) -> tuple[list[Task], GateLog, float, float]:
    """Tasks for all patterns at once, as many for each, and what making them took."""
    named = {
        f"{name}": (_renamed(pattern, name, len(patterns)), members)
        for name, (pattern, members) in patterns.items()
    }
    shop = context(ground, level=level)
    clock, cpu = time.perf_counter(), time.process_time()
    made = inject_tasks(
        [pattern for pattern, _ in named.values()],
        {name: members for name, (_, members) in named.items()},
        shop,
        count=count,
        round=1,
        seed=seed,
    )
    return list(made.tasks), shop.log, time.perf_counter() - clock, time.process_time() - cpu


def _renamed(pattern: ErrorPattern, name: str, patterns: int) -> ErrorPattern:
    return ErrorPattern(
        id=name,
        name=pattern.name,
        description=pattern.description,
        members=pattern.members,
        share=1 / patterns,
        exemplars=pattern.exemplars,
        kinds=pattern.kinds,
    )


def _let_in(ground: Ground, candidates: Sequence[Task], pool: Sequence[Task]) -> int:
    shop = context(ground, pool)
    return sum(pass_gates(shop.gates, task, GateLog()) is not None for task in candidates)


# --- output --------------------------------------------------------------------------------------


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_seed_options(parser, default=0)
    parser.add_argument("--domain", default="retail", choices=list(DOCUMENTS))
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these weaknesses alone")
    parser.add_argument("--tasks", type=int, default=60, help="injected tasks per weakness")
    parser.add_argument("--untargeted", type=int, default=400, help="untargeted tasks")
    parser.add_argument("--many", type=int, default=1000, help="tasks for yield and speed")
    parser.add_argument("--leaks", type=int, default=40, help="planted leaks of each kind")
    levels = get_args(First)
    parser.add_argument("--level", choices=levels, default="plain", help="of the candidates")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument("--markdown", action="store_true", help="also write the document")
    options = parser.parse_args(arguments)
    try:
        reports = [_reported(seed, options) for seed in seeds_of(options)]
    except HarnessError as error:
        sys.exit(f"{error}\n{error.hint}")
    text = markdown(reports, _command(options))
    print(as_json(plain(reports)) if options.json else text)
    if options.markdown:
        document = Path(__file__).parents[1] / "docs" / DOCUMENTS[options.domain]
        before, start, rest = document.read_text(encoding="utf-8").partition(START)
        _, end, after = rest.partition(END)
        document.write_text(f"{before}{start}\n{text}\n{end}{after}", encoding="utf-8")


def _reported(seed: int, options: argparse.Namespace) -> Report:
    domain = open_registry().make("domain", options.domain, Settings())
    known = weaknesses_of(domain.name)
    chosen = options.only or known
    return run(
        Ground(domain, {name: found for name, found in known.items() if name in chosen}),
        seed,
        tasks=options.tasks,
        untargeted=options.untargeted,
        many=options.many,
        leaks=options.leaks,
        level=options.level,
    )


def _command(options: argparse.Namespace) -> str:
    seeds = seeds_of(options)
    given = f"--seeds {' '.join(map(str, seeds))}" if len(seeds) > 1 else f"--seed {seeds[0]}"
    sizes = ("tasks", "untargeted", "many", "leaks")
    given += "" if options.domain == "retail" else f" --domain {options.domain}"
    given += f" --only {' '.join(options.only)}" if options.only else ""
    given += "".join(f" --{name} {getattr(options, name)}" for name in sizes)
    level = "" if options.level == "plain" else f' --level "{options.level}"'
    return f"python benchmarks/injection.py {given}{level}"


def plain(reports: Sequence[Report]) -> dict[str, Any]:
    """One report as it is; several with ``over_seeds``: mean and worst ratio of each weakness."""
    if len(reports) == 1:
        return asdict(reports[0])
    return {
        "seeds": [report.seed for report in reports],
        "over_seeds": {name: asdict(hit) for name, hit in hits(reports).items()},
        "runs": [asdict(report) for report in reports],
    }


if __name__ == "__main__":
    main()
