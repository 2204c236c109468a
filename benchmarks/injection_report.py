"""Turn what agents of known weakness did on injected tasks into ratios, and those into tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import comb, inf
from statistics import fmean

from variety import Variety

ONLY_HERE = "only here"
"""Stands in tables for a ratio to a rate of zero."""


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
        return rate / usual if usual else (inf if rate else 1.0)

    def rises(self, weakness: str) -> bool:
        """Whether the agent fails at least twice as often as elsewhere, and not by chance."""
        return self._doubles(weakness, self.usual[weakness])

    def rises_for_its_kinds(self, weakness: str) -> bool:
        """Whether it does so even beside untargeted requests of the same kinds."""
        return self._doubles(weakness, self.alike[weakness])

    def greatest_other(self) -> str:
        """The other agent whose failures rise most on these tasks."""
        others = [name for name in self.rates if name != self.weakness]
        return max(others, key=self.ratio)

    def _doubles(self, weakness: str, usual: float) -> bool:
        """Chance: a binomial tail of at least 1% with a rate of half a percent or more."""
        rate, floor = self.rates[weakness], max(usual, 0.005)
        failures = round(rate * self.tasks)
        chance = sum(
            comb(self.tasks, n) * floor**n * (1 - floor) ** (self.tasks - n)
            for n in range(failures, self.tasks + 1)
        )
        return rate >= 2 * usual and chance < 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """``ratios``: of each weak agent's failure rate on its own tasks to that on untargeted ones.
    ``others``: the greatest such ratio of another agent on these tasks, with its name. None stands
    for a ratio to a rate of zero; ``no_ratio`` says so by key.

    ``seconds`` (by the clock) and ``cpu_seconds`` are for ``candidates`` to become ``admitted``
    tasks; ``solved`` of them a reference agent does on a fresh world. ``leaks`` counts planted
    leaks by kind, ``leaks_admitted`` those let in.
    """

    seed: int
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
    variety: Variety | None
    ratios: Mapping[str, float | None] = field(default_factory=dict)
    others: Mapping[str, tuple[str, float | None]] = field(default_factory=dict)
    no_ratio: Mapping[str, str] = field(default_factory=dict)


def with_ratios(report: Report) -> Report:
    """The report with what follows from its columns."""
    found = report.columns
    other = {c.weakness: c.greatest_other() for c in found}
    why = {
        f"{key}.{c.weakness}": f"{agent} fails none of the untargeted tasks, so nothing to compare"
        for c in found
        for key, agent in (("ratios", c.weakness), ("others", other[c.weakness]))
        if c.ratio(agent) == inf
    }
    return replace(
        report,
        ratios={c.weakness: _number(c.ratio(c.weakness)) for c in found},
        others={
            c.weakness: (other[c.weakness], _number(c.ratio(other[c.weakness]))) for c in found
        },
        no_ratio=why,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """How surely tasks hit one weakness, over seeds.

    ``mean``: the mean failure rate of its agent on its own tasks over the mean rate on untargeted
    ones; ``worst``: the least ratio of a seed. None stands for a ratio to a rate of zero, which is
    more than any other.
    """

    mean: float | None
    worst: float | None
    worst_seed: int
    by_seed: Mapping[int, float | None]


def hits(reports: Sequence[Report]) -> dict[str, Hit]:
    """Mean and worst ratio of each weakness over the reports, one for each seed."""
    found = {}
    whole = {c.weakness: c for c in pooled(reports)}
    for weakness, column in whole.items():
        by_seed = {r.seed: _own(r, weakness) for r in reports}
        seed = min(by_seed, key=lambda seed: by_seed[seed])
        found[weakness] = Hit(
            mean=_number(column.ratio(weakness)),
            worst=_number(by_seed[seed]),
            worst_seed=seed,
            by_seed={seed: _number(ratio) for seed, ratio in by_seed.items()},
        )
    return found


def pooled(reports: Sequence[Report]) -> list[Column]:
    """The columns with the mean rates over the reports, and all their tasks."""
    return [
        Column(
            weakness=same[0].weakness,
            tasks=sum(c.tasks for c in same),
            rates=_means([c.rates for c in same]),
            usual=_means([c.usual for c in same]),
            alike=_means([c.alike for c in same]),
        )
        for same in zip(*(r.columns for r in reports), strict=True)
    ]


def _means(rates: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: fmean(rate[name] for rate in rates) for name in rates[0]}


def _own(report: Report, weakness: str) -> float:
    return next(c for c in report.columns if c.weakness == weakness).ratio(weakness)


def _number(ratio: float) -> float | None:
    return None if ratio == inf else round(ratio, 2)


# --- tables ---------------------------------------------------------------------------------------


def markdown(reports: Sequence[Report], command: str) -> str:
    """Tables for the document; rates and the matrix are means over the reports."""
    columns, found = pooled(reports), hits(reports)
    names = list(columns[0].rates)
    lines = [
        f"Made by `{command} --markdown`.",
        "",
        "Failure rates in percent, means over seeds; in brackets on untargeted tasks with as many "
        "requests.",
        "",
        "| tasks for | tasks | its own agent | times | worst (seed) | most of another agent |",
        "|---|---|---|---|---|---|",
    ]
    for c in columns:
        other, hit = c.greatest_other(), found[c.weakness]
        own = f"{100 * c.rates[c.weakness]:.0f} ({100 * c.usual[c.weakness]:.1f})"
        rates = f"{100 * c.rates[other]:.0f} ({100 * c.usual[other]:.1f})"
        row = (
            c.weakness,
            str(c.tasks),
            own,
            _shown(hit.mean),
            f"{_shown(hit.worst)} ({hit.worst_seed})",
            f"{other}: {_times(c.ratio(other))}, {rates}",
        )
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
        cells = [_shown(_number(c.ratio(agent)), digits=1) for c in columns]
        cells[number - 1] = f"**{cells[number - 1]}**"
        lines.append(f"| {number} {agent.replace('_', ' ')} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", *_risen(columns), "", *_yields(reports), "", *_variety(reports)])


def _risen(columns: Sequence[Column]) -> list[str]:
    pairs = [(c, agent) for c in columns for agent in c.rates if agent != c.weakness]
    risen = [(c, agent) for c, agent in pairs if c.rises(agent)]
    beyond = [(c, agent) for c, agent in risen if c.rises_for_its_kinds(agent)]
    return [
        f"Off the diagonal {len(risen)} of the {len(pairs)} cells are 2 or more, and not by chance "
        f"(binomial tail below 1%): {_listed(risen)}. Beside untargeted requests of the same kinds "
        f"{len(beyond)} are: {_listed(beyond)}."
    ]


def _yields(reports: Sequence[Report]) -> list[str]:
    passed: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    leaks: Counter[str] = Counter()
    let_in: Counter[str] = Counter()
    for report in reports:
        passed.update({str(row["gate"]): int(str(row["passed"])) for row in report.yields})
        seen.update({str(row["gate"]): int(str(row["seen"])) for row in report.yields})
        leaks.update(report.leaks)
        let_in.update(report.leaks_admitted_by_kind)
    gates = ", ".join(f"{gate} {passed[gate]}/{count}" for gate, count in seen.items())
    refused = ", ".join(
        f"{kind.replace('_', ' ')} {count - let_in[kind]} of {count}"
        for kind, count in leaks.items()
    )
    return [
        f"{sum(r.admitted for r in reports)} tasks for all patterns together were admitted of "
        f"{sum(r.candidates for r in reports)} candidates in "
        f"{sum(r.seconds for r in reports):.1f} s by the clock "
        f"({sum(r.cpu_seconds for r in reports):.1f} CPU-seconds); "
        f"{sum(r.solved for r in reports)} of them a reference agent solves. Passed by gate: "
        f"{gates}.",
        "",
        f"Planted leaks refused: {refused}.",
    ]


def _variety(reports: Sequence[Report]) -> list[str]:
    v = reports[0].variety
    if v is None:
        return []
    return [
        f"Variety of the tasks of seed {reports[0].seed}: {v.templates} opening templates, the "
        f"most frequent makes {100 * v.top_template:.1f}% of them; {v.openings} openings differ; "
        f"distinct n-grams (1, 2, 3): {', '.join(f'{x:.3f}' for x in v.distinct)} (official tasks, "
        f"the same number of words: {', '.join(f'{x:.3f}' for x in v.official_distinct)}). The "
        "total variation distance of the gold's shapes from the official retail tasks is "
        f"{v.shape_distance:.2f} (untargeted tasks: {v.untargeted_shape_distance:.2f})."
    ]


def _listed(cells: Sequence[tuple[Column, str]]) -> str:
    named = (f"{agent} on tasks for {c.weakness}" for c, agent in cells)
    return ", ".join(named).replace("_", " ") or "none"


def _shown(ratio: float | None, digits: int = 1) -> str:
    return ONLY_HERE if ratio is None else f"{ratio:.{digits}f}"


def _times(ratio: float) -> str:
    return ONLY_HERE if ratio == inf else f"{ratio:.1f}x"
