"""Do injected tasks provoke the weakness they were made for? Agents of known weakness tell.

``python benchmarks/injection.py --seed N`` prints the matrix weakness x pattern, the yield and the
speed of the gates, what became of planted leaks, and how varied the tasks are; ``--markdown`` puts
it into docs/injection.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from math import comb, prod
from pathlib import Path
from typing import get_args

from variety import Variety, measure
from weak_agents import WEAKNESSES, WeakAgent

from harness.discovery.diagnose import diagnose
from harness.discovery.patterns import find_patterns
from harness.errors import HarnessError
from harness.evaluation.rollout import run_rollouts
from harness.injection.admission import GateLog, Options, pass_gates
from harness.injection.candidates import InjectionContext
from harness.injection.engine import inject_tasks
from harness.injection.static_gates import Known, cheap_gates
from harness.protocols import Policy, RolloutJob, RolloutSetup, Settings
from harness.testing.checks.leaks import planted_leaks
from harness.types import Diagnosis, Episode, ErrorPattern, Recipe, Task
from harness_asyncio.executor import asyncio_executor
from harness_faiss.clusterer import faiss_clusterer
from harness_retail.domain import RetailDomain
from harness_scripted.expert import oracle
from harness_scripted.injector import First, template_injector
from harness_scripted.judge import rule_judge
from harness_scripted.user import scripted_user

DOCUMENT = Path(__file__).parents[1] / "docs" / "injection.md"
START, END = "<!-- injection: start -->", "<!-- injection: end -->"

STUDIED = 250
"""The fewest tasks to find patterns in: the rarest weakness shows on about one in a hundred."""

DOMAIN = RetailDomain()
SETTING = RolloutSetup(domain=DOMAIN, user=scripted_user(Settings()))
EXECUTOR = asyncio_executor(Settings())
Members = Sequence[tuple[Episode, Diagnosis]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """Tasks injected for one weakness, and how often agents fail on them.

    ``rates``, ``usual`` and ``alike`` are failure rates by weakness in [0, 1]: on these tasks, on
    untargeted ones with as many requests, and on requests of the same kinds in untargeted tasks.
    """

    weakness: str
    tasks: int
    rates: Mapping[str, float]
    usual: Mapping[str, float]
    alike: Mapping[str, float]

    def ratio(self, weakness: str) -> float:
        """How many times as often the agent fails here; inf if it never does elsewhere."""
        rate, usual = self.rates[weakness], self.usual[weakness]
        return rate / usual if usual else (float("inf") if rate else 1.0)

    def rises(self, weakness: str) -> bool:
        """Whether the agent fails at least twice as often as elsewhere, and not by chance."""
        return self._doubles(weakness, self.usual[weakness])

    def rises_for_its_kinds(self, weakness: str) -> bool:
        """Whether it does so even beside untargeted requests of the same kinds."""
        return self._doubles(weakness, self.alike[weakness])

    def _doubles(self, weakness: str, usual: float) -> bool:
        """Chance: a binomial tail of at least 1% with a rate of half a percent or more."""
        rate, floor = self.rates[weakness], max(usual, 0.005)
        failures = round(rate * self.tasks)
        chance = sum(
            comb(self.tasks, n) * floor**n * (1 - floor) ** (self.tasks - n)
            for n in range(failures, self.tasks + 1)
        )
        return rate >= 2 * usual and chance < 0.01


def failed(policy: Policy, tasks: Sequence[Task], seed: int) -> dict[str, bool]:
    """Whether the policy fails each task, by id, in one conversation on each."""
    jobs = [RolloutJob(task=task, trial=0, seed=seed) for task in tasks]
    episodes = run_rollouts(jobs, policy, SETTING, EXECUTOR)
    return {e.task.id: not e.score.success for e in episodes}


def pattern_of(weakness: str, tasks: Sequence[Task], seed: int) -> tuple[ErrorPattern, Members]:
    """The largest error pattern of an agent with the weakness, found as the loop finds it."""
    jobs = [RolloutJob(task=task, trial=0, seed=seed) for task in tasks]
    episodes = run_rollouts(jobs, WeakAgent(weakness), SETTING, EXECUTOR)
    failures = [e for e in episodes if not e.score.success]
    found = diagnose(failures, rule_judge(Settings()), DOMAIN, EXECUTOR)
    pattern = find_patterns(found, faiss_clusterer(Settings(domain=DOMAIN)))[0]
    by_id = {e.trajectory.id: e for e in failures}
    members = [(by_id[d.trajectory_id], d) for d in found if d.trajectory_id in pattern.members]
    return pattern, members


def context(pool: Sequence[Task] = (), level: str = "plain") -> InjectionContext:
    """All gates but those that hold conversations, and an injector that begins at the level."""
    known, options = Known(DOMAIN, pool), Options()
    return InjectionContext(
        injector=template_injector(Settings(options={"level": level})),
        domain=DOMAIN,
        gates=cheap_gates(DOMAIN, known, options),
        known=known,
        options=options,
    )


def column(
    weakness: str,
    injected: Sequence[Task],
    untargeted: Sequence[Task],
    usual: Mapping[str, Mapping[str, bool]],
    seed: int,
) -> Column:
    """How all agents fare on tasks injected for one weakness."""
    lengths = Counter(len(task.scenario.requests) for task in injected)
    rates = {
        name: sum(failed(WeakAgent(name), injected, seed).values()) / len(injected)
        for name in WEAKNESSES
    }
    return Column(
        weakness=weakness,
        tasks=len(injected),
        rates=rates,
        usual={name: _as_long(usual[name], untargeted, lengths) for name in WEAKNESSES},
        alike={name: _of_kinds(usual[name], untargeted, injected) for name in WEAKNESSES},
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """``ratios``: of each weak agent's failure rate on its own tasks to that on untargeted ones.
    ``others``: the greatest such ratio of another agent on these tasks, with its name.

    ``seconds`` (by the clock) and ``cpu_seconds`` are for ``candidates`` to become ``admitted``
    tasks; ``solved`` of them a reference agent does on a fresh world. ``leaks`` counts planted
    leaks by kind, ``leaks_admitted`` those let in.
    """

    seed: int
    ratios: Mapping[str, float]
    others: Mapping[str, tuple[str, float]]
    columns: Sequence[Column]
    admitted: int
    candidates: int
    seconds: float
    cpu_seconds: float
    solved: int
    yields: Sequence[Mapping[str, object]]
    leaks: Mapping[str, int]
    leaks_admitted: int
    leaks_admitted_by_kind: Mapping[str, int]
    variety: Variety


def run(
    seed: int, *, tasks: int, untargeted: int, many: int, leaks: int, level: str = "plain"
) -> Report:
    """The whole measurement. tasks: per weakness; many: for the yield, the speed and variety."""
    plain = list(islice(DOMAIN.generate(seed, Recipe()), untargeted))
    study = list(islice(DOMAIN.generate(seed + 1, Recipe()), max(untargeted, STUDIED)))
    usual = {name: failed(WeakAgent(name), plain, seed) for name in WEAKNESSES}
    patterns = {name: pattern_of(name, study, seed) for name in WEAKNESSES}
    columns = []
    for name, (pattern, members) in patterns.items():
        shop = context(level=level)
        made = inject_tasks([pattern], {pattern.id: members}, shop, count=tasks, round=1, seed=seed)
        columns.append(column(name, made.tasks, plain, usual, seed))
        _say(f"{name}: {len(made.tasks)} tasks, {columns[-1].ratio(name):.1f} times as often")
    pool, log, seconds, cpu = _many(patterns, many, seed, level)
    solved = len(pool) - sum(failed(oracle(Settings()), pool, seed).values())
    planted = planted_leaks(DOMAIN, pool, seed, leaks)
    let_in = {kind: _let_in(found, pool) for kind, found in planted.items()}
    return Report(
        seed=seed,
        ratios={c.weakness: round(c.ratio(c.weakness), 2) for c in columns},
        others={c.weakness: _greatest_other(c) for c in columns},
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
        variety=measure(pool),
    )


def _many(
    patterns: Mapping[str, tuple[ErrorPattern, Members]], count: int, seed: int, level: str
) -> tuple[list[Task], GateLog, float, float]:
    """Tasks for all patterns at once, as many for each, and what making them took."""
    named = {
        f"{name}": (_renamed(pattern, name, len(patterns)), members)
        for name, (pattern, members) in patterns.items()
    }
    shop = context(level=level)
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


def _let_in(candidates: Sequence[Task], pool: Sequence[Task]) -> int:
    shop = context(pool)
    return sum(pass_gates(shop.gates, task, GateLog()) is not None for task in candidates)


def _greatest_other(found: Column) -> tuple[str, float]:
    """The other agent whose failures rise most on these tasks, of those that have enough."""
    others = {name: found.ratio(name) for name in WEAKNESSES if name != found.weakness}
    name = max(others, key=lambda name: others[name])
    return name, round(others[name], 2)


# --- output --------------------------------------------------------------------------------------


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def markdown(report: Report, command: str) -> str:
    """Tables for the document."""
    names = list(WEAKNESSES)
    lines = [
        f"Made by `{command} --markdown`.",
        "",
        "Failure rates in percent; in brackets on untargeted tasks with as many requests.",
        "",
        "| tasks for | tasks | its own agent | times | greatest rise of another agent |",
        "|---|---|---|---|---|",
    ]
    for c in report.columns:
        other, rise = report.others[c.weakness]
        own = f"{100 * c.rates[c.weakness]:.0f} ({100 * c.usual[c.weakness]:.1f})"
        more = f"{other}: {rise:.1f}x, {100 * c.rates[other]:.0f} ({100 * c.usual[other]:.1f})"
        row = (c.weakness, str(c.tasks), own, f"{report.ratios[c.weakness]:.1f}", more)
        lines.append(f"| {' | '.join(row).replace('_', ' ')} |")
    lines += [
        "",
        "The matrix: how many times as often an agent (row) fails on tasks for a weakness (column) "
        "as on untargeted ones of the same length; the columns in the order of the rows.",
        "",
        f"| agent | {' | '.join(str(n) for n in range(1, len(names) + 1))} |",
        f"|---|{'---|' * len(names)}",
    ]
    for number, agent in enumerate(names, start=1):
        cells = [f"{c.ratio(agent):.1f}" for c in report.columns]
        cells[number - 1] = f"**{cells[number - 1]}**"
        lines.append(f"| {number} {agent.replace('_', ' ')} | {' | '.join(cells)} |")
    lines += ["", *_rest(report)]
    return "\n".join(lines)


def _rest(report: Report) -> list[str]:
    v = report.variety
    leaks = ", ".join(
        f"{kind.replace('_', ' ')} {n - report.leaks_admitted_by_kind[kind]} of {n}"
        for kind, n in report.leaks.items()
    )
    pairs = [(c, agent) for c in report.columns for agent in WEAKNESSES if agent != c.weakness]
    risen = [(c, agent) for c, agent in pairs if c.rises(agent)]
    beyond = [(c, agent) for c, agent in risen if c.rises_for_its_kinds(agent)]
    gates = ", ".join(f"{row['gate']} {row['passed']}/{row['seen']}" for row in report.yields)
    return [
        f"Off the diagonal {len(risen)} of the {len(pairs)} cells are 2 or more, and not by chance "
        f"(binomial tail below 1%): {_listed(risen)}. Beside untargeted requests of the same kinds "
        f"{len(beyond)} are: {_listed(beyond)}.",
        "",
        f"{report.admitted} tasks for all patterns together were admitted of {report.candidates} "
        f"candidates in {report.seconds} s by the clock ({report.cpu_seconds} CPU-seconds); "
        f"{report.solved} of them a reference agent solves. Passed by gate: {gates}.",
        "",
        f"Planted leaks refused: {leaks}.",
        "",
        f"Variety of these tasks: {v.templates} opening templates, the most frequent makes "
        f"{100 * v.top_template:.1f}% of them; {v.openings} different openings; distinct n-grams "
        f"(1, 2, 3): {', '.join(f'{x:.3f}' for x in v.distinct)} (official tasks, the same number "
        f"of words: {', '.join(f'{x:.3f}' for x in v.official_distinct)}). The total variation "
        f"distance of the gold's shapes from the official retail tasks is {v.shape_distance:.2f} "
        f"(untargeted tasks: {v.untargeted_shape_distance:.2f}).",
    ]


def _listed(cells: Sequence[tuple[Column, str]]) -> str:
    named = (f"{agent} on tasks for {c.weakness}" for c, agent in cells)
    return ", ".join(named).replace("_", " ") or "none"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tasks", type=int, default=60, help="injected tasks per weakness")
    parser.add_argument("--untargeted", type=int, default=400, help="untargeted tasks")
    parser.add_argument("--many", type=int, default=1000, help="tasks for yield and speed")
    parser.add_argument("--leaks", type=int, default=40, help="planted leaks of each kind")
    levels = get_args(First)
    parser.add_argument("--level", choices=levels, default="plain", help="of the candidates")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument("--markdown", action="store_true", help="also write docs/injection.md")
    options = parser.parse_args(arguments)
    try:
        report = run(
            options.seed,
            tasks=options.tasks,
            untargeted=options.untargeted,
            many=options.many,
            leaks=options.leaks,
            level=options.level,
        )
    except HarnessError as error:
        sys.exit(f"{error}\n{error.hint}")
    sizes = f"--tasks {options.tasks} --untargeted {options.untargeted} --leaks {options.leaks}"
    if options.level != "plain":
        sizes += f' --level "{options.level}"'
    text = markdown(report, f"python benchmarks/injection.py --seed {options.seed} {sizes}")
    print(json.dumps(asdict(report), indent=2) if options.json else text)
    if options.markdown:
        before, start, rest = DOCUMENT.read_text(encoding="utf-8").partition(START)
        _, end, after = rest.partition(END)
        DOCUMENT.write_text(f"{before}{start}\n{text}\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
